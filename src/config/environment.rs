//! A run without a file: the Arbitex environment variables (seed: "SIEM Integration — All
//! Connectors").
//!
//! In: a look-up of variables. Out: [`Typed`], as a file with one spool and a destination for each
//! receiver would give it: QRadar with the profile `qradar`, the others over HTTP, where a build
//! has that. An empty variable counts as unset, as container tools leave it.

#[cfg(feature = "http")]
pub(super) mod http;

use std::path::PathBuf;

use super::fault::{AddressFault, Fault, Hint};
use super::findings::{At, Findings, Given};
use super::profile::Profile;
use super::typed::destination::header_text;
use super::typed::file::hostname;
use super::typed::{Cef, Destination, FilePlace, Spool, Tls, Typed};
use super::value;
use crate::model::egress::HostRule;
use crate::transport::settings::{Address, Protocol};

/// The variable that asks for QRadar.
const HOST: &str = "QRADAR_SYSLOG_HOST";
const PORT: &str = "QRADAR_SYSLOG_PORT";
const PROTOCOL: &str = "QRADAR_SYSLOG_PROTOCOL";
const CA_BUNDLE: &str = "QRADAR_TLS_CA_BUNDLE";
const SPOOL: &str = "SPOOLGATE_SPOOL";
/// The variable that asks for Splunk.
#[cfg(feature = "http")]
const SPLUNK_URL: &str = "SPLUNK_HEC_URL";

/// The variables of one run.
struct Environment<'e> {
    lookup: &'e dyn Fn(&str) -> Option<String>,
    findings: &'e Findings<'e>,
}

/// The variable that says that the environment configures the run.
pub(super) fn asked(lookup: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    if lookup(HOST).is_some_and(|host| !host.is_empty()) {
        return Some(HOST);
    }
    #[cfg(feature = "http")]
    return http::asked(lookup);
    #[cfg(not(feature = "http"))]
    None
}

/// Reads the variables.
pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>, findings: &Findings<'_>) -> Typed {
    let environment = Environment { lookup, findings };
    let spool = Spool {
        path: Some(environment.path(SPOOL).unwrap_or_else(|| Given {
            value: PathBuf::from("/var/spool/spoolgate/*.jsonl"),
            at: At::Variable(SPOOL),
        })),
        ..Spool::default()
    };
    let (egress_allow, egress_hosts, destinations) = environment.destinations();
    Typed {
        hostname: environment.read("SPOOLGATE_HOSTNAME", |text| hostname(text).map(str::to_owned)),
        state_dir: environment.path("SPOOLGATE_STATE_DIR"),
        spools: vec![spool],
        egress_allow,
        egress_hosts,
        destinations,
        ..Typed::default()
    }
}

/// `[egress]`, and what goes where.
type Reach = (Option<Given<bool>>, Vec<Given<HostRule>>, Vec<Destination>);

impl Environment<'_> {
    #[cfg(not(feature = "http"))]
    fn destinations(&self) -> Reach {
        (None, Vec::new(), vec![self.syslog()])
    }

    /// QRadar as well, if it is asked for or nothing else is.
    #[cfg(feature = "http")]
    fn destinations(&self) -> Reach {
        let (allow, hosts) = http::egress(self);
        let others = http::read(self, allow.as_ref(), &hosts);
        let is_syslog = self.is_set(HOST) || http::asked(self.lookup).is_none();
        let destinations = is_syslog.then(|| self.syslog()).into_iter().chain(others).collect();
        (allow, hosts, destinations)
    }

    fn syslog(&self) -> Destination {
        let protocol = self.protocol();
        Destination {
            at: Some(At::Variable(HOST)),
            name: Some(Given { value: "qradar".to_owned(), at: At::Variable(HOST) }),
            addresses: protocol.and_then(|protocol| self.address(protocol)),
            profile: Some(Given { value: Profile::Qradar, at: At::Variable(HOST) }),
            cef: Cef {
                device_vendor: self.header("QRADAR_CEF_DEVICE_VENDOR", "Arbitex", 63),
                device_product: self.header("QRADAR_CEF_DEVICE_PRODUCT", "ArbitexPlatform", 63),
                device_version: self.header("QRADAR_CEF_DEVICE_VERSION", "1.0", 31),
                ..Cef::default()
            },
            tls: self.tls(protocol),
            ..Destination::default()
        }
    }

    fn protocol(&self) -> Option<Protocol> {
        let words = [("tcp", Protocol::Tcp), ("tls", Protocol::Tls), ("udp", Protocol::Udp)];
        let Some(given) = self.text(PROTOCOL) else {
            return Some(Protocol::Tcp);
        };
        let word = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given.value));
        if word.is_none() {
            let hint = Hint::Words("udp, tcp, tls".to_owned());
            let fault = Fault::Word { key: PROTOCOL, value: given.value, hint };
            self.findings.problem(given.at, "", fault);
        }
        word.map(|(_, protocol)| *protocol)
    }

    fn address(&self, protocol: Protocol) -> Option<Vec<Given<Address>>> {
        let Some(host) = self.text(HOST) else {
            self.findings.problem(At::Variable(HOST), "", Fault::MissingVariable(""));
            return None;
        };
        let bare = host.value.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let bare = bare.unwrap_or(&host.value);
        let host_text = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
        let text = match self.text(PORT) {
            Some(port) => format!("{protocol}://{host_text}:{}", port.value),
            None => format!("{protocol}://{host_text}"),
        };
        // The seed's table names 514 and 6514, as the addresses of the file default to.
        match value::address(&text) {
            Ok(value) => Some(vec![Given { value, at: host.at }]),
            Err(why) => {
                let at = match why {
                    AddressFault::Port(_) => At::Variable(PORT),
                    _ => host.at,
                };
                self.findings.problem(at, "", Fault::Address { value: text, why });
                None
            }
        }
    }

    /// Required with TLS, without effect otherwise; the client certificate is optional.
    fn tls(&self, protocol: Option<Protocol>) -> Option<Tls> {
        if protocol != Some(Protocol::Tls) {
            return None;
        }
        let ca_file = self.file(CA_BUNDLE);
        if ca_file.is_none() {
            let fault = Fault::MissingVariable(" when QRADAR_SYSLOG_PROTOCOL is tls");
            self.findings.problem(At::Variable(CA_BUNDLE), "", fault);
        }
        Some(Tls {
            at: At::Variable(CA_BUNDLE),
            pinned: ca_file.is_none(),
            ca_file,
            cert_file: self.file("SPOOLGATE_TLS_CERT"),
            key_file: self.file("SPOOLGATE_TLS_KEY"),
            server_name: None,
            pins: Vec::new(),
            crl_file: None,
            #[cfg(feature = "http")]
            system_roots: None,
        })
    }

    fn header(&self, name: &'static str, default: &str, limit: usize) -> Option<Given<String>> {
        let default = Given { value: default.to_owned(), at: At::Variable(name) };
        let given = self.text(name).unwrap_or(default);
        match header_text(name, &given.value, limit) {
            Ok(value) => Some(Given { value, at: given.at }),
            Err(fault) => {
                self.findings.problem(given.at, "", fault);
                None
            }
        }
    }

    fn read<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<Given<T>> {
        let Given { value, at } = self.text(name)?;
        match read(&value) {
            Ok(value) => Some(Given { value, at }),
            Err(fault) => {
                self.findings.problem(at, "", fault);
                None
            }
        }
    }

    /// Set, and not empty.
    #[cfg(feature = "http")]
    fn is_set(&self, name: &str) -> bool {
        (self.lookup)(name).is_some_and(|value| !value.trim().is_empty())
    }

    #[cfg(feature = "http")]
    fn flag(&self, name: &'static str) -> Option<Given<bool>> {
        self.read(name, |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => {
                let hint = Hint::Words("true, false".to_owned());
                Err(Fault::Word { key: name, value: text.to_owned(), hint })
            }
        })
    }

    #[cfg(feature = "http")]
    fn number(&self, name: &'static str) -> Option<Given<u32>> {
        self.read(name, |text| match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Fault::Range {
                key: name,
                value: text.to_owned(),
                least: "1".to_owned(),
                most: u32::MAX.to_string(),
            }),
        })
    }

    fn file(&self, name: &'static str) -> Option<Given<Option<FilePlace>>> {
        let path = self.path(name)?;
        Some(Given { value: Some(FilePlace::Path(path.value)), at: path.at })
    }

    fn path(&self, name: &'static str) -> Option<Given<PathBuf>> {
        let Given { value, at } = self.text(name)?;
        Some(Given { value: PathBuf::from(value), at })
    }

    fn text(&self, name: &'static str) -> Option<Given<String>> {
        let value = (self.lookup)(name)?.trim().to_owned();
        (!value.is_empty()).then_some(Given { value, at: At::Variable(name) })
    }
}
