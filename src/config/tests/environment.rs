//! Runs without a file.

use std::path::PathBuf;

use super::*;
use crate::encode::settings::{Body, CefSettings, Framing, Header};
use crate::model::egress::Policy;
use crate::transport::settings::{Address, Protocol};

fn environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let lookup = |name: &str| {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    Config::from_environment(&lookup, &MACHINE)
}

#[track_caller]
fn check_address(pairs: &[(&str, &str)], expected: &str) {
    let config = environment(pairs).unwrap_or_else(|error| panic!("{error}"));
    let shown: Vec<String> =
        config.destinations[0].transport.addresses.iter().map(Address::to_string).collect();
    assert_eq!(shown, [expected]);
}

#[track_caller]
fn check_error(pairs: &[(&str, &str)], expected: &[&str]) {
    let error = environment(pairs).unwrap_err();
    let shown: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected);
}

/// `<134>1 2026-03-13T00:00:00.123Z platform.arbitex.ai ArbitexPlatform - req_xyz - CEF:0|Arbitex|
/// ArbitexPlatform|1.0|…`: facility 16, three digits, no structured data, no BOM, CEF:0.
#[test]
fn the_seeds_host_alone_gives_the_seeds_wire_form() {
    let config = environment(&[
        ("QRADAR_SYSLOG_HOST", "10.0.0.5"),
        ("SPOOLGATE_HOSTNAME", "platform.arbitex.ai"),
    ]);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let [destination] = config.destinations.as_slice() else { panic!("one destination") };
    let encode = crate::encode::settings::Settings {
        hostname: "platform.arbitex.ai".to_owned(),
        facility: 16,
        header: Header::Rfc5424 { fraction_digits: 3 },
        framing: Framing::Lf,
        body: Body::Cef,
        cef: CefSettings {
            version: 0,
            strict: false,
            device_vendor: Some("Arbitex".to_owned()),
            device_product: Some("ArbitexPlatform".to_owned()),
            device_version: Some("1.0".to_owned()),
        },
        max_message_bytes: 4096,
        structured_data: false,
        bom: false,
    };
    assert_eq!(destination.encode, encode);
    assert_eq!(destination.deliver.name, "qradar");
    assert_eq!(
        destination.transport.addresses,
        [Address { protocol: Protocol::Tcp, host: "10.0.0.5".to_owned(), port: 514 }]
    );
    assert_eq!(destination.transport.tls, None);
    assert_eq!(config.spool.sources[0].path, "/var/spool/spoolgate/*.jsonl");
    assert_eq!(config.state.dir, PathBuf::from("/var/lib/spoolgate"));
    assert_eq!(config.egress, Policy::default());
}

#[test]
fn protocol_and_port_follow_the_seeds_table() {
    let host = ("QRADAR_SYSLOG_HOST", "qradar.example.net");
    let tls = ("QRADAR_SYSLOG_PROTOCOL", "tls");
    let ca = ("QRADAR_TLS_CA_BUNDLE", "/etc/ca.pem");
    check_address(&[host], "tcp://qradar.example.net:514");
    check_address(&[host, ("QRADAR_SYSLOG_PROTOCOL", "UDP")], "udp://qradar.example.net:514");
    check_address(&[host, tls, ca], "tls://qradar.example.net:6514");
    check_address(
        &[host, tls, ca, ("QRADAR_SYSLOG_PORT", "7000")],
        "tls://qradar.example.net:7000",
    );
    check_address(&[host, ("QRADAR_SYSLOG_PORT", "")], "tcp://qradar.example.net:514");
    check_address(&[("QRADAR_SYSLOG_HOST", "fd00::5")], "tcp://[fd00::5]:514");
    check_address(&[("QRADAR_SYSLOG_HOST", "[fd00::5]")], "tcp://[fd00::5]:514");
}

#[test]
fn every_variable_reaches_its_setting() {
    let config = environment(&[
        ("QRADAR_SYSLOG_HOST", "qradar.example.net"),
        ("QRADAR_SYSLOG_PROTOCOL", "tls"),
        ("QRADAR_TLS_CA_BUNDLE", "/etc/ca.pem"),
        ("QRADAR_CEF_DEVICE_VENDOR", "V"),
        ("QRADAR_CEF_DEVICE_PRODUCT", "P"),
        ("QRADAR_CEF_DEVICE_VERSION", "2"),
        ("SPOOLGATE_SPOOL", "/data/*.log"),
        ("SPOOLGATE_STATE_DIR", "/data/state"),
        ("SPOOLGATE_TLS_CERT", "/etc/client.pem"),
        ("SPOOLGATE_TLS_KEY", "/etc/client.key"),
    ]);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let destination = &config.destinations[0];
    let tls = destination.transport.tls.as_ref().unwrap();
    assert_eq!(tls.ca_file, Some(PathBuf::from("/etc/ca.pem")));
    assert_eq!(tls.cert_file, Some(PathBuf::from("/etc/client.pem")));
    assert_eq!(tls.key_file, Some(PathBuf::from("/etc/client.key")));
    let cef = &destination.encode.cef;
    assert_eq!(
        [&cef.device_vendor, &cef.device_product, &cef.device_version].map(|v| v.clone().unwrap()),
        ["V", "P", "2"]
    );
    assert_eq!(config.spool.sources[0].path, "/data/*.log");
    assert_eq!(config.state.dir, PathBuf::from("/data/state"));
    assert_eq!(config.hostname, "outpost-07.example.net");
}

#[test]
fn wrong_variables_are_named() {
    let host = ("QRADAR_SYSLOG_HOST", "qradar.example.net");
    check_error(&[], &["environment: QRADAR_SYSLOG_HOST: this variable is required; set it"]);
    check_error(
        &[host, ("QRADAR_SYSLOG_PROTOCOL", "tls")],
        &["environment: QRADAR_TLS_CA_BUNDLE: this variable is required when \
           QRADAR_SYSLOG_PROTOCOL is tls; set it"],
    );
    check_error(
        &[host, ("QRADAR_SYSLOG_PROTOCOL", "tcpp"), ("SPOOLGATE_HOSTNAME", "a b")],
        &[
            "environment: QRADAR_SYSLOG_PROTOCOL: `QRADAR_SYSLOG_PROTOCOL` cannot be \"tcpp\"; \
             use one of udp, tcp, tls",
            "environment: SPOOLGATE_HOSTNAME: `hostname` \"a b\" is no syslog HOSTNAME (1 to 255 \
             printable ASCII characters, no space); set it to the machine's name, or to the Log \
             Source Identifier used in QRadar",
        ],
    );
    check_error(
        &[host, ("QRADAR_SYSLOG_PORT", "70000")],
        &["environment: QRADAR_SYSLOG_PORT: `address` \"tcp://qradar.example.net:70000\" has the \
           port `70000`; use 1 to 65535"],
    );
    check_error(
        &[("QRADAR_SYSLOG_HOST", "8.8.8.8")],
        &["environment: QRADAR_SYSLOG_HOST: egress policy: 8.8.8.8 is not a private, loopback, \
           link-local or unique-local address; use a local receiver, or set `allow = true` and \
           list 8.8.8.8 under `hosts` in [egress]"],
    );
    check_error(
        &[host, ("QRADAR_CEF_DEVICE_VERSION", "0123456789012345678901234567890x")],
        &["environment: QRADAR_CEF_DEVICE_VERSION: `QRADAR_CEF_DEVICE_VERSION` \
           \"0123456789012345678901234567890x\" is not allowed in a header; use 1 to 31 bytes \
           without control characters"],
    );
    check_error(
        &[host, ("SPOOLGATE_SPOOL", "/absent/*.jsonl")],
        &["environment: SPOOLGATE_SPOOL: `path` /absent: does not exist; create it, or correct \
           the path"],
    );
}

#[test]
fn the_environment_counts_only_without_a_file() {
    let set = |name: &str| (name == "QRADAR_SYSLOG_HOST").then(|| "10.0.0.5".to_owned());
    let unset = |_: &str| None;
    let absent = Path::new("/absent/spoolgate.toml");

    let config = Config::find(None, absent, &set, &MACHINE).unwrap();
    assert_eq!(config.destinations[0].deliver.name, "qradar");

    let error = Config::find(None, absent, &unset, &MACHINE).unwrap_err().to_string();
    assert_eq!(
        error,
        "/absent/spoolgate.toml: there is no configuration: /absent/spoolgate.toml does not exist \
         and QRADAR_SYSLOG_HOST is not set; write one as in the README, or set QRADAR_SYSLOG_HOST"
    );

    // A file that was named is never replaced by the environment.
    let error = Config::find(Some(absent), absent, &set, &MACHINE).unwrap_err().to_string();
    assert!(error.starts_with("/absent/spoolgate.toml: cannot be read: "), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spoolgate.toml");
    std::fs::write(&file, format!("{HEAD}address = \"tcp://10.0.0.6\"\n")).unwrap();
    let config = Config::find(None, &file, &set, &MACHINE).unwrap();
    assert_eq!(config.destinations[0].deliver.name, "d");
    assert_eq!(
        config.warnings,
        [format!(
            "{}: QRADAR_SYSLOG_HOST is set but not used, since this file exists; unset it or move \
             it",
            file.display()
        )]
    );
}
