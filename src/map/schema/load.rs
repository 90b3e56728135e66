//! The directory of schemas, read once at start.

use std::fs;
use std::path::{Path, PathBuf};

use crate::map::settings::Settings;

use super::{Schema, SchemaError};

/// The built-in schemas and those of `schemas_dir` in the order of detection: a file with the name
/// of a built-in schema stands in its place, others come first, in the order of their file names.
pub fn load(settings: &Settings) -> Result<Vec<Schema>, SchemaError> {
    let mut schemas = Schema::built_in()?;
    let Some(directory) = &settings.schemas_dir else { return Ok(schemas) };
    let mut added: Vec<Schema> = Vec::new();
    let mut replaced: Vec<Schema> = Vec::new();
    for path in toml_files(directory)? {
        let file = path.display().to_string();
        let text = fs::read_to_string(&path)
            .map_err(|error| SchemaError::Unreadable { path: path.clone(), error })?;
        let schema = Schema::parse(&file, &text)?;
        let earlier = added.iter().chain(&replaced).find(|earlier| earlier.name == schema.name);
        if let Some(earlier) = earlier {
            let (first, name) = (earlier.file.clone(), schema.name);
            return Err(SchemaError::Twice { name, first, second: file });
        }
        match schemas.iter_mut().find(|known| known.name == schema.name) {
            Some(known) => {
                *known = schema.clone();
                replaced.push(schema);
            }
            None => added.push(schema),
        }
    }
    added.extend(schemas);
    Ok(added)
}

fn toml_files(directory: &Path) -> Result<Vec<PathBuf>, SchemaError> {
    let unreadable = |error| SchemaError::Unreadable { path: directory.to_owned(), error };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
