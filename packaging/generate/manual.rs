//! spoolgate(8) from the command line's definition, and what that does not say.

use std::io;

use clap::CommandFactory;
use clap_mangen::Man;
use spoolgate::cli::Arguments;

/// What the definition does not say.
const COMMAND_END: &str = r#".SH "EXIT STATUS"
0 good; 1 the answer is no; 64 wrong arguments; 65 bad data; 69 unavailable; 71 refused by the
operating system; 74 input or output; 78 configuration.
.SH SIGNALS
SIGHUP reads the configuration again, as \fBsystemctl reload spoolgate\fR does; what a running program
cannot take up is refused, and the old configuration stays in force. SIGTERM and SIGINT prove what
was sent and stop.
.SH FILES
.TP
.I /etc/spoolgate/spoolgate.toml
Configuration; see \fBspoolgate.toml\fR(5).
.TP
.I /var/lib/spoolgate
State: progress of each destination, dead letters.
.TP
.I /var/spool/spoolgate
The spool that is read by default.
.TP
.I /run/spoolgate/admin.sock
Status, as \fBspoolgate status\fR reads it.
.TP
.I /usr/share/spoolgate
Schemas, and what receivers need: qradar, arcsight, splunk, sentinel, elastic.
.SH ENVIRONMENT
.TP
.B SPOOLGATE_LOG
The least log level, before that of the configuration: error, warn, info, debug or trace.
.TP
.B CREDENTIALS_DIRECTORY
Where files given as { credential = ... } are; set by systemd.
.PP
Where there is no configuration file at the default place and none was named, and
.B QRADAR_SYSLOG_HOST
is set, the environment is the configuration:
.TP
.B QRADAR_SYSLOG_HOST
Name or address of the receiver.
.TP
.B QRADAR_SYSLOG_PORT
Its port; 514, and 6514 for tls.
.TP
.B QRADAR_SYSLOG_PROTOCOL
udp, tcp (the default) or tls.
.TP
.B QRADAR_TLS_CA_BUNDLE
PEM: the authorities; needed for tls.
.TP
.BR SPOOLGATE_TLS_CERT ", " SPOOLGATE_TLS_KEY
PEM: our certificate and key, for mutual TLS.
.TP
.BR QRADAR_CEF_DEVICE_VENDOR ", " QRADAR_CEF_DEVICE_PRODUCT ", " QRADAR_CEF_DEVICE_VERSION
The CEF header; Arbitex, ArbitexPlatform and 1.0.
.TP
.B SPOOLGATE_SPOOL
The spool; /var/spool/spoolgate/*.jsonl.
.TP
.B SPOOLGATE_HOSTNAME
HOSTNAME of every message; the fully qualified name of the machine.
.TP
.B SPOOLGATE_STATE_DIR
Where progress is kept; /var/lib/spoolgate.
.SH EXAMPLES
.TP
.B spoolgate demo
The whole way on this machine, without any configuration.
.TP
.B spoolgate check \-\-connect
Configuration, files and certificates; also reaches the receivers. Nothing is sent.
.TP
.B spoolgate preview /var/spool/spoolgate/events.jsonl
What would be sent.
.TP
.B spoolgate send\-test qradar
One event of type dlp.pii_blocked, and what the receiver has proven.
.TP
.B spoolgate status
What each destination does.
.TP
.B spoolgate verify \-\-spool '/var/spool/spoolgate/*.jsonl' received.log
Holds what a receiver stored against the spool: lost, duplicated, altered.
.TP
.B spoolgate dead\-letter list
What could not be delivered, and why.
.SH "SEE ALSO"
.BR spoolgate.toml (5),
.BR systemctl (1),
.BR journalctl (1)
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

/// Text for roff: no escapes, requests or typographic hyphens.
pub fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    let text = text.replace('…', "...");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_the_environment_is_in_the_page() {
        let page = String::from_utf8(command("2026-01-01").unwrap()).unwrap();
        let sources = [
            include_str!("../../src/config/environment.rs"),
            include_str!("../../src/config/machine.rs"),
            include_str!("../../src/cli/logs.rs"),
        ];
        let is_ours = |text: &&str| {
            ["QRADAR_", "SPOOLGATE_", "CREDENTIALS_"].iter().any(|start| text.starts_with(start))
                && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let variables: Vec<_> =
            sources.iter().flat_map(|source| source.split('"')).filter(is_ours).collect();
        assert!(variables.len() > 10, "{variables:?}");
        for variable in variables {
            assert!(page.contains(variable), "{variable} is not in spoolgate(8)");
        }
    }

    /// What people are told to type exists: `spoolgate COMMAND` and its options.
    #[test]
    fn commands_in_the_documents_are_those_of_the_program() {
        let end = COMMAND_END.replace("\\-", "-").replace("\n.B spoolgate ", "\n    spoolgate ");
        let documents = [
            end.as_str(),
            include_str!("../../README.md"),
            include_str!("../docs/install.md"),
            include_str!("../docs/operate.md"),
            include_str!("../qradar/guide.md"),
            include_str!("../arcsight/guide.md"),
        ];
        let mut whole = Arguments::command();
        whole.build();
        let mut typed = 0;
        for line in documents.iter().flat_map(|document| document.lines()) {
            let code = line.split('`').skip(1).step_by(2);
            let block = line.starts_with("    ").then_some(line.trim());
            for text in code.chain(block).filter_map(|text| text.strip_prefix("spoolgate ")) {
                let text = text.split('#').next().unwrap();
                let mut words = text.split_whitespace();
                let first = words.next().unwrap();
                let name = first.split('|').next().unwrap();
                if name.starts_with('-') {
                    continue;
                }
                let command = whole.find_subcommand(name);
                let command = command.unwrap_or_else(|| panic!("no `spoolgate {name}`: {line}"));
                typed += 1;
                for option in words.filter_map(|word| word.strip_prefix("--")) {
                    let mut known = command.get_arguments().filter_map(clap::Arg::get_long);
                    assert!(known.any(|long| long == option), "no --{option}: {line}");
                }
            }
        }
        assert!(typed > 20, "{typed}");
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
