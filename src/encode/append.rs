//! Short texts behind the output, without a call for each.
//!
//! A message is made of some hundred texts of a few octets. To copy one of them costs less than to
//! call the function that copies, and much less with a C library whose function is made for long
//! ones. So what is short is put together in registers, written in one piece of a known length, and
//! what that has too much is cut off again. In: octets. Out: the same, appended.
//! Diagnostics: none.

/// Like `extend_from_slice`.
#[inline]
pub(super) fn append(text: &[u8], out: &mut Vec<u8>) {
    let end = out.len() + text.len();
    match text.len() {
        0..=16 => out.extend_from_slice(&up_to_16(text)),
        17..=32 => {
            if let (Some(head), Some(tail)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
                out.extend_from_slice(head);
                let twice = 32 - text.len();
                out.extend_from_slice(&(u128::from_le_bytes(*tail) >> (8 * twice)).to_le_bytes());
            }
        }
        _ => out.extend_from_slice(text),
    }
    out.truncate(end);
}

/// At most 16 octets, and zeros behind them. Head and tail overlap where the text is shorter than
/// both; there they agree.
#[inline]
fn up_to_16(text: &[u8]) -> [u8; 16] {
    let behind = |head: usize| 8 * (text.len() - head);
    if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let (head, tail) = (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
        (u128::from(head) | u128::from(tail) << behind(8)).to_le_bytes()
    } else if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        u128::from(u64::from(head) | u64::from(tail) << behind(4)).to_le_bytes()
    } else {
        let word = text.iter().rev().fold(0, |word: u32, octet| word << 8 | u32::from(*octet));
        u128::from(word).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn what_is_appended_is_what_was_given_whatever_its_length() {
        let text: Vec<u8> = (1..=100).collect();
        for length in 0..=text.len() {
            let mut out = b"before".to_vec();
            append(&text[..length], &mut out);
            append(b"|", &mut out);
            let expected = [b"before", &text[..length], b"|"].concat();
            assert_eq!(out, expected, "{length}");
        }
    }
}
