//! One bounded piece of work on one file: find the next whole lines, or what is wrong.
//!
//! Every read begins up to [`TAIL_BYTES`] before the place that was reached, so the hash of the
//! tail is checked each time for nothing: a file that was truncated and has grown past the old
//! place again is noticed before a byte of it is taken.

use std::fs::File;
use std::io;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use super::content::{self, End, Inflater};
use super::hash;
use super::{READ_BYTES_MAX, READ_LINES_MAX};
use crate::model::position::TAIL_BYTES;

/// How much of something broken is handed on.
pub(super) const BROKEN_HEAD_BYTES: usize = 4 * 1024;
/// How much of an over-long line, or of a compressed file that is passed over, one step reads.
const PASS_BYTES_PER_STEP: usize = 16 * 1024 * 1024;

/// How far a reader has come in one file.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The first byte of the next line.
    pub offset: u64,
    /// As in [`crate::model::position::Cursor`].
    pub tail_hash: u64,
    /// Set while the line at `offset` is known to be over-long and its end has not been seen.
    pub overlong: Option<Box<Overlong>>,
}

/// A line that is passed over without being kept.
#[derive(Clone, Debug)]
pub(super) struct Overlong {
    /// There is no newline between the line's beginning and this offset.
    scanned: u64,
    /// At most [`BROKEN_HEAD_BYTES`] of the line's beginning.
    head: Vec<u8>,
}

impl Progress {
    pub(super) fn at(offset: u64, tail_hash: u64) -> Progress {
        Progress { offset, tail_hash, overlong: None }
    }

    pub(super) fn start() -> Progress {
        Progress::at(0, hash::fnv1a(b""))
    }
}

/// Where the bytes come from.
pub(super) enum Content<'a> {
    Plain(&'a File),
    Compressed(&'a mut Inflater),
}

/// What bounds a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The longest line, without its newline.
    pub event_bytes_max: usize,
    /// Nothing will be appended any more, so an unfinished end is broken, not early.
    pub is_final: bool,
    /// Length and hash of the head by which the file is known.
    pub head: (u32, u64),
}

/// What a step found. `Progress` has moved behind it for `Lines` and `Broken` alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Whole lines: this range of the buffer.
    Lines(Range<usize>),
    /// Something that is no line; `head` of it is in the buffer at that range.
    Broken { head: Range<usize>, reason: String },
    /// Nothing whole before the present end.
    Waits,
    /// Everything there is and will be was passed.
    Finished,
    /// Not there yet: call again.
    Unfinished,
    /// The content before the place reached is not what was read: another file by now.
    Rewritten,
}

/// Advances `progress` over the next whole lines of `content`. `buffer` is reused, and grows to
/// [`READ_BYTES_MAX`] or `event_bytes_max`, whichever is more. Errors: those of the disk.
pub(super) fn step(
    mut content: Content<'_>,
    progress: &mut Progress,
    limits: Limits,
    buffer: &mut Vec<u8>,
) -> io::Result<Step> {
    if progress.overlong.is_some() {
        return pass_overlong(content, progress, limits, buffer);
    }
    let tail_bytes = bytes_before(progress.offset);
    let start = progress.offset - tail_bytes as u64;
    if !approach(&mut content, start)? {
        return Ok(Step::Unfinished);
    }
    let mut wanted = tail_bytes + READ_BYTES_MAX;
    grow(buffer, wanted);
    let mut count = read(&mut content, start, buffer.get_mut(..wanted).unwrap_or_default())?;
    let found = buffer.get(..count).unwrap_or_default();
    if let Some(step) = check_tail(&content, progress, found) {
        return Ok(step);
    }
    if matches!(content, Content::Plain(_)) && start == 0 && !has_head(found, limits.head) {
        return Ok(Step::Rewritten);
    }
    let body = buffer.get(tail_bytes..count).unwrap_or_default();
    if let Some(last) = memrchr(b'\n', body) {
        return Ok(whole_lines(progress, limits, buffer, tail_bytes, tail_bytes + last + 1));
    }
    // One line fills the whole read: take the rest of it, as far as a line may go.
    while count == wanted && count - tail_bytes <= limits.event_bytes_max {
        wanted = (wanted + READ_BYTES_MAX).min(tail_bytes + limits.event_bytes_max + 1);
        grow(buffer, wanted);
        let rest = buffer.get_mut(count..wanted).unwrap_or_default();
        let more = read(&mut content, start + count as u64, rest)?;
        if let Some(at) = memchr(b'\n', rest.get(..more).unwrap_or_default()) {
            return Ok(whole_lines(progress, limits, buffer, tail_bytes, count + at + 1));
        }
        count += more;
    }
    let body = buffer.get(tail_bytes..count).unwrap_or_default();
    if body.len() > limits.event_bytes_max {
        progress.overlong = Some(Box::new(Overlong {
            scanned: progress.offset + body.len() as u64,
            head: body.get(..BROKEN_HEAD_BYTES).unwrap_or(body).to_vec(),
        }));
        return pass_overlong(content, progress, limits, buffer);
    }
    Ok(at_end(&content, progress, limits, buffer, tail_bytes..count))
}

fn bytes_before(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(TAIL_BYTES).min(TAIL_BYTES)
}

fn grow(buffer: &mut Vec<u8>, length: usize) {
    if buffer.len() < length {
        // No more than is asked for: the limit is the user's.
        buffer.reserve_exact(length - buffer.len());
        buffer.resize(length, 0);
    }
}

fn approach(content: &mut Content<'_>, at: u64) -> io::Result<bool> {
    match content {
        Content::Plain(_) => Ok(true),
        Content::Compressed(inflater) => inflater.approach(at, PASS_BYTES_PER_STEP),
    }
}

fn read(content: &mut Content<'_>, at: u64, out: &mut [u8]) -> io::Result<usize> {
    match content {
        Content::Plain(file) => content::read_at(file, at, out),
        Content::Compressed(inflater) => inflater.read_at(at, out),
    }
}

/// `found` begins [`TAIL_BYTES`] (or less, at a file's beginning) before the progress.
fn check_tail(content: &Content<'_>, progress: &Progress, found: &[u8]) -> Option<Step> {
    let Some(tail) = found.get(..bytes_before(progress.offset)) else {
        // The cursor behind a damage stands one byte further than can be decompressed.
        let is_behind_damage = matches!(content, Content::Compressed(inflater)
            if !matches!(inflater.end(), Some(End::Whole) | None));
        return Some(if is_behind_damage { Step::Finished } else { Step::Rewritten });
    };
    (progress.offset > 0 && hash::fnv1a(tail) != progress.tail_hash).then_some(Step::Rewritten)
}

/// Where no tail stands before the progress, the head tells whether the file is the same.
fn has_head(found: &[u8], (bytes, hash): (u32, u64)) -> bool {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    found.get(..bytes).is_some_and(|head| hash::fnv1a(head) == hash)
}

/// Moves over `buffer[from..to]`, which ends with a newline, or over the first
/// [`READ_LINES_MAX`] lines of it, or over the part that precedes an over-long line, or over that
/// line.
fn whole_lines(
    progress: &mut Progress,
    limits: Limits,
    buffer: &[u8],
    from: usize,
    to: usize,
) -> Step {
    let lines = buffer.get(from..to).unwrap_or_default();
    let good = bytes_within(lines, limits.event_bytes_max);
    if good > 0 {
        let good = first_lines(lines.get(..good).unwrap_or_default());
        pass(progress, buffer, from, from + good);
        return Step::Lines(from..from + good);
    }
    let length = memchr(b'\n', lines).unwrap_or(lines.len());
    pass(progress, buffer, from, from + length + 1);
    Step::Broken {
        head: from..from + length.min(BROKEN_HEAD_BYTES),
        reason: overlong_reason(length as u64, limits),
    }
}

/// How many bytes of `lines` precede the first line of more than `most` bytes. Looks at few bytes:
/// wherever a newline is found within reach, everything before it is short enough.
fn bytes_within(lines: &[u8], most: usize) -> usize {
    let mut good = 0;
    while lines.len() - good > most {
        let reach = lines.get(good..).and_then(|rest| rest.get(..=most)).unwrap_or_default();
        match memrchr(b'\n', reach) {
            Some(at) => good += at + 1,
            None => return good,
        }
    }
    lines.len()
}

/// How many bytes the first [`READ_LINES_MAX`] of `lines` have.
fn first_lines(lines: &[u8]) -> usize {
    memchr_iter(b'\n', lines).nth(READ_LINES_MAX - 1).map_or(lines.len(), |at| at + 1)
}

fn overlong_reason(length: u64, limits: Limits) -> String {
    format!("line of {length} bytes, longer than max_event_bytes = {}", limits.event_bytes_max)
}

/// Moves the progress behind `buffer[from..to]`; what precedes `from` in the buffer is the tail
/// before it.
fn pass(progress: &mut Progress, buffer: &[u8], from: usize, to: usize) {
    progress.offset += (to - from) as u64;
    progress.tail_hash = hash::tail(buffer.get(..to).unwrap_or_default());
    progress.overlong = None;
}

/// Looks for the end of an over-long line without keeping it.
fn pass_overlong(
    mut content: Content<'_>,
    progress: &mut Progress,
    limits: Limits,
    buffer: &mut Vec<u8>,
) -> io::Result<Step> {
    let Some(mut overlong) = progress.overlong.take() else { return Ok(Step::Unfinished) };
    grow(buffer, TAIL_BYTES + READ_BYTES_MAX);
    if let Content::Plain(file) = content {
        let before = bytes_before(progress.offset);
        let tail = buffer.get_mut(..before).unwrap_or_default();
        let count = content::read_at(file, progress.offset - before as u64, tail)?;
        if let Some(step) = check_tail(&content, progress, tail.get(..count).unwrap_or_default()) {
            return Ok(step);
        }
    }
    let mut passed = 0;
    while passed < PASS_BYTES_PER_STEP {
        let tail_bytes = bytes_before(overlong.scanned);
        let wanted = tail_bytes + READ_BYTES_MAX;
        let out = buffer.get_mut(..wanted).unwrap_or_default();
        let count = read(&mut content, overlong.scanned - tail_bytes as u64, out)?;
        let Some(body) = buffer.get(tail_bytes..count) else { return Ok(Step::Rewritten) };
        let newline = memchr(b'\n', body);
        if newline.is_some() || (count < wanted && is_over(&content, limits)) {
            let to = tail_bytes + newline.map_or(body.len(), |at| at + 1);
            let line_end = overlong.scanned + newline.unwrap_or(body.len()) as u64;
            let length = line_end - progress.offset;
            progress.tail_hash = hash::tail(buffer.get(..to).unwrap_or_default());
            progress.offset = line_end + u64::from(newline.is_some());
            let head = 0..overlong.head.len();
            buffer.splice(head.clone(), overlong.head);
            return Ok(Step::Broken { head, reason: overlong_reason(length, limits) });
        }
        overlong.scanned += body.len() as u64;
        passed += body.len();
        if count < wanted {
            progress.overlong = Some(overlong);
            return Ok(Step::Waits);
        }
    }
    progress.overlong = Some(overlong);
    Ok(Step::Unfinished)
}

/// Whether nothing can follow what a short read has reached.
fn is_over(content: &Content<'_>, limits: Limits) -> bool {
    match content {
        Content::Plain(_) => limits.is_final,
        Content::Compressed(inflater) => match inflater.end() {
            Some(End::Cut) | None => limits.is_final,
            Some(End::Whole | End::Damaged(_)) => true,
        },
    }
}

/// The content ends, for now or for ever, with `rest` of the buffer, which has no newline.
fn at_end(
    content: &Content<'_>,
    progress: &mut Progress,
    limits: Limits,
    buffer: &[u8],
    rest: Range<usize>,
) -> Step {
    if !is_over(content, limits) {
        return Step::Waits;
    }
    let damage = match content {
        Content::Plain(_) => None,
        Content::Compressed(inflater) => match inflater.end() {
            Some(End::Damaged(how)) => Some(format!("the compressed file is damaged: {how}")),
            Some(End::Cut) => Some("the compressed file ends too early".to_owned()),
            Some(End::Whole) | None => None,
        },
    };
    if rest.is_empty() && damage.is_none() {
        return Step::Finished;
    }
    pass(progress, buffer, rest.start, rest.end);
    // The damage itself counts as one byte, so that a cursor can stand behind it.
    progress.offset += u64::from(damage.is_some());
    let reason = damage
        .unwrap_or_else(|| "the file is complete but its last line has no newline".to_owned());
    Step::Broken { head: rest.start..rest.end.min(rest.start + BROKEN_HEAD_BYTES), reason }
}
