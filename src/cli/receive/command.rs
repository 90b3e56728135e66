//! `spoolgate receive`: a small receiver for acceptance tests.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Failure, exit};

use super::{
    Batch, FileSink, Framing, ReceiveProtocol, ReceiveSettings, Receiver, ReceiverTls, append_line,
};

/// Arguments of `receive`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where: tcp://HOST:PORT, tls://HOST:PORT or udp://HOST:PORT; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "tcp://127.0.0.1:5514")]
    listen: String,
    /// Append the messages to this file, one a line, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How messages are told apart
    #[arg(long, value_enum, default_value_t)]
    framing: Framing,
    /// PEM: the receiver's certificate and its intermediates, for tls://
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// PEM: the certificate's private key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// PEM: who must have signed the sender's certificate (mutual TLS)
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Read no faster than this many bytes a second
    #[arg(long, value_name = "BYTES")]
    throttle: Option<u64>,
    /// Longer messages are passed over and counted
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    max_message_bytes: usize,
}

/// Receives until SIGTERM or SIGINT, then prints the counts.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let receiver = Receiver::bind(settings(arguments)?)
        .map_err(|error| Failure::new(exit::UNAVAILABLE, error.to_string()))?;
    note(&format!("listening on {}", receiver.local_addr()));
    let sink = sink(arguments)?;
    let failed = |error: &dyn std::fmt::Display| Failure::new(exit::IO, error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let counts = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed(&error))?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        receiver.run(sink, stop).await.map_err(|error| failed(&error))
    })?;
    note(&format!(
        "received {} messages ({} octets) over {} connections; cut {}, too long {}, broken {}, \
         refused handshakes {}, torn {}",
        counts.messages,
        counts.message_bytes,
        counts.connections,
        counts.cut,
        counts.oversized,
        counts.broken,
        counts.failed_handshakes,
        counts.torn
    ));
    Ok(())
}

type Sink = Box<dyn FnMut(&Batch<'_>) -> io::Result<()> + Send>;

fn sink(arguments: &Arguments) -> Result<Sink, Failure> {
    let Some(path) = &arguments.output else {
        let mut text = Vec::new();
        return Ok(Box::new(move |batch| {
            text.clear();
            for message in batch.messages() {
                append_line(message, &mut text);
            }
            let mut out = io::stdout().lock();
            out.write_all(&text).and_then(|()| out.flush())
        }));
    };
    let mut file = FileSink::open(path)
        .map_err(|error| Failure::new(exit::IO, format!("{}: {error}", path.display())))?;
    Ok(Box::new(move |batch| file.write(batch)))
}

fn settings(arguments: &Arguments) -> Result<ReceiveSettings, Failure> {
    let usage = |text: String| Failure::new(exit::USAGE, text);
    let listen = arguments.listen.as_str();
    let (scheme, host) = listen.split_once("://").ok_or_else(|| {
        usage(format!("--listen {listen}: no scheme; write tcp://, tls:// or udp:// before it"))
    })?;
    let address: SocketAddr = host
        .to_socket_addrs()
        .map_err(|error| usage(format!("--listen {listen}: {error}; write HOST:PORT")))?
        .next()
        .ok_or_else(|| usage(format!("--listen {listen}: no address")))?;
    let protocol = match scheme {
        "tcp" => ReceiveProtocol::Tcp,
        "udp" => ReceiveProtocol::Udp,
        "tls" => {
            let (Some(cert), Some(key)) = (&arguments.cert, &arguments.key) else {
                return Err(usage("tls:// needs --cert and --key".to_owned()));
            };
            let tls = ReceiverTls::from_files(cert, key, arguments.client_ca.as_deref());
            ReceiveProtocol::Tls(
                tls.map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?,
            )
        }
        _ => return Err(usage(format!("--listen {listen}: use tcp://, tls:// or udp://"))),
    };
    Ok(ReceiveSettings {
        address,
        protocol,
        framing: arguments.framing,
        max_message_bytes: arguments.max_message_bytes,
        throttle_bytes_per_second: arguments.throttle,
    })
}

/// Standard error: standard output belongs to the messages.
fn note(text: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "spoolgate: {text}");
}
