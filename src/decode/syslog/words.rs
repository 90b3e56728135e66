//! The names of a header's fields on the tape, and what facility and severity are called there
//! (RFC 5424, section 6.2.1). In: what syslog_loose says. Out: words. Diagnostics: none.

use syslog_loose::{SyslogFacility, SyslogSeverity};

use crate::model::event::Word;

pub(super) const PROTOCOL: Word = Word::of("protocol");
pub(super) const RFC3164: Word = Word::of("rfc3164");
pub(super) const RFC5424: Word = Word::of("rfc5424");
pub(super) const FACILITY: Word = Word::of("facility");
pub(super) const SEVERITY: Word = Word::of("severity");
pub(super) const SEVERITY_CODE: Word = Word::of("severity_code");
pub(super) const TIMESTAMP: Word = Word::of("timestamp");
pub(super) const HOSTNAME: Word = Word::of("hostname");
pub(super) const APPNAME: Word = Word::of("appname");
pub(super) const PROCID: Word = Word::of("procid");
pub(super) const MSGID: Word = Word::of("msgid");
pub(super) const STRUCTURED_DATA: Word = Word::of("structured_data");
pub(super) const MESSAGE: Word = Word::of("message");

/// By their numerical codes.
const FACILITIES: [Word; 24] = [
    Word::of("kern"),
    Word::of("user"),
    Word::of("mail"),
    Word::of("daemon"),
    Word::of("auth"),
    Word::of("syslog"),
    Word::of("lpr"),
    Word::of("news"),
    Word::of("uucp"),
    Word::of("cron"),
    Word::of("authpriv"),
    Word::of("ftp"),
    Word::of("ntp"),
    Word::of("audit"),
    Word::of("alert"),
    Word::of("clockd"),
    Word::of("local0"),
    Word::of("local1"),
    Word::of("local2"),
    Word::of("local3"),
    Word::of("local4"),
    Word::of("local5"),
    Word::of("local6"),
    Word::of("local7"),
];

/// By their numerical codes: the name, and the code.
const SEVERITIES: [(Word, Word); 8] = [
    (Word::of("emerg"), Word::of("0")),
    (Word::of("alert"), Word::of("1")),
    (Word::of("crit"), Word::of("2")),
    (Word::of("err"), Word::of("3")),
    (Word::of("warning"), Word::of("4")),
    (Word::of("notice"), Word::of("5")),
    (Word::of("info"), Word::of("6")),
    (Word::of("debug"), Word::of("7")),
];

/// The name of a facility.
pub(super) fn facility(facility: SyslogFacility) -> Option<Word> {
    FACILITIES.get(facility as usize).copied()
}

/// The name of a severity, and its code.
pub(super) fn severity(severity: SyslogSeverity) -> Option<(Word, Word)> {
    SEVERITIES.get(severity as usize).copied()
}

#[cfg(test)]
mod tests {
    use syslog_loose::decompose_pri;

    use super::*;

    #[test]
    fn every_priority_has_the_names_that_syslog_loose_knows() {
        for pri in 0..=191 {
            let (found, level) = decompose_pri(pri);
            let (found, level) = (found.unwrap(), level.unwrap());
            assert_eq!(facility(found).unwrap().text(), found.as_str());
            let (name, code) = severity(level).unwrap();
            assert_eq!(name.text(), level.as_str());
            assert_eq!(code.text(), (pri % 8).to_string());
        }
    }
}
