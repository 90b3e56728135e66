//! What was typed: every key of the file, in its final type, with its place; no defaults.
//!
//! In: the TOML tree. Out: [`Typed`]. What the program needs is made of it in `resolve`.

use std::path::PathBuf;
use std::time::Duration;

use tracing::Level;

use super::findings::{At, Given};
use super::profile::Profile;
use crate::deliver::settings::Confirm;
use crate::encode::settings::Framing;
use crate::map::settings::MinSeverity;
use crate::model::egress::HostRule;
use crate::model::format::Format;
use crate::service::settings::Mode;
use crate::transport::settings::Address;

pub(super) mod destination;
pub(super) mod file;

/// The whole configuration as typed.
#[derive(Default)]
pub(in crate::config) struct Typed {
    pub(in crate::config) hostname: Option<Given<String>>,
    pub(in crate::config) log_level: Option<Given<Level>>,
    pub(in crate::config) user: Option<Given<String>>,
    pub(in crate::config) sandbox: Option<Given<Mode>>,
    pub(in crate::config) schemas_dir: Option<Given<PathBuf>>,
    pub(in crate::config) max_event_bytes: Option<Given<u32>>,
    pub(in crate::config) poll_interval: Option<Given<Duration>>,
    pub(in crate::config) state_dir: Option<Given<PathBuf>>,
    pub(in crate::config) checkpoint_interval: Option<Given<Duration>>,
    pub(in crate::config) guard_keys: Vec<String>,
    pub(in crate::config) egress_allow: Option<Given<bool>>,
    pub(in crate::config) egress_hosts: Vec<Given<HostRule>>,
    pub(in crate::config) admin_socket: Option<Given<Option<PathBuf>>>,
    pub(in crate::config) spools: Vec<Spool>,
    pub(in crate::config) destinations: Vec<Destination>,
}

/// One `[[spool]]`.
#[derive(Default)]
pub(in crate::config) struct Spool {
    pub(in crate::config) title: String,
    pub(in crate::config) path: Option<Given<PathBuf>>,
    pub(in crate::config) format: Option<Given<Format>>,
    pub(in crate::config) schema: Option<Given<Option<String>>>,
    pub(in crate::config) after_delivery: Option<Given<After>>,
    pub(in crate::config) archive_dir: Option<Given<PathBuf>>,
}

/// `after_delivery`, whose directory is a key of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum After {
    Keep,
    Delete,
    Archive,
}

/// One `[[destination]]`.
#[derive(Default)]
pub(in crate::config) struct Destination {
    pub(in crate::config) title: String,
    pub(in crate::config) at: Option<At>,
    /// Given when it is not `syslog`.
    pub(in crate::config) http: Option<Given<String>>,
    #[cfg(feature = "http")]
    pub(in crate::config) connector: super::http::Typed,
    pub(in crate::config) name: Option<Given<String>>,
    /// `None` when there was none, or one at least is wrong.
    pub(in crate::config) addresses: Option<Vec<Given<Address>>>,
    pub(in crate::config) profile: Option<Given<Profile>>,
    pub(in crate::config) message: Message,
    pub(in crate::config) cef: Cef,
    pub(in crate::config) link: Link,
    pub(in crate::config) tls: Option<Tls>,
    pub(in crate::config) pace: Pace,
    pub(in crate::config) filter: Filter,
}

/// How messages look.
#[derive(Default)]
pub(in crate::config) struct Message {
    pub(in crate::config) facility: Option<Given<u8>>,
    pub(in crate::config) header: Option<Given<HeaderWord>>,
    pub(in crate::config) framing: Option<Given<Framing>>,
    pub(in crate::config) format: Option<Given<BodyWord>>,
    pub(in crate::config) leef_version: Option<Given<u8>>,
    pub(in crate::config) leef_delimiter: Option<Given<char>>,
    pub(in crate::config) max_message_bytes: Option<Given<u32>>,
    pub(in crate::config) structured_data: Option<Given<bool>>,
    pub(in crate::config) bom: Option<Given<bool>>,
}

/// `header`, without the fraction digits, which the profile adds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum HeaderWord {
    Rfc5424,
    Rfc3164,
}

/// `format`, without LEEF's options, which are keys of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum BodyWord {
    Cef,
    Leef,
    Json,
}

/// `[destination.cef]`
#[derive(Default)]
pub(in crate::config) struct Cef {
    pub(in crate::config) version: Option<Given<u32>>,
    pub(in crate::config) strict: Option<Given<bool>>,
    pub(in crate::config) device_vendor: Option<Given<String>>,
    pub(in crate::config) device_product: Option<Given<String>>,
    pub(in crate::config) device_version: Option<Given<String>>,
}

/// How the connection is kept.
#[derive(Default)]
pub(in crate::config) struct Link {
    pub(in crate::config) connect_timeout: Option<Given<Duration>>,
    pub(in crate::config) handshake_timeout: Option<Given<Duration>>,
    pub(in crate::config) write_timeout: Option<Given<Duration>>,
    pub(in crate::config) keepalive: Option<Given<Duration>>,
    pub(in crate::config) user_timeout: Option<Given<Duration>>,
}

/// `[destination.tls]`; of a wrong path the place alone is known.
pub(in crate::config) struct Tls {
    pub(in crate::config) at: At,
    pub(in crate::config) ca_file: Option<Given<Option<FilePlace>>>,
    pub(in crate::config) cert_file: Option<Given<Option<FilePlace>>>,
    pub(in crate::config) key_file: Option<Given<Option<FilePlace>>>,
    pub(in crate::config) server_name: Option<Given<String>>,
    pub(in crate::config) pins: Vec<[u8; 32]>,
    /// Also true when every pin is wrong, so that no second fault follows from the first.
    pub(in crate::config) pinned: bool,
    pub(in crate::config) crl_file: Option<Given<Option<FilePlace>>>,
    #[cfg(feature = "http")]
    pub(in crate::config) system_roots: Option<Given<bool>>,
}

/// A file of its own: by its path, or handed over by systemd under a name.
#[derive(Clone)]
pub(in crate::config) enum FilePlace {
    Path(PathBuf),
    Credential(String),
}

/// How fast, and when bytes count.
#[derive(Default)]
pub(in crate::config) struct Pace {
    pub(in crate::config) confirm: Option<Given<Confirm>>,
    pub(in crate::config) settle: Option<Given<Duration>>,
    pub(in crate::config) max_eps: Option<Given<u32>>,
    pub(in crate::config) slow_start: Option<Given<Duration>>,
    pub(in crate::config) fail_back_after: Option<Given<Duration>>,
    pub(in crate::config) stop_timeout: Option<Given<Duration>>,
    pub(in crate::config) initial_backoff: Option<Given<Duration>>,
    pub(in crate::config) max_backoff: Option<Given<Duration>>,
    /// For HTTP alone, as the next one.
    pub(in crate::config) max_attempts: Option<Given<u32>>,
    pub(in crate::config) retry_after_max: Option<Given<Duration>>,
}

/// `[destination.filter]`
#[derive(Default)]
pub(in crate::config) struct Filter {
    pub(in crate::config) min_severity: Option<Given<MinSeverity>>,
    pub(in crate::config) event_types: Option<Given<Vec<String>>>,
    pub(in crate::config) exclude_event_types: Option<Given<Vec<String>>>,
    pub(in crate::config) equals: Vec<(String, String)>,
}
