//! The hashes that make a file known again.
//!
//! They are kept in the checkpoint, so they must give the same number on every platform and in
//! every later version: 64-bit FNV-1a (draft-eastlake-fnv, offset basis 0xcbf29ce484222325, prime
//! 0x100000001b3) over the plain bytes. Changing it makes every known file a new one.
//! It guards against mistakes, not against an enemy who can write to the spool anyway.

use crate::model::position::TAIL_BYTES;

/// How many bytes of a file's beginning are hashed at most.
pub const HEAD_BYTES_MAX: usize = 256;

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a of all of `bytes`.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// [`crate::model::position::Cursor::tail_hash`] for a cursor behind the last of `before`, which
/// must hold at least the last [`TAIL_BYTES`] bytes of the content before that cursor (or all of
/// it, where that is less).
pub fn tail(before: &[u8]) -> u64 {
    fnv1a(before.last_chunk::<TAIL_BYTES>().map_or(before, |last| last.as_slice()))
}

/// Spreads the bits of a key's ingredients (the finaliser of splitmix64).
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_gives_the_published_values() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_tail_is_the_last_64_bytes() {
        let long = [b"x".repeat(100), b"y".repeat(64)].concat();
        assert_eq!(tail(&long), fnv1a(&b"y".repeat(64)));
        assert_eq!(tail(b"short"), fnv1a(b"short"));
    }
}
