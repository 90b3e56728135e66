//! Texts that decoders put onto one tape after the other: the names of a header's fields, and what
//! many of these fields say.
//!
//! A tape has all of them in front of its own text, so that a word is added by its place instead of
//! being copied, and a key that is a word is told from others by that place. In: texts, when the
//! program is compiled. Out: places. Diagnostics: a text that is none of them does not compile.

use std::ops::Range;

/// All words. One may be a part of another: `severity` is there once.
pub(super) const WORDS: &str = "protocol rfc3164 rfc5424 facility severity_code timestamp hostname \
    appname procid msgid structured_data message cef version device_vendor device_product \
    device_version event_class_id name extension kern user mail daemon auth syslog lpr news uucp \
    cron authpriv ftp ntp audit alert clockd local0 local1 local2 local3 local4 local5 local6 \
    local7 emerg crit err warning notice info debug";

/// One of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    start: u16,
    length: u16,
}

impl Word {
    /// The word that reads so. For constants: anything else than a word is an error of the compiler
    /// there, and would end the program elsewhere.
    pub const fn of(text: &str) -> Word {
        assert!(!text.is_empty(), "no word");
        let mut rest = WORDS.as_bytes();
        while !begins_with(rest, text.as_bytes()) {
            let behind = rest.split_first();
            assert!(behind.is_some(), "not a word of this list");
            if let Some((_, behind)) = behind {
                rest = behind;
            }
        }
        Word { start: (WORDS.len() - rest.len()) as u16, length: text.len() as u16 }
    }

    /// As it reads.
    pub fn text(self) -> &'static str {
        WORDS.get(self.range()).unwrap_or("")
    }

    /// Where it stands in a tape's own text.
    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.length)
    }
}

const fn begins_with(mut text: &[u8], mut other: &[u8]) -> bool {
    while let (Some((octet, behind)), Some((wanted, wanted_behind))) =
        (text.split_first(), other.split_first())
    {
        if *octet != *wanted {
            return false;
        }
        (text, other) = (behind, wanted_behind);
    }
    other.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reads_as_it_was_asked_for() {
        for text in WORDS.split(' ') {
            assert_eq!(Word::of(text).text(), text);
        }
        assert_eq!(Word::of("severity").text(), "severity");
        assert_ne!(Word::of("severity"), Word::of("severity_code"));
    }

    #[test]
    #[should_panic(expected = "not a word of this list")]
    fn what_is_no_word_is_refused() {
        Word::of("debugging");
    }
}
