//! spoolgate(8) from the command line's definition, and spoolgate.toml(5) from the commented
//! example, which a test of `config` holds against every key that is read.

use std::fmt::Write as _;
use std::io;

use clap::CommandFactory;
use clap_mangen::Man;
use spoolgate::cli::Arguments;

const EXAMPLE: &str = include_str!("../../config/spoolgate.toml");

/// What the definition does not say.
const COMMAND_END: &str = r#".SH FILES
.TP
.I /etc/spoolgate/spoolgate.toml
Configuration; see \fBspoolgate.toml\fR(5).
.TP
.I /var/lib/spoolgate
State: progress of each destination, dead letters.
.TP
.I /var/spool/spoolgate
The spool that is read by default.
.SH "EXIT STATUS"
0 good; 1 the answer is no; 64 wrong arguments; 65 bad data; 69 unavailable; 71 refused by the
operating system; 74 input or output; 78 configuration.
.SH SIGNALS
SIGHUP reads the configuration again; SIGTERM and SIGINT prove what was sent and stop.
.SH "SEE ALSO"
.BR spoolgate.toml (5),
.BR systemctl (1)
"#;

/// The page of the program: all commands with their options.
pub fn command(date: &str) -> io::Result<Vec<u8>> {
    let mut whole = Arguments::command().disable_help_subcommand(true);
    whole.build();
    let man = Man::new(whole.clone()).section("8").date(date);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    for each in whole.get_subcommands() {
        subcommand(each, "", &mut page)?;
    }
    page.extend_from_slice(COMMAND_END.as_bytes());
    Ok(page)
}

fn subcommand(command: &clap::Command, above: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("{above}{}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let head = format!(".SS \"{}\"\n{}\n", escape(&name), escape(&about));
    page.extend_from_slice(head.as_bytes());
    let is_own = |argument: &&clap::Arg| {
        !argument.is_global_set() && !["help", "version"].contains(&argument.get_id().as_str())
    };
    for argument in command.get_arguments().filter(is_own) {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let text = format!(".TP\n\\fB{}\\fR\n{}\n", escape(&argument.to_string()), escape(&help));
        page.extend_from_slice(text.as_bytes());
    }
    for below in command.get_subcommands() {
        subcommand(below, &format!("{name} "), page)?;
    }
    Ok(())
}

/// The page of the configuration: explanations as text, keys as they are written.
pub fn settings(date: &str) -> String {
    let mut page = format!(
        ".TH spoolgate.toml 5 \"{date}\" spoolgate\n.SH NAME\nspoolgate.toml \\- configuration of \
         spoolgate\n.SH DESCRIPTION\nA key behind \"#\" stands at its default or, where the text \
         says that there is none, at an example.\n.SH KEYS\n"
    );
    let mut was_text = true;
    for line in EXAMPLE.lines() {
        let text = line.strip_prefix("# ").filter(|text| !text.starts_with("---"));
        match text {
            Some(text) => {
                if !was_text {
                    page.push_str(".PP\n");
                }
                let _ = writeln!(page, "{}", escape(text));
                // Columns of the one table keep their place.
                if text.starts_with("  ") {
                    page.push_str(".br\n");
                }
            }
            None if line.is_empty() || line.starts_with("# ---") || line == "#" => {
                page.push_str(".PP\n");
            }
            None if line.trim_start_matches('#').starts_with('[') => {
                let _ = writeln!(page, ".SS \"{}\"", escape(line.trim_start_matches('#')));
            }
            None => {
                let _ = writeln!(page, ".PP\n.nf\n\\fB{}\\fR\n.fi", escape(line));
            }
        }
        was_text = text.is_some();
    }
    page.push_str(".SH \"SEE ALSO\"\n.BR spoolgate (8)\n");
    page
}

/// Text for roff: no escapes, requests or typographic hyphens.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    let text = text.replace('…', "...");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example has every key that the code reads (tested in `config`); the page has those of
    /// the example.
    #[test]
    fn every_key_of_the_example_is_in_the_page() {
        let page = settings("2026-01-01");
        let mut keys = 0;
        for line in EXAMPLE.lines() {
            let bare = line.trim_start_matches('#');
            let Some((key, _)) = bare.split_once(" = ") else { continue };
            if !bare.starts_with(' ') && !line.starts_with("# ") {
                keys += 1;
                assert!(page.contains(&escape(key)), "{key} is missing in spoolgate.toml(5)");
            }
        }
        assert!(keys > 40, "{keys}");
    }

    #[test]
    fn every_command_and_option_is_in_the_page() {
        let page = String::from_utf8(command("2026-01-01").unwrap()).unwrap();
        let whole = Arguments::command();
        for each in whole.get_subcommands() {
            let name = escape(each.get_name());
            assert!(page.contains(&format!(".SS \"{name}\"")), "{name}");
            for argument in each.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(page.contains(&escape(&format!("--{argument}"))), "{name} --{argument}");
            }
        }
    }
}
