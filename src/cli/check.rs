//! `spoolgate check`: configuration, files, certificates and, with `--connect`, the receivers.

use std::path::Path;
use std::time::Instant;

use crate::admin::Confinement;
use crate::config::{Config, Destination};
#[cfg(feature = "http")]
use crate::deliver::http::{credentials::Sources, once::Once};
use crate::service::sandbox;
use crate::service::settings::Mode;
use crate::transport::Connector;
use crate::transport::settings::Protocol;

mod certificates;
mod drop_in;

use super::{Failure, exit, print, required_config};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Connect to every address of every destination; nothing is sent
    #[arg(long)]
    connect: bool,
    /// Print a drop-in for the unit: the addresses of this configuration and the directories that
    /// are written to, and nothing else allowed; names are resolved now
    #[arg(long, conflicts_with = "connect")]
    systemd_dropin: bool,
}

/// A certificate that ends sooner is a warning.
const EXPIRY_WARNING_DAYS: i64 = 30;

/// Of a file with more certificates, only their number is shown.
const CERTIFICATES_SHOWN_MAX: usize = 16;

/// Prints one line for each thing looked at; a failure when one of them is not in order.
pub fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let config = required_config(path)?;
    if arguments.systemd_dropin {
        return print(&drop_in::drop_in(&config, path)?);
    }
    let mut report = Report::default();
    report.good(&format!("{}: no error", path.display()))?;
    for warning in &config.warnings {
        report.warn(warning)?;
    }
    let schemas = crate::map::schema::load(&config.map)
        .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?;
    report.good(&format!("{} schemas", schemas.len()))?;
    check_state(&config.state.dir, &mut report)?;
    check_sandbox(&config, &mut report)?;
    for destination in &config.destinations {
        crate::service::pipeline(&config, &schemas, destination)
            .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?;
        check_certificates(destination, &mut report)?;
        #[cfg(feature = "http")]
        check_secrets(destination, &mut report)?;
    }
    if arguments.connect {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(exit::OS, error.to_string()))?;
        for destination in &config.destinations {
            runtime.block_on(connect(&config, destination, &mut report))?;
        }
    }
    match report.failures {
        0 => Ok(()),
        failures => Err(Failure::new(report.code, format!("{failures} failed"))),
    }
}

/// Lines for the operator, and how many of them are bad.
#[derive(Default)]
struct Report {
    failures: u64,
    code: u8,
}

impl Report {
    fn good(&mut self, text: &str) -> Result<(), Failure> {
        print(&format!("ok    {text}\n"))
    }

    fn warn(&mut self, text: &str) -> Result<(), Failure> {
        print(&format!("warn  {text}\n"))
    }

    fn bad(&mut self, code: u8, text: &str) -> Result<(), Failure> {
        self.failures += 1;
        self.code = code;
        print(&format!("FAIL  {text}\n"))
    }
}

/// Whether the agent could keep its state there, were it run as this user.
fn check_state(dir: &Path, report: &mut Report) -> Result<(), Failure> {
    use nix::unistd::{AccessFlags, access};
    // A directory that is not there yet is made below the nearest one that is.
    let Some(nearest) = dir.ancestors().find(|ancestor| ancestor.exists()) else { return Ok(()) };
    let shown = dir.display();
    if !nearest.is_dir() {
        let wrong = format!("{shown}: {} is no directory; correct [state] dir", nearest.display());
        return report.bad(exit::CONFIG, &wrong);
    }
    match access(nearest, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => report.good(&format!("{shown}: can be written")),
        Err(errno) => report.warn(&format!(
            "{shown}: cannot be written by this user: {}; the service's user has to be able to",
            errno.desc()
        )),
    }
}

/// What this kernel can do; a program that is running already tells its own by `status`.
fn check_sandbox(config: &Config, report: &mut Report) -> Result<(), Failure> {
    let mode = config.service.sandbox;
    let Confinement { mode: word, in_force, missing } = sandbox::offered(mode);
    if mode == Mode::Off {
        return report.warn("sandbox off: a program that is taken over can do what its user can");
    }
    if !in_force.is_empty() {
        report.good(&format!("sandbox {word}: {}", in_force.join(", ")))?;
    }
    let lacks = format!("sandbox {word}: this kernel does not confine {}", missing.join(", "));
    match mode {
        _ if missing.is_empty() => Ok(()),
        Mode::Required => report.bad(exit::OS, &lacks),
        Mode::BestEffort | Mode::Off => report.warn(&lacks),
    }
}

fn check_certificates(destination: &Destination, report: &mut Report) -> Result<(), Failure> {
    let Some(tls) = &destination.transport.tls else { return Ok(()) };
    let now = jiff::Timestamp::now().as_second();
    for path in [&tls.ca_file, &tls.cert_file].into_iter().flatten() {
        let found = match certificates::describe(path) {
            Ok(found) => found,
            Err(wrong) => {
                report.bad(exit::CONFIG, &wrong)?;
                continue;
            }
        };
        if found.len() > CERTIFICATES_SHOWN_MAX {
            // A machine's whole store, where some certificate is always about to end.
            report.good(&format!("{}: {} authorities", path.display(), found.len()))?;
            continue;
        }
        for certificate in found {
            let text = format!("{}: {certificate}", path.display());
            let days = (certificate.not_after - now).div_euclid(24 * 3600);
            if certificate.not_after < now {
                report.bad(exit::CONFIG, &format!("{text}: expired; renew it"))?;
            } else if certificate.not_before > now {
                report.bad(exit::CONFIG, &format!("{text}: not valid yet; check the clock"))?;
            } else if days < EXPIRY_WARNING_DAYS {
                report.warn(&format!("{text}: ends in {days} days; renew it"))?;
            } else {
                report.good(&text)?;
            }
        }
    }
    Ok(())
}

/// Whether each secret is where it should be; what it is worth, only the receiver knows.
#[cfg(feature = "http")]
fn check_secrets(destination: &Destination, report: &mut Report) -> Result<(), Failure> {
    let Some(settings) = &destination.http else { return Ok(()) };
    let name = &destination.deliver.name;
    let sources = crate::http::connector(settings).secrets();
    let count = sources.len();
    match Sources::new(sources, settings.credentials_dir.clone()).read() {
        Ok(_) if count == 0 => Ok(()),
        Ok(_) => report.good(&format!("{name}: its secrets can be read")),
        Err(cause) => report.bad(exit::CONFIG, &format!("{name}: {cause}")),
    }
}

async fn connect(
    config: &Config,
    destination: &Destination,
    report: &mut Report,
) -> Result<(), Failure> {
    let name = &destination.deliver.name;
    #[cfg(feature = "http")]
    if let Some(settings) = &destination.http {
        return probe(config, destination, settings, report).await;
    }
    let connector = Connector::new(destination.transport.clone(), config.egress.clone());
    for address in &destination.transport.addresses {
        let began = Instant::now();
        match connector.connect(address).await {
            Ok(link) => {
                let took = began.elapsed().as_secs_f64() * 1000.0;
                let text = format!("{name}: {} in {took:.1} ms", link.describe());
                if address.protocol == Protocol::Udp {
                    report
                        .warn(&format!("{text}; nobody answers on UDP, so this proves nothing"))?;
                } else {
                    report.good(&text)?;
                }
            }
            Err(cause) => {
                report.bad(exit::UNAVAILABLE, &format!("{name}: {}: {cause}", cause.code))?;
            }
        }
    }
    Ok(())
}

/// Credentials where the API has a harmless way to prove them, else the connection alone.
#[cfg(feature = "http")]
async fn probe(
    config: &Config,
    destination: &Destination,
    settings: &crate::http::settings::Settings,
    report: &mut Report,
) -> Result<(), Failure> {
    let began = Instant::now();
    let name = &destination.deliver.name;
    let link = destination.transport.clone();
    let once = match Once::new(settings, link, &config.egress).await {
        Ok(once) => once,
        Err(cause) => {
            return report.bad(exit::UNAVAILABLE, &format!("{name}: {}: {cause}", cause.code));
        }
    };
    match once.probe().await {
        Ok(proof) => {
            let took = began.elapsed().as_secs_f64() * 1000.0;
            report.good(&format!("{name}: {} in {took:.1} ms: {proof}", once.describe()))
        }
        Err(cause) => report.bad(exit::UNAVAILABLE, &format!("{name}: {}: {cause}", cause.code)),
    }
}
