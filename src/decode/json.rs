//! JSON (RFC 8259) onto the tape.
//!
//! Reads with jiter, a pull parser: it finds string ends by SIMD, gives the extent of a number
//! instead of its value, and leaves the stack to us, so depth is bounded by [`DEPTH_MAX`] and not
//! by the thread's stack. What RFC 8259 leaves open is decided so:
//!
//! - A key that stands twice is kept twice; readers of the tape take the last (section 4).
//! - A number is any spelling the grammar allows, whatever its size, up to 4,300 integer digits.
//! - A `\u` escape that is half a surrogate pair is an error: the text would not be Unicode.
//! - `NaN`, `Infinity`, comments, trailing commas, a byte order mark: errors.
//!
//! Diagnostics: none; errors are returned.

use std::mem;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};

use super::error::DecodeError;
use super::{DEPTH_MAX, place};
use crate::model::event::{Open, Tape};

/// Reads values; keeps its memory from line to line.
#[derive(Debug, Default)]
pub(super) struct Reader {
    unescaped: Vec<u8>,
    open: Vec<Container>,
}

#[derive(Debug)]
enum Container {
    Object(Open),
    Array(Open),
}

impl Reader {
    /// Adds the one value of `line`, of any kind, to the tape.
    pub(super) fn read(&mut self, line: &str, tape: &mut Tape) -> Result<(), DecodeError> {
        self.open.clear();
        let mut jiter = Jiter::with_tape(line.as_bytes(), mem::take(&mut self.unescaped));
        let outcome = self.document(&mut jiter, line, tape);
        self.unescaped = jiter.into_tape();
        outcome
    }

    /// `peek` is always the first byte of a value that is still to be read.
    fn document(
        &mut self,
        jiter: &mut Jiter<'_>,
        line: &str,
        tape: &mut Tape,
    ) -> Result<(), DecodeError> {
        let mut peek = jiter.peek().map_err(syntax)?;
        loop {
            match peek {
                Peek::Object => {
                    let open = self.enter(jiter, tape.open_object())?;
                    match jiter.known_object().map_err(syntax)? {
                        Some(key) => {
                            place::push(tape, line, key);
                            self.open.push(Container::Object(open));
                            peek = jiter.peek().map_err(syntax)?;
                            continue;
                        }
                        None => tape.close(open),
                    }
                }
                Peek::Array => {
                    let open = self.enter(jiter, tape.open_array())?;
                    match jiter.known_array().map_err(syntax)? {
                        Some(first) => {
                            self.open.push(Container::Array(open));
                            peek = first;
                            continue;
                        }
                        None => tape.close(open),
                    }
                }
                Peek::String => {
                    place::push(tape, line, jiter.known_str().map_err(syntax)?);
                }
                Peek::True | Peek::False => tape.bool(jiter.known_bool(peek).map_err(syntax)?),
                Peek::Null => {
                    jiter.known_null().map_err(syntax)?;
                    tape.null();
                }
                _ => {
                    let start = jiter.current_index();
                    jiter.known_number_bytes(peek).map_err(syntax)?;
                    tape.number_in_line(start, jiter.current_index());
                }
            }
            match self.step(jiter, line, tape)? {
                Some(next) => peek = next,
                None => return jiter.finish().map_err(syntax),
            }
        }
    }

    /// A value has ended: closes what ends with it, and finds the next. `None` behind the root.
    fn step(
        &mut self,
        jiter: &mut Jiter<'_>,
        line: &str,
        tape: &mut Tape,
    ) -> Result<Option<Peek>, DecodeError> {
        loop {
            let next = match self.open.last() {
                None => return Ok(None),
                Some(Container::Object(_)) => match jiter.next_key().map_err(syntax)? {
                    Some(key) => {
                        place::push(tape, line, key);
                        Some(jiter.peek().map_err(syntax)?)
                    }
                    None => None,
                },
                Some(Container::Array(_)) => jiter.array_step().map_err(syntax)?,
            };
            if next.is_some() {
                return Ok(next);
            }
            if let Some(Container::Object(open) | Container::Array(open)) = self.open.pop() {
                tape.close(open);
            }
        }
    }

    fn enter(&self, jiter: &Jiter<'_>, open: Open) -> Result<Open, DecodeError> {
        if self.open.len() < DEPTH_MAX {
            Ok(open)
        } else {
            Err(DecodeError::TooDeep { column: jiter.current_index() + 1 })
        }
    }
}

fn syntax(error: JiterError) -> DecodeError {
    let problem = match error.error_type {
        JiterErrorType::JsonError(kind) => problem(&kind),
        JiterErrorType::WrongType { .. } => "a value must stand here",
    };
    DecodeError::Json { column: error.index + 1, problem }
}

fn problem(kind: &JsonErrorType) -> &'static str {
    match kind {
        JsonErrorType::EofWhileParsingList => "the line ends inside an array",
        JsonErrorType::EofWhileParsingObject => "the line ends inside an object",
        JsonErrorType::EofWhileParsingString => "the line ends inside a string",
        JsonErrorType::EofWhileParsingValue => "the line ends where a value must stand",
        JsonErrorType::ExpectedColon => "a key is followed by `:`",
        JsonErrorType::ExpectedListCommaOrEnd => "an element is followed by `,` or `]`",
        JsonErrorType::ExpectedObjectCommaOrEnd => "a member is followed by `,` or `}`",
        JsonErrorType::ExpectedSomeIdent => "a word other than true, false and null",
        JsonErrorType::InvalidEscape => "an unknown escape in a string",
        JsonErrorType::InvalidNumber => "a number that RFC 8259 does not allow",
        JsonErrorType::NumberOutOfRange => "a number of more than 4,300 digits",
        JsonErrorType::InvalidUnicodeCodePoint => "invalid UTF-8 in a string",
        JsonErrorType::ControlCharacterWhileParsingString => {
            "a control character in a string must be escaped"
        }
        JsonErrorType::KeyMustBeAString => "a key must be a string in double quotes",
        JsonErrorType::LoneLeadingSurrogateInHexEscape
        | JsonErrorType::UnexpectedEndOfHexEscape => "half a surrogate pair in a `\\u` escape",
        JsonErrorType::TrailingComma => "a comma without anything behind it",
        JsonErrorType::TrailingCharacters => "something follows the value",
        _ => "a value must stand here",
    }
}
