//! The exact bytes of the wire: each `tests/golden/wire/<case>.in` (events) becomes `<case>.out`
//! under the keys that `<case>.toml` adds to the destination. UPDATE_GOLDEN=1 rewrites the output;
//! then read the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::agent::{Outpost, program};
use crate::sink::{Sink, Wire};

#[test]
fn every_case_is_as_it_was_written_down() {
    let dir = golden();
    let mut cases: Vec<PathBuf> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "in"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 20, "{} cases in {}", cases.len(), dir.display());
    let mut wrong = Vec::new();
    for case in cases {
        let expected = case.with_extension("out");
        let shown = shown(&case);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &shown).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != shown {
            wrong.push(format!("{}:\n{shown}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The example of Arbitex's documentation (IBM QRadar), byte for byte, its empty `cs2=` included.
const ARBITEX: &str = "<134>1 2026-03-13T00:00:00.123Z platform.arbitex.ai ArbitexPlatform - \
    req_xyz - CEF:0|Arbitex|ArbitexPlatform|1.0|6003|chat_completion|3|rt=1741824000123 \
    suser=alice@example.com duid=user_abc act=allow model=gpt-4o tokenIn=512 tokenOut=256 \
    cs1Label=PolicyAction cs1=allow cs2Label=DlpLabels cs2= cs3Label=GroupIds cs3=finance-team";

#[test]
fn the_wire_example_of_arbitex_is_reproduced() {
    let out = fs::read_to_string(golden().join("arbitex.out")).unwrap();
    assert_eq!(out.lines().next(), Some(ARBITEX));
}

/// The same by environment variables alone, without a file, and really over TCP.
#[test]
fn the_environment_alone_delivers_the_wire_example() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    let events = fs::read_to_string(golden().join("arbitex.in")).unwrap();
    let first = events.lines().next().unwrap();
    outpost.append("a.jsonl", format!("{first}\n").as_bytes());
    let mut command = program();
    command
        .env("QRADAR_SYSLOG_HOST", "127.0.0.1")
        .env("QRADAR_SYSLOG_PORT", sink.port.to_string())
        .env("SPOOLGATE_SPOOL", outpost.spool_glob())
        .env("SPOOLGATE_STATE_DIR", outpost.path("state"))
        .env("SPOOLGATE_HOSTNAME", "platform.arbitex.ai")
        .arg("run");
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let stored = crate::agent::wait_until("the message", || {
        fs::read_to_string(&sink.stored).ok().filter(|text| text.ends_with('\n'))
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stored, format!("{ARBITEX}\n"));
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wire")
}

/// What `preview` says of a case: the messages, then what was not sent and why.
fn shown(case: &Path) -> String {
    let outpost = Outpost::new();
    let keys = fs::read_to_string(case.with_extension("toml")).unwrap_or_default();
    let path = outpost.path("spoolgate.toml");
    let text = format!(
        "hostname = \"platform.arbitex.ai\"\n[state]\ndir = {:?}\n[[spool]]\npath = {:?}\n\
         [[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1:514\"\n{keys}",
        outpost.path("state"),
        outpost.spool_glob()
    );
    fs::write(&path, text).unwrap();
    let output = outpost.command(&["preview", &case.display().to_string()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}: {said}", case.display());
    let mut shown = String::from_utf8(output.stdout).unwrap();
    shown.push_str(&said);
    shown
}
