//! One HTTP destination: defaults, the egress policy, and where its secrets are.

use std::time::Duration;

use super::{Context, destination, tls, value_or};
use crate::config::fault::Fault;
use crate::config::findings::{At, Given};
use crate::config::profile::Profile;
use crate::config::typed::{self, Cef, Message};
use crate::config::{Destination, http};
use crate::http::settings::{BatchSettings, Endpoint, RetrySettings, SecretSource, Settings};
use crate::service::settings::Mode;
use crate::transport::settings::{Address, Protocol, TlsSettings};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const REQUESTS_IN_FLIGHT: u32 = 4;
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(300);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);

/// The destination; `None` when it cannot be made, which was then reported.
pub(super) fn resolve(context: &Context<'_>, typed: typed::Destination) -> Option<Destination> {
    let title = typed.title.as_str();
    let http = typed.connector;
    permitted(context, title, typed.http.as_ref(), &http);
    secrets(context, title, &http.secrets);
    let retry = RetrySettings {
        initial_backoff: Duration::ZERO,
        max_backoff: Duration::ZERO,
        retry_after_max: given(&typed.pace.retry_after_max, RETRY_AFTER_MAX),
        max_attempts: typed.pace.max_attempts.as_ref().map(|given| given.value),
    };
    let name = typed.name.map(|name| name.value);
    let deliver = destination::deliver(context, title, name.unwrap_or_default(), typed.pace);
    let tls = tls(context, title, typed.at, typed.tls, &http.endpoints);
    let addresses = http.proxy.iter().chain(&http.endpoints);
    let addresses = addresses.map(|endpoint| address(&endpoint.value)).collect();
    let transport = destination::transport(addresses, tls, &typed.link);
    let filter = destination::filter(context, title, typed.filter);
    let (message, cef, profile) = (Message::default(), Cef::default(), Profile::default());
    let encode = destination::encode(context, title, message, cef, profile, Protocol::Tcp);
    let defaults = BatchSettings::default();
    let size = |given: Option<Given<u32>>| {
        given.map(|given| usize::try_from(given.value).unwrap_or(usize::MAX))
    };
    let http = Settings {
        connector: http.connector?,
        request_timeout: value_or(http.request_timeout, REQUEST_TIMEOUT),
        batch: BatchSettings {
            events_max: size(http.batch_events).unwrap_or(defaults.events_max),
            bytes_max: size(http.batch_bytes),
            linger: value_or(http.batch_linger, defaults.linger),
        },
        requests_in_flight: usize::try_from(value_or(http.requests_in_flight, REQUESTS_IN_FLIGHT))
            .unwrap_or(1),
        gzip: value_or(http.gzip, true),
        proxy: http.proxy.map(|proxy| proxy.value),
        retry: RetrySettings {
            initial_backoff: deliver.initial_backoff,
            max_backoff: deliver.max_backoff,
            ..retry
        },
        acknowledge_timeout: value_or(http.acknowledge_timeout, ACKNOWLEDGE_TIMEOUT),
        credentials_dir: context.machine.credentials(),
    };
    Some(Destination { deliver, encode, transport, filter, http: Some(http) })
}

fn given<T: Clone>(given: &Option<Given<T>>, default: T) -> T {
    given.as_ref().map_or(default, |given| given.value.clone())
}

/// Holds everything that is to be reached against the policy.
fn permitted(context: &Context<'_>, title: &str, kind: Option<&Given<String>>, http: &http::Typed) {
    if let Some(kind) = kind.filter(|_| !context.policy.allow) {
        context.findings.problem(kind.at, title, Fault::HttpDenied(kind.value.clone()));
        return;
    }
    let policy = context.policy.for_http();
    for endpoint in http.endpoints.iter().chain(&http.proxy) {
        if let Err(denied) = policy.permits(&endpoint.value.host, None) {
            context.findings.problem(endpoint.at, title, Fault::Denied(denied));
        }
    }
}

/// Makes sure that each secret has its source; what it holds is read when it is needed.
fn secrets(context: &Context<'_>, title: &str, secrets: &[(&'static str, Given<SecretSource>)]) {
    for (key, source) in secrets {
        let fault = |fault| context.findings.problem(source.at, title, fault);
        match &source.value {
            SecretSource::Command(_) if context.sandbox != Mode::Off => {
                fault(Fault::SecretCommand(key));
            }
            SecretSource::Environment(name) if context.machine.variable(name).is_none() => {
                fault(Fault::SecretVariable(key, name.clone()));
            }
            other => {
                if let Some(path) = other.path(&context.machine.credentials()) {
                    let path = Given { value: path, at: source.at };
                    context.file(title, key, &path);
                }
            }
        }
    }
}

fn tls(
    context: &Context<'_>,
    title: &str,
    at: Option<At>,
    section: Option<typed::Tls>,
    endpoints: &[Given<Endpoint>],
) -> Option<TlsSettings> {
    let is_tls = endpoints.iter().any(|endpoint| endpoint.value.is_tls);
    match section {
        Some(section) if is_tls || endpoints.is_empty() => {
            Some(tls::resolve_http(context, title, section))
        }
        Some(section) => {
            context.findings.problem(section.at, title, Fault::UnusedTls);
            None
        }
        None if is_tls => {
            context.findings.problem(at.unwrap_or(At::Whole), title, Fault::NoHttpTrust);
            None
        }
        None => None,
    }
}

fn address(endpoint: &Endpoint) -> Address {
    let protocol = if endpoint.is_tls { Protocol::Tls } else { Protocol::Tcp };
    Address { protocol, host: endpoint.host.clone(), port: endpoint.port }
}
