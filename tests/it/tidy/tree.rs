//! Files that nothing leads to.

use super::{Complaint, Source};

/// Modules below `src/` and `tests/it/` that no `mod` line names: they are never compiled.
pub fn orphans(project: &[Source]) -> Vec<Complaint> {
    let declares = |parent: &str, name: &str| {
        let declared = |source: &Source| {
            source.code_lines().any(|(_, code)| {
                // `mod name;`, whatever its visibility.
                code.trim().strip_suffix(&format!("mod {name};")).is_some_and(|visibility| {
                    visibility.is_empty() || visibility.starts_with("pub")
                })
            })
        };
        project.iter().any(|source| source.path == parent && declared(source))
    };
    let mut complaints = Vec::new();
    for source in project {
        let Some((root, below)) = ["src/", "tests/it/"]
            .into_iter()
            .find_map(|root| Some((root, source.path.strip_prefix(root)?.strip_suffix(".rs")?)))
        else {
            continue;
        };
        if ["main", "lib"].contains(&below) {
            continue;
        }
        let below = below.trim_end_matches("/mod");
        let parents = match below.rsplit_once('/') {
            Some((folder, _)) => [format!("{root}{folder}/mod.rs"), format!("{root}{folder}.rs")],
            None => [format!("{root}lib.rs"), format!("{root}main.rs")],
        };
        let name = below.rsplit('/').next().unwrap();
        if !parents.iter().any(|parent| declares(parent, name)) {
            let rule = format!("no `mod {name};` in {}: add it, or delete the file", parents[0]);
            complaints.push(source.complain(1, rule));
        }
    }
    complaints
}

/// Golden files that no test names, by themselves or by their folder (`golden/<folder>`).
pub fn unused_golden(paths: &[String], project: &[Source]) -> Vec<Complaint> {
    let is_named = |name: &str| {
        let mut tests = project.iter().filter(|source| source.path.ends_with(".rs"));
        tests.any(|source| source.text.contains(name))
    };
    let golden = paths.iter().filter_map(|path| Some((path, path.strip_prefix("tests/golden/")?)));
    let unused = golden.filter(|(_, below)| match below.split_once('/') {
        Some((folder, _)) => !is_named(&format!("golden/{folder}")) && !is_named(below),
        None => !is_named(below),
    });
    let rule = "no test names this golden file or its folder: use it or delete it";
    unused.map(|(path, _)| Source::new(path, "").complain(1, rule)).collect()
}
