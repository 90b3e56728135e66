//! The receiver of `spoolgate receive` and `demo`, against senders of other people's making.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use spoolgate::cli::receive::{
    Counts, FileSink, Framing, ReceiveError, ReceiveProtocol, ReceiveSettings, Receiver,
    ReceiverTls, ThrowAwayCa, throw_away_ca,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::process::{DEADLINE, wait_until};

/// Our receiver on a thread of its own, with a file.
struct Running {
    address: SocketAddr,
    dir: TempDir,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<Counts, ReceiveError>>,
}

impl Running {
    fn start(protocol: ReceiveProtocol, framing: Framing) -> Running {
        let receiver = Receiver::bind(ReceiveSettings {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            protocol,
            framing,
            max_message_bytes: 64 * 1024,
            throttle_bytes_per_second: None,
        })
        .unwrap();
        let address = receiver.local_addr();
        let dir = tempfile::tempdir().unwrap();
        let mut sink = FileSink::open(&dir.path().join("received.log")).unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let stop = async { drop(stopped.await) };
            runtime.unwrap().block_on(receiver.run(move |batch| sink.write(batch), stop))
        });
        Running { address, dir, stop, thread }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("received.log")
    }

    /// Waits for so many lines.
    #[track_caller]
    fn wait_for(&self, count: usize) -> Vec<String> {
        wait_until(&format!("{count} lines"), DEADLINE, || {
            let text = fs::read_to_string(self.file()).unwrap();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        })
    }

    fn stop(self) -> Counts {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap().unwrap()
    }
}

#[test]
fn it_takes_what_logger_sends() {
    for (udp, framing, options) in [
        (false, Framing::Lf, &["--tcp"][..]),
        (false, Framing::OctetCounting, &["--tcp", "--octet-count"]),
        (false, Framing::Auto, &["--tcp"]),
        (false, Framing::Auto, &["--tcp", "--octet-count"]),
        (true, Framing::Auto, &["--udp"]),
    ] {
        let protocol = if udp { ReceiveProtocol::Udp } else { ReceiveProtocol::Tcp };
        let running = Running::start(protocol, framing);
        let port = running.address.port().to_string();
        let mut logger = Command::new("logger");
        logger.args(["--rfc5424=notq", "--server", "127.0.0.1", "--port", &port]);
        logger.args(options).args(["--tag", "Gate", "--", "hello from logger"]);
        assert!(logger.status().unwrap().success());
        let line = &running.wait_for(1)[0];
        assert!(line.starts_with("<13>1 ") && line.ends_with(" hello from logger"), "{line}");
        assert_eq!(running.stop(), Counts { messages: 1, ..counts_of(line, !udp) });
    }
}

fn counts_of(line: &str, stream: bool) -> Counts {
    let connections = u64::from(stream);
    Counts { connections, message_bytes: line.len() as u64, ..Counts::default() }
}

/// OpenSSL's client, with or without a certificate of ours; what it was told at the end.
fn send_tls(running: &Running, files: &ThrowAwayCa, own: bool, options: &[&str]) -> bool {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-no_ign_eof", "-verify_return_error"]);
    command.args(["-verify_hostname", "localhost", "-connect", &running.address.to_string()]);
    command.args(options).arg("-CAfile").arg(&files.ca_file);
    if own {
        command.arg("-cert").arg(&files.client_cert_file).arg("-key").arg(&files.client_key_file);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // A client that is refused finds its pipe broken.
    let _ = child.stdin.take().unwrap().write_all(b"<1>one\n<1>two\n");
    child.wait().unwrap().success()
}

#[test]
fn it_takes_tls_from_whom_it_should() {
    let dir = tempfile::tempdir().unwrap();
    let files = throw_away_ca(dir.path()).unwrap();
    let tls = |client_ca| {
        let (cert, key) = (&files.server_cert_file, &files.server_key_file);
        ReceiveProtocol::Tls(ReceiverTls::from_files(cert, key, client_ca).unwrap())
    };
    let running = Running::start(tls(None), Framing::Auto);
    assert!(send_tls(&running, &files, false, &["-tls1_2"]));
    assert!(send_tls(&running, &files, false, &["-tls1_3"]));
    assert_eq!(running.wait_for(4), ["<1>one", "<1>two", "<1>one", "<1>two"]);
    let counts = running.stop();
    assert_eq!((counts.messages, counts.failed_handshakes, counts.cut), (4, 0, 0));

    let running = Running::start(tls(Some(&files.ca_file)), Framing::Auto);
    assert!(!send_tls(&running, &files, false, &["-tls1_2"]), "a certificate is asked for");
    assert!(send_tls(&running, &files, true, &["-tls1_2"]));
    assert!(send_tls(&running, &files, true, &["-tls1_3"]));
    assert_eq!(running.wait_for(4).len(), 4);
    assert_eq!(running.stop().failed_handshakes, 1);
}

#[test]
fn a_sender_that_half_closes_gets_its_answer_when_all_is_on_file() {
    let running = Running::start(ReceiveProtocol::Tcp, Framing::Lf);
    let mut sender = TcpStream::connect(running.address).unwrap();
    let count = 20_000;
    for number in 0..count {
        sender.write_all(format!("<1>message {number}\n").as_bytes()).unwrap();
    }
    sender.shutdown(Shutdown::Write).unwrap();
    assert_eq!(sender.read(&mut [0]).unwrap(), 0, "FIN");
    // No waiting: the answer says that everything is stored.
    let text = fs::read_to_string(running.file()).unwrap();
    assert_eq!(text.lines().count(), count);
    assert_eq!(text.lines().last(), Some("<1>message 19999"));
    assert_eq!(running.stop().connections, 1);
}
