//! What the http stage is told (design, section 5). TLS trust and the egress policy are not here:
//! they are the transport's, which opens the link.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How one HTTP destination is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which API, with its own options.
    pub connector: ConnectorSettings,
    /// The longest from a request's first byte to the last of its response.
    pub request_timeout: Duration,
    /// When a batch is sent; the API's own limits are the connector's and narrow this further.
    pub batch: BatchSettings,
    /// Requests that may wait for their response at the same time, at least 1.
    pub requests_in_flight: usize,
    /// Bodies travel as gzip where the API takes it.
    pub gzip: bool,
    /// Speak through that proxy, by CONNECT; subject to the egress policy as the receiver is.
    pub proxy: Option<Endpoint>,
    /// When to try again, and when to stop.
    pub retry: RetrySettings,
    /// How long a batch that was taken waits for its acknowledgement before it is sent again, where
    /// the API has acknowledgements; 300 s by default.
    pub acknowledge_timeout: Duration,
    /// Where systemd keeps this unit's credentials.
    pub credentials_dir: PathBuf,
}

/// When a batch is sent: whichever is reached first. Critical events do not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// The most events, 100 by default.
    pub events_max: usize,
    /// The most bytes of a body before gzip; `None`: the API's limit alone.
    pub bytes_max: Option<usize>,
    /// The longest that an event waits for others, 5 s by default.
    pub linger: Duration,
}

impl Default for BatchSettings {
    fn default() -> BatchSettings {
        BatchSettings { events_max: 100, bytes_max: None, linger: Duration::from_secs(5) }
    }
}

/// `[destination.retry]` of an HTTP destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// The first wait, 1 s by default; it doubles, with full jitter.
    pub initial_backoff: Duration,
    /// The longest wait, 300 s by default.
    pub max_backoff: Duration,
    /// The longest `Retry-After` that is honoured.
    pub retry_after_max: Duration,
    /// After so many failed attempts an event goes to the dead letter; `None`: never.
    pub max_attempts: Option<u32>,
}

/// Where requests go: the parts of an `https://` URL. `http://` is for loopback only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// TLS; false only for a loopback receiver.
    pub is_tls: bool,
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What stands before a connector's own path; without a slash at its end, often empty.
    pub base_path: String,
}

/// Where a secret is read from. The secret itself is never in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A systemd credential: a file of that name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// The first line that a command prints: the program, then its arguments; no shell.
    Command(Vec<String>),
}

impl SecretSource {
    /// The file it is in, for those that are in one.
    pub fn path(&self, credentials_dir: &Path) -> Option<PathBuf> {
        match self {
            SecretSource::File(path) => Some(path.clone()),
            SecretSource::Credential(name) => Some(credentials_dir.join(name)),
            SecretSource::Environment(_) | SecretSource::Command(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}{}", self.host, self.port, self.base_path)
    }
}

/// The options of each connector; one line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectorSettings {
    /// Splunk HTTP Event Collector.
    SplunkHec(super::splunk_hec::Settings),
    /// IBM QRadar HTTP Receiver.
    QradarHttp(super::qradar_http::Settings),
    /// Sumo Logic HTTP source.
    Sumo(super::sumo::Settings),
    /// Any receiver of JSON.
    Webhook(super::webhook::Settings),
    /// Palo Alto Cortex XSIAM HTTP collector.
    Xsiam(super::xsiam::Settings),
    /// Microsoft Sentinel, by the Logs Ingestion API.
    Sentinel(super::sentinel::Settings),
    /// Azure Monitor's retired HTTP Data Collector API.
    AzureDataCollector(super::azure_data_collector::Settings),
    /// Elasticsearch and OpenSearch.
    Elastic(super::elastic::Settings),
    /// Datadog logs.
    Datadog(super::datadog::Settings),
}

impl ConnectorSettings {
    /// The word of the configuration's `type`; one line for each.
    pub fn word(&self) -> &'static str {
        match self {
            ConnectorSettings::SplunkHec(_) => "splunk_hec",
            ConnectorSettings::Sentinel(_) => "sentinel",
            ConnectorSettings::AzureDataCollector(_) => "azure_data_collector",
            ConnectorSettings::Elastic(_) => "elastic",
            ConnectorSettings::Datadog(_) => "datadog",
            ConnectorSettings::Sumo(_) => "sumo",
            ConnectorSettings::Xsiam(_) => "xsiam",
            ConnectorSettings::QradarHttp(_) => "qradar_http",
            ConnectorSettings::Webhook(_) => "webhook",
        }
    }
}
