//! The CEF extension dictionary: which keys there are and what their values have to be.
//!
//! In: the model's table of them, parsed once for each encoder. Out: the [`Rule`] of a key, found
//! in a few nanoseconds. Diagnostics: none; a key that is not here is a custom key.

use super::scan::pack;
use crate::model::cef::DICTIONARY as TABLE;

/// Slots of the hash table: a power of two, about six times the number of keys.
const SLOTS: usize = 1024;
const EMPTY: u8 = u8::MAX;

/// What the value of a key has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Ipv4,
    Ipv6,
    /// Either of the two.
    Ip,
    Mac,
    /// A TCP or UDP port.
    Port,
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    Long,
    FloatingPoint,
    TimeStamp,
}

/// One key of the dictionary.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) key: &'static str,
    /// A space, the key, an equals sign.
    pub(super) opening: String,
    pub(super) full_name: &'static str,
    pub(super) kind: Kind,
    /// The most octets of the escaped value; `usize::MAX` where the dictionary names none.
    pub(super) value_bytes_max: usize,
    /// Introduced by CEF 1.2: not to be used under `CEF:0`.
    pub(super) is_since_1: bool,
    /// Set by ArcSight's own connectors; a producer must not send it.
    pub(super) is_consumer: bool,
    /// The place of this rule; below 255.
    pub(super) index: u8,
    /// `cs1` for `cs1Label` and the other way round.
    pub(super) partner: Option<u8>,
}

/// All rules and the way to them.
#[derive(Debug)]
pub(super) struct Dictionary {
    rules: Vec<Rule>,
    slots: Box<[u8; SLOTS]>,
}

impl Dictionary {
    pub(super) fn new() -> Dictionary {
        let mut rules: Vec<Rule> = TABLE.lines().skip(1).filter_map(rule).collect();
        rules.truncate(usize::from(EMPTY));
        let partners: Vec<_> = rules.iter().map(|rule| partner(rule.key, &rules)).collect();
        let mut slots = Box::new([EMPTY; SLOTS]);
        for (index, (rule, partner)) in rules.iter_mut().zip(partners).enumerate() {
            rule.index = index as u8;
            rule.partner = partner;
            let mut at = hash(rule.key.as_bytes());
            while let Some(slot) = slots.get_mut(at % SLOTS) {
                if *slot == EMPTY {
                    *slot = rule.index;
                    break;
                }
                at += 1;
            }
        }
        Dictionary { rules, slots }
    }

    /// The rule of a key, which is told from others by case.
    pub(super) fn find(&self, key: &str) -> Option<&Rule> {
        let mut at = hash(key.as_bytes());
        loop {
            let index = *self.slots.get(at % SLOTS)?;
            // EMPTY is the index of no rule.
            let rule = self.rules.get(usize::from(index))?;
            if rule.key == key {
                return Some(rule);
            }
            at += 1;
        }
    }

    pub(super) fn rule(&self, index: u8) -> Option<&Rule> {
        self.rules.get(usize::from(index))
    }
}

fn rule(line: &'static str) -> Option<Rule> {
    let mut columns = line.split('\t');
    let (key, full_name, kind) = (columns.next()?, columns.next()?, columns.next()?);
    let (length, version, audience) = (columns.next()?, columns.next()?, columns.next()?);
    let kind = match (kind, length) {
        ("IPv4 Address", _) => Kind::Ipv4,
        ("IPv6 Address", _) => Kind::Ipv6,
        ("IP Address", _) => Kind::Ip,
        ("MAC Address", _) => Kind::Mac,
        ("Integer", "64-bit") | ("Long", _) => Kind::Long,
        ("Integer", _) if full_name.ends_with("Port") => Kind::Port,
        // The standard says 32 bits; receivers take 64 for these two, and counters need them.
        ("Integer", _) if matches!(key, "in" | "out") => Kind::Long,
        ("Integer", _) => Kind::Integer,
        ("Floating Point", _) => Kind::FloatingPoint,
        ("Time Stamp", _) => Kind::TimeStamp,
        _ => Kind::String,
    };
    Some(Rule {
        key,
        opening: format!(" {key}="),
        full_name,
        kind,
        value_bytes_max: length.parse().unwrap_or(usize::MAX),
        is_since_1: version.starts_with('1'),
        is_consumer: audience == "consumer",
        index: 0,
        partner: None,
    })
}

fn partner(key: &str, rules: &[Rule]) -> Option<u8> {
    let is_partner = |rule: &Rule| {
        rule.key.strip_suffix("Label") == Some(key) || key.strip_suffix("Label") == Some(rule.key)
    };
    rules.iter().position(is_partner).map(|index| index as u8)
}

/// The head, the tail and the length of the key, mixed. Two keys that agree in these are told
/// apart by comparison; the dictionary has none.
fn hash(key: &[u8]) -> usize {
    (spread(key) >> 54) as usize
}

/// A hash of all 64 bits, good in the upper ones.
pub(super) fn spread(key: &[u8]) -> u64 {
    let packed = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(head), Some(tail)) => {
            u64::from_le_bytes(*head) ^ u64::from_le_bytes(*tail).rotate_left(21)
        }
        _ => pack(key)
            .unwrap_or_else(|| key.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte))),
    };
    mix(packed ^ key.len() as u64)
}

/// Spreads a number over the upper bits.
#[inline]
pub(super) fn mix(number: u64) -> u64 {
    // 2^64 divided by the golden ratio.
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
