//! With egress denied nothing makes the process connect to a public address.

use std::fs;
use std::path::PathBuf;
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

/// Every connector of the design, whether this build has it or not.
const HTTP_TYPES: [&str; 9] = [
    "splunk_hec",
    "sentinel",
    "azure_data_collector",
    "elastic",
    "datadog",
    "sumo",
    "xsiam",
    "qradar_http",
    "webhook",
];

/// strace writes down that nothing at all is connected to before the refusal.
#[test]
fn every_http_destination_is_refused_at_load() {
    for kind in HTTP_TYPES {
        let outpost = Outpost::new();
        outpost.configure(&format!(
            "[[destination]]\nname = \"cloud\"\ntype = \"{kind}\"\nurl = \"https://{PUBLIC}\"\n"
        ));
        let trace = outpost.path("trace");
        let output = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"])
            .arg(&trace)
            .arg(env!("CARGO_BIN_EXE_spoolgate"))
            .arg("run")
            .arg("--config")
            .arg(outpost.path("spoolgate.toml"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(78), "{kind}");
        let text = String::from_utf8(output.stderr).unwrap();
        let (line, why) = (":10:8: ", "which the egress policy denies");
        assert!(text.contains(line) && text.contains(why), "{kind}: {text}");
        assert!(!fs::read_to_string(&trace).unwrap().contains("AF_INET"), "{kind}");
    }
}

/// A listed name is judged again by its address, and the environment's proxies are not asked.
#[cfg(feature = "http")]
#[test]
fn http_connects_to_what_is_listed_and_to_nothing_else() {
    const MULTICAST: &str = "224.0.0.7";
    let outpost = Outpost::new();
    fs::write(outpost.path("token"), "token").unwrap();
    let destination = |name: &str, host: &str| {
        format!(
            "[[destination]]\nname = \"{name}\"\ntype = \"splunk_hec\"\n\
             url = \"https://{host}\"\ntoken = {{ file = {:?} }}\n\
             batch = {{ linger = \"10ms\" }}\ntls = {{ pin_sha256 = \"{}\" }}\n\
             retry = {{ initial_backoff = \"20ms\", max_backoff = \"50ms\" }}\n",
            outpost.path("token"),
            "00".repeat(32),
        )
    };
    outpost.configure(&format!(
        "[egress]\nallow = true\nhosts = [\"siem.example.net\", \"group.example.net\"]\n{}{}",
        destination("a-group", "group.example.net"),
        destination("siem", "siem.example.net"),
    ));
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"1\"}\n");
    let hosts =
        format!("127.0.0.1 localhost\n127.0.0.7 siem.example.net\n{MULTICAST} group.example.net\n");
    let (mut command, trace) = traced(&outpost, &hosts);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(variable, format!("http://{PUBLIC}:3128"));
    }
    let mut agent = outpost.start_as(command);
    let code = |status: &serde_json::Value| status["last_error"]["code"].clone();
    agent.wait_for("the policy's word", |status| code(status) == "egress_denied");
    wait_until("a try of the other", || {
        agent.status().get(1).filter(|status| code(status) == "refused").map(|_| ())
    });
    agent.stop_below();
    let traced = fs::read_to_string(&trace).unwrap();
    assert!(traced.contains("127.0.0.7"), "{traced}");
    assert!(!traced.contains(PUBLIC) && !traced.contains(MULTICAST), "{traced}");
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
    let hosts = format!("127.0.0.1 localhost\n{PUBLIC} siem.example.net\n");
    let (command, trace) = traced(&outpost, &hosts);
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

/// The program in a network of its own, with that /etc/hosts, below strace; and where strace writes
/// down every connection and datagram.
fn traced(outpost: &Outpost, hosts: &str) -> (Command, PathBuf) {
    let file = outpost.path("hosts");
    fs::write(&file, hosts).unwrap();
    let trace = outpost.path("trace");
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c"]);
    command.arg(
        "mount --bind \"$1\" /etc/hosts && ip link set lo up && trace=$2 && shift 2 && \
         exec strace -f -qq -e trace=connect,sendto,sendmsg,sendmmsg -o \"$trace\" \"$@\"",
    );
    command.arg("sh").arg(&file).arg(&trace).arg(env!("CARGO_BIN_EXE_spoolgate"));
    (command, trace)
}
