//! A strict HTTPS server of our own: it reads HTTP/1.1 by hand, holds every request against the
//! documented contract of an [`Api`], stores what was accepted, and fails on demand.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;
use spoolgate::cli::receive::throw_away_ca;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use super::failures::{Failure, common_failures};

/// What a vendor documents of its API.
pub trait Api: Send + Sync + 'static {
    /// The keys of `[[destination]]` from `type` on, one a line, ending with a newline;
    /// sub-sections come last. `url` is this server's, without a slash at its end. Secrets go into
    /// files of `dir`.
    fn keys(&self, url: &str, dir: &Path) -> String;

    /// The secrets, none of which may ever be seen in a log, a status or the dead letter.
    fn secrets(&self) -> Vec<String>;

    /// One line of the spool whose `n` can be found again in what arrives.
    fn line(&self, n: usize) -> String {
        format!("{{\"type\":\"loop.detected\",\"severity\":\"high\",\"id\":\"{}\"}}\n", id(n))
    }

    /// Holds a request against the contract: its method, path, every header and byte.
    ///
    /// # Errors
    /// What is wrong with it; the test fails.
    fn accept(&self, request: &Request) -> Result<Accepted, String>;

    /// The answer when all events are stored.
    fn stored(&self, request: &Request, events: &[Event]) -> Reply;

    /// Failures that the vendor documents beside those that every server has.
    fn failures(&self) -> Vec<Failure> {
        Vec::new()
    }

    /// The answer to a batch with bad events at these places, and which events are stored all the
    /// same; `None` for an API that cannot refuse single events.
    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        None
    }
}

/// What a request is.
pub enum Accepted {
    /// Events to be stored.
    Events(Vec<Event>),
    /// Something else, a token or a question, and its answer. It never fails on demand.
    Other(Reply),
}

/// An event that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// As [`id`] made it.
    pub id: String,
    /// As the API shows it.
    pub value: Value,
}

/// The id of the n-th event.
pub fn id(n: usize) -> String {
    format!("event-{n:06}")
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
    /// Decompressed where it was compressed.
    pub plain: Vec<u8>,
    /// The number of its connection.
    pub connection: u64,
}

impl Request {
    /// The one header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        let (_, value) = found.next()?;
        assert!(found.next().is_none(), "{name} stands twice");
        Some(value)
    }

    /// Holds method, target and all headers against what is wanted. What HTTP itself wants (Host,
    /// Content-Length, User-Agent) is added; a value of `None` may be anything.
    pub fn is_like(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, Option<&str>)],
    ) -> Result<(), String> {
        if (self.method.as_str(), self.target.as_str()) != (method, target) {
            return Err(format!("{} {} instead of {method} {target}", self.method, self.target));
        }
        let length = self.body.len().to_string();
        let mut wanted = vec![("host", None), ("user-agent", None)];
        if method != "GET" {
            wanted.push(("content-length", Some(length.as_str())));
        }
        wanted.extend(headers);
        for (name, value) in &wanted {
            let found = self.header(name).ok_or(format!("no header {name}"))?;
            if value.is_some_and(|value| value != found) {
                return Err(format!("{name}: {found}, not {value:?}"));
            }
        }
        let extra = self.headers.iter().find(|(name, _)| wanted.iter().all(|(it, _)| it != name));
        match extra {
            Some((name, _)) => Err(format!("a header too many: {name}")),
            None => Ok(()),
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<String>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

/// What a server saw and shall do.
struct State {
    api: Box<dyn Api>,
    tls: Arc<ServerConfig>,
    is_over: AtomicBool,
    stored: Mutex<BTreeMap<String, Vec<Value>>>,
    complaints: Mutex<Vec<String>>,
    requests: Mutex<Vec<Request>>,
    plan: Mutex<Plan>,
    connections: AtomicU64,
}

/// What goes wrong.
struct Plan {
    failures: Vec<Failure>,
    /// In a hundred requests.
    percent: u8,
    random: fastrand::Rng,
    failed: u64,
    is_bad: fn(&Event) -> bool,
    /// Answers everything so, and stores nothing.
    always: Option<Reply>,
}

/// A running server; it ends when this is dropped.
pub struct Server {
    state: Arc<State>,
    port: u16,
    ca_file: PathBuf,
}

impl Server {
    /// Serves `api` on loopback, with a certificate of its own below `dir`.
    pub fn start(api: impl Api, dir: &Path) -> Server {
        let dir = dir.join("https");
        std::fs::create_dir_all(&dir).unwrap();
        let files = throw_away_ca(&dir).unwrap();
        let open = |path: &Path| BufReader::new(std::fs::File::open(path).unwrap());
        let mut file = open(&files.server_cert_file);
        let chain = rustls_pemfile::certs(&mut file).collect::<Result<Vec<_>, _>>().unwrap();
        let key = rustls_pemfile::private_key(&mut open(&files.server_key_file)).unwrap().unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let port = crate::process::free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let state = Arc::new(State {
            api: Box::new(api),
            tls: Arc::new(tls),
            is_over: AtomicBool::new(false),
            stored: Mutex::default(),
            complaints: Mutex::default(),
            requests: Mutex::default(),
            connections: AtomicU64::new(0),
            plan: Mutex::new(Plan {
                failures: Vec::new(),
                percent: 0,
                random: fastrand::Rng::with_seed(7),
                failed: 0,
                is_bad: |_| false,
                always: None,
            }),
        });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || accept(&listener, &serving));
        Server { state, port, ca_file: files.ca_file }
    }

    /// `https://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// So many of a hundred requests fail, in every way that is documented.
    pub fn fail(&self, percent: u8) {
        let mut plan = self.state.plan.lock().unwrap();
        plan.failures = common_failures();
        plan.failures.extend(self.state.api.failures());
        plan.percent = percent;
    }

    /// Everything is answered so, and nothing stored; `None` ends that.
    pub fn answer_always(&self, reply: Option<Reply>) {
        self.state.plan.lock().unwrap().always = reply;
    }

    /// Refuses these events for ever, in the API's way.
    pub fn reject(&self, is_bad: fn(&Event) -> bool) {
        self.state.plan.lock().unwrap().is_bad = is_bad;
    }

    /// Requests that were made to fail.
    pub fn failed(&self) -> u64 {
        self.state.plan.lock().unwrap().failed
    }

    /// What is stored, by id; twice what came twice.
    pub fn stored(&self) -> BTreeMap<String, Vec<Value>> {
        self.state.stored.lock().unwrap().clone()
    }

    /// Different events that are stored.
    pub fn count(&self) -> usize {
        self.state.stored.lock().unwrap().len()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// No request broke the contract.
    #[track_caller]
    pub fn assert_content(&self) {
        let complaints = self.state.complaints.lock().unwrap();
        assert!(complaints.is_empty(), "{} times: {:?}", complaints.len(), complaints.first());
    }

    pub fn api(&self) -> &dyn Api {
        self.state.api.as_ref()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.is_over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let state = Arc::clone(state);
        std::thread::spawn(move || {
            // The client may go whenever it wants.
            let _ = serve(stream, &state);
        });
    }
}

/// What is left to do with a connection.
enum Next {
    Answer(Reply),
    Reset,
    Stall,
    CutShort,
}

fn serve(socket: TcpStream, state: &State) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let handle = socket.try_clone()?;
    let connection = ServerConnection::new(Arc::clone(&state.tls)).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    let number = state.connections.fetch_add(1, Ordering::Relaxed);
    while let Some(request) = read(&mut stream)? {
        let request = Request { connection: number, ..request };
        let next = answer(state, request);
        let stream = stream.get_mut();
        match next {
            Next::Answer(reply) => {
                stream.write_all(&bytes_of(&reply))?;
                if reply
                    .headers
                    .iter()
                    .any(|(name, value)| *name == "Connection" && value == "close")
                {
                    stream.conn.send_close_notify();
                    stream.flush()?;
                    return handle.shutdown(Shutdown::Write);
                }
            }
            Next::Reset => {
                let linger = socket2::SockRef::from(&handle);
                return linger.set_linger(Some(Duration::ZERO));
            }
            Next::CutShort => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"te")?;
                stream.flush()?;
                return handle.shutdown(Shutdown::Both);
            }
            Next::Stall => {
                // Until the client gives up.
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest)?;
                return Ok(());
            }
        }
        stream.flush()?;
    }
    Ok(())
}

fn bytes_of(reply: &Reply) -> Vec<u8> {
    let Reply { status, headers, body } = reply;
    let mut text = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    // A 204 has no body and no length (RFC 9110, section 8.6).
    if *status != 204 {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    (text + "\r\n" + body).into_bytes()
}

/// The next request; `None` at the end of the connection.
fn read(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let wrong = |what: &str| io::Error::other(what.to_owned());
    let parts: Vec<&str> = line.trim_end_matches("\r\n").split(' ').collect();
    let [method, target, "HTTP/1.1"] = parts[..] else { return Err(wrong("no request line")) };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").ok_or_else(|| wrong("a line without CR LF"))?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").ok_or_else(|| wrong("no header"))?;
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(Ok(0), |(_, value)| value.parse()).map_err(io::Error::other)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let is_gzip = headers.iter().any(|(name, value)| name == "content-encoding" && value == "gzip");
    let mut plain = Vec::new();
    match is_gzip {
        true => drop(GzDecoder::new(body.as_slice()).read_to_end(&mut plain)?),
        false => plain.clone_from(&body),
    }
    Ok(Some(Request { method, target, headers, body, plain, connection: 0 }))
}

fn answer(state: &State, request: Request) -> Next {
    state.requests.lock().unwrap().push(request.clone());
    let accepted = state.api.accept(&request);
    let events = match accepted {
        Ok(Accepted::Events(events)) => events,
        Ok(Accepted::Other(reply)) => return Next::Answer(reply),
        Err(wrong) => {
            state.complaints.lock().unwrap().push(wrong);
            return Next::Answer(Reply::new(400, "{}"));
        }
    };
    let mut plan = state.plan.lock().unwrap();
    if let Some(reply) = &plan.always {
        return Next::Answer(reply.clone());
    }
    let bad: Vec<usize> = (0..events.len()).filter(|at| (plan.is_bad)(&events[*at])).collect();
    if !bad.is_empty() {
        let (kept, reply) = state.api.reject(&events, &bad).expect("this API rejects no events");
        store(state, kept.iter().map(|at| &events[*at]));
        return Next::Answer(reply);
    }
    if plan.random.u8(..100) < plan.percent {
        let count = plan.failures.len();
        let at = plan.random.usize(..count);
        let failure = plan.failures[at].clone();
        if let Some(next) = fail(state, &failure, &events) {
            plan.failed += 1;
            return next;
        }
    }
    store(state, events.iter());
    Next::Answer(state.api.stored(&request, &events))
}

/// `None` where this failure has no meaning for these events.
fn fail(state: &State, failure: &Failure, events: &[Event]) -> Option<Next> {
    let all = || store(state, events.iter());
    Some(match failure {
        Failure::Refuse(reply) => Next::Answer(reply.clone()),
        Failure::StoreAndRefuse(reply) => {
            all();
            Next::Answer(reply.clone())
        }
        Failure::RefuseMany(reply) if events.len() > 1 => Next::Answer(reply.clone()),
        Failure::RefuseMany(_) => return None,
        Failure::Partly(partly) => {
            let (kept, reply) = partly(events);
            store(state, kept.iter().map(|at| &events[*at]));
            Next::Answer(reply)
        }
        Failure::Reset => Next::Reset,
        Failure::StoreAndReset => {
            all();
            Next::Reset
        }
        Failure::Stall => {
            all();
            Next::Stall
        }
        Failure::CutShort => {
            all();
            Next::CutShort
        }
    })
}

fn store<'e>(state: &State, events: impl Iterator<Item = &'e Event>) {
    let mut stored = state.stored.lock().unwrap();
    for Event { id, value } in events {
        stored.entry(id.clone()).or_default().push(value.clone());
    }
}
