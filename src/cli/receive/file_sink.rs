//! Messages to a file, one a line, as they came.
//!
//! In: the messages of one read. Out: one `write(2)`, at once: nothing waits in this process, so
//! what was taken from the socket survives a SIGKILL in the page cache (though not a power cut).
//! A line feed, CR or NUL inside a message would break the one-message-a-line form: they are
//! written as `#012`, `#015` and `#000`, octal like rsyslog's. Everything else stays as it came.
//!
//! Diagnostics: a file that cannot be written ends the receiver, with the path.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Batch;

/// Appends messages to a file.
#[derive(Debug)]
pub struct FileSink {
    file: File,
    /// Reused from batch to batch; empty between two calls.
    lines: Vec<u8>,
}

impl FileSink {
    /// Opens the file for appending, and makes it when it is not there. A last line without its
    /// line feed, which a killed receiver may have left, is taken out: that message was never
    /// complete here, and its sender will repeat it.
    pub fn open(path: &Path) -> io::Result<FileSink> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let length = file.metadata()?.len();
        let whole = whole_lines(&mut file, length)?;
        if whole < length {
            file.set_len(whole)?;
        }
        Ok(FileSink { file, lines: Vec::new() })
    }

    /// Appends the messages with one `write(2)` (more only where the kernel takes less).
    pub fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        for message in batch.messages() {
            append_line(message, &mut self.lines);
        }
        let written = self.file.write_all(&self.lines);
        self.lines.clear();
        written
    }
}

/// The message as one line of the file, with its line feed.
pub fn append_line(message: &[u8], out: &mut Vec<u8>) {
    let mut rest = message;
    while let Some(at) = rest.iter().position(|octet| matches!(octet, b'\n' | b'\r' | 0)) {
        let (plain, behind) = rest.split_at_checked(at).unwrap_or((rest, Default::default()));
        out.extend_from_slice(plain);
        let Some((octet, behind)) = behind.split_first() else { break };
        out.extend_from_slice(match octet {
            b'\n' => b"#012",
            b'\r' => b"#015",
            _ => b"#000",
        });
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'\n');
}

/// How many bytes of the file are whole lines: reads back from its end to the last line feed.
fn whole_lines(file: &mut File, length: u64) -> io::Result<u64> {
    const STEP: u64 = 64 * 1024;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        let mut piece = Vec::new();
        Read::take(&*file, end - start).read_to_end(&mut piece)?;
        if let Some(at) = memchr::memrchr(b'\n', &piece) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
