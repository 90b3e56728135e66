use std::collections::BTreeMap;

use super::*;

/// What becomes of every line of the samples, counted by file. A change of the decoder that moves a
/// line from one column to another shows in the golden file's diff.
#[test]
fn every_sample_line_decodes_or_errs() {
    let root = tests_folder().join("samples");
    let mut table = String::from("file\tlines\tjson\tsyslog\tcef\terrors\n");
    let mut decoder = Decoder::new();
    decoder.set_reference_year(2025);
    for path in sample_files("") {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        let is_event_file = !["LICENSES", "hostile/JSONTestSuite", "README", ".git"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if is_event_file {
            table.push_str(&row(name, &fs::read(&path).unwrap(), &mut decoder));
        }
    }
    check_golden("decode-summary.tsv", &table);
}

fn row(name: &str, content: &[u8], decoder: &mut Decoder) -> String {
    let mut tape = Tape::new();
    let (mut lines, mut json, mut syslog, mut cef) = (0, 0, 0, 0);
    let mut errors = BTreeMap::<_, u32>::new();
    for line in content.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        lines += 1;
        match decoder.decode(Format::Auto, line, &mut tape) {
            Ok(decoded) => match decoded.format {
                Format::Json => json += 1,
                Format::Syslog => syslog += 1,
                Format::Cef => cef += 1,
                Format::Auto => panic!("Auto is no answer"),
            },
            Err(error) => {
                assert!(!error.to_string().is_empty() && tape.is_empty());
                *errors.entry(error.kind()).or_default() += 1;
            }
        }
    }
    let errors: Vec<_> = errors.iter().map(|(kind, count)| format!("{kind}={count}")).collect();
    format!("{name}\t{lines}\t{json}\t{syslog}\t{cef}\t{}\n", errors.join(" "))
}
