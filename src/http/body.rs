//! Records to bodies, and records that no body can hold.

use super::Record;
use crate::model::outcome::Cause;

/// A JSON array of the records: two brackets, and a comma between any two.
pub fn array(batch: &[Record<'_>]) -> Vec<u8> {
    enveloped("[", batch, "]")
}

/// The same in an envelope: `before` ends with the array's `[`, `behind` begins with its `]`.
pub fn enveloped(before: &str, batch: &[Record<'_>], behind: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(before.len() + bytes(batch) + batch.len() + behind.len());
    body.extend_from_slice(before.as_bytes());
    for (at, record) in batch.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record.bytes);
    }
    body.extend_from_slice(behind.as_bytes());
    body
}

/// The records, one a line.
pub fn lines(batch: &[Record<'_>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes(batch) + batch.len());
    for record in batch {
        body.extend_from_slice(record.bytes);
        body.push(b'\n');
    }
    body
}

/// The records as they are, one behind the other.
pub fn concatenated(batch: &[Record<'_>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes(batch));
    batch.iter().for_each(|record| body.extend_from_slice(record.bytes));
    body
}

/// Takes the record that begins at `start` of `out` back if it has more bytes than `most`.
///
/// # Errors
/// It had; the text is `text`'s.
pub fn keep_within<T: Into<String>>(
    most: usize,
    start: usize,
    out: &mut Vec<u8>,
    text: impl FnOnce() -> T,
) -> Result<(), Cause> {
    if out.len() - start <= most {
        return Ok(());
    }
    out.truncate(start);
    Err(Cause::new("too_large", text()))
}

fn bytes(batch: &[Record<'_>]) -> usize {
    batch.iter().map(|record| record.bytes.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Severity;

    #[test]
    fn records_become_bodies() {
        let record = |bytes| Record { bytes, id: "", severity: Severity::default() };
        let [one, two] = [record(b"{1}"), record(b"{2}")];
        assert_eq!(array(&[one]), b"[{1}]");
        assert_eq!(array(&[one, two]), b"[{1},{2}]");
        assert_eq!(enveloped("{\"a\":[", &[one, two], "]}"), b"{\"a\":[{1},{2}]}");
        assert_eq!(lines(&[one, two]), b"{1}\n{2}\n");
        assert_eq!(concatenated(&[one, two]), b"{1}{2}");
    }
}
