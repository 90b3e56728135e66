//! `spoolgate demo`: the whole way on this machine, in seconds, without network or root.
//!
//! A receiver with a throw-away CA listens on loopback for mutual TLS; a sample spool with the
//! events of all five source documents is delivered to it by the same service that `run` uses;
//! the messages are shown as they arrive, and at the end the ledger.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{Config, ThisMachine};
use crate::model::ledger::Ledger;
use crate::service::Service;
use crate::service::sandbox::Sandbox;

use super::receive::{
    Framing, ReceiveProtocol, ReceiveSettings, Receiver, ReceiverTls, ThrowAwayCa, throw_away_ca,
};
use super::{Failure, exit, print};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many events the sample spool holds
    #[arg(long, value_name = "N", default_value_t = 40)]
    events: u64,
    /// Keep the demo's directory: spool, certificates, configuration, state
    #[arg(long)]
    keep: bool,
}

/// Events of the five source documents, a file each.
const SAMPLES: [(&str, &str); 5] = [
    ("arbitex", include_str!("../../config/samples/arbitex.jsonl")),
    ("mitrity", include_str!("../../config/samples/mitrity.jsonl")),
    ("aisg", include_str!("../../config/samples/aisg.jsonl")),
    ("resk", include_str!("../../config/samples/resk.jsonl")),
    ("aegis", include_str!("../../config/samples/aegis.jsonl")),
];

/// Everything has arrived by then, or something is wrong with this machine.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs the demo; a failure when an event does not arrive or the ledger does not add up.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let dir = Directory::make(arguments.keep)?;
    let ca = throw_away_ca(&dir.path).map_err(|error| failed(&error))?;
    let receiver = receiver(&ca)?;
    let address = receiver.local_addr();
    write_spool(&dir.path, arguments.events)?;
    let config = config(&dir.path, &ca, address.port())?;
    print(&format!(
        "A receiver listens on {address} (mutual TLS, throw-away CA).\n\
         The sample spool holds {} events: {}\n\n",
        arguments.events,
        dir.path.join("spool").display()
    ))?;
    let (stop_receiver, stopped) = tokio::sync::oneshot::channel();
    let (arrived, arrivals) = mpsc::channel();
    let receiving = thread::spawn(move || receive(receiver, arrived, stopped));
    let began = Instant::now();
    let service = Service::start(config, Sandbox::default()).map_err(|error| failed(&error))?;
    let shown = show_arrivals(&arrivals, arguments.events);
    let ledger = service.stop().map_err(|error| failed(&error))?;
    // The receiver may have ended by itself; either way it is over.
    let _ = stop_receiver.send(());
    let _ = receiving.join();
    shown?;
    summary(&ledger, arguments.events, began.elapsed())?;
    if arguments.keep {
        print(&format!("Kept: {}\n", dir.path.display()))?;
    }
    Ok(())
}

fn receiver(ca: &ThrowAwayCa) -> Result<Receiver, Failure> {
    let tls = ReceiverTls::from_files(&ca.server_cert_file, &ca.server_key_file, Some(&ca.ca_file))
        .map_err(|error| failed(&error))?;
    Receiver::bind(ReceiveSettings {
        address: ([127, 0, 0, 1], 0).into(),
        protocol: ReceiveProtocol::Tls(tls),
        framing: Framing::Lf,
        max_message_bytes: 64 * 1024,
        throttle_bytes_per_second: None,
    })
    .map_err(|error| failed(&error))
}

fn receive(
    receiver: Receiver,
    arrived: mpsc::Sender<String>,
    stopped: tokio::sync::oneshot::Receiver<()>,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let sink = move |batch: &super::receive::Batch<'_>| {
        for message in batch.messages() {
            // The demo's end is the only reason for a missing listener.
            let _ = arrived.send(String::from_utf8_lossy(message).into_owned());
        }
        Ok(())
    };
    let stop = async {
        let _ = stopped.await;
    };
    // What goes wrong here shows as events that do not arrive.
    let _ = runtime.block_on(receiver.run(sink, stop));
}

/// Prints each message as it arrives; on a terminal with a running count.
fn show_arrivals(arrivals: &mpsc::Receiver<String>, events: u64) -> Result<(), Failure> {
    let is_terminal = std::io::stdout().is_terminal();
    let deadline = Instant::now() + ARRIVAL_TIMEOUT;
    for number in 1..=events {
        let left = deadline.saturating_duration_since(Instant::now());
        let message = arrivals.recv_timeout(left).map_err(|_| {
            Failure::new(
                exit::UNAVAILABLE,
                format!("only {} of {events} events arrived within 30 s", number - 1),
            )
        })?;
        if is_terminal {
            print(&format!("\x1b[2m{number:>4}/{events}\x1b[0m {message}\n"))?;
        } else {
            print(&format!("{number}/{events} {message}\n"))?;
        }
    }
    Ok(())
}

fn summary(ledger: &Ledger, events: u64, took: Duration) -> Result<(), Failure> {
    print(&format!(
        "\nLedger: read {} = confirmed {} + in flight {} + filtered {} + dead letter {}; \
         resent {}\nProven by the receiver's own close, in {:.2} s.\n",
        ledger.read,
        ledger.confirmed,
        ledger.in_flight,
        ledger.filtered,
        ledger.dead_lettered,
        ledger.resent,
        took.as_secs_f64()
    ))?;
    if ledger.confirmed != events || !ledger.adds_up() {
        return Err(Failure::new(
            exit::NO,
            format!("{} of {events} events were confirmed", ledger.confirmed),
        ));
    }
    Ok(())
}

/// The samples in turn, until there are enough; each event once more is another event.
fn write_spool(dir: &Path, events: u64) -> Result<(), Failure> {
    let spool = dir.join("spool");
    std::fs::create_dir(&spool).map_err(|error| failed(&error))?;
    let mut files: Vec<String> = SAMPLES.iter().map(|_| String::new()).collect();
    let mut lines: Vec<_> = SAMPLES.iter().map(|(_, sample)| sample.lines().cycle()).collect();
    let turns = (0..SAMPLES.len()).cycle().take(usize::try_from(events).unwrap_or(usize::MAX));
    for turn in turns {
        let line = lines.get_mut(turn).and_then(Iterator::next);
        if let (Some(file), Some(line)) = (files.get_mut(turn), line) {
            file.push_str(line);
            file.push('\n');
        }
    }
    for ((name, _), text) in SAMPLES.iter().zip(files) {
        std::fs::write(spool.join(format!("{name}.jsonl")), text)
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn config(dir: &Path, ca: &ThrowAwayCa, port: u16) -> Result<Config, Failure> {
    // A JSON string is a TOML basic string, too.
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
    let text = format!(
        "hostname = \"outpost-07.example.net\"\n\
         [state]\ndir = {}\n\
         [[spool]]\npath = {}\n\
         [[destination]]\nname = \"demo\"\naddress = \"tls://127.0.0.1:{port}\"\n\
         [destination.filter]\nexclude_event_types = []\n\
         [destination.tls]\nca_file = {}\ncert_file = {}\nkey_file = {}\n",
        quoted(&dir.join("state")),
        quoted(&dir.join("spool/*.jsonl")),
        quoted(&ca.ca_file),
        quoted(&ca.client_cert_file),
        quoted(&ca.client_key_file),
    );
    let path = dir.join("spoolgate.toml");
    std::fs::write(&path, text).map_err(|error| failed(&error))?;
    let mut config = Config::load(&path, &ThisMachine).map_err(|error| failed(&error))?;
    // The usual place may be that of an agent that runs on this machine.
    config.admin.socket = None;
    Ok(config)
}

/// A directory of the demo's own, removed at the end unless it is to be kept.
struct Directory {
    path: PathBuf,
    keep: bool,
}

impl Directory {
    fn make(keep: bool) -> Result<Directory, Failure> {
        let name = format!("spoolgate-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)
            .map_err(|error| Failure::new(exit::IO, format!("{}: {error}", path.display())))?;
        Ok(Directory { path, keep })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.keep {
            // What stays behind is small, in the temporary directory, and holds no secret.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(exit::UNAVAILABLE, error.to_string())
}
