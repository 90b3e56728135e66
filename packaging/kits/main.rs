//! What the packages bring for receivers and what can be made from the schemas, so that it never
//! drifts from them: QRadar's log source extension and lists, field and column tables.
//!
//! In: the built-in schemas, `events.toml`. Out: files below packaging/, which are committed. Run
//! `cargo run --example kits` after a change to a schema; the test below compares.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

mod columns;
mod events;
mod extension;
mod schemas;

fn main() -> Result<(), Box<dyn Error>> {
    for (path, text) in kits()? {
        fs::write(path, text)?;
    }
    Ok(())
}

/// Every file that is made, and its text.
fn kits() -> Result<Vec<(PathBuf, String)>, Box<dyn Error>> {
    let schemas = schemas::built_in()?;
    let known = events::known()?;
    let mappings = events::mappings(&schemas, &known)?;
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let files = [
        ("qradar/events.tsv", events::list(&known, &mappings)?),
        ("qradar/log-source-extension.xml", extension::xml(&schemas, &known)),
        ("qradar/custom-properties.tsv", extension::properties(&schemas)),
        ("arcsight/fields.tsv", columns::arcsight(&schemas)),
        ("sentinel/table.json", columns::sentinel_table(&schemas)?),
        ("sentinel/dcr.json", columns::sentinel_rule()?),
        ("elastic/index-template.json", columns::elastic(&schemas)?),
    ];
    Ok(files.into_iter().map(|(path, text)| (packaging.join(path), text)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_files_are_those_of_the_schemas() {
        for (path, text) in kits().unwrap() {
            let committed = fs::read_to_string(&path).unwrap();
            let path = path.display();
            assert!(committed == text, "{path}: run `cargo run --example kits`");
        }
    }

    #[test]
    fn an_event_id_that_is_not_mapped_is_an_error() {
        let mut schemas = schemas::built_in().unwrap();
        let known = events::known().unwrap();
        assert!(events::mappings(&schemas, &known).unwrap().len() > 90);
        let ids: usize = schemas.iter().map(|schema| schema.event_ids.len()).sum();
        assert!(ids > 80, "{ids}");
        schemas[1].event_ids.insert("policy.new".to_owned());
        let error = events::mappings(&schemas, &known).unwrap_err().to_string();
        assert!(error.contains("policy.new"), "{error}");
        schemas[1].event_ids.remove("policy.new");
        schemas[1].event_ids.remove("policy.deny");
        let error = events::mappings(&schemas, &known).unwrap_err().to_string();
        assert!(error.contains("policy.deny"), "{error}");
    }
}
