//! Independent judges of what the encoder makes: parsers of other people's making.
//!
//! CEF: VRL's strict `parse_cef` (the process `tests/judge`) and liblognorm's `%cef%`. Each is
//! lenient where the other is strict, and each changes what it reads in its own way; see [`Judge`].
//! RFC 5424: rsyslog, which stores the parts of each message by name.

mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;

use serde::Deserialize;

use crate::installed;
use crate::receivers::Daemon;

/// A CEF message as a judge reads it, without escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CefParts {
    /// Version, vendor, product, device version, event class id, name, severity.
    pub header: [String; 7],
    pub extension: BTreeMap<String, String>,
}

/// Who judges CEF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Refuses a `=` without its backslash in a value. Lets unknown escapes pass. Reads `\r` as a
    /// line feed, takes white space from both ends of header fields and spaces from the end of
    /// the message, and quotation marks from around a value or header field.
    Vrl,
    /// Refuses unknown escapes, `\|` in a value and `\=` in the header, empty header fields at
    /// the end, and letters in a key that are not `A-Z a-z 0-9 _ .`. Reads everything as it is.
    Liblognorm,
}

/// What both judges agree on, or what one of them has against the line. `lines` begin with `CEF:`
/// and hold no line feed. One process a judge, however many lines.
pub fn judge_cef(lines: &[String]) -> Vec<Result<CefParts, String>> {
    let verdicts = Judge::Liblognorm.judge(lines).into_iter().zip(Judge::Vrl.judge(lines));
    let both = verdicts.map(|(liblognorm, vrl)| {
        let exact = liblognorm.map_err(|text| format!("liblognorm: {text}"))?;
        let vrl = vrl.map_err(|text| format!("VRL: {text}"))?;
        if without_ends(Judge::Vrl.reads(&exact)) != without_ends(vrl.clone()) {
            return Err(format!("liblognorm reads {exact:?}, VRL reads {vrl:?}"));
        }
        Ok(exact)
    });
    both.collect()
}

/// VRL takes the spaces from the end of the message, and a pipe from the end of every value but
/// that one; which value stands there is not known.
fn without_ends(mut parts: CefParts) -> CefParts {
    for value in parts.extension.values_mut() {
        let text = value.trim_end_matches(' ');
        let text = text.strip_suffix('|').unwrap_or(text).trim_end_matches(' ');
        value.truncate(text.len());
    }
    parts
}

/// What VRL calls the parts of the header.
const HEADER_NAMES: [&str; 7] = [
    "cefVersion",
    "deviceVendor",
    "deviceProduct",
    "deviceVersion",
    "deviceEventClassId",
    "name",
    "severity",
];

impl Judge {
    /// One verdict a line.
    pub fn judge(self, lines: &[String]) -> Vec<Result<CefParts, String>> {
        for line in lines {
            assert!(line.starts_with("CEF:") && !line.contains('\n'), "not for a judge: {line:?}");
        }
        let verdicts = match self {
            Judge::Vrl => run(&mut Command::new(installed::judge()), lines.to_vec()),
            Judge::Liblognorm => {
                let dir = tempfile::tempdir().unwrap();
                let rules = dir.path().join("cef.rulebase");
                std::fs::write(&rules, "version=2\nrule=:%message:cef%\n").unwrap();
                let mut command = Command::new(installed::lognormalizer());
                command.args(["-e", "json", "-r"]).arg(rules);
                run(&mut command, lines.iter().map(|line| for_liblognorm(line)).collect())
            }
        };
        assert_eq!(verdicts.len(), lines.len(), "{self:?}: one verdict a line");
        let parts = verdicts.iter().zip(lines).map(|(verdict, line)| match self {
            Judge::Vrl => vrl_parts(verdict),
            Judge::Liblognorm => liblognorm_parts(verdict, line),
        });
        parts.collect()
    }

    /// What this judge makes of a message that says exactly `parts`, but for spaces at its end.
    pub fn reads(self, parts: &CefParts) -> CefParts {
        let mut read = parts.clone();
        if self == Judge::Liblognorm {
            return read;
        }
        let unquoted = |text: &str| {
            let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            inner.unwrap_or(text).to_owned()
        };
        read.header = read.header.map(|field| unquoted(field.trim()));
        // Its result is flat: a pair that is called like a part of the header gives way to it.
        read.extension.retain(|key, _| !HEADER_NAMES.contains(&key.as_str()));
        for value in read.extension.values_mut() {
            *value = unquoted(&value.replace('\r', "\n"));
        }
        read
    }
}

/// liblognorm 2.0.6 takes the octet behind the last pipe for a space, and refuses an empty value at
/// the end of a line: it gets a space and a last pair, which is taken out of its verdict. It
/// knows version 0 alone; the grammar of version 1 is the same.
fn for_liblognorm(line: &str) -> String {
    let mut escaped = false;
    let mut pipes = 0;
    let mut behind_header = None;
    for (at, letter) in line.char_indices() {
        pipes += usize::from(letter == '|' && !escaped);
        escaped = letter == '\\' && !escaped;
        if pipes == 7 {
            behind_header = Some(at + 1);
            break;
        }
    }
    let Some(at) = behind_header else { return line.to_owned() };
    let (header, extension) = line.split_at(at);
    let header = header.replacen("CEF:1|", "CEF:0|", 1);
    format!("{header} {extension} {LAST_KEY}=x")
}

const LAST_KEY: &str = "lastOfLine";

fn liblognorm_parts(verdict: &str, line: &str) -> Result<CefParts, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Message {
        device_vendor: String,
        device_product: String,
        device_version: String,
        #[serde(rename = "SignatureID")]
        signature_id: String,
        name: String,
        severity: String,
        extensions: BTreeMap<String, String>,
    }
    #[derive(Deserialize)]
    struct Verdict {
        message: Message,
    }
    let Ok(Verdict { mut message }) = serde_json::from_str(verdict) else {
        return Err(format!("not CEF: {verdict}"));
    };
    message.extensions.remove(LAST_KEY).ok_or("the last pair was taken for a value")?;
    let version = line["CEF:".len()..].split('|').next().unwrap_or_default();
    Ok(CefParts {
        header: [
            version.to_owned(),
            message.device_vendor,
            message.device_product,
            message.device_version,
            message.signature_id,
            message.name,
            message.severity,
        ],
        extension: message.extensions,
    })
}

fn vrl_parts(verdict: &str) -> Result<CefParts, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Verdict {
        Fields(BTreeMap<String, String>),
        Error(String),
    }
    let mut extension = match serde_json::from_str(verdict).unwrap() {
        Verdict::Fields(fields) => fields,
        Verdict::Error(text) => return Err(text),
    };
    let header = [
        "cefVersion",
        "deviceVendor",
        "deviceProduct",
        "deviceVersion",
        "deviceEventClassId",
        "name",
        "severity",
    ];
    let header = header.map(|name| extension.remove(name).unwrap());
    Ok(CefParts { header, extension })
}

/// Feeds lines to a process; returns the lines that it answered.
fn run(command: &mut Command, lines: Vec<String>) -> Vec<String> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the judge starts");
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        for line in lines {
            // A judge that died says so by its status.
            let _ = writeln!(stdin, "{line}");
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The parts of an RFC 5424 message, as rsyslog reads them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SyslogParts {
    /// `1`; rsyslog writes `0` for what it could only take for RFC 3164.
    pub protocol_version: String,
    pub pri: String,
    #[serde(rename = "timereported")]
    pub timestamp: String,
    pub hostname: String,
    pub app_name: String,
    pub procid: String,
    pub msgid: String,
    pub structured_data: String,
    /// Without the space before it.
    pub msg: String,
}

/// Sends the messages to rsyslog and returns the parts that it found in each.
pub fn judge_rfc5424(messages: &[Vec<u8>]) -> Vec<SyslogParts> {
    let daemon = Daemon::start_parsing();
    let mut stream = TcpStream::connect(daemon.address()).unwrap();
    for message in messages {
        stream.write_all(format!("{} ", message.len()).as_bytes()).unwrap();
        stream.write_all(message).unwrap();
    }
    drop(stream);
    let stored = daemon.wait_for(messages.len());
    stored.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
}
