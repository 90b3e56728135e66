//! What profiles, defaults and keys become.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::value;
use crate::deliver::settings::Confirm;
use crate::encode::settings::{Body, Framing, Header};
use crate::map::settings::{FilterSettings, MinSeverity};
use crate::model::format::Format;
use crate::spool::settings::{AfterDelivery, Source};
use crate::transport::settings::Protocol;

/// framing, bytes, fraction digits, structured data
#[track_caller]
fn check_profile(keys: &str, framing: Framing, bytes: usize, digits: u8, structured: bool) {
    let encode = destination(keys).encode;
    assert_eq!(
        (encode.framing, encode.max_message_bytes, encode.header, encode.structured_data),
        (framing, bytes, Header::Rfc5424 { fraction_digits: digits }, structured),
    );
    assert_eq!((encode.body, encode.cef.version, encode.bom), (Body::Cef, 0, false));
    assert_eq!(encode.facility, 16);
}

#[test]
fn profiles_set_what_the_file_leaves_open() {
    let tls = "[destination.tls]\nca_file = \"/ca.pem\"\n";
    let tcp = "address = \"tcp://10.0.0.5\"\n";
    let udp = "address = \"udp://10.0.0.5\"\n";
    check_profile(tcp, Framing::Lf, 4096, 3, false);
    check_profile(udp, Framing::Datagram, 1024, 3, false);
    for (profile, stream, bytes, datagram, digits, structured) in [
        ("qradar", Framing::Lf, 4096, 1024, 3, false),
        ("arcsight", Framing::Lf, 4096, 1024, 3, false),
        ("generic", Framing::OctetCounting, 8192, 2048, 6, true),
    ] {
        let profile = format!("profile = \"{profile}\"\n");
        check_profile(&format!("{profile}{tcp}"), stream, bytes, digits, structured);
        let secure = format!("{profile}address = \"tls://siem.example.net\"\n{tls}");
        check_profile(&secure, stream, bytes, digits, structured);
        let plain = format!("{profile}{udp}");
        check_profile(&plain, Framing::Datagram, datagram, digits, structured);
    }
}

#[test]
fn keys_override_the_profile() {
    let encode = destination(
        "address = \"tcp://10.0.0.5\"\nprofile = \"generic\"\nframing = \"nul\"\n\
         facility = \"authpriv\"\nformat = \"json\"\nmax_message_bytes = 480\nbom = true\n\
         structured_data = false\n",
    )
    .encode;
    assert_eq!(encode.framing, Framing::Nul);
    assert_eq!(encode.facility, 10);
    assert_eq!(encode.body, Body::Json);
    assert_eq!(encode.max_message_bytes, 480);
    assert!(encode.bom);
    assert!(!encode.structured_data);

    let old = destination("address = \"tcp://h\"\nprofile = \"generic\"\nheader = \"rfc3164\"\n");
    assert_eq!(old.encode.header, Header::Rfc3164);
    assert!(!old.encode.structured_data, "RFC 3164 has none");
}

#[test]
fn leef_has_two_versions() {
    let leef = "address = \"tcp://h\"\nformat = \"leef\"\n";
    assert_eq!(destination(leef).encode.body, Body::Leef1);
    for (keys, delimiter) in [
        ("", '\t'),
        ("leef_delimiter = \"^\"", '^'),
        ("leef_delimiter = \"0x09\"", '\t'),
        ("leef_delimiter = \"x5E\"", '^'),
        ("leef_delimiter = \"¦\"", '¦'),
    ] {
        let body = destination(&format!("{leef}leef_version = \"2.0\"\n{keys}\n")).encode.body;
        assert_eq!(body, Body::Leef2 { delimiter });
    }
}

#[test]
fn the_loop_the_link_and_the_filter_take_their_keys() {
    let destination = destination(
        "address = [\"tcp://10.0.0.5\", \"syslog://10.0.0.6:1514\"]\nmax_eps = 5_000\n\
         slow_start = \"1m\"\nconfirm = \"drained\"\nsettle = \"2s\"\nfail_back_after = \"1h\"\n\
         stop_timeout = \"9s\"\nconnect_timeout = \"1s\"\nwrite_timeout = \"3s\"\n\
         keepalive = \"0s\"\nuser_timeout = \"0s\"\n\
         [destination.filter]\nmin_severity = \"High\"\nevent_types = [\"dlp.*\"]\n\
         exclude_event_types = []\n\
         [destination.filter.equals]\n\"org_id\" = \"org_abc123\"\nactor.user.uid = 7\n\
         [destination.retry]\ninitial_backoff = \"250ms\"\nmax_backoff = \"2m\"\n",
    );
    let expected = crate::deliver::settings::Settings {
        name: "d".to_owned(),
        confirm: Confirm::Drained,
        settle: Duration::from_secs(2),
        initial_backoff: Duration::from_millis(250),
        max_backoff: Duration::from_secs(120),
        max_eps: Some(5000),
        slow_start: Duration::from_secs(60),
        fail_back_after: Duration::from_secs(3600),
        stop_timeout: Duration::from_secs(9),
    };
    assert_eq!(destination.deliver, expected);
    let transport = destination.transport;
    let shown: Vec<String> = transport.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["tcp://10.0.0.5:514", "tcp://10.0.0.6:1514"]);
    assert_eq!((transport.keepalive, transport.user_timeout), (None, None));
    assert_eq!(transport.connect_timeout, Duration::from_secs(1));
    assert_eq!(transport.write_timeout, Duration::from_secs(3));
    let equals =
        [("actor.user.uid", "7"), ("org_id", "org_abc123")].map(|(k, v)| (k.into(), v.into()));
    let filter = FilterSettings {
        min_severity: MinSeverity::High,
        event_types: vec!["dlp.*".to_owned()],
        exclude_event_types: Vec::new(),
        equals: equals.to_vec(),
    };
    assert_eq!(destination.filter, filter);
}

#[test]
fn spools_keep_their_order_and_relative_paths_start_at_the_file() {
    let config = parse(
        "schemas_dir = \"schemas\"\nmax_event_bytes = 4096\npoll_interval = \"1s\"\n\
         [privacy]\nguard_keys = [\"diagnosis\"]\n[state]\ndir = \"state\"\n\
         [egress]\nallow = true\nhosts = [\"siem.example.com\", \"192.0.2.0/24\"]\n\
         [admin]\nsocket = \"\"\n\
         [[spool]]\npath = \"in/*.jsonl\"\nformat = \"json\"\nschema = \"mitrity\"\n\
         after_delivery = \"archive\"\narchive_dir = \"done\"\n\
         [[spool]]\npath = \"/data/*.log\"\nafter_delivery = \"delete\"\n\
         [[destination]]\nname = \"a\"\naddress = \"tcp://192.0.2.7\"\n\
         [[destination]]\nname = \"b\"\naddress = \"udp://siem.example.com\"\n",
    );
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let source = |path: &str, format, schema: Option<&str>, after_delivery| Source {
        path: path.to_owned(),
        format,
        schema: schema.map(str::to_owned),
        after_delivery,
        only: None,
    };
    let archive = AfterDelivery::Archive(PathBuf::from("/etc/spoolgate/done"));
    assert_eq!(
        config.spool.sources,
        [
            source("/etc/spoolgate/in/*.jsonl", Format::Json, Some("mitrity"), archive),
            source("/data/*.log", Format::Auto, None, AfterDelivery::Delete),
        ]
    );
    assert_eq!(config.spool.max_event_bytes, 4096);
    assert_eq!(config.spool.poll_interval, Duration::from_secs(1));
    assert_eq!(config.map.schemas_dir, Some(PathBuf::from("/etc/spoolgate/schemas")));
    assert_eq!(config.map.guard_keys, ["diagnosis"]);
    assert_eq!(config.state.dir, PathBuf::from("/etc/spoolgate/state"));
    assert_eq!(config.admin.socket, None);
    assert!(config.egress.allow);
    assert_eq!(config.egress.hosts.len(), 2);
}

#[test]
fn an_unchanged_destination_is_equal_after_a_reload() {
    let text = |eps: u32| {
        format!(
            "{HEAD}address = \"tcp://10.0.0.5\"\n\
             [[destination]]\nname = \"e\"\naddress = \"tcp://10.0.0.6\"\nmax_eps = {eps}\n"
        )
    };
    let (before, after) = (parse(&text(1)).unwrap(), parse(&text(2)).unwrap());
    assert_eq!(before.destinations[0], after.destinations[0]);
    assert_ne!(before.destinations[1], after.destinations[1]);
    assert_eq!(before, parse(&text(1)).unwrap());
}

#[test]
fn addresses_have_aliases_and_default_ports() {
    for (text, protocol, host, port) in [
        ("tcp://siem.example.net", Protocol::Tcp, "siem.example.net", 514),
        ("syslog://siem:1", Protocol::Tcp, "siem", 1),
        ("TLS://siem/", Protocol::Tls, "siem", 6514),
        ("syslog+tls://10.0.0.5", Protocol::Tls, "10.0.0.5", 6514),
        ("syslog+udp://[fd00::1]", Protocol::Udp, "fd00::1", 514),
        ("udp://[FD00:0::1]:65535", Protocol::Udp, "fd00::1", 65535),
    ] {
        let address = value::address(text).unwrap();
        assert_eq!((address.protocol, address.host.as_str(), address.port), (protocol, host, port));
    }
}

#[test]
fn durations_are_read_and_shown() {
    for (text, milliseconds) in
        [("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)]
    {
        let duration = value::duration(text).unwrap();
        assert_eq!(duration, Duration::from_millis(milliseconds));
        assert_eq!(value::duration_text(duration), text);
    }
    for wrong in ["", "5", "s", "5 s", "-5s", "5.5s", "5S", "1h30m", "99999999999999999999s"] {
        assert_eq!(value::duration(wrong), None, "{wrong}");
    }
    assert_eq!(value::duration("9999999999999999999h"), None, "overflow");
}

#[test]
fn fingerprints_are_64_digits_with_or_without_colons() {
    let plain = "00".repeat(31) + "aF";
    let colons = "00:".repeat(31) + "AF";
    let mut expected = [0; 32];
    expected[31] = 0xaf;
    assert_eq!(value::fingerprint(&plain), Some(expected));
    assert_eq!(value::fingerprint(&colons), Some(expected));
    for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"0".repeat(128)] {
        assert_eq!(value::fingerprint(wrong), None);
    }
}

#[test]
fn a_tls_file_may_be_a_credential_of_systemd() {
    let keys = "address = \"tls://10.0.0.5\"\n[destination.tls]\nca_file = \"/tls/ca.pem\"\n\
                cert_file = { credential = \"client.pem\" }\n\
                key_file = { credential = \"client.key\" }\n";
    let tls = destination(keys).transport.tls.unwrap();
    let of_the_unit = |name| Some(Path::new("/run/credentials/spoolgate.service").join(name));
    assert_eq!(tls.ca_file, Some("/tls/ca.pem".into()));
    assert_eq!(tls.cert_file, of_the_unit("client.pem"));
    assert_eq!(tls.key_file, of_the_unit("client.key"));
}
