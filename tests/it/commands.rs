//! The commands as their users meet them: exit codes and texts.

use std::fs;
use std::process::Output;

use crate::agent::{Outpost, program};
use crate::process::free_port;
use crate::sink::{Sink, Wire};

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn expect(output: &Output, code: i32, parts: &[&str]) {
    let (out, error) = said(output);
    assert_eq!(output.status.code(), Some(code), "{out}{error}");
    for part in parts {
        assert!(out.contains(part) || error.contains(part), "no {part:?} in {out}{error}");
    }
}

#[test]
fn usage_and_configuration_errors_have_their_codes() {
    expect(&program().arg("frobnicate").output().unwrap(), 64, &["frobnicate"]);
    let missing = program().args(["run", "--config", "/nowhere/spoolgate.toml"]).output().unwrap();
    expect(&missing, 78, &["/nowhere/spoolgate.toml"]);
    let outpost = Outpost::new();
    outpost.configure("[[destination]]\nname = \"siem\"\nadress = \"tcp://127.0.0.1\"\n");
    let wrong = outpost.command(&["check"]);
    expect(&wrong, 78, &["spoolgate.toml:10:", "adress", "did you mean `address`"]);
}

#[test]
fn the_version_names_target_and_cryptography() {
    let output = program().arg("--version").output().unwrap();
    expect(&output, 0, &[env!("CARGO_PKG_VERSION"), "linux", "ring"]);
}

#[test]
fn status_without_a_running_program_says_so() {
    let outpost = Outpost::new();
    outpost.configure("[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1\"\n");
    expect(&outpost.command(&["status"]), 69, &["admin.sock", "is spoolgate running?"]);
}

#[test]
fn check_and_send_test_reach_the_receiver() {
    let outpost = Outpost::new();
    let mut sink = Sink::start(&outpost, Wire::MutualTls, None);
    outpost.configure(&sink.destination(""));
    expect(&outpost.command(&["check", "--connect"]), 0, &["tls 1.3 to 127.0.0.1", "until"]);
    let sent = outpost.command(&["send-test", "siem"]);
    expect(&sent, 0, &["dlp.pii_blocked", "acknowledged", "proven"]);
    let stored = fs::read_to_string(&sink.stored).unwrap();
    assert_eq!(stored.lines().count(), 1, "{stored}");
    expect(&outpost.command(&["send-test", "other"]), 64, &["other", "siem"]);
    sink.end(nix::sys::signal::Signal::SIGTERM);
    expect(&outpost.command(&["send-test", "siem"]), 69, &["refused"]);
    expect(&outpost.command(&["check", "--connect"]), 69, &["FAIL", "refused"]);
}

#[test]
fn check_finds_a_certificate_that_is_none() {
    let outpost = Outpost::new();
    let ca = outpost.path("ca.pem");
    fs::write(&ca, "nothing of the kind\n").unwrap();
    outpost.configure(&format!(
        "[[destination]]\nname = \"siem\"\naddress = \"tls://127.0.0.1\"\n\
         [destination.tls]\nca_file = {ca:?}\n"
    ));
    expect(&outpost.command(&["check"]), 78, &["ca.pem", "no certificate"]);
}

#[test]
fn a_new_schema_needs_no_rebuild_and_a_broken_one_names_its_line() {
    let outpost = Outpost::new();
    let schemas = outpost.path("schemas");
    fs::create_dir(&schemas).unwrap();
    let good = "name = \"door\"\ntitle = \"Door controller\"\nformat = \"json\"\n\
        detect = [{ path = \"door\", exists = true }]\nid = [\"id\"]\n\
        event_type = { path = \"what\" }\nheader.vendor = \"Acme\"\nheader.product = \"Door\"\n\
        header.version = \"1\"\nheader.event_class_id = { path = \"what\", default = \"door\" }\n\
        header.name = \"Door event\"\nseverity.default = 4\n\
        fields = [{ key = \"cs1\", label = \"Door\", path = \"door\" }]\n\
        [[example]]\ntitle = \"opened\"\nevent = '{\"id\":\"1\",\"door\":\"east\",\"what\":\"open\"}'\n\
        [example.expect]\nheader = \"Acme|Door|1|open|Door event|4\"\ncontains = [\"cs1=east\"]\n";
    fs::write(schemas.join("door.toml"), good).unwrap();
    let config =
        outpost.configure("[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1\"\n");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("schemas_dir = {schemas:?}\n{text}")).unwrap();
    let file = schemas.join("door.toml").display().to_string();
    expect(&outpost.command(&["schema", "test", &file]), 0, &["door: 1 examples", "ok   opened"]);
    expect(&outpost.command(&["schema", "list"]), 0, &["door", "Door controller", "arbitex"]);
    outpost.append("a.jsonl", b"{\"id\":\"7\",\"door\":\"west\",\"what\":\"forced\"}\n");
    let events = outpost.spool().join("a.jsonl").display().to_string();
    let shown = outpost.command(&["preview", &events]);
    expect(&shown, 0, &["CEF:0|Acme|Door|1|forced|Door event|4|cs1Label=Door cs1=west"]);
    fs::write(schemas.join("door.toml"), good.replace("label =", "lable =")).unwrap();
    expect(&outpost.command(&["schema", "test", &file]), 78, &["door.toml:13:", "lable", "label"]);
    expect(&outpost.command(&["run"]), 78, &["door.toml:13:"]);
    fs::write(schemas.join("door.toml"), good.replace("cs1=east", "cs1=north")).unwrap();
    expect(&outpost.command(&["schema", "test", &file]), 65, &["FAIL opened", "cs1=north"]);
}

#[test]
fn all_built_in_schemas_keep_their_examples() {
    let output = program().args(["schema", "test"]).output().unwrap();
    expect(&output, 0, &["arbitex:", "mitrity:", "aisg:", "resk:", "aegis:", "ocsf:", "cef:"]);
}

#[test]
fn every_built_in_schema_can_be_shown() {
    let list = program().args(["schema", "list"]).output().unwrap();
    let (list, _) = said(&list);
    assert!(list.lines().count() >= 9, "{list}");
    for name in list.lines().filter_map(|line| line.split(' ').next()) {
        let shown = program().args(["schema", "show", name]).output().unwrap();
        expect(&shown, 0, &[&format!("name = \"{name}\"")]);
    }
    let none = program().args(["schema", "show", "nothing"]).output().unwrap();
    expect(&none, 64, &["nothing", "arbitex"]);
}

#[test]
fn verify_finds_what_is_lost_altered_and_duplicated() {
    let outpost = Outpost::new();
    outpost.configure(&format!(
        "[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1:{}\"\n",
        free_port()
    ));
    let line = |number| format!("{{\"type\":\"loop.detected\",\"id\":\"event-{number}\"}}\n");
    outpost.append("a.jsonl", (0..5).map(line).collect::<String>().as_bytes());
    let events = outpost.spool().join("a.jsonl").display().to_string();
    let (messages, _) = said(&outpost.command(&["preview", &events]));
    let messages: Vec<&str> = messages.lines().collect();
    let received = outpost.path("received.log");
    let store = |lines: &[&str]| fs::write(&received, lines.join("\n") + "\n").unwrap();
    store(&messages);
    outpost.verify(&[&received]).assert_exactly_once();
    let changed = messages[1].replace("loop.detected", "loop.detecteD");
    store(&[messages[0], &changed, messages[2], messages[2], messages[3]]);
    let verdict = outpost.verify(&[&received]);
    assert_eq!((verdict.lost, verdict.altered, verdict.duplicated), (1, 1, 1), "{verdict:?}");
    let glob = outpost.spool_glob();
    let path = received.display().to_string();
    let output = outpost.command(&["verify", "--spool", &glob, &path]);
    expect(&output, 1, &["lost 1", "altered 1", "duplicated 1", "a.jsonl:5"]);
}

#[test]
fn the_demo_ends_with_its_ledger() {
    let output = program().args(["demo", "--events", "25"]).output().unwrap();
    let (out, _) = said(&output);
    expect(&output, 0, &["25/25", "read 25 = confirmed 25", "mutual TLS"]);
    assert!(!out.contains('\x1b'), "a pipe gets plain lines");
    for product in ["|Arbitex|", "|MITRITY|", "|AISG|", "|RESK|", "|Aegis|"] {
        assert!(out.contains(product), "{product}");
    }
}

#[test]
fn a_schema_that_is_not_there_is_refused_before_anything_runs() {
    let outpost = Outpost::new();
    let config =
        outpost.configure("[[destination]]\nname = \"siem\"\naddress = \"udp://127.0.0.1\"\n");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("[[spool]]\n", "[[spool]]\nschema = \"nope\"\n")).unwrap();
    for command in ["check", "run"] {
        expect(&outpost.command(&[command]), 78, &["no schema `nope`", "arbitex, mitrity"]);
    }
}

#[test]
fn check_tells_a_state_directory_that_cannot_be_one() {
    let outpost = Outpost::new();
    outpost.configure("[[destination]]\nname = \"siem\"\naddress = \"udp://127.0.0.1\"\n");
    expect(&outpost.command(&["check"]), 0, &["state: can be written"]);
    fs::write(outpost.path("state"), "a file\n").unwrap();
    expect(&outpost.command(&["check"]), 78, &["state is no directory", "correct [state] dir"]);
}

#[test]
fn check_prints_a_drop_in_for_systemd_and_what_the_kernel_can_confine() {
    let outpost = Outpost::new();
    outpost.configure(
        "[[destination]]\nname = \"siem\"\naddress = [\"tcp://127.0.0.1\", \"tcp://10.20.0.5:601\"]\n",
    );
    let output = outpost.command(&["check", "--systemd-dropin"]);
    // Outside of what the unit's root shows.
    let state = format!("BindPaths={}", outpost.path("state").display());
    let parts =
        ["IPAddressDeny=any", "IPAddressAllow=127.0.0.1", "IPAddressAllow=10.20.0.5", &state];
    expect(&output, 0, &parts);
    let (out, _) = said(&output);
    let is_setting =
        |line: &str| line.starts_with('#') || line == "[Service]" || line.contains('=');
    assert!(out.lines().all(is_setting), "{out}");
    assert!(
        !out.contains(&format!("ReadWritePaths={}\n", outpost.spool().display())),
        "the spool is only read: {out}"
    );
    expect(&outpost.command(&["check"]), 0, &["sandbox best-effort: files", "system calls"]);
}
