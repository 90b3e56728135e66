//! What the receivers are told: take everything, change nothing, write at once.

use std::path::Path;

use super::{Clients, ServerTls, Wire};

/// What is stored of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// All of it, byte for byte.
    AsItCame,
    /// What the receiver makes of it: the parts of RFC 5424 by name, as JSON. rsyslog alone.
    InParts,
    /// All of it, into a pipe that [`super::slow::SlowStore`] empties. rsyslog alone.
    Slowly { bytes_per_second: u64 },
}

/// rsyslog, in RainerScript. The direct queue writes each message before the next is looked at.
pub fn rsyslog(dir: &Path, port: u16, wire: &Wire, stored: Stored) -> String {
    let here = dir.display();
    let template = match stored {
        Stored::AsItCame | Stored::Slowly { .. } => {
            r#"type="string" string="%rawmsg%\n")"#.to_owned()
        }
        Stored::InParts => {
            let parts = PARTS.map(|part| format!(r#"property(name="{part}" format="jsonf")"#));
            let time = r#"property(name="timereported" dateFormat="rfc3339" format="jsonf")"#;
            format!(r#"type="list" option.jsonf="on") {{ {time} {} }}"#, parts.join(" "))
        }
    };
    let file = match stored {
        Stored::AsItCame | Stored::InParts => "received.log",
        Stored::Slowly { .. } => "received.pipe",
    };
    let (driver, module, framing) = match wire {
        Wire::Tcp => (String::new(), String::new(), "off"),
        Wire::TcpOctetCounting | Wire::Udp => (String::new(), String::new(), "on"),
        Wire::Tls(tls) => (rsyslog_driver(tls), rsyslog_stream(tls), "off"),
        Wire::TlsOctetCounting(tls) => (rsyslog_driver(tls), rsyslog_stream(tls), "on"),
    };
    let input = match wire {
        Wire::Udp => format!(
            r#"module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{port}" rcvbufSize="4m")"#
        ),
        _ => format!(
            r#"module(load="imtcp" maxSessions="1000" {module})
input(type="imtcp" address="127.0.0.1" port="{port}" supportOctetCountedFraming="{framing}")"#
        ),
    };
    format!(
        r#"global(
    workDirectory="{here}"
    maxMessageSize="64k"
    parser.escapeControlCharactersOnReceive="off"
    net.enableDNS="off"
    processInternalMessages="off"
    {driver}
)
main_queue(queue.type="Direct")
template(name="stored" {template}
{input}
action(type="omfile" file="{here}/{file}" template="stored")
"#
    )
}

/// rsyslog's names for the parts of a message; beside them `timereported`.
const PARTS: [&str; 8] = [
    "protocol-version",
    "pri",
    "hostname",
    "app-name",
    "procid",
    "msgid",
    "structured-data",
    "msg",
];

fn rsyslog_driver(tls: &ServerTls) -> String {
    format!(
        r#"defaultNetstreamDriver="ossl"
    defaultNetstreamDriverCAFile="{}"
    defaultNetstreamDriverCertFile="{}"
    defaultNetstreamDriverKeyFile="{}""#,
        tls.ca_file.display(),
        tls.cert_file.display(),
        tls.key_file.display()
    )
}

fn rsyslog_stream(tls: &ServerTls) -> String {
    let mode = match tls.clients {
        Clients::Anyone => r#""anon""#.to_owned(),
        Clients::Signed => r#""x509/certvalid""#.to_owned(),
        Clients::Named(name) => format!(r#""x509/name" permittedPeer=["{name}"]"#),
    };
    format!(r#"streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode={mode}"#)
}

/// syslog-ng. Flow control: it reads no faster than it writes, and drops nothing.
pub fn syslog_ng(dir: &Path, port: u16, wire: &Wire) -> String {
    let here = dir.display();
    let (driver, transport, tls) = match wire {
        Wire::Tcp => ("network", "tcp", String::new()),
        Wire::TcpOctetCounting => ("syslog", "tcp", String::new()),
        Wire::Udp => ("network", "udp", String::new()),
        Wire::Tls(tls) => ("network", "tls", syslog_ng_tls(tls)),
        Wire::TlsOctetCounting(tls) => ("syslog", "tls", syslog_ng_tls(tls)),
    };
    let connections = match wire {
        Wire::Udp => "so-rcvbuf(4194304)",
        _ => "max-connections(1000) log-iw-size(100000)",
    };
    format!(
        r#"@version: 3.38
options {{ use-dns(no); dns-cache(no); keep-hostname(yes); log-msg-size(65536); stats-freq(0); }};
source s {{
    {driver}(ip("127.0.0.1") port({port}) transport("{transport}") flags(no-parse) {connections} {tls});
}};
destination d {{ file("{here}/received.log" template("$MSG\n") template-escape(no)); }};
log {{ source(s); destination(d); flags(flow-control); }};
"#
    )
}

fn syslog_ng_tls(tls: &ServerTls) -> String {
    let clients = match tls.clients {
        Clients::Anyone => "peer-verify(optional-untrusted)".to_owned(),
        Clients::Signed => "peer-verify(required-trusted)".to_owned(),
        Clients::Named(name) => {
            format!(r#"peer-verify(required-trusted) trusted-dn("*, CN={name}", "CN={name}")"#)
        }
    };
    format!(
        r#"tls(ca-file("{}") cert-file("{}") key-file("{}") {clients})"#,
        tls.ca_file.display(),
        tls.cert_file.display(),
        tls.key_file.display()
    )
}
