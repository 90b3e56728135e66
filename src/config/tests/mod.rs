//! What the configuration makes of files and of the environment.

mod environment;
#[cfg(feature = "http")]
mod environment_http;
mod errors;
mod example;
#[cfg(feature = "http")]
mod http;
mod settings;

use std::io;
use std::path::Path;

use super::{Config, ConfigError, Entry, Machine};

/// A machine on which every file exists, told apart by its name: `absent` is not there, `denied`
/// may not be read, `public` has mode 0644, `other-disk` lies on another file system; what has no
/// dot in its last part is a directory.
struct FakeMachine(&'static str);

impl Machine for FakeMachine {
    fn hostname(&self) -> String {
        self.0.to_owned()
    }

    fn examine(&self, path: &Path) -> io::Result<Entry> {
        let text = path.to_str().unwrap();
        let name = path.file_name().map(|name| name.to_str().unwrap()).unwrap_or_default();
        if text.contains("absent") {
            return Err(io::ErrorKind::NotFound.into());
        }
        if text.contains("denied") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mode = if text.contains("public") { 0o644 } else { 0o640 };
        let device = if text.contains("other-disk") { 2 } else { 1 };
        Ok(Entry { directory: !name.contains(['.', '*']), mode, device })
    }

    /// Not a service, even where the tests run in one.
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|_| name != "INVOCATION_ID")
    }
}

const MACHINE: FakeMachine = FakeMachine("outpost-07.example.net");

/// Parses as if the text stood in the file that the examples speak of.
fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/spoolgate/spoolgate.toml"), &MACHINE)
}

/// A spool, and a destination whose keys follow.
const HEAD: &str = "[[spool]]\npath = \"/var/spool/spoolgate/*.jsonl\"\n\
                    [[destination]]\nname = \"d\"\n";

/// The one destination of [`HEAD`] and these keys.
#[track_caller]
fn destination(keys: &str) -> super::Destination {
    let config = parse(&format!("{HEAD}{keys}")).unwrap_or_else(|error| panic!("{error}"));
    config.destinations.into_iter().next().unwrap()
}
