//! Real receivers: rsyslog and syslog-ng as child processes, which store messages as they came.
//!
//! They listen on 127.0.0.1 at a port of their own. Message by message, byte for byte, what they
//! received is one line of a file; what they cannot show in it (a line feed inside a message, and
//! white space at its end, which syslog-ng trims) no test may send.

mod settings;
mod slow;
mod tests;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use spoolgate::cli::receive::ThrowAwayCa;
use tempfile::TempDir;

use settings::Stored;
use slow::SlowStore;

use crate::installed;
use crate::process::{DEADLINE, Process, free_port, socket_inodes, wait_until};

/// Whose receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// imtcp, imudp.
    Rsyslog,
    /// `network()`; with octet counting `syslog()`.
    SyslogNg,
}

/// What it listens to.
#[derive(Clone, Debug)]
pub enum Wire {
    /// A line feed behind each message.
    Tcp,
    /// RFC 6587 octet counting.
    TcpOctetCounting,
    /// One message a datagram.
    Udp,
    /// TLS, a line feed behind each message.
    Tls(ServerTls),
    /// RFC 5425.
    TlsOctetCounting(ServerTls),
}

/// The receiver's certificate, and whose connections it takes.
#[derive(Clone, Debug)]
pub struct ServerTls {
    pub ca_file: PathBuf,
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    pub clients: Clients,
}

/// Who may connect over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Everybody; no certificate is asked for.
    Anyone,
    /// Whoever shows a certificate of the authority.
    Signed,
    /// Whoever shows one that carries this name. Only syslog-ng can be relied on to refuse others.
    Named(&'static str),
}

impl ServerTls {
    pub fn new(files: &ThrowAwayCa, clients: Clients) -> ServerTls {
        ServerTls {
            ca_file: files.ca_file.clone(),
            cert_file: files.server_cert_file.clone(),
            key_file: files.server_key_file.clone(),
            clients,
        }
    }
}

/// A running receiver; it ends when this is dropped, and its files go.
#[derive(Debug)]
pub struct Daemon {
    product: Product,
    port: u16,
    dir: TempDir,
    /// `None` between [`Daemon::kill`] and [`Daemon::start_again`].
    process: Option<Process>,
    /// Between the receiver and its file, where it is to be slow.
    slow: Option<SlowStore>,
}

/// Another process was given the port in the meantime.
struct PortTaken;

impl Daemon {
    /// Starts it on a free port and waits until it listens.
    #[track_caller]
    pub fn start(product: Product, wire: &Wire) -> Daemon {
        Daemon::start_storing(product, wire, Stored::AsItCame)
    }

    /// rsyslog, octet counting, which stores the parts of each message by name, as JSON.
    #[track_caller]
    pub fn start_parsing() -> Daemon {
        Daemon::start_storing(Product::Rsyslog, &Wire::TcpOctetCounting, Stored::InParts)
    }

    /// rsyslog, which stores so many bytes a second and reads no more than it has stored.
    #[track_caller]
    pub fn start_slow(wire: &Wire, bytes_per_second: u64) -> Daemon {
        Daemon::start_storing(Product::Rsyslog, wire, Stored::Slowly { bytes_per_second })
    }

    #[track_caller]
    fn start_storing(product: Product, wire: &Wire, stored: Stored) -> Daemon {
        const TRIES: usize = 10;
        for _ in 0..TRIES {
            let dir = tempfile::tempdir().unwrap();
            let port = free_port();
            let text = match product {
                Product::Rsyslog => settings::rsyslog(dir.path(), port, wire, stored),
                Product::SyslogNg => settings::syslog_ng(dir.path(), port, wire),
            };
            fs::write(dir.path().join("settings.conf"), text).unwrap();
            let slow = match stored {
                Stored::Slowly { bytes_per_second } => Some(SlowStore::start(
                    &dir.path().join("received.pipe"),
                    &dir.path().join("received.log"),
                    bytes_per_second,
                )),
                Stored::AsItCame | Stored::InParts => None,
            };
            let mut daemon = Daemon { product, port, dir, process: None, slow };
            if daemon.launch().is_ok() {
                return daemon;
            }
        }
        panic!("{product:?}: {TRIES} ports in a row were taken by others");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The messages stored so far, in their order.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let bytes = fs::read(self.stored()).unwrap_or_default();
        // The last line may be in the middle of being written.
        let whole = bytes.iter().rposition(|octet| *octet == b'\n').unwrap_or(0);
        let lines = bytes[..whole].split(|octet| *octet == b'\n');
        lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    }

    /// The file it stores into.
    pub fn stored(&self) -> PathBuf {
        self.dir.path().join("received.log")
    }

    /// The bytes of the messages stored so far.
    pub fn stored_bytes(&self) -> u64 {
        fs::metadata(self.stored()).map_or(0, |metadata| metadata.len())
    }

    /// While it is down: its next run begins a file of its own, so that a line which a kill has cut
    /// does not run into another. Returns the one of the runs before.
    pub fn set_aside(&mut self) -> PathBuf {
        assert!(self.process.is_none() && self.slow.is_none(), "it holds its file");
        let aside = self.dir.path().join("received.1.log");
        // One that has received nothing has no file.
        if self.stored().exists() {
            fs::rename(self.stored(), &aside).unwrap();
        } else {
            fs::write(&aside, "").unwrap();
        }
        aside
    }

    /// Waits until so many messages are stored; returns them all.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Vec<u8>> {
        let what = format!("{count} messages at {:?}", self.product);
        let mut last = 0;
        // Progress extends the deadline: only standing still is a failure.
        loop {
            let begin = last;
            let found = wait_until(&what, DEADLINE, || {
                let received = self.received();
                (received.len() >= count || received.len() > begin).then_some(received)
            });
            if found.len() >= count {
                return found;
            }
            last = found.len();
        }
    }

    /// SIGSTOP: it holds its connections and reads nothing.
    pub fn pause(&self) {
        self.process().pause();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process().resume();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// SIGTERM: it ends in its own time, as at a restart by its operator.
    pub fn terminate(&mut self) {
        self.process.take().expect("it runs").terminate();
    }

    /// One that was started slow is slow no more.
    pub fn hurry(&self) {
        self.slow.as_ref().expect("a slow one").hurry();
    }

    /// As [`Daemon::terminate`], and everything it wrote is in its file.
    pub fn finish(&mut self) {
        self.terminate();
        if let Some(slow) = &mut self.slow {
            slow.finish();
        }
    }

    /// Starts it once more, on the same port, behind the same file.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        if self.launch().is_err() {
            panic!("port {} was taken while {:?} was down", self.port, self.product);
        }
    }

    /// What it has said of itself.
    pub fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("said.log")).unwrap_or_default()
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }

    /// Ready means that this very process has the port: nothing has to be sent to find out.
    #[track_caller]
    fn launch(&mut self) -> Result<(), PortTaken> {
        let mut process = Process::start(&self.command(), &self.dir.path().join("said.log"));
        let port = self.port;
        let ready = wait_until(&format!("{:?} to listen", self.product), DEADLINE, || {
            if process.has_port(port) {
                return Some(Ok(()));
            }
            if !socket_inodes(port).is_empty() && !process.has_port(port) {
                return Some(Err(PortTaken));
            }
            let ended = process.ended()?;
            panic!("{:?} ended: {ended}:\n{}", self.product, process.said());
        });
        self.process = Some(process);
        ready
    }

    fn command(&self) -> Command {
        let dir = self.dir.path();
        match self.product {
            Product::Rsyslog => {
                let mut command = Command::new(installed::rsyslogd());
                command.args(["-n", "-i", "NONE", "-C", "-f"]).arg(dir.join("settings.conf"));
                command.arg("-M").arg(installed::rsyslog_modules());
                command
            }
            Product::SyslogNg => {
                let mut command = Command::new(installed::syslog_ng());
                command.env("LD_LIBRARY_PATH", installed::syslog_ng_libraries());
                command.args(["--foreground", "--stderr", "--no-caps"]);
                command.arg("--cfgfile").arg(dir.join("settings.conf"));
                command.arg("--persist-file").arg(dir.join("persist"));
                command.arg("--control").arg(dir.join("control.sock"));
                command.arg("--pidfile").arg(dir.join("pid"));
                command.arg("--module-path").arg(installed::syslog_ng_modules());
                command
            }
        }
    }
}
