//! Seeded chance: the same seed and the same words give the same throws, on every machine.
//!
//! SplitMix64 over an FNV-1a hash of the words. Good enough to look natural; never used for keys or tokens' strength.

use std::fmt::Write as _;

/// A stream of throws.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// A stream that depends on the seed and on what it is for, so that one more throw somewhere changes nothing
    /// elsewhere.
    pub(super) fn new(seed: u64, words: &[&str]) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for word in words {
            for byte in word.bytes().chain(std::iter::once(0xff)) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Self(hash)
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when the bound is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        match u64::try_from(bound) {
            Ok(bound) if bound > 0 => usize::try_from(self.next() % bound).unwrap_or_default(),
            _ => 0,
        }
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }

    /// True in `percent` of a hundred throws.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of the items; the type's default when there is none.
    pub(super) fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len());
        items.get(at).copied().unwrap_or_default()
    }

    /// One of the items, each as often as its weight says.
    pub(super) fn weighted<T: Copy + Default>(&mut self, items: &[(u64, T)]) -> T {
        let total: u64 = items.iter().map(|(weight, _)| weight).sum();
        let mut left = if total == 0 { 0 } else { self.next() % total };
        for (weight, item) in items {
            if left < *weight {
                return *item;
            }
            left -= weight;
        }
        T::default()
    }

    /// `length` characters from the alphabet that Kubernetes uses for generated names (no vowels, no look-alikes).
    pub(super) fn suffix(&mut self, length: usize) -> String {
        const ALPHABET: &[char] = &[
            'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x',
            'z', '2', '4', '5', '6', '7', '8', '9',
        ];
        (0..length).map(|_| self.pick(ALPHABET)).collect()
    }

    /// `length` lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            let _written = write!(text, "{:016x}", self.next());
        }
        text.truncate(length);
        text
    }

    /// Puts the items in another order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_words_give_the_same_throws_and_others_do_not() {
        let throws = |seed, words: &[&str]| {
            let mut dice = Dice::new(seed, words);
            (0..4).map(|_| dice.next()).collect::<Vec<_>>()
        };
        assert_eq!(throws(7, &["a", "b"]), throws(7, &["a", "b"]));
        assert_ne!(throws(7, &["a", "b"]), throws(8, &["a", "b"]));
        assert_ne!(throws(7, &["a", "b"]), throws(7, &["ab"]));
    }

    #[test]
    fn weights_of_nothing_and_empty_lists_give_the_default() {
        let mut dice = Dice::new(1, &[]);
        assert_eq!(dice.pick::<u8>(&[]), 0);
        assert_eq!(dice.weighted::<u8>(&[]), 0);
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.weighted(&[(0, 1_u8), (5, 2)]), 2);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..50).collect();
        Dice::new(3, &["s"]).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
