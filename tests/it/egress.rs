//! With egress denied nothing makes the process connect to a public address.

use std::fs;
use std::process::Command;

use crate::agent::{Outpost, wait_until};

/// TEST-NET-3 (RFC 5737): public by its form, nobody's by decree.
const PUBLIC: &str = "203.0.113.7";

#[test]
fn a_public_address_in_the_configuration_is_refused_at_load() {
    let outpost = Outpost::new();
    outpost.configure(&format!(
        "[[destination]]\nname = \"cloud\"\naddress = \"tcp://{PUBLIC}:514\"\n"
    ));
    let output = outpost.command(&["run"]);
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("spoolgate.toml:10:"), "{text}");
    assert!(text.contains("egress") && text.contains("hosts") && text.contains(PUBLIC), "{text}");
}

#[test]
fn an_http_destination_is_refused_at_load() {
    let outpost = Outpost::new();
    outpost.configure("[[destination]]\nname = \"cloud\"\ntype = \"splunk_hec\"\n");
    let output = outpost.command(&["run"]);
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("spoolgate.toml:10:") && text.contains("egress"), "{text}");
}

/// The program runs in a network of its own whose /etc/hosts gives a name a public address, and
/// strace writes down every connection and datagram.
#[test]
fn no_answer_of_a_resolver_leads_to_a_public_address() {
    let outpost = Outpost::new();
    let destination = |name: &str, scheme: &str| {
        format!(
            "[[destination]]\nname = \"{name}\"\naddress = \"{scheme}://siem.example.net\"\n\
             [destination.retry]\ninitial_backoff = \"20ms\"\nmax_backoff = \"50ms\"\n"
        )
    };
    outpost.configure(&(destination("stream", "tcp") + &destination("datagram", "udp")));
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"1\"}\n");
    let hosts = outpost.path("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost\n{PUBLIC} siem.example.net\n")).unwrap();
    let trace = outpost.path("trace");
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c"]);
    command.arg(
        "mount --bind \"$1\" /etc/hosts && ip link set lo up && trace=$2 && shift 2 && \
         exec strace -f -qq -e trace=connect,sendto,sendmsg,sendmmsg -o \"$trace\" \"$@\"",
    );
    command.arg("sh").arg(&hosts).arg(&trace).arg(env!("CARGO_BIN_EXE_spoolgate"));
    let mut agent = outpost.start_as(command);
    let denied = |status: &serde_json::Value| status["last_error"]["code"] == "egress_denied";
    agent.wait_for("the policy's word in the status", denied);
    let first = agent.status()[0]["last_error"]["at"].clone();
    wait_until("more tries of both", || {
        let all = agent.status();
        let both = all.len() == 2 && all.iter().all(denied);
        (both && all[0]["last_error"]["at"] != first).then_some(())
    });
    agent.stop_below();
    let traced = fs::read_to_string(&trace).unwrap();
    assert!(traced.contains("AF_UNIX") || traced.contains("AF_INET") || traced.is_empty());
    assert!(!traced.contains(PUBLIC), "{traced}");
}
