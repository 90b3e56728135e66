//! Where `tests/run` put what the tests talk to.

use std::env;
use std::path::PathBuf;

/// rsyslog's daemon.
pub fn rsyslogd() -> PathBuf {
    receivers().join("usr/sbin/rsyslogd")
}

/// The folder of rsyslog's modules.
pub fn rsyslog_modules() -> PathBuf {
    only_match(&format!("{}/usr/lib/*/rsyslog", receivers().display()))
}

/// syslog-ng's daemon.
pub fn syslog_ng() -> PathBuf {
    receivers().join("usr/sbin/syslog-ng")
}

/// The folder of syslog-ng's modules, named after its version.
pub fn syslog_ng_modules() -> PathBuf {
    only_match(&format!("{}/usr/lib/syslog-ng/[0-9]*", receivers().display()))
}

/// The folder of syslog-ng's own shared libraries.
pub fn syslog_ng_libraries() -> PathBuf {
    receivers().join("usr/lib/syslog-ng")
}

/// liblognorm's command.
pub fn lognormalizer() -> PathBuf {
    receivers().join("usr/bin/lognormalizer")
}

/// VRL's parse_cef, `tests/judge`.
pub fn judge() -> PathBuf {
    path("SPOOLGATE_TEST_JUDGE")
}

/// The release binary for musl.
pub fn static_binary() -> PathBuf {
    path("SPOOLGATE_TEST_STATIC")
}

fn receivers() -> PathBuf {
    path("SPOOLGATE_TEST_RECEIVERS")
}

fn path(variable: &str) -> PathBuf {
    let value = env::var_os(variable).unwrap_or_else(|| {
        panic!(
            "{variable} is not set. This test talks to programs that `tests/run` brings: \
             run `tests/run`, whose arguments go to `cargo test`"
        )
    });
    let path = PathBuf::from(value);
    assert!(path.exists(), "{variable}={}: not there; run `tests/run` again", path.display());
    path
}

/// The one path that a pattern with a single `*` or `[…]*` component matches.
fn only_match(pattern: &str) -> PathBuf {
    let matcher = globset::GlobBuilder::new(pattern).literal_separator(true).build().unwrap();
    let matcher = matcher.compile_matcher();
    let wildcard = pattern.find(['*', '[']).unwrap();
    let parent = pattern[..wildcard].rsplit_once('/').unwrap().0;
    let depth_below = pattern[wildcard..].matches('/').count();
    let mut candidates = vec![PathBuf::from(parent)];
    for _ in 0..=depth_below {
        candidates = candidates
            .iter()
            .filter_map(|dir| dir.read_dir().ok())
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
    }
    candidates.retain(|path| path.is_dir() && matcher.is_match(path));
    let [path] = candidates.as_slice() else { panic!("{pattern}: {candidates:?}") };
    path.clone()
}
