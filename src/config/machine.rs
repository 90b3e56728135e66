//! What the configuration asks of the machine it runs on; tests answer in its place.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The questions.
pub trait Machine {
    /// The fully qualified name of this machine, as far as it is known.
    fn hostname(&self) -> String;

    /// What lies at `path`, after making sure that this process can read it.
    ///
    /// # Errors
    /// As the operating system reports them: absent, no permission.
    fn examine(&self, path: &Path) -> io::Result<Entry>;

    /// The value of an environment variable, which a secret may be in.
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// The directory of systemd's credentials (systemd.exec(5)). Outside of the service it is that
    /// of the service while it runs, which root may read: so `check` works there, too.
    fn credentials(&self) -> PathBuf {
        PathBuf::from(CREDENTIALS)
    }
}

/// Where systemd keeps the credentials of the unit.
const CREDENTIALS: &str = "/run/credentials/spoolgate.service";

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A directory, else a file of some kind.
    pub directory: bool,
    /// Permission bits.
    pub mode: u32,
    /// The file system it lies on.
    pub device: u64,
}

/// The machine that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn hostname(&self) -> String {
        let name = nix::unistd::gethostname().unwrap_or_default();
        let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
        qualified(&name.to_string_lossy(), &hosts)
    }

    fn examine(&self, path: &Path) -> io::Result<Entry> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            fs::read_dir(path)?;
        } else if metadata.is_file() {
            // Opening anything else could wait for its other end.
            File::open(path)?;
        }
        let (mode, device) = (metadata.mode() & 0o7777, metadata.dev());
        Ok(Entry { directory: metadata.is_dir(), mode, device })
    }

    fn credentials(&self) -> PathBuf {
        match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(directory) => PathBuf::from(directory),
            None => PathBuf::from(CREDENTIALS),
        }
    }
}

/// The canonical name that the hosts file has for a short name, as `hostname --fqdn` finds it
/// before it asks DNS. DNS is not asked: the name must not change with the network's mood.
fn qualified(name: &str, hosts: &str) -> String {
    if name.contains('.') {
        return name.to_owned();
    }
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let canonical = lines.filter_map(|line| {
        let mut names = line.split_whitespace().skip(1);
        let first = names.next()?;
        let meant = first.contains('.') && !first.starts_with("localhost");
        (meant && (first.split('.').next() == Some(name) || names.any(|alias| alias == name)))
            .then_some(first)
    });
    canonical.into_iter().next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_completed_from_the_hosts_file() {
        let hosts = "127.0.0.1 localhost.localdomain localhost\n\
                     # 10.0.0.7 wrong.example.net outpost-07\n\
                     127.0.1.1\toutpost-07.example.net outpost-07 # ours\n\
                     10.0.0.8 alias.example.net other\n";
        assert_eq!(qualified("outpost-07", hosts), "outpost-07.example.net");
        assert_eq!(qualified("other", hosts), "alias.example.net");
        assert_eq!(qualified("unknown", hosts), "unknown");
        assert_eq!(qualified("localhost", hosts), "localhost");
        assert_eq!(qualified("a.example.org", hosts), "a.example.org");
    }

    #[test]
    fn tells_directories_files_and_absence_apart() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "text").unwrap();
        assert!(ThisMachine.examine(directory.path()).unwrap().directory);
        assert!(!ThisMachine.examine(&file).unwrap().directory);
        let absent = ThisMachine.examine(&directory.path().join("absent"));
        assert_eq!(absent.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
