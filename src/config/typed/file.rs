//! The top of the file and its sections, without the destinations.

use std::time::Duration;

use tracing::Level;

use super::{After, Spool, Typed, destination};
use crate::config::fault::Fault;
use crate::config::findings::{Findings, Given};
use crate::config::section::Section;
use crate::config::value;
use crate::model::format::Format;
use crate::service::settings::Mode;

pub(in crate::config) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(in crate::config) const HOUR: Duration = Duration::from_secs(3600);

/// Reads the whole file.
pub(in crate::config) fn read(findings: &Findings<'_>, mut top: Section<'_>) -> Typed {
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    let mut typed = Typed {
        hostname: top.read("hostname", |text| hostname(text).map(str::to_owned)),
        log_level: top.word("log_level", &levels),
        user: top.read("user", |text| Ok(text.to_owned())),
        sandbox: top.word("sandbox", &Mode::WORDS),
        schemas_dir: top.path("schemas_dir"),
        max_event_bytes: top.number("max_event_bytes", 1024..=67_108_864),
        poll_interval: top.duration("poll_interval", MILLISECOND..=HOUR),
        ..Typed::default()
    };
    let mut state = top.section("state", "state");
    typed.state_dir = state.path("dir");
    typed.checkpoint_interval = state.duration("checkpoint_interval", MILLISECOND..=60 * SECOND);
    state.finish();
    let mut privacy = top.section("privacy", "privacy");
    let guard_keys = privacy.texts("guard_keys", false).into_iter();
    for key in guard_keys.flat_map(|texts| texts.value.items) {
        if !key.value.contains(char::is_alphanumeric) {
            findings.problem(key.at, privacy.title(), Fault::GuardKey(key.value.clone()));
        }
        typed.guard_keys.push(key.value);
    }
    privacy.finish();
    let mut egress = top.section("egress", "egress");
    typed.egress_allow = egress.flag("allow");
    let hosts = egress.texts("hosts", false).into_iter();
    for host in hosts.flat_map(|texts| texts.value.items) {
        match host.value.parse() {
            Ok(value) => typed.egress_hosts.push(Given { value, at: host.at }),
            Err(fault) => findings.problem(host.at, egress.title(), Fault::HostRule(fault)),
        }
    }
    egress.finish();
    let mut admin = top.section("admin", "admin");
    typed.admin_socket = admin.path_or_none("socket");
    admin.finish();
    typed.spools = top.sections("spool").into_iter().map(spool).collect();
    let destinations = top.sections("destination").into_iter();
    typed.destinations = destinations.map(|section| destination::read(findings, section)).collect();
    top.finish();
    typed
}

/// RFC 5424, section 6.2.4, less what QRadar cannot route.
pub(in crate::config) fn hostname(text: &str) -> Result<&str, Fault> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(Fault::HostnameIpv6(text.to_owned()));
    }
    if value::is_hostname(text) { Ok(text) } else { Err(Fault::Hostname(text.to_owned())) }
}

fn spool(mut section: Section<'_>) -> Spool {
    let formats = [
        ("auto", Format::Auto),
        ("json", Format::Json),
        ("syslog", Format::Syslog),
        ("cef", Format::Cef),
    ];
    let after = [("keep", After::Keep), ("delete", After::Delete), ("archive", After::Archive)];
    section.require("path", "path = \"/var/spool/spoolgate/*.jsonl\"");
    let path = section.path("path");
    if let Some(path) = &path {
        section.retitle(format!("spool \"{}\"", path.value.display()));
    }
    let schema = section.read("schema", |text| match text {
        "auto" => Ok(None),
        _ if is_schema(text) => Ok(Some(text.to_owned())),
        _ => Err(Fault::Schema(text.to_owned())),
    });
    let typed = Spool {
        title: section.title().to_owned(),
        path,
        format: section.word("format", &formats),
        schema,
        after_delivery: section.word("after_delivery", &after),
        archive_dir: section.path("archive_dir"),
    };
    section.finish();
    typed
}

fn is_schema(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    text.bytes().all(good)
}
