//! What is linked into the binary: a CycloneDX bill of materials and the licences' texts.
//!
//! In: `cargo metadata --format-version 1`. Packages for tests alone are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// Packages that are linked in or run at build time, by name and version; ours is the first.
pub fn linked(metadata: &Value) -> Result<Vec<Value>, Box<dyn Error>> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let resolve = metadata.get("resolve").ok_or("cargo metadata: no `resolve`")?;
    let root = resolve.get("root").and_then(Value::as_str).ok_or("cargo metadata: no root")?;
    let nodes: BTreeMap<String, Value> = list(resolve, "nodes")
        .into_iter()
        .map(|node| (text(&node, "id").to_owned(), node))
        .collect();
    let mut reached = BTreeSet::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(id) = waiting.pop() {
        let Some(node) = nodes.get(&id).filter(|_| reached.insert(id.clone())) else { continue };
        for dependency in list(node, "deps") {
            let kinds = list(&dependency, "dep_kinds");
            if kinds.iter().any(|kind| text(kind, "kind") != "dev") {
                waiting.push(text(&dependency, "pkg").to_owned());
            }
        }
    }
    let mut packages = list(metadata, "packages");
    packages.retain(|package| reached.contains(text(package, "id")));
    packages.sort_by_cached_key(|package| {
        let name = text(package, "name").to_owned();
        (text(package, "id") != root, name, text(package, "version").to_owned())
    });
    Ok(packages)
}

/// The bill as CycloneDX 1.5 (cyclonedx.org/docs/1.5/json), the same for the same source.
pub fn cyclonedx(packages: &[Value], epoch: i64) -> Result<String, Box<dyn Error>> {
    let (ours, others) = packages.split_first().ok_or("no packages")?;
    let component = |package: &Value, kind: &str| {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let reference = format!("pkg:cargo/{name}@{version}");
        json!({
            "type": kind, "bom-ref": reference, "name": name, "version": version,
            "purl": reference,
            "licenses": [{ "expression": expression(package) }],
        })
    };
    let components: Vec<Value> = others.iter().map(|each| component(each, "library")).collect();
    let bill = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {
            "timestamp": jiff::Timestamp::from_second(epoch)?.to_string(),
            "component": component(ours, "application"),
        },
        "components": components,
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

/// A list of packages and licences, then every text once with those who use it.
pub fn licences(packages: &[Value]) -> Result<String, Box<dyn Error>> {
    let mut out = String::from("Packages that are linked into spoolgate, and their licences\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let name = format!("{} {}", text(package, "name"), text(package, "version"));
        writeln!(out, "{name}: {}", expression(package))?;
        let manifest = Path::new(text(package, "manifest_path"));
        let Some(directory) = manifest.parent() else { continue };
        let mut files: Vec<_> = fs::read_dir(directory)?.flatten().map(|e| e.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| is_licence(file)) {
            if let Ok(content) = fs::read_to_string(file) {
                texts.entry(content.trim().to_owned()).or_default().push(name.clone());
            }
        }
    }
    for (content, users) in texts {
        write!(out, "\n{}\n{}\n\n{content}\n", "=".repeat(72), users.join(", "))?;
    }
    Ok(out)
}

fn is_licence(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    file.is_file()
        && ["licen", "copying", "notice", "copyright"].iter().any(|word| name.starts_with(word))
}

/// Old manifests separate licences by a slash, which SPDX writes as OR.
fn expression(package: &Value) -> String {
    text(package, "license").replace(" / ", "/").replace('/', " OR ")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
