//! Records to bodies.

use super::Record;

/// A JSON array of the records: two brackets, and a comma between any two.
pub fn array(batch: &[Record<'_>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(1 + bytes(batch) + batch.len());
    body.push(b'[');
    for (at, record) in batch.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record.bytes);
    }
    body.push(b']');
    body
}

/// The records as they are, one behind the other.
pub fn concatenated(batch: &[Record<'_>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes(batch));
    batch.iter().for_each(|record| body.extend_from_slice(record.bytes));
    body
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
        assert_eq!(concatenated(&[one, two]), b"{1}{2}");
    }
}
