//! HTTP destinations without a file: the tables of the Arbitex document, section by section.

use super::*;
use crate::http::settings::{ConnectorSettings, Endpoint, SecretSource};
use crate::http::{elastic, xsiam};
use crate::model::egress::HostRule;

fn environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let lookup = |name: &str| {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    Config::from_environment(&lookup, &MACHINE)
}

/// What every one of them needs beside its own.
const CONSENT: [(&str, &str); 3] = [
    ("SPOOLGATE_EGRESS_ALLOW", "true"),
    (
        "SPOOLGATE_EGRESS_HOSTS",
        "*.example.com, *.sumologic.com,login.microsoftonline.com,*.datadoghq.eu",
    ),
    ("SPOOLGATE_TLS_CA_FILE", "/etc/ca.pem"),
];

/// The one destination that these give, with its name.
#[track_caller]
fn connector(pairs: &[(&str, &str)]) -> (String, ConnectorSettings) {
    let config = environment(&[&CONSENT, pairs].concat());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let [destination] = config.destinations.as_slice() else { panic!("one destination") };
    let http = destination.http.clone().unwrap();
    assert_eq!(http.retry.max_attempts, None, "nothing is given up unasked");
    let tls = destination.transport.tls.as_ref().unwrap();
    assert_eq!(tls.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!(config.warnings, Vec::<String>::new());
    (destination.deliver.name.clone(), http.connector)
}

#[track_caller]
fn check_error(pairs: &[(&str, &str)], expected: &[&str]) {
    let error = environment(pairs).unwrap_err();
    let shown: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected);
    assert!(!error.to_string().contains("MARKER"));
}

fn variable(name: &str) -> SecretSource {
    SecretSource::Environment(name.to_owned())
}

fn endpoint(host: &str, port: u16) -> Endpoint {
    Endpoint { is_tls: true, host: host.to_owned(), port, base_path: String::new() }
}

#[test]
fn splunk_has_its_table() {
    let url = "https://splunk.corp.example.com:8088/services/collector/event";
    let required = [("SPLUNK_HEC_URL", url), ("SPLUNK_HEC_TOKEN", "MARKER")];
    let (name, settings) = connector(&required);
    let ConnectorSettings::SplunkHec(settings) = settings else { panic!("{settings:?}") };
    assert_eq!(name, "splunk");
    assert_eq!(settings.endpoint, endpoint("splunk.corp.example.com", 8088));
    assert_eq!(settings.token, variable("SPLUNK_HEC_TOKEN"));
    let names = [&settings.index, &settings.source, &settings.sourcetype];
    assert_eq!(
        names.map(|name| name.as_deref().unwrap()),
        ["arbitex", "arbitex-platform", "arbitex:audit"]
    );
    let optional = [
        ("SPLUNK_HEC_INDEX", "i"),
        ("SPLUNK_HEC_SOURCE", "s"),
        ("SPLUNK_HEC_SOURCETYPE", "t"),
        ("SPLUNK_HEC_TLS_VERIFY", "true"),
    ];
    let (_, settings) = connector(&[required.as_slice(), &optional].concat());
    let ConnectorSettings::SplunkHec(settings) = settings else { panic!("{settings:?}") };
    let names = [&settings.index, &settings.source, &settings.sourcetype];
    assert_eq!(names.map(|name| name.as_deref().unwrap()), ["i", "s", "t"]);
}

#[test]
fn sentinel_has_its_table() {
    let (name, settings) = connector(&[
        ("SENTINEL_TENANT_ID", "tenant"),
        ("SENTINEL_CLIENT_ID", "client"),
        ("SENTINEL_CLIENT_SECRET", "MARKER"),
        ("SENTINEL_DCR_ENDPOINT", "https://dce.example.com"),
        ("SENTINEL_DCR_RULE_ID", "dcr-1"),
        ("SENTINEL_DCR_STREAM_NAME", "Custom-ArbitexAudit_CL"),
    ]);
    let ConnectorSettings::Sentinel(settings) = settings else { panic!("{settings:?}") };
    assert_eq!(name, "sentinel");
    assert_eq!(settings.endpoint, endpoint("dce.example.com", 443));
    assert_eq!(settings.login, endpoint("login.microsoftonline.com", 443));
    assert_eq!(
        [&settings.tenant_id, &settings.client_id, &settings.rule_id, &settings.stream],
        ["tenant", "client", "dcr-1", "Custom-ArbitexAudit_CL"]
    );
    assert_eq!(settings.client_secret, variable("SENTINEL_CLIENT_SECRET"));
    assert_eq!(settings.scope, "https://monitor.azure.com/.default");
}

#[test]
fn elastic_has_its_table() {
    let required =
        [("ELASTIC_URL", "https://my-cluster.example.com:9243"), ("ELASTIC_API_KEY", "MARKER")];
    let (name, settings) = connector(&required);
    let ConnectorSettings::Elastic(settings) = settings else { panic!("{settings:?}") };
    assert_eq!(name, "elastic");
    assert_eq!(settings.endpoint, endpoint("my-cluster.example.com", 9243));
    let key = elastic::Authentication::ApiKey(variable("ELASTIC_API_KEY"));
    assert_eq!(settings.authentication, key);
    assert_eq!((settings.index.as_str(), settings.pipeline), ("arbitex-audit", None));
    let optional = [("ELASTIC_INDEX", "logs-a"), ("ELASTIC_PIPELINE", "p")];
    let (_, settings) = connector(&[required.as_slice(), &optional].concat());
    let ConnectorSettings::Elastic(settings) = settings else { panic!("{settings:?}") };
    assert_eq!((settings.index.as_str(), settings.pipeline.as_deref()), ("logs-a", Some("p")));
}

#[test]
fn datadog_has_its_table() {
    let (name, settings) = connector(&[
        ("DATADOG_API_KEY", "MARKER"),
        ("DATADOG_SITE", "datadoghq.eu"),
        ("DATADOG_TAGS", "env:production,team:security"),
    ]);
    let ConnectorSettings::Datadog(settings) = settings else { panic!("{settings:?}") };
    assert_eq!(name, "datadog");
    assert_eq!(settings.endpoint, endpoint("http-intake.logs.datadoghq.eu", 443));
    assert_eq!(settings.api_key, variable("DATADOG_API_KEY"));
    assert_eq!(settings.tags, ["env:production", "team:security"]);
    let names = [&settings.service, &settings.source];
    assert_eq!(names.map(|name| name.as_deref().unwrap()), ["arbitex", "arbitex-audit"]);
}

/// The URL is the credential: it is in no setting.
#[test]
fn sumo_has_its_table() {
    let url = "https://endpoint1.collection.sumologic.com/receiver/v1/http/MARKER==";
    let (name, settings) = connector(&[("SUMO_HTTP_SOURCE_URL", url)]);
    assert!(!format!("{settings:?}").contains("MARKER"));
    let ConnectorSettings::Sumo(settings) = settings else { panic!("{settings:?}") };
    assert_eq!(name, "sumo");
    assert_eq!(settings.endpoint, endpoint("endpoint1.collection.sumologic.com", 443));
    assert_eq!(settings.url, variable("SUMO_HTTP_SOURCE_URL"));
    assert_eq!(settings.category.as_deref(), Some("arbitex/audit"));
    assert_eq!(settings.host.as_deref(), Some("platform.arbitex.ai"));
}

#[test]
fn xsiam_has_its_table() {
    let (name, settings) = connector(&[
        ("XSIAM_URL", "https://api-tenant.example.com"),
        ("XSIAM_API_KEY", "MARKER"),
        ("XSIAM_API_KEY_ID", "17"),
        ("XSIAM_LOG_TYPE", "l"),
    ]);
    let ConnectorSettings::Xsiam(settings) = settings else { panic!("{settings:?}") };
    assert_eq!(name, "xsiam");
    assert_eq!(settings.endpoint, endpoint("api-tenant.example.com", 443));
    assert_eq!(settings.authorization, xsiam::Authorization::Hmac { key_id: "17".to_owned() });
    assert_eq!(settings.api_key, variable("XSIAM_API_KEY"));
    assert_eq!((settings.dataset.as_str(), settings.log_type.as_str()), ("arbitex_audit_raw", "l"));
}

#[test]
fn several_stand_side_by_side_and_syslog_beside_them() {
    let own = [
        ("QRADAR_SYSLOG_HOST", "10.0.0.5"),
        ("DATADOG_API_KEY", "MARKER"),
        ("DATADOG_SITE", "datadoghq.eu"),
        ("SUMO_HTTP_SOURCE_URL", "https://e.sumologic.com/receiver/v1/http/MARKER"),
        ("SPOOLGATE_MAX_ATTEMPTS", "5"),
        ("SIEM_DEAD_LETTER_PATH", "/var/log/arbitex/siem-dead-letter.jsonl"),
    ];
    let config = environment(&[CONSENT.as_slice(), &own].concat()).unwrap();
    let names: Vec<&str> = config.destinations.iter().map(|it| it.deliver.name.as_str()).collect();
    assert_eq!(names, ["qradar", "datadog", "sumo"]);
    let attempts: Vec<_> = config
        .destinations
        .iter()
        .map(|it| it.http.as_ref().and_then(|http| http.retry.max_attempts))
        .collect();
    assert_eq!(attempts, [None, Some(5), Some(5)]);
    assert!(config.egress.allow);
    assert!(config.egress.hosts.contains(&HostRule::Below("example.com".to_owned())));
    assert_eq!(
        config.warnings,
        ["environment: SIEM_DEAD_LETTER_PATH: this place is not used; the dead letter is \
          dead-letter.jsonl in the state directory"]
    );
}

#[test]
fn nothing_leaves_without_consent() {
    let splunk = [("SPLUNK_HEC_URL", "https://s.example.com"), ("SPLUNK_HEC_TOKEN", "MARKER")];
    check_error(
        &splunk,
        &["environment: SPOOLGATE_EGRESS_ALLOW: this variable is required to be true for \
           destinations that speak HTTP; set it"],
    );
    check_error(
        &[splunk.as_slice(), &[("SPOOLGATE_EGRESS_ALLOW", "true")], &CONSENT[2..]].concat(),
        &[
            "environment: SPLUNK_HEC_URL: HTTP goes only to hosts that are listed; add \
             s.example.com to SPOOLGATE_EGRESS_HOSTS",
            "environment: SPOOLGATE_EGRESS_ALLOW: [egress]: `allow = true` opens nothing while \
             `hosts` is empty; list the hosts, or remove it",
        ],
    );
    check_error(
        &[splunk.as_slice(), &CONSENT[..2]].concat(),
        &["environment: SPOOLGATE_TLS_CA_FILE: this variable is required for destinations that \
           speak HTTP, or SPOOLGATE_TLS_SYSTEM_ROOTS = true; set it"],
    );
}

#[test]
fn wrong_variables_are_named_and_secrets_are_not_shown() {
    let with = |pairs: &[(&'static str, &'static str)]| [CONSENT.as_slice(), pairs].concat();
    check_error(
        &with(&[("SPLUNK_HEC_TOKEN", "MARKER")]),
        &["environment: SPLUNK_HEC_URL: this variable is required; set it"],
    );
    check_error(
        &with(&[
            ("SPLUNK_HEC_URL", "https://s.example.com"),
            ("SPLUNK_HEC_TOKEN", "MARKER"),
            ("SPLUNK_HEC_TLS_VERIFY", "false"),
        ]),
        &["environment: SPLUNK_HEC_TLS_VERIFY: certificates are always verified; remove it, and \
           give the receiver's authority in SPOOLGATE_TLS_CA_FILE, or its pin in a configuration \
           file"],
    );
    check_error(
        &with(&[("SUMO_HTTP_SOURCE_URL", "http://e.sumologic.com/receiver/MARKER")]),
        &["environment: SUMO_HTTP_SOURCE_URL: `SUMO_HTTP_SOURCE_URL` \"http://e.sumologic.com\" \
           would travel in the clear; use https://, as http:// is for loopback receivers alone"],
    );
    check_error(
        &with(&[("SUMO_HTTP_SOURCE_URL", "https://e.elsewhere.net/receiver/MARKER")]),
        &["environment: SUMO_HTTP_SOURCE_URL: HTTP goes only to hosts that are listed; add \
           e.elsewhere.net to SPOOLGATE_EGRESS_HOSTS"],
    );
    check_error(
        &with(&[
            ("XSIAM_URL", "https://x.example.com"),
            ("XSIAM_API_KEY", "MARKER"),
            ("XSIAM_API_KEY_ID", "id"),
            ("SPOOLGATE_MAX_ATTEMPTS", "0"),
            ("DATADOG_API_KEY", "MARKER"),
            ("DATADOG_SITE", "datadog.example"),
        ]),
        &[
            "environment: DATADOG_SITE: `DATADOG_SITE` = \"datadog.example\" is no site of Datadog; use the domain that \
             the browser shows",
            "environment: XSIAM_API_KEY_ID: `XSIAM_API_KEY_ID` = \"id\" is no key id; it is the number that the console \
             shows beside the key",
        ],
    );
}

#[test]
fn any_required_variable_asks_for_a_run() {
    let absent = Path::new("/absent/spoolgate.toml");
    let url = |name: &str| {
        let pairs = [
            CONSENT.as_slice(),
            &[("SUMO_HTTP_SOURCE_URL", "https://e.sumologic.com/receiver/v1/http/x")],
        ];
        let pairs = pairs.concat();
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let config = Config::find(None, absent, &url, &MACHINE).unwrap();
    assert_eq!(config.destinations[0].deliver.name, "sumo");
    let only_optional = |name: &str| (name == "SUMO_CATEGORY").then(|| "a".to_owned());
    assert!(Config::find(None, absent, &only_optional, &MACHINE).is_err());
}
