//! HTTP destinations by the Arbitex variables (seed: "SIEM Integration — All Connectors"), one for
//! each connector whose required variables are set.
//!
//! In: the variables of its tables. Out: destinations as a file would give them, with the names and
//! shapes of that document. HTTP needs consent here as well: `SPOOLGATE_EGRESS_ALLOW = true`, every
//! host in `SPOOLGATE_EGRESS_HOSTS`, and whom to trust in `SPOOLGATE_TLS_CA_FILE` or
//! `SPOOLGATE_TLS_SYSTEM_ROOTS = true`. Secrets stay in their variables and are read from there.

use super::{Environment, SPLUNK_URL};
use crate::config::fault::Fault;
use crate::config::findings::{At, Given};
use crate::config::http::elastic::is_index;
use crate::config::http::xsiam::is_number;
use crate::config::http::{Typed, is_header_text, is_name};
use crate::config::typed::{Destination, Pace, Tls};
use crate::config::value;
use crate::http::datadog::SITES;
use crate::http::payload::Payload;
use crate::http::settings::{ConnectorSettings, Endpoint, SecretSource};
use crate::http::{datadog, elastic, sentinel, splunk_hec, sumo, xsiam};
use crate::model::egress::{HostRule, Policy};

const ALLOW: &str = "SPOOLGATE_EGRESS_ALLOW";
const HOSTS: &str = "SPOOLGATE_EGRESS_HOSTS";
const CA_FILE: &str = "SPOOLGATE_TLS_CA_FILE";
const SYSTEM_ROOTS: &str = "SPOOLGATE_TLS_SYSTEM_ROOTS";
const MAX_ATTEMPTS: &str = "SPOOLGATE_MAX_ATTEMPTS";
/// Arbitex's; this program's dead letter has its place in the state directory.
const DEAD_LETTER: &str = "SIEM_DEAD_LETTER_PATH";

/// One section of the document.
struct Connector {
    kind: &'static str,
    /// What the destination is called.
    name: &'static str,
    /// Its tables' "Required: Yes", the one that names the receiver first.
    required: &'static [&'static str],
    read: fn(&Reader<'_, '_>) -> Option<ConnectorSettings>,
}

const CONNECTORS: [Connector; 6] = [
    Connector {
        kind: "splunk_hec",
        name: "splunk",
        required: &[SPLUNK_URL, "SPLUNK_HEC_TOKEN"],
        read: splunk,
    },
    Connector {
        kind: "sentinel",
        name: "sentinel",
        required: &[
            "SENTINEL_DCR_ENDPOINT",
            "SENTINEL_TENANT_ID",
            "SENTINEL_CLIENT_ID",
            "SENTINEL_CLIENT_SECRET",
            "SENTINEL_DCR_RULE_ID",
            "SENTINEL_DCR_STREAM_NAME",
        ],
        read: sentinel,
    },
    Connector {
        kind: "elastic",
        name: "elastic",
        required: &["ELASTIC_URL", "ELASTIC_API_KEY"],
        read: elastic,
    },
    Connector { kind: "datadog", name: "datadog", required: &["DATADOG_API_KEY"], read: datadog },
    Connector { kind: "sumo", name: "sumo", required: &["SUMO_HTTP_SOURCE_URL"], read: sumo },
    Connector {
        kind: "xsiam",
        name: "xsiam",
        required: &["XSIAM_URL", "XSIAM_API_KEY", "XSIAM_API_KEY_ID"],
        read: xsiam,
    },
];

/// The variable that asks for an HTTP destination; the first, if several do.
pub(in crate::config) fn asked(lookup: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is_set = |name: &&str| lookup(name).is_some_and(|value| !value.trim().is_empty());
    CONNECTORS.iter().flat_map(|connector| connector.required).copied().find(|name| is_set(name))
}

/// What the variables open: `[egress]` of a file.
pub(super) fn egress(environment: &Environment<'_>) -> (Option<Given<bool>>, Vec<Given<HostRule>>) {
    let mut rules = Vec::new();
    if let Some(hosts) = environment.text(HOSTS) {
        for host in hosts.value.split(',').map(str::trim).filter(|host| !host.is_empty()) {
            match host.parse() {
                Ok(value) => rules.push(Given { value, at: hosts.at }),
                Err(fault) => environment.findings.problem(hosts.at, "", Fault::HostRule(fault)),
            }
        }
    }
    (environment.flag(ALLOW), rules)
}

/// The destinations.
pub(super) fn read(
    environment: &Environment<'_>,
    allow: Option<&Given<bool>>,
    hosts: &[Given<HostRule>],
) -> Vec<Destination> {
    let is_asked =
        |connector: &&Connector| connector.required.iter().any(|name| environment.is_set(name));
    let asked: Vec<&Connector> = CONNECTORS.iter().filter(is_asked).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    if let Some(path) = environment.text(DEAD_LETTER) {
        environment.findings.warning(path.at, "", Fault::DeadLetterPlace);
    }
    if allow.is_none_or(|allow| !allow.value) {
        let fault = Fault::MissingVariable(" to be true for destinations that speak HTTP");
        environment.findings.problem(At::Variable(ALLOW), "", fault);
        return Vec::new();
    }
    let hosts = hosts.iter().map(|host| host.value.clone()).collect();
    let policy = Policy { allow: true, hosts, is_for_http: true };
    let destinations = asked.into_iter();
    destinations.filter_map(|connector| destination(environment, &policy, connector)).collect()
}

fn destination(
    environment: &Environment<'_>,
    policy: &Policy,
    connector: &Connector,
) -> Option<Destination> {
    let missing = connector.required.iter().filter(|name| !environment.is_set(name));
    let missing: Vec<&&'static str> = missing.collect();
    for name in &missing {
        environment.findings.problem(At::Variable(name), "", Fault::MissingVariable(""));
    }
    if !missing.is_empty() {
        return None;
    }
    let at = At::Variable(connector.required.first()?);
    let reader = Reader { environment, policy, endpoints: Default::default() };
    let settings = (connector.read)(&reader)?;
    Some(Destination {
        at: Some(at),
        http: Some(Given { value: connector.kind.to_owned(), at }),
        connector: Typed {
            connector: Some(settings),
            is_known: true,
            endpoints: reader.endpoints.into_inner(),
            ..Typed::default()
        },
        name: Some(Given { value: connector.name.to_owned(), at }),
        tls: Some(tls(environment)),
        pace: Pace { max_attempts: environment.number(MAX_ATTEMPTS), ..Pace::default() },
        ..Destination::default()
    })
}

/// Whom to trust, for all of them.
fn tls(environment: &Environment<'_>) -> Tls {
    let ca_file = environment.file(CA_FILE);
    let system_roots = environment.flag(SYSTEM_ROOTS);
    let is_trusting = ca_file.is_some() || system_roots.as_ref().is_some_and(|given| given.value);
    if !is_trusting {
        let fault = Fault::MissingVariable(
            " for destinations that speak HTTP, or SPOOLGATE_TLS_SYSTEM_ROOTS = true",
        );
        environment.findings.problem(At::Variable(CA_FILE), "", fault);
    }
    Tls {
        at: At::Variable(CA_FILE),
        // What is missing is reported already.
        pinned: !is_trusting,
        ca_file,
        cert_file: environment.file("SPOOLGATE_TLS_CERT"),
        key_file: environment.file("SPOOLGATE_TLS_KEY"),
        server_name: None,
        pins: Vec::new(),
        crl_file: None,
        system_roots,
    }
}

/// What a connector reads its variables with.
struct Reader<'r, 'e> {
    environment: &'r Environment<'e>,
    policy: &'r Policy,
    endpoints: std::cell::RefCell<Vec<Given<Endpoint>>>,
}

impl Reader<'_, '_> {
    /// A variable that is required, and so is there.
    fn text(&self, name: &'static str) -> Option<String> {
        self.environment.text(name).map(|given| given.value)
    }

    fn text_or(&self, name: &'static str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    fn checked(
        &self,
        name: &'static str,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        let read = |text: &str| match check(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(why) => Err(Fault::Text { key: name, value: text.to_owned(), why }),
        };
        self.environment.read(name, read).map(|given| given.value)
    }

    fn checked_or(
        &self,
        name: &'static str,
        default: &str,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        match self.environment.is_set(name) {
            true => self.checked(name, check),
            false => Some(default.to_owned()),
        }
    }

    /// The URL of a receiver. Of one that is wrong, the origin alone is shown: Sumo Logic's is a
    /// secret.
    fn endpoint(&self, name: &'static str) -> Option<Endpoint> {
        let read = |text: &str| {
            value::endpoint(text, 443).map_err(|why| {
                let origin: Vec<&str> = text.split('/').take(3).collect();
                let origin = origin.join("/").rsplit('@').next().unwrap_or_default().to_owned();
                Fault::Url { key: name, value: origin, why }
            })
        };
        let given = self.environment.read(name, read)?;
        self.reach(given.value.clone(), name).then_some(given.value)
    }

    /// An endpoint that `name` implies.
    fn implied(&self, host: &str, name: &'static str) -> Option<Endpoint> {
        let endpoint = value::endpoint(&format!("https://{host}"), 443).ok()?;
        self.reach(endpoint.clone(), name).then_some(endpoint)
    }

    fn reach(&self, endpoint: Endpoint, name: &'static str) -> bool {
        let at = At::Variable(name);
        if self.policy.permits(&endpoint.host, None).is_err() {
            let fault = Fault::VariableNotListed(endpoint.host);
            self.environment.findings.problem(at, "", fault);
            return false;
        }
        self.endpoints.borrow_mut().push(Given { value: endpoint, at });
        true
    }

    /// `*_TLS_VERIFY = false` would deliver to anybody.
    fn require_verification(&self, name: &'static str) {
        if self.environment.flag(name).is_some_and(|given| !given.value) {
            self.environment.findings.problem(At::Variable(name), "", Fault::TlsVerification);
        }
    }
}

fn variable(name: &str) -> SecretSource {
    SecretSource::Environment(name.to_owned())
}

fn splunk(reader: &Reader<'_, '_>) -> Option<ConnectorSettings> {
    reader.require_verification("SPLUNK_HEC_TLS_VERIFY");
    let mut endpoint = reader.endpoint(SPLUNK_URL)?;
    // The document's URL has the path of the API in it.
    for path in ["/event", "/services/collector"] {
        if let Some(before) = endpoint.base_path.strip_suffix(path) {
            endpoint.base_path = before.to_owned();
        }
    }
    Some(ConnectorSettings::SplunkHec(splunk_hec::Settings {
        endpoint,
        token: variable("SPLUNK_HEC_TOKEN"),
        index: Some(reader.text_or("SPLUNK_HEC_INDEX", "arbitex")),
        source: Some(reader.text_or("SPLUNK_HEC_SOURCE", "arbitex-platform")),
        sourcetype: Some(reader.text_or("SPLUNK_HEC_SOURCETYPE", "arbitex:audit")),
        host: None,
        acknowledge: false,
        payload: Payload::Product,
        severity_id: false,
        raw: false,
    }))
}

fn sentinel(reader: &Reader<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = reader.endpoint("SENTINEL_DCR_ENDPOINT");
    let login = reader.implied("login.microsoftonline.com", "SENTINEL_TENANT_ID");
    let tenant_id = reader.checked("SENTINEL_TENANT_ID", is_name);
    let client_id = reader.checked("SENTINEL_CLIENT_ID", is_name);
    let rule_id = reader.checked("SENTINEL_DCR_RULE_ID", is_name);
    let stream = reader.checked("SENTINEL_DCR_STREAM_NAME", is_name);
    Some(ConnectorSettings::Sentinel(sentinel::Settings {
        endpoint: endpoint?,
        rule_id: rule_id?,
        stream: stream?,
        login: login?,
        tenant_id: tenant_id?,
        client_id: client_id?,
        client_secret: variable("SENTINEL_CLIENT_SECRET"),
        scope: "https://monitor.azure.com/.default".to_owned(),
    }))
}

fn elastic(reader: &Reader<'_, '_>) -> Option<ConnectorSettings> {
    reader.require_verification("ELASTIC_TLS_VERIFY");
    let endpoint = reader.endpoint("ELASTIC_URL");
    let index = reader.checked_or("ELASTIC_INDEX", "arbitex-audit", is_index);
    Some(ConnectorSettings::Elastic(elastic::Settings {
        endpoint: endpoint?,
        authentication: elastic::Authentication::ApiKey(variable("ELASTIC_API_KEY")),
        index: index?,
        // As the document has it; the id makes it store a repeated event once.
        action: elastic::Action::Index,
        pipeline: reader.checked("ELASTIC_PIPELINE", is_name),
        document_ids: true,
    }))
}

fn datadog(reader: &Reader<'_, '_>) -> Option<ConnectorSettings> {
    let is_site = |text: &str| match SITES.contains(&text) {
        true => Ok(()),
        false => Err("is no site of Datadog; use the domain that the browser shows"),
    };
    let site = reader.checked_or("DATADOG_SITE", "datadoghq.com", is_site)?;
    let name = match reader.environment.is_set("DATADOG_SITE") {
        true => "DATADOG_SITE",
        false => "DATADOG_API_KEY",
    };
    let endpoint = reader.implied(&format!("http-intake.logs.{site}"), name)?;
    let tags = reader.text("DATADOG_TAGS").unwrap_or_default();
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    Some(ConnectorSettings::Datadog(datadog::Settings {
        endpoint,
        validation: None,
        api_key: variable("DATADOG_API_KEY"),
        service: Some(reader.text_or("DATADOG_SERVICE", "arbitex")),
        source: Some(reader.text_or("DATADOG_SOURCE", "arbitex-audit")),
        tags: tags.map(str::to_owned).collect(),
        hostname: None,
    }))
}

fn sumo(reader: &Reader<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = reader.endpoint("SUMO_HTTP_SOURCE_URL")?;
    let category = reader.checked_or("SUMO_CATEGORY", "arbitex/audit", is_header_text)?;
    let host = reader.checked_or("SUMO_HOST", "platform.arbitex.ai", is_header_text)?;
    Some(ConnectorSettings::Sumo(sumo::Settings {
        // The path is the credential; it is read from the variable for each request.
        endpoint: Endpoint { base_path: String::new(), ..endpoint },
        url: variable("SUMO_HTTP_SOURCE_URL"),
        category: Some(category),
        host: Some(host),
        name: None,
        fields: Vec::new(),
        payload: Payload::Product,
    }))
}

fn xsiam(reader: &Reader<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = reader.endpoint("XSIAM_URL");
    let key_id = reader.checked("XSIAM_API_KEY_ID", is_number);
    let log_type = reader.checked_or("XSIAM_LOG_TYPE", "arbitex_audit", is_name);
    let dataset = reader.checked_or("XSIAM_DATASET", "arbitex_audit_raw", is_name);
    Some(ConnectorSettings::Xsiam(xsiam::Settings {
        endpoint: endpoint?,
        api_key: variable("XSIAM_API_KEY"),
        authorization: xsiam::Authorization::Hmac { key_id: key_id? },
        body: xsiam::Body::Events,
        gzip: false,
        payload: Payload::Product,
        dataset: dataset?,
        log_type: log_type?,
    }))
}
