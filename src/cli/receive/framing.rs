//! Bytes of one connection to messages: RFC 6587, sections 3.4.1 and 3.4.2, and two other trailers.
//!
//! In: chunks as they were read. Out: complete messages, without their framing and otherwise byte
//! for byte. Holds at most one unfinished message and one chunk.
//!
//! Diagnostics: a broken count is a [`FrameError`], after which the stream has no meaning; messages
//! longer than the limit are passed over and counted.

use clap::ValueEnum;
use memchr::memchr;

/// How the messages of a stream are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Framing {
    /// A line feed behind each message (RFC 6587, section 3.4.2).
    Lf,
    /// `MSG-LEN SP` before each message (RFC 6587, section 3.4.1).
    OctetCounting,
    /// A NUL behind each message.
    Nul,
    /// CR LF behind each message.
    #[value(name = "crlf")]
    CrLf,
    /// Message by message: octet counting where it begins with a digit, else a line feed.
    #[default]
    Auto,
}

/// Why a stream cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// MSG-LEN is `NONZERO-DIGIT *DIGIT` and then a space.
    #[error(
        "expected MSG-LEN (digits, then a space) where octet 0x{0:02x} stands; \
         does the sender use another framing?"
    )]
    NotACount(u8),
    /// No syslog message is that long: the digits are text.
    #[error("MSG-LEN is above {MSG_LEN_MAX}; does the sender use another framing?")]
    CountTooLarge,
}

/// Larger counts are taken for text that begins with digits: 1 GiB.
const MSG_LEN_MAX: usize = 1 << 30;

/// Cuts one connection's bytes into messages.
#[derive(Debug)]
pub(super) struct Splitter {
    framing: Framing,
    message_bytes_max: usize,
    state: State,
    /// The message now read is over the limit: its bytes are not kept.
    too_long: bool,
    /// Complete messages back to back, then the beginning of the next.
    bytes: Vec<u8>,
    /// Where each complete message ends in `bytes`.
    ends: Vec<usize>,
    oversized: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between two messages.
    Boundary,
    /// In the digits of MSG-LEN.
    Count { octets: usize },
    /// In a counted message of which so much is still to come.
    Counted { left: usize },
    /// In a message that ends with a trailer.
    Delimited,
}

impl Splitter {
    pub(super) fn new(framing: Framing, message_bytes_max: usize) -> Splitter {
        Splitter {
            framing,
            message_bytes_max,
            state: State::Boundary,
            too_long: false,
            bytes: Vec::new(),
            ends: Vec::new(),
            oversized: 0,
        }
    }

    /// Takes the next chunk. After an error the messages before it are there all the same.
    pub(super) fn push(&mut self, mut chunk: &[u8]) -> Result<(), FrameError> {
        while let Some((first, behind_first)) = chunk.split_first() {
            match self.state {
                State::Boundary => {
                    let counted = match self.framing {
                        Framing::OctetCounting => true,
                        Framing::Auto => first.is_ascii_digit(),
                        Framing::Lf | Framing::Nul | Framing::CrLf => false,
                    };
                    self.state =
                        if counted { State::Count { octets: 0 } } else { State::Delimited };
                }
                State::Count { octets } => {
                    self.state = self.count(octets, *first)?;
                    chunk = behind_first;
                }
                State::Counted { left } => {
                    let (part, behind) =
                        chunk.split_at_checked(left).unwrap_or((chunk, Default::default()));
                    self.keep(part);
                    self.state = State::Counted { left: left - part.len() };
                    if part.len() == left {
                        self.end();
                    }
                    chunk = behind;
                }
                State::Delimited => chunk = self.delimited(chunk),
            }
        }
        Ok(())
    }

    /// The complete messages since the last [`Splitter::clear`]: their bytes, and where each ends.
    pub(super) fn messages(&self) -> (&[u8], &[usize]) {
        (&self.bytes, &self.ends)
    }

    /// Forgets the complete messages and keeps the unfinished one.
    pub(super) fn clear(&mut self) {
        self.bytes.drain(..self.start());
        self.ends.clear();
    }

    /// True when the stream may end here without cutting a message.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.state == State::Boundary
    }

    /// How many messages were passed over because of their length.
    pub(super) fn oversized(&self) -> u64 {
        self.oversized
    }

    fn count(&mut self, octets: usize, byte: u8) -> Result<State, FrameError> {
        match byte {
            b'1'..=b'9' | b'0' if byte != b'0' || octets > 0 => {
                let octets = octets * 10 + usize::from(byte - b'0');
                if octets > MSG_LEN_MAX {
                    return Err(FrameError::CountTooLarge);
                }
                Ok(State::Count { octets })
            }
            b' ' if octets > 0 => Ok(State::Counted { left: octets }),
            _ => Err(FrameError::NotACount(byte)),
        }
    }

    /// Takes bytes up to a trailer; returns what stands behind it.
    fn delimited<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        let trailer = if self.framing == Framing::Nul { 0 } else { b'\n' };
        let found = memchr(trailer, chunk);
        let part = found.and_then(|at| chunk.get(..at)).unwrap_or(chunk);
        self.keep(part);
        let Some(at) = found else { return Default::default() };
        if self.framing != Framing::CrLf {
            self.end();
        } else if self.bytes.len() > self.start() && self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
            self.end();
        } else {
            self.keep(b"\n");
        }
        chunk.get(at + 1..).unwrap_or_default()
    }

    fn keep(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
        let start = self.start();
        // CR LF counts as trailer, so one octet more may stand before it is known to be none.
        if self.too_long || self.bytes.len() - start > self.message_bytes_max + 1 {
            self.too_long = true;
            // The last octet stays: with CR LF it may be the first half of the trailer.
            let last = self.bytes.last().copied();
            self.bytes.truncate(start);
            self.bytes.extend(last);
        }
    }

    fn end(&mut self) {
        let start = self.start();
        let length = self.bytes.len() - start;
        if self.too_long || length > self.message_bytes_max {
            self.oversized += 1;
            self.bytes.truncate(start);
        } else if length > 0 {
            // Receivers pass over empty lines, and so does this one.
            self.ends.push(self.bytes.len());
        }
        self.too_long = false;
        self.state = State::Boundary;
    }

    /// Where the unfinished message begins in `bytes`.
    fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}
