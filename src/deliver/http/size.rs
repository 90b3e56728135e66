//! How large a batch may be just now: halved when the receiver is overtaxed, grown by success.
//! Pure.

/// Shares of the largest batch, in 1/1024.
const WHOLE: u32 = 1024;
/// How much one success gives back.
const GROWTH: u32 = WHOLE / 32;

/// The present limits of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    events_max: usize,
    bytes_max: usize,
    share: u32,
}

impl Size {
    /// Begins with the largest.
    pub fn new(events_max: usize, bytes_max: usize) -> Size {
        Size { events_max: events_max.max(1), bytes_max, share: WHOLE }
    }

    /// The most events, at least 1.
    pub fn events(&self) -> usize {
        part(self.events_max, self.share).max(1)
    }

    /// The most bytes of a body; one event alone may have more, up to [`Size::bytes_max`].
    pub fn bytes(&self) -> usize {
        part(self.bytes_max, self.share)
    }

    /// The most bytes of a body that there ever are.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The receiver could not cope.
    pub fn halve(&mut self) {
        self.share = (self.share / 2).max(1);
    }

    /// The receiver took a batch.
    pub fn grow(&mut self) {
        self.share = (self.share + GROWTH).min(WHOLE);
    }
}

fn part(whole: usize, share: u32) -> usize {
    // Dividing first would lose small ones, multiplying first would overflow for "no limit".
    match whole.checked_mul(share as usize) {
        Some(product) => product / WHOLE as usize,
        None => whole / WHOLE as usize * share as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_to_one_event_and_grows_back() {
        let mut size = Size::new(100, 1_000_000);
        let halved = |size: &mut Size| {
            size.halve();
            size.events()
        };
        assert_eq!(
            (0..8).map(|_| halved(&mut size)).collect::<Vec<_>>(),
            [50, 25, 12, 6, 3, 1, 1, 1]
        );
        for _ in 0..40 {
            size.grow();
        }
        assert_eq!((size.events(), size.bytes()), (100, 1_000_000));
        let mut unlimited = Size::new(usize::MAX, usize::MAX);
        unlimited.halve();
        assert!(unlimited.events() > usize::MAX / 4);
    }
}
