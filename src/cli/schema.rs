//! `spoolgate schema list|show|test`: how events become CEF.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::decode::Decoder;
use crate::map::Guard;
use crate::map::schema::{ExampleResult, Schema, load};
use crate::model::event::Tape;
use crate::model::format::Format;

use super::{DEFAULT_CONFIG, Failure, exit, print, required_config};

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// All schemas in the order in which they are tried
    List,
    /// Print a schema, to begin a new one from it
    Show {
        /// Its name
        name: String,
    },
    /// Check schema files and run the examples they carry
    Test {
        /// Schema files; without any, all schemas
        files: Vec<PathBuf>,
    },
}

/// Lists, shows or tests.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::List => {
            for schema in schemas(config)? {
                let (name, title, file) = (schema.name(), schema.title(), schema.file());
                print(&format!("{name:<10} {title}  ({file})\n"))?;
            }
            Ok(())
        }
        Action::Show { name } => show(config, name),
        Action::Test { files } => test(config, files),
    }
}

/// Those of the configuration; without a configuration at the default place, the built-in ones.
fn schemas(config: &Path) -> Result<Vec<Schema>, Failure> {
    let loaded = if config == Path::new(DEFAULT_CONFIG) && !config.exists() {
        Schema::built_in()
    } else {
        load(&required_config(config)?.map)
    };
    loaded.map_err(|error| Failure::new(exit::CONFIG, error.to_string()))
}

fn show(config: &Path, name: &str) -> Result<(), Failure> {
    let all = schemas(config)?;
    let schema = all.iter().find(|schema| schema.name() == name).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(Schema::name).collect();
        let known = known.join(", ");
        Failure::new(exit::USAGE, format!("no schema {name:?}; there is: {known}"))
    })?;
    print(schema.text())
}

fn test(config: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    let all = if files.is_empty() {
        schemas(config)?
    } else {
        files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?
    };
    let mut decoder = Decoder::new();
    let mut decode = |format: Format, line: &str, tape: &mut Tape| {
        decoder.decode(format, line.as_bytes(), tape).map(|_| ()).map_err(|error| error.to_string())
    };
    let guard = Guard::new::<&str>(&[]);
    let mut failures = 0;
    for schema in &all {
        let results = schema.run_examples(&guard, &mut decode);
        failures += results.iter().filter(|result| !result.failures.is_empty()).count();
        print(&describe(schema, &results))?;
    }
    match failures {
        0 => Ok(()),
        failures => Err(Failure::new(exit::DATA, format!("{failures} examples failed"))),
    }
}

fn read(file: &Path) -> Result<Schema, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(exit::IO, format!("{}: {error}", file.display())))?;
    Schema::parse(&file.to_string_lossy(), &text)
        .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))
}

fn describe(schema: &Schema, results: &[ExampleResult]) -> String {
    let mut text = format!("{}: {} examples\n", schema.name(), results.len());
    for result in results {
        let verdict = if result.failures.is_empty() { "ok  " } else { "FAIL" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {verdict} {}", result.title);
        for failure in &result.failures {
            let _ = writeln!(text, "       {failure}");
        }
    }
    text
}
