//! Secrets and tokens: read where they are kept, held for a while, never shown.
//!
//! In: sources. Out: [`Secrets`], and a token for as long as it is good. Reading blocks: it is done
//! off the loop's thread. Diagnostics: causes name the source and never what it held.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::Token;
use crate::http::secret::{Secret, Secrets};
use crate::http::settings::SecretSource;
use crate::model::outcome::Cause;

/// How long secrets are used before they are read again.
const SECRETS_AGE_MAX: Duration = Duration::from_secs(300);
/// How long before its end a token is renewed; a short-lived one at half of its time.
const TOKEN_MARGIN: Duration = Duration::from_secs(300);
/// The longest secret.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// The longest that a command may take to print one.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
const COMMAND_POLL: Duration = Duration::from_millis(20);

/// The secrets of a destination and where they come from.
#[derive(Clone, Debug)]
pub struct Sources {
    sources: Vec<(&'static str, SecretSource)>,
    credentials_dir: PathBuf,
}

/// What is known of the credentials. The clock is an argument.
#[derive(Debug, Default)]
pub struct Credentials {
    secrets: Option<Secrets>,
    read_at: Option<Instant>,
    token: Option<Held>,
}

#[derive(Debug)]
struct Held {
    token: Secret,
    renew_at: Instant,
    ends_at: Instant,
}

impl Credentials {
    /// The secrets, once they were read.
    pub fn secrets(&self) -> Option<&Secrets> {
        self.secrets.as_ref()
    }

    /// It is time to read them.
    pub fn are_old(&self, now: Instant) -> bool {
        self.read_at.is_none_or(|read| now >= read + SECRETS_AGE_MAX)
    }

    /// They were read.
    pub fn keep(&mut self, secrets: Secrets, now: Instant) {
        self.secrets = Some(secrets);
        self.read_at = Some(now);
    }

    /// They could not be read; those that are known are used for another while.
    pub fn unread(&mut self, now: Instant) {
        if self.secrets.is_some() {
            self.read_at = Some(now);
        }
    }

    /// A token that is good now.
    pub fn token(&self, now: Instant) -> Option<&Secret> {
        self.token.as_ref().filter(|held| now < held.ends_at).map(|held| &held.token)
    }

    /// It is time to fetch one.
    pub fn token_is_old(&self, now: Instant) -> bool {
        self.token.as_ref().is_none_or(|held| now >= held.renew_at)
    }

    /// It was fetched.
    pub fn keep_token(&mut self, token: Token, now: Instant) {
        let margin = TOKEN_MARGIN.min(token.lifetime / 2);
        let ends_at = now + token.lifetime;
        self.token = Some(Held { token: token.value, renew_at: ends_at - margin, ends_at });
    }

    /// The receiver does not take them: read and fetch anew before the next request.
    pub fn renew(&mut self) {
        self.read_at = None;
        self.token = None;
    }
}

impl Sources {
    /// As the connector names them.
    pub fn new(sources: Vec<(&'static str, SecretSource)>, credentials_dir: PathBuf) -> Sources {
        Sources { sources, credentials_dir }
    }

    /// Reads all of them.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn read(&self) -> Result<Secrets, Cause> {
        let mut secrets = Secrets::default();
        for (name, source) in &self.sources {
            let text = read(source, &self.credentials_dir).map_err(|why| {
                let text = format!("`{name}`, {}: {why}", describe(source));
                Cause::new("secret_unreadable", text)
            })?;
            secrets.set(name, Secret::new(text));
        }
        Ok(secrets)
    }
}

fn describe(source: &SecretSource) -> String {
    match source {
        SecretSource::File(path) => format!("file {}", path.display()),
        SecretSource::Environment(name) => format!("environment variable {name}"),
        SecretSource::Credential(name) => format!("credential {name}"),
        // Its arguments may be half a secret themselves.
        SecretSource::Command(command) => {
            format!("program {}", command.first().map_or("", String::as_str))
        }
    }
}

fn read(source: &SecretSource, credentials_dir: &Path) -> Result<String, String> {
    let bytes = match (source, source.path(credentials_dir)) {
        (_, Some(path)) => file(&path).map_err(|error| error.to_string())?,
        (SecretSource::Environment(name), None) => {
            std::env::var(name).map_err(|error| error.to_string())?.into_bytes()
        }
        (SecretSource::Command(command), None) => run(command)?,
        (_, None) => return Err("it is nowhere".to_owned()),
    };
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err("its first line is empty; put the secret there".to_owned());
    }
    Ok(line.to_owned())
}

fn file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SECRET_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn run(command: &[String]) -> Result<Vec<u8>, String> {
    let (program, arguments) = command.split_first().ok_or("it names no program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < COMMAND_TIMEOUT => std::thread::sleep(COMMAND_POLL),
            _ => {
                // It is ours, and has had its time.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it did not end within {COMMAND_TIMEOUT:?}"));
            }
        }
    };
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    let mut bytes = Vec::new();
    let output = child.stdout.take().ok_or("it has no output")?;
    output.take(SECRET_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_gives_the_first_line_and_errors_show_nothing_of_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "MARKER \nmore\n").unwrap();
        std::fs::write(dir.path().join("empty"), "\nMARKER\n").unwrap();
        let check = |source: SecretSource, want: Result<&str, &str>| {
            let sources = Sources::new(vec![("token", source)], dir.path().to_owned());
            let found = sources.read();
            match (found, want) {
                (Ok(secrets), Ok(want)) => {
                    assert_eq!(secrets.find("token").map(Secret::expose), Some(want));
                }
                (Err(cause), Err(part)) => {
                    assert!(cause.text.contains(part) && !cause.text.contains("MARKER"), "{cause}");
                }
                (found, want) => panic!("{found:?} instead of {want:?}"),
            }
        };
        let command = |text: &str| {
            let words = ["/bin/sh", "-c", text];
            SecretSource::Command(words.map(str::to_owned).to_vec())
        };
        check(SecretSource::File(dir.path().join("token")), Ok("MARKER"));
        check(SecretSource::Credential("token".to_owned()), Ok("MARKER"));
        check(command("echo MARKER"), Ok("MARKER"));
        check(command("echo MARKER; exit 3"), Err("ended with"));
        check(command("true"), Err("first line is empty"));
        check(SecretSource::File(dir.path().join("absent")), Err("absent"));
        check(SecretSource::File(dir.path().join("empty")), Err("first line is empty"));
        check(SecretSource::Environment("SPOOLGATE_NO_SUCH".to_owned()), Err("SPOOLGATE_NO_SUCH"));
    }

    #[test]
    fn a_token_is_renewed_before_its_end_and_a_refusal_renews_everything() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut credentials = Credentials::default();
        assert!(credentials.are_old(now) && credentials.token_is_old(now));
        credentials.keep(Secrets::default(), now);
        let token =
            |lifetime| Token { value: Secret::new("t"), lifetime: Duration::from_secs(lifetime) };
        credentials.keep_token(token(3600), now);
        assert!(!credentials.token_is_old(at(3299)) && credentials.token_is_old(at(3300)));
        assert!(credentials.token(at(3599)).is_some() && credentials.token(at(3600)).is_none());
        credentials.keep_token(token(60), now);
        assert!(!credentials.token_is_old(at(29)) && credentials.token_is_old(at(30)));
        assert!(!credentials.are_old(at(299)) && credentials.are_old(at(300)));
        credentials.unread(at(300));
        assert!(!credentials.are_old(at(301)), "the known ones serve on");
        credentials.renew();
        assert!(credentials.are_old(at(301)) && credentials.token(at(1)).is_none());
        assert!(credentials.secrets().is_some());
    }
}
