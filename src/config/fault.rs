//! Every text the configuration can answer with: what is wrong, then the way out.
//!
//! The place and the section are put before it by `findings`; each text has a golden file.

use std::path::PathBuf;

use thiserror::Error;

use crate::model::egress::{Denied, HostRuleError};

/// What is wrong. Grouped as the file is read: form, values, then parts that do not fit together.
#[derive(Debug, Error)]
pub(super) enum Fault {
    // The file.
    #[error("cannot be read: {0}; write one as in the README, or name another with --config")]
    Unreadable(String),
    #[error("is not UTF-8; save it as UTF-8")]
    NotUtf8,
    #[error("not TOML: {0}")]
    Syntax(String),
    #[error(
        "there is no configuration: {0} does not exist and QRADAR_SYSLOG_HOST is not set; \
         write one as in the README, or set QRADAR_SYSLOG_HOST"
    )]
    NoConfiguration(String),

    // Keys.
    #[error("unknown key `{key}`; {hint}")]
    UnknownKey { key: String, hint: Hint },
    #[error(
        "`{0}` is a secret in plain text, and secrets are never in this file; remove it, or, where \
         a connector takes one, write `{0} = {{ file = \"/etc/spoolgate/{0}\" }}`"
    )]
    PlainSecret(String),
    #[error("`{0}` holds PEM text, not a path; write the text to a file and give its path")]
    PastedPem(&'static str),
    #[error("`{key}` is missing; add it, for example `{example}`")]
    Missing { key: &'static str, example: &'static str },
    #[error("there is no [[{0}]]; add one as in the example configuration")]
    NoSection(&'static str),
    #[error("this variable is required{0}; set it")]
    MissingVariable(&'static str),

    // Values.
    #[error("`{key}` must be {wanted}, not {found}; {example}")]
    Type { key: String, wanted: &'static str, found: &'static str, example: String },
    #[error("`{key}` cannot be \"{value}\"; {hint}")]
    Word { key: &'static str, value: String, hint: Hint },
    #[error(
        "`{key}` = \"{value}\" is not a duration; write a whole number and its unit, such as \
         \"250ms\", \"5s\", \"2m\" or \"1h\""
    )]
    Duration { key: &'static str, value: String },
    #[error("`{key}` = {value} is out of range; use {least} to {most}")]
    Range { key: &'static str, value: String, least: String, most: String },
    #[error("`{0}` is empty; give it a value or remove the key")]
    Empty(&'static str),
    #[error("`{key}` holds \"{value}\", which is no glob: {why}; correct the pattern")]
    Glob { key: &'static str, value: String, why: String },
    #[error("`{key}` {path}: {why}; {hint}")]
    File { key: &'static str, path: PathBuf, why: String, hint: &'static str },

    #[error(
        "`{0}` must be a path, or name one credential of systemd's: \
         `{0} = {{ credential = \"client.key\" }}`, with \
         `LoadCredential=client.key:/etc/spoolgate/tls/client.key` in the unit"
    )]
    Credential(&'static str),

    // Names.
    #[error(
        "`hostname` \"{0}\" is no syslog HOSTNAME (1 to 255 printable ASCII characters, no space); \
         set it to the machine's name, or to the Log Source Identifier used in QRadar"
    )]
    Hostname(String),
    #[error(
        "`hostname` \"{0}\" is an IPv6 address, by which QRadar cannot route; use a name or an \
         IPv4 address"
    )]
    HostnameIpv6(String),
    #[error(
        "this machine's name is \"{0}\", which tells the receiver nothing; set `hostname` to the \
         Log Source Identifier that the receiver knows"
    )]
    HostnameLocal(String),
    #[error(
        "`name` \"{0}\" may hold letters, digits, `-`, `_` and `.` only, at most 64, since files \
         are named after it; choose another"
    )]
    Name(String),
    #[error(
        "two destinations are named \"{0}\", and progress is kept by name; give each its own name"
    )]
    DuplicateName(String),
    #[error(
        "`schema` \"{0}\" may hold lower-case letters, digits, `-`, `_` and `.` only; use the name \
         of a schema as `spoolgate schema list` prints it, or \"auto\""
    )]
    Schema(String),
    #[error(
        "`{key}` \"{value}\" is not allowed in a header; use 1 to {limit} bytes without control \
         characters"
    )]
    HeaderText { key: &'static str, value: String, limit: usize },

    #[error(
        "`guard_keys` holds \"{0}\", which has no letter and no digit and so guards nothing; give \
         a key's name, or remove it"
    )]
    GuardKey(String),

    // The spool.
    #[error(
        "`path` \"{0}\" has a wildcard in its directory part; name one directory, and add a \
         [[spool]] for each other"
    )]
    WildcardDirectory(String),
    #[error("`path` \"{0}\" names no files; end it with a pattern such as `*.jsonl`")]
    NoFileName(String),
    #[error("`path` matches the same files as \"{0}\"; make the patterns tell the files apart")]
    Overlap(String),
    #[error(
        "`after_delivery` = \"archive\" needs to know where to; add \
         `archive_dir = \"/var/spool/spoolgate/done\"`"
    )]
    NoArchiveDir,
    #[error("`archive_dir` has no effect; set `after_delivery = \"archive\"`, or remove it")]
    UnusedArchiveDir,
    #[error("`archive_dir` is itself a spool directory; choose another directory")]
    ArchiveIsSpool,
    #[error(
        "`archive_dir` is not on the file system of `path`, so files cannot be renamed into it; \
         choose a directory on the same file system"
    )]
    ArchiveElsewhere,

    // Egress.
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("`hosts`: {0}; name hosts without scheme and port")]
    HostRule(#[from] HostRuleError),
    #[error("`hosts` opens nothing while `allow` is false; set `allow = true`, or empty the list")]
    HostsWithoutAllow,
    #[error("`allow = true` opens nothing while `hosts` is empty; list the hosts, or remove it")]
    AllowWithoutHosts,
    #[cfg(feature = "http")]
    #[error("`{key}` \"{value}\" {why}")]
    Url { key: &'static str, value: String, why: UrlFault },
    #[cfg(feature = "http")]
    #[error("`{key}` = {value:?} {why}")]
    Text { key: &'static str, value: String, why: &'static str },
    #[cfg(feature = "http")]
    #[error("`{key}`: {why}")]
    Template { key: &'static str, why: String },
    #[cfg(feature = "http")]
    #[error("{0}")]
    Connector(&'static str),
    #[cfg(feature = "http")]
    #[error(
        "`{0}` is a secret, and secrets are never in this file; write `{0} = {{ file = \"…\" }}`, \
         `{{ env = \"…\" }}`, `{{ credential = \"…\" }}` or `{{ exec = [\"/path/to/program\"] }}`"
    )]
    Secret(&'static str),
    #[cfg(feature = "http")]
    #[error(
        "`{0}` runs a program, which the sandbox forbids for ever from the start on; use \
         `{{ file = \"…\" }}` or `{{ credential = \"…\" }}`, or set `sandbox = \"off\"`"
    )]
    SecretCommand(&'static str),
    #[cfg(feature = "http")]
    #[error("`{0}` needs the environment variable {1}, which is not set; set it, or use a file")]
    SecretVariable(&'static str, String),
    #[cfg(feature = "http")]
    #[error(
        "an https:// destination needs to know whom to trust; add [destination.tls] with \
         `ca_file`, or with `system_roots = true` for the authorities of this machine, or \
         `pin_sha256`"
    )]
    NoHttpTrust,
    #[cfg(feature = "http")]
    #[error("`system_roots = true` and `ca_file` exclude each other; remove one")]
    SystemRootsAndFile,
    #[cfg(feature = "http")]
    #[error(
        "`system_roots = true`, but this machine has no file of authorities at a usual place; \
         install ca-certificates, or set `ca_file`"
    )]
    NoSystemRoots,
    #[cfg(feature = "http")]
    #[error("`{0}` has no meaning for HTTP; remove it")]
    NotOverHttp(&'static str),
    #[cfg(feature = "http")]
    #[error("HTTP goes only to hosts that are listed; add {0} to SPOOLGATE_EGRESS_HOSTS")]
    VariableNotListed(String),
    #[cfg(feature = "http")]
    #[error(
        "certificates are always verified; remove it, and give the receiver's authority in \
         SPOOLGATE_TLS_CA_FILE, or its pin in a configuration file"
    )]
    TlsVerification,
    #[error(
        "type \"{0}\" speaks HTTP, which the egress policy denies; set `allow = true` and list \
         its host under `hosts` in [egress], or use `type = \"syslog\"`"
    )]
    HttpDenied(String),
    #[error(
        "type \"{0}\" speaks HTTP, and this build has no such connector (see `spoolgate --version`); \
         use `type = \"syslog\"`, or a build with it"
    )]
    HttpMissing(String),

    // The destination.
    #[error("`address` \"{value}\" {why}")]
    Address { value: String, why: AddressFault },
    #[error("`address` lists \"{0}\" twice; remove one")]
    DuplicateAddress(String),
    #[error(
        "`address` mixes {0}:// and {1}://, and fail-over must not weaken the link; use one \
         protocol for all addresses, or two destinations"
    )]
    MixedProtocols(String, String),
    #[error("`{0}` has no meaning over udp://; remove it, or use tcp:// or tls://")]
    NotOverUdp(&'static str),
    #[error("`{0}` needs a tls:// address; change the address, or remove the key")]
    NeedsTls(&'static str),
    #[error("[destination.tls] has no effect without a tls:// address; change it, or remove this")]
    UnusedTls,
    #[error(
        "a tls:// address needs to know whom to trust; add [destination.tls] with `ca_file`, or \
         `pin_sha256` for a self-signed certificate"
    )]
    NoTrust,
    #[error("`{present}` needs `{absent}`; add it, or remove `{present}`")]
    Incomplete { present: &'static str, absent: &'static str },
    #[error(
        "`pin_sha256` holds \"{0}\", which is no SHA-256; give the 64 hexadecimal digits that \
         `openssl x509 -noout -fingerprint -sha256 -in CERTIFICATE` prints"
    )]
    Pin(String),
    #[error("`server_name` \"{0}\" is neither a host name nor an IP address; correct it")]
    ServerName(String),
    #[error("`{0}` needs `{1}`; set it, or remove `{0}`")]
    Needs(&'static str, &'static str),
    #[error(
        "`leef_delimiter` \"{0}\" cannot delimit attributes; use one character such as \"^\", or \
         its code such as \"0x09\""
    )]
    Delimiter(String),
    #[error("`bom = true` hides the start of the body from {0}; remove it")]
    Bom(&'static str),
    #[error("`initial_backoff` is longer than `max_backoff`; make it at most {0}")]
    Backoff(String),

    // Warnings.
    #[error(
        "others may write this file (mode {0:04o}), and so direct events elsewhere; \
         run `chmod o-w` on it"
    )]
    WorldWritable(u32),
    #[error("`key_file` {0} can be read by others (mode {1:04o}); run `chmod o-rwx` on it")]
    KeyReadable(PathBuf, u32),
    #[error(
        "`framing = \"octet-counting\"` is not documented for QRadar's listeners; if events \
         arrive under another log source, use \"lf\""
    )]
    OctetCountingQradar,
    #[error("{0} is set but not used, since this file exists; unset it or move it")]
    IgnoredVariables(&'static str),
    #[cfg(feature = "http")]
    #[error("this place is not used; the dead letter is dead-letter.jsonl in the state directory")]
    DeadLetterPlace,
}

/// What the writer may have meant.
#[derive(Debug, Error)]
pub(super) enum Hint {
    #[error("did you mean `{0}`?")]
    Nearest(String),
    #[error("it belongs {}", section_text(.0))]
    Section(String),
    #[error("the keys here are {0}")]
    Keys(String),
    #[error("did you mean \"{nearest}\"? (one of {all})")]
    NearestWord { nearest: String, all: String },
    #[error("use one of {0}")]
    Words(String),
}

/// Where a section is found, as it is written at the head of its table.
fn section_text(section: &str) -> String {
    match section {
        "" => "at the top of the file, before the first [section]".to_owned(),
        "spool" | "destination" => format!("in [[{section}]]"),
        _ => format!("in [{section}]"),
    }
}

/// Why a text is no address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum AddressFault {
    #[error("has no protocol; write tcp://, tls:// or udp:// before it")]
    NoScheme,
    #[error("has the protocol `{0}`; use tcp://, tls:// or udp://")]
    Scheme(String),
    #[error("is for HTTP, not for syslog; use tcp://, tls:// or udp://")]
    Http,
    #[error("names a user; a syslog receiver has none, so write protocol://host:port")]
    User,
    #[error("has more than a host and a port; write protocol://host:port and nothing else")]
    Rest,
    #[error("has an IPv6 address without brackets; write it as tcp://[2001:db8::1]:514")]
    Brackets,
    #[error("has no host; write protocol://host:port")]
    NoHost,
    #[error("has the host `{0}`, which is neither a name nor an IP address; correct it")]
    Host(String),
    #[error("has the port `{0}`; use 1 to 65535")]
    Port(String),
}

/// Why a text is no URL of a receiver.
#[cfg(feature = "http")]
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum UrlFault {
    #[error("has no protocol; write https:// before it")]
    NoScheme,
    #[error("has the protocol `{0}`; use https://")]
    Scheme(String),
    #[error("would travel in the clear; use https://, as http:// is for loopback receivers alone")]
    Plain,
    #[error("names a user; give credentials by keys of their own and write https://host:port/path")]
    User,
    #[error("has a query or a fragment; write https://host:port/path and nothing else")]
    Rest,
    #[error("has characters in its path that no URL has; write them as %XX")]
    Path,
    #[error("{0}")]
    Authority(AddressFault),
}
