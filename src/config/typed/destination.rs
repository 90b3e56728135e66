//! One `[[destination]]` and its sub-sections.

use std::time::Duration;

use globset::Glob;

use super::file::{HOUR, MILLISECOND, SECOND};
use super::{BodyWord, Cef, Destination, Filter, HeaderWord, Link, Message, Pace, Tls};
use crate::config::fault::Fault;
use crate::config::findings::{Findings, Given};
use crate::config::profile::Profile;
use crate::config::section::Section;
use crate::config::value::{self, FACILITIES};
use crate::deliver::settings::Confirm;
use crate::encode::settings::Framing;
use crate::map::settings::MinSeverity;
use crate::transport::settings::Address;

/// HTTP connectors of the design, which not every build has.
const HTTP_TYPES: [&str; 9] = [
    "splunk_hec",
    "sentinel",
    "azure_data_collector",
    "elastic",
    "datadog",
    "sumo",
    "xsiam",
    "qradar_http",
    "webhook",
];

/// Reads one destination.
pub(in crate::config) fn read(findings: &Findings<'_>, mut section: Section<'_>) -> Destination {
    let name = section.read("name", |text| match is_destination_name(text) {
        true => Ok(text.to_owned()),
        false => Err(Fault::Name(text.to_owned())),
    });
    if let Some(name) = &name {
        section.retitle(format!("destination \"{}\"", name.value));
    }
    let mut types = vec![("syslog", None)];
    types.extend(HTTP_TYPES.map(|http| (http, Some(http.to_owned()))));
    let kind = section.word("type", &types);
    let http = kind.and_then(|kind| Some(Given { value: kind.value?, at: kind.at }));
    let (title, at) = (section.title().to_owned(), section.at());
    if let Some(kind) = http {
        section.require("name", "name = \"cloud\"");
        let shared = Destination { title, at, name, ..Destination::default() };
        return read_http(findings, section, kind, shared);
    }
    section.require("name", "name = \"qradar\"");
    section.require("address", "address = \"tls://qradar.example.net:6514\"");
    let typed = Destination {
        title,
        at,
        name,
        addresses: addresses(findings, &mut section),
        profile: section.word("profile", &Profile::WORDS),
        message: message(&mut section),
        link: link(&mut section),
        cef: cef(section.section("cef", "destination.cef")),
        tls: tls(findings, section.section("tls", "destination.tls"), false),
        pace: pace(&mut section),
        filter: filter(findings, section.section("filter", "destination.filter")),
        ..Destination::default()
    };
    section.finish();
    typed
}

/// The rest of a destination that is not syslog.
#[cfg(not(feature = "http"))]
fn read_http(
    _findings: &Findings<'_>,
    section: Section<'_>,
    kind: Given<String>,
    shared: Destination,
) -> Destination {
    // The keys of another build's connector cannot be judged; its secrets can.
    section.refuse_secrets();
    Destination { http: Some(kind), ..shared }
}

/// The rest of a destination that is not syslog.
#[cfg(feature = "http")]
fn read_http(
    findings: &Findings<'_>,
    mut section: Section<'_>,
    kind: Given<String>,
    shared: Destination,
) -> Destination {
    let connector = crate::config::http::read(&kind, &mut section);
    if !connector.is_known {
        section.refuse_secrets();
        return Destination { http: Some(kind), ..shared };
    }
    section.forbid(&SYSLOG_KEYS, Fault::NotOverHttp);
    let typed = Destination {
        http: Some(kind),
        connector,
        link: Link {
            connect_timeout: section.duration("connect_timeout", MILLISECOND..=HOUR),
            handshake_timeout: section.duration("handshake_timeout", MILLISECOND..=HOUR),
            keepalive: section.duration_or_zero("keepalive", SECOND..=HOUR),
            user_timeout: section.duration_or_zero("user_timeout", MILLISECOND..=HOUR),
            ..Link::default()
        },
        tls: tls(findings, section.section("tls", "destination.tls"), true),
        pace: Pace {
            max_eps: section.number("max_eps", 1..=10_000_000),
            slow_start: section.duration("slow_start", Duration::ZERO..=HOUR),
            stop_timeout: section.duration("stop_timeout", MILLISECOND..=HOUR),
            ..retry(&mut section, true)
        },
        filter: filter(findings, section.section("filter", "destination.filter")),
        ..shared
    };
    section.finish();
    typed
}

/// What a request has no place for. `format` and `profile` may be a connector's own.
#[cfg(feature = "http")]
const SYSLOG_KEYS: [&str; 11] = [
    "address",
    "facility",
    "header",
    "framing",
    "max_message_bytes",
    "structured_data",
    "bom",
    "confirm",
    "settle",
    "write_timeout",
    "fail_back_after",
];

/// State, dead letters and metrics carry the name, some as a file name.
fn is_destination_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    text.len() <= 64 && text.bytes().all(good) && !text.starts_with('.')
}

fn addresses(findings: &Findings<'_>, section: &mut Section<'_>) -> Option<Vec<Given<Address>>> {
    let texts = section.texts("address", true)?;
    let (mut addresses, mut whole) = (Vec::new(), texts.value.whole);
    for Given { value: text, at } in texts.value.items {
        match value::address(&text) {
            Ok(value) => addresses.push(Given { value, at }),
            Err(why) => {
                whole = false;
                // What stands before an `@` may be a password.
                let value = text.rsplit('@').next().unwrap_or_default().to_owned();
                findings.problem(at, section.title(), Fault::Address { value, why });
            }
        }
    }
    if whole && addresses.is_empty() {
        findings.problem(texts.at, section.title(), Fault::Empty("address"));
    }
    (whole && !addresses.is_empty()).then_some(addresses)
}

fn message(section: &mut Section<'_>) -> Message {
    let framings = [
        ("lf", Framing::Lf),
        ("octet-counting", Framing::OctetCounting),
        ("nul", Framing::Nul),
        ("crlf", Framing::CrLf),
    ];
    let bodies = [("cef", BodyWord::Cef), ("leef", BodyWord::Leef), ("json", BodyWord::Json)];
    let headers = [("rfc5424", HeaderWord::Rfc5424), ("rfc3164", HeaderWord::Rfc3164)];
    Message {
        facility: section.word("facility", &FACILITIES),
        header: section.word("header", &headers),
        framing: section.word("framing", &framings),
        format: section.word("format", &bodies),
        leef_version: section.word("leef_version", &[("1.0", 1), ("2.0", 2)]),
        leef_delimiter: section.read("leef_delimiter", |text| {
            value::delimiter(text).ok_or_else(|| Fault::Delimiter(text.to_owned()))
        }),
        // RFC 5424, section 6.1: every receiver takes 480 octets.
        max_message_bytes: section.number("max_message_bytes", 480..=16_777_216),
        structured_data: section.flag("structured_data"),
        bom: section.flag("bom"),
    }
}

fn cef(mut section: Section<'_>) -> Cef {
    let typed = Cef {
        version: section.number("version", 0..=1),
        strict: section.flag("strict"),
        device_vendor: section.read("device_vendor", |t| header_text("device_vendor", t, 63)),
        device_product: section.read("device_product", |t| header_text("device_product", t, 63)),
        device_version: section.read("device_version", |t| header_text("device_version", t, 31)),
    };
    section.finish();
    typed
}

/// The limits are those of the CEF standard's header table.
pub(in crate::config) fn header_text(
    key: &'static str,
    text: &str,
    limit: usize,
) -> Result<String, Fault> {
    if text.len() > limit || text.chars().any(char::is_control) {
        return Err(Fault::HeaderText { key, value: text.escape_debug().to_string(), limit });
    }
    Ok(text.to_owned())
}

fn link(section: &mut Section<'_>) -> Link {
    Link {
        connect_timeout: section.duration("connect_timeout", MILLISECOND..=HOUR),
        handshake_timeout: section.duration("handshake_timeout", MILLISECOND..=HOUR),
        write_timeout: section.duration("write_timeout", MILLISECOND..=HOUR),
        // The kernel counts keepalive in whole seconds.
        keepalive: section.duration_or_zero("keepalive", SECOND..=HOUR),
        user_timeout: section.duration_or_zero("user_timeout", MILLISECOND..=HOUR),
    }
}

fn tls(findings: &Findings<'_>, mut section: Section<'_>, is_http: bool) -> Option<Tls> {
    let at = section.at();
    let ca_file = section.file_if_given("ca_file");
    let cert_file = section.file_if_given("cert_file");
    let key_file = section.file_if_given("key_file");
    let server_name = section.read("server_name", |text| match value::is_host(text) {
        true => Ok(text.to_owned()),
        false => Err(Fault::ServerName(text.to_owned())),
    });
    let texts = section.texts("pin_sha256", true).map(|texts| texts.value);
    let pinned = texts.as_ref().is_some_and(|texts| !texts.whole || !texts.items.is_empty());
    let mut pins = Vec::new();
    for text in texts.into_iter().flat_map(|texts| texts.items) {
        match value::fingerprint(&text.value) {
            Some(pin) => pins.push(pin),
            None => findings.problem(text.at, section.title(), Fault::Pin(text.value)),
        }
    }
    let crl_file = section.file_if_given("crl_file");
    #[cfg(feature = "http")]
    let system_roots = if is_http { section.flag("system_roots") } else { None };
    #[cfg(not(feature = "http"))]
    let _ = is_http;
    section.finish();
    let at = at?;
    Some(Tls {
        at,
        ca_file,
        cert_file,
        key_file,
        server_name,
        pins,
        pinned,
        crl_file,
        #[cfg(feature = "http")]
        system_roots,
    })
}

fn pace(section: &mut Section<'_>) -> Pace {
    let confirms =
        [("acked", Confirm::Acked), ("settled", Confirm::Settled), ("drained", Confirm::Drained)];
    Pace {
        confirm: section.word("confirm", &confirms),
        settle: section.duration("settle", MILLISECOND..=HOUR),
        max_eps: section.number("max_eps", 1..=10_000_000),
        slow_start: section.duration("slow_start", Duration::ZERO..=HOUR),
        fail_back_after: section.duration("fail_back_after", MILLISECOND..=24 * HOUR),
        stop_timeout: section.duration("stop_timeout", MILLISECOND..=HOUR),
        ..retry(section, false)
    }
}

fn retry(section: &mut Section<'_>, is_http: bool) -> Pace {
    let mut retry = section.section("retry", "destination.retry");
    let mut pace = Pace {
        initial_backoff: retry.duration("initial_backoff", MILLISECOND..=HOUR),
        max_backoff: retry.duration("max_backoff", MILLISECOND..=24 * HOUR),
        ..Pace::default()
    };
    if is_http {
        pace.max_attempts = retry.number("max_attempts", 1..=1_000_000);
        pace.retry_after_max = retry.duration("retry_after_max", MILLISECOND..=24 * HOUR);
    }
    retry.finish();
    pace
}

fn filter(findings: &Findings<'_>, mut section: Section<'_>) -> Filter {
    let severities =
        MinSeverity::WORDS.map(|word| (word, MinSeverity::parse(word).unwrap_or_default()));
    let typed = Filter {
        min_severity: section.word("min_severity", &severities),
        event_types: globs(findings, &mut section, "event_types"),
        exclude_event_types: globs(findings, &mut section, "exclude_event_types"),
        equals: section.section("equals", "destination.filter.equals").free(),
    };
    section.finish();
    typed
}

fn globs(
    findings: &Findings<'_>,
    section: &mut Section<'_>,
    key: &'static str,
) -> Option<Given<Vec<String>>> {
    let texts = section.texts(key, false)?;
    let (mut globs, mut whole) = (Vec::new(), texts.value.whole);
    for Given { value, at } in texts.value.items {
        match Glob::new(&value) {
            Ok(_) => globs.push(value),
            Err(fault) => {
                whole = false;
                let why = fault.kind().to_string();
                findings.problem(at, section.title(), Fault::Glob { key, value, why });
            }
        }
    }
    whole.then_some(Given { value: globs, at: texts.at })
}
