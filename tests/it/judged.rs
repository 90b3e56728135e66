//! Independent judges read every CEF message that the samples yield.

use std::fs;
use std::path::Path;

use crate::agent::Outpost;
use crate::judges::judge_cef;

#[test]
fn every_message_of_the_samples_is_sound_cef() {
    for strict in [false, true] {
        let lines = messages(strict);
        assert!(lines.len() > 3000, "{} messages", lines.len());
        let wrong: Vec<String> = lines
            .iter()
            .zip(judge_cef(&lines))
            .filter_map(|(line, verdict)| Some(format!("{}\n  {line}", verdict.err()?)))
            .collect();
        let first = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
        assert!(wrong.is_empty(), "strict {strict}: {} of {}:\n{first}", wrong.len(), lines.len());
    }
}

/// The CEF bodies of all samples, each once.
fn messages(strict: bool) -> Vec<String> {
    let outpost = Outpost::new();
    outpost.configure(&format!(
        "[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1:514\"\n\
         max_message_bytes = 32000\n[destination.cef]\nstrict = {strict}\n"
    ));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut lines = Vec::new();
    for folder in ["json", "ocsf", "syslog", "cef"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let file = entry.unwrap().path().display().to_string();
            let output = outpost.command(&["preview", &file]);
            let shown = String::from_utf8(output.stdout).unwrap();
            lines.extend(
                shown
                    .lines()
                    .filter_map(|line| Some(line.split_at(line.find("CEF:")?).1.to_owned())),
            );
        }
    }
    lines
}
