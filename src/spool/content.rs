//! The bytes of a spool file by uncompressed offset, plain or gzip.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

/// How much compressed data one `read` of the file fetches.
const COMPRESSED_BYTES: usize = 64 * 1024;
/// How much is decompressed at a time.
const INFLATED_BYTES: usize = 32 * 1024;

/// Reads into `out` from `at` until it is full or the file ends.
pub(super) fn read_at(file: &File, at: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// How a compressed stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the trailer of its last member.
    Whole,
    /// In the middle: still being written, or cut off.
    Cut,
    /// With bytes that are not gzip; the text says how.
    Damaged(String),
}

/// A gzip file being decompressed once from front to back.
///
/// Memory: zlib's window, 64 KiB of input, and what the last [`Inflater::read_at`] returned, since
/// a caller comes back to its last line's beginning. Every inflater keeps its own file offset, so
/// several may share one descriptor.
#[derive(Debug)]
pub(super) struct Inflater {
    file: Arc<File>,
    decoder: MultiGzDecoder<BufReader<Input>>,
    /// Decompressed and perhaps wanted again.
    kept: Vec<u8>,
    /// The uncompressed offset of the first byte in `kept`.
    kept_at: u64,
    end: Option<End>,
}

impl Inflater {
    pub(super) fn new(file: Arc<File>) -> Inflater {
        let input = Input { file: Arc::clone(&file), offset: 0 };
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(COMPRESSED_BYTES, input));
        Inflater { file, decoder, kept: Vec::new(), kept_at: 0, end: None }
    }

    /// How the stream ended, once a read came back short.
    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Goes towards `at`, over about `budget` bytes. True when it is there, or at the end.
    pub(super) fn approach(&mut self, at: u64, budget: usize) -> io::Result<bool> {
        if at < self.kept_at {
            *self = Inflater::new(Arc::clone(&self.file));
        }
        let mut passed = 0;
        loop {
            let ahead = usize::try_from(at - self.kept_at).unwrap_or(usize::MAX);
            let count = ahead.min(self.kept.len());
            self.kept.drain(..count);
            self.kept_at += count as u64;
            passed += count;
            if self.kept_at == at || self.end.is_some() {
                return Ok(true);
            }
            if passed > budget {
                return Ok(false);
            }
            self.inflate()?;
        }
    }

    /// Like [`read_at`]; short only at the end of the stream, of whatever kind.
    pub(super) fn read_at(&mut self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        self.approach(at, usize::MAX)?;
        if self.kept_at != at {
            return Ok(0);
        }
        while self.kept.len() < out.len() && self.end.is_none() {
            self.inflate()?;
        }
        let count = self.kept.len().min(out.len());
        for (to, from) in out.iter_mut().zip(&self.kept) {
            *to = *from;
        }
        Ok(count)
    }

    /// Decompresses one more piece into `kept`, or sets `end`. The pieces are always of the same
    /// size, so that a damaged file gives the same bytes before the damage every time. Errors are
    /// those of the disk alone, and leave the stream unusable: the caller drops it.
    fn inflate(&mut self) -> io::Result<()> {
        let length = self.kept.len();
        self.kept.resize(length + INFLATED_BYTES, 0);
        let result = loop {
            match self.decoder.read(self.kept.get_mut(length..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.kept.truncate(length + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(0) => self.end = Some(End::Whole),
            Ok(_) => {}
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => self.end = Some(End::Cut),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    self.end = Some(End::Damaged(error.to_string()));
                }
                _ => return Err(error),
            },
        }
        Ok(())
    }
}

/// The length that a gzip file's last four bytes state: that of its last member, modulo 2^32
/// (RFC 1952, section 2.3.1). A hint only: there may be other members before it.
pub(super) fn stated_length(file: &File, size: u64) -> Option<u32> {
    let mut trailer = [0; 4];
    let count = read_at(file, size.checked_sub(4)?, &mut trailer).ok()?;
    (count == trailer.len()).then(|| u32::from_le_bytes(trailer))
}

/// A file read from an offset of its own.
#[derive(Debug)]
struct Input {
    file: Arc<File>,
    offset: u64,
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
