//! One destination: profile, defaults, and keys that do not go together.

use std::time::Duration;

use super::{Context, tls, value_or};
use crate::config::fault::Fault;
use crate::config::findings::{At, Given};
use crate::config::profile::Profile;
use crate::config::typed::{self, BodyWord, HeaderWord, Link, Message, Pace};
use crate::config::{Destination, value};
use crate::deliver::settings::{Confirm, Settings as DeliverSettings};
use crate::encode::settings::{Body, CefSettings, Framing, Header, Settings as EncodeSettings};
use crate::map::settings::FilterSettings;
use crate::transport::settings::{Address, Protocol, Settings as TransportSettings};

/// Local use 0: 16.
const FACILITY: u8 = 16;
/// 65,535 octets less the headers of IPv4 and UDP (RFC 5426, section 3.2).
const DATAGRAM_BYTES_MAX: u32 = 65_507;
const SETTLE: Duration = Duration::from_secs(5);
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(300);
const FAIL_BACK_AFTER: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(30);
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// One destination; `None` when it cannot be made, which was then reported.
pub(super) fn resolve(context: &Context<'_>, typed: typed::Destination) -> Option<Destination> {
    let title = typed.title.as_str();
    if let Some(http) = &typed.http {
        #[cfg(feature = "http")]
        if typed.connector.is_known {
            return super::http::resolve(context, typed);
        }
        let fault = if context.policy.allow { Fault::HttpMissing } else { Fault::HttpDenied };
        context.findings.problem(http.at, title, fault(http.value.clone()));
        return None;
    }
    let (addresses, protocol) =
        addresses(context, title, typed.addresses.as_deref().unwrap_or_default());
    let profile = typed.profile.as_ref().map(|profile| profile.value).unwrap_or_default();
    if let Some(protocol) = protocol {
        unfit(context, &typed, protocol);
    }
    let tls = match (typed.tls, protocol) {
        (Some(section), Some(Protocol::Tls) | None) => Some(tls::resolve(context, title, section)),
        (None, Some(Protocol::Tls)) => {
            let at = typed.at.unwrap_or(At::Whole);
            context.findings.problem(at, title, Fault::NoTrust);
            None
        }
        (Some(section), Some(Protocol::Tcp | Protocol::Udp)) => {
            context.findings.problem(section.at, title, Fault::UnusedTls);
            None
        }
        (None, _) => None,
    };
    let protocol = protocol.unwrap_or(Protocol::Tcp);
    let encode = encode(context, title, typed.message, typed.cef, profile, protocol);
    let name = typed.name.map(|name| name.value);
    let deliver = deliver(context, title, name.unwrap_or_default(), typed.pace);
    let transport = transport(addresses, tls, &typed.link);
    let filter = filter(context, title, typed.filter);
    Some(Destination {
        deliver,
        encode,
        transport,
        filter,
        #[cfg(feature = "http")]
        http: None,
    })
}

pub(super) fn filter(context: &Context<'_>, title: &str, typed: typed::Filter) -> FilterSettings {
    let defaults = FilterSettings::default();
    if let Some(types) = typed.event_types.as_ref().filter(|types| types.value.is_empty()) {
        context.findings.problem(types.at, title, Fault::Empty("event_types"));
    }
    FilterSettings {
        min_severity: value_or(typed.min_severity, defaults.min_severity),
        event_types: value_or(typed.event_types, defaults.event_types),
        exclude_event_types: value_or(typed.exclude_event_types, defaults.exclude_event_types),
        equals: typed.equals,
    }
}

/// The addresses and the one protocol that they share, if they could be read.
fn addresses(
    context: &Context<'_>,
    title: &str,
    typed: &[Given<Address>],
) -> (Vec<Address>, Option<Protocol>) {
    let mut addresses: Vec<Address> = Vec::new();
    for Given { value: address, at } in typed {
        let fault = |fault| context.findings.problem(*at, title, fault);
        if let Err(denied) = context.policy.permits(&address.host, None) {
            fault(Fault::Denied(denied));
        }
        if addresses.contains(address) {
            fault(Fault::DuplicateAddress(address.to_string()));
        }
        if let Some(first) = addresses.first().filter(|a| a.protocol != address.protocol) {
            let (one, other) = (first.protocol.to_string(), address.protocol.to_string());
            fault(Fault::MixedProtocols(one, other));
        }
        addresses.push(address.clone());
    }
    let protocol = addresses.first().map(|address| address.protocol);
    (addresses, protocol)
}

/// Keys that the protocol has no use for: whoever sets them expects something that will not happen.
fn unfit(context: &Context<'_>, typed: &typed::Destination, protocol: Protocol) {
    fn at<T>(given: Option<&Given<T>>) -> Option<At> {
        given.map(|given| given.at)
    }
    let (link, pace) = (&typed.link, &typed.pace);
    let stream = [
        ("framing", at(typed.message.framing.as_ref())),
        ("confirm", at(pace.confirm.as_ref())),
        ("settle", at(pace.settle.as_ref())),
        ("handshake_timeout", at(link.handshake_timeout.as_ref())),
        ("keepalive", at(link.keepalive.as_ref())),
        ("user_timeout", at(link.user_timeout.as_ref())),
    ];
    for (key, at) in stream {
        let Some(at) = at else { continue };
        if protocol == Protocol::Udp {
            context.findings.problem(at, &typed.title, Fault::NotOverUdp(key));
        } else if protocol == Protocol::Tcp && key == "handshake_timeout" {
            context.findings.problem(at, &typed.title, Fault::NeedsTls(key));
        }
    }
}

pub(super) fn encode(
    context: &Context<'_>,
    title: &str,
    message: Message,
    cef: typed::Cef,
    profile: Profile,
    protocol: Protocol,
) -> EncodeSettings {
    let fault = |at, fault| context.findings.problem(at, title, fault);
    let header = match message.header.as_ref().map(|header| header.value) {
        Some(HeaderWord::Rfc3164) => Header::Rfc3164,
        Some(HeaderWord::Rfc5424) | None => {
            Header::Rfc5424 { fraction_digits: profile.fraction_digits() }
        }
    };
    let old = header == Header::Rfc3164;
    for (key, given) in [("structured_data", &message.structured_data), ("bom", &message.bom)] {
        if let Some(given) = given.as_ref().filter(|given| given.value && old) {
            fault(given.at, Fault::Needs(key, "header = \"rfc5424\""));
        }
    }
    let word = value_or(message.format, BodyWord::Cef);
    if let Some(bom) = message.bom.as_ref().filter(|bom| bom.value && !old) {
        match word {
            BodyWord::Cef => fault(bom.at, Fault::Bom("CEF parsers")),
            BodyWord::Leef => fault(bom.at, Fault::Bom("LEEF parsers")),
            BodyWord::Json => {}
        }
    }
    let framing = framing(context, title, message.framing.as_ref(), profile, protocol);
    let size = message_bytes(context, title, message.max_message_bytes.as_ref(), profile, protocol);
    let body = body(context, title, word, message.leef_version, message.leef_delimiter);
    EncodeSettings {
        hostname: context.hostname.to_owned(),
        facility: value_or(message.facility, FACILITY),
        header,
        framing,
        body,
        cef: cef_settings(context, title, cef, word),
        max_message_bytes: usize::try_from(size).unwrap_or(usize::MAX),
        structured_data: value_or(message.structured_data, profile.structured_data() && !old),
        bom: value_or(message.bom, false),
    }
}

fn framing(
    context: &Context<'_>,
    title: &str,
    typed: Option<&Given<Framing>>,
    profile: Profile,
    protocol: Protocol,
) -> Framing {
    if protocol == Protocol::Udp {
        return Framing::Datagram;
    }
    let Some(typed) = typed else {
        return profile.stream_framing();
    };
    if profile == Profile::Qradar && typed.value == Framing::OctetCounting {
        context.findings.warning(typed.at, title, Fault::OctetCountingQradar);
    }
    typed.value
}

fn message_bytes(
    context: &Context<'_>,
    title: &str,
    typed: Option<&Given<u32>>,
    profile: Profile,
    protocol: Protocol,
) -> u32 {
    let default = match protocol {
        Protocol::Udp => profile.datagram_message_bytes(),
        Protocol::Tcp | Protocol::Tls => profile.stream_message_bytes(),
    };
    let Some(typed) = typed else {
        return default;
    };
    if protocol == Protocol::Udp && typed.value > DATAGRAM_BYTES_MAX {
        let fault = Fault::Range {
            key: "max_message_bytes",
            value: typed.value.to_string(),
            least: "480".to_owned(),
            most: format!("{DATAGRAM_BYTES_MAX} over udp://"),
        };
        context.findings.problem(typed.at, title, fault);
    }
    typed.value
}

fn body(
    context: &Context<'_>,
    title: &str,
    word: BodyWord,
    version: Option<Given<u8>>,
    delimiter: Option<Given<char>>,
) -> Body {
    let fault = |at, fault| context.findings.problem(at, title, fault);
    if word != BodyWord::Leef {
        let version = version.map(|version| ("leef_version", version.at));
        let delimiter = delimiter.map(|delimiter| ("leef_delimiter", delimiter.at));
        for (key, at) in version.into_iter().chain(delimiter) {
            fault(at, Fault::Needs(key, "format = \"leef\""));
        }
        return if word == BodyWord::Json { Body::Json } else { Body::Cef };
    }
    if value_or(version, 1) == 2 {
        return Body::Leef2 { delimiter: value_or(delimiter, '\t') };
    }
    if let Some(delimiter) = delimiter {
        fault(delimiter.at, Fault::Needs("leef_delimiter", "leef_version = \"2.0\""));
    }
    Body::Leef1
}

fn cef_settings(
    context: &Context<'_>,
    title: &str,
    cef: typed::Cef,
    word: BodyWord,
) -> CefSettings {
    if word != BodyWord::Cef {
        let version = cef.version.as_ref().map(|given| ("version", given.at));
        let strict = cef.strict.as_ref().map(|given| ("strict", given.at));
        for (key, at) in version.into_iter().chain(strict) {
            context.findings.problem(at, title, Fault::Needs(key, "format = \"cef\""));
        }
    }
    CefSettings {
        version: u8::try_from(value_or(cef.version, 0)).unwrap_or(0),
        strict: value_or(cef.strict, false),
        device_vendor: cef.device_vendor.map(|given| given.value),
        device_product: cef.device_product.map(|given| given.value),
        device_version: cef.device_version.map(|given| given.value),
    }
}

pub(super) fn deliver(
    context: &Context<'_>,
    title: &str,
    name: String,
    pace: Pace,
) -> DeliverSettings {
    let fault = |at, fault| context.findings.problem(at, title, fault);
    if let (Some(slow), None) = (&pace.slow_start, &pace.max_eps)
        && !slow.value.is_zero()
    {
        fault(slow.at, Fault::Needs("slow_start", "max_eps"));
    }
    if let (Some(settle), Some(confirm)) = (&pace.settle, &pace.confirm)
        && confirm.value == Confirm::Acked
    {
        fault(settle.at, Fault::Needs("settle", "confirm = \"settled\""));
    }
    let backoff_at = pace.initial_backoff.as_ref().or(pace.max_backoff.as_ref()).map(|b| b.at);
    let initial_backoff = value_or(pace.initial_backoff, INITIAL_BACKOFF);
    let max_backoff = value_or(pace.max_backoff, MAX_BACKOFF);
    if let Some(at) = backoff_at
        && initial_backoff > max_backoff
    {
        fault(at, Fault::Backoff(value::duration_text(max_backoff)));
    }
    DeliverSettings {
        name,
        confirm: value_or(pace.confirm, Confirm::default()),
        settle: value_or(pace.settle, SETTLE),
        initial_backoff,
        max_backoff,
        max_eps: pace.max_eps.map(|given| given.value),
        slow_start: value_or(pace.slow_start, Duration::ZERO),
        fail_back_after: value_or(pace.fail_back_after, FAIL_BACK_AFTER),
        stop_timeout: value_or(pace.stop_timeout, STOP_TIMEOUT),
    }
}

pub(super) fn transport(
    addresses: Vec<Address>,
    tls: Option<crate::transport::settings::TlsSettings>,
    link: &Link,
) -> TransportSettings {
    let or = |given: &Option<Given<Duration>>, default| given.as_ref().map_or(default, |g| g.value);
    let unless_zero = |duration: Duration| (!duration.is_zero()).then_some(duration);
    TransportSettings {
        addresses,
        tls,
        connect_timeout: or(&link.connect_timeout, CONNECT_TIMEOUT),
        handshake_timeout: or(&link.handshake_timeout, HANDSHAKE_TIMEOUT),
        write_timeout: or(&link.write_timeout, WRITE_TIMEOUT),
        keepalive: unless_zero(or(&link.keepalive, KEEPALIVE)),
        user_timeout: unless_zero(or(&link.user_timeout, USER_TIMEOUT)),
    }
}
