//! The one source of chance: SplitMix64, so that a seed means the same run on every machine.

/// A stream of numbers that follows from its seed alone.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream number `index` of a seed: streams of one seed have nothing in common.
    pub(crate) fn stream(seed: u64, index: u64) -> Self {
        let mut root = Self(seed);
        let base = root.next();
        Self(Self(base ^ index).next())
    }

    /// The published algorithm (Steele, Lea, Flood 2014), as in Java's `SplittableRandom`.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0. The bias of the remainder is far below anything counted here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most.saturating_sub(least)).unwrap_or(0).saturating_add(1);
        least.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// Whether something happens whose chance is `per_cent` in a hundred.
    pub(crate) fn happens(&mut self, per_cent: u32) -> bool {
        self.below(100) < u64::from(per_cent)
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(of.len()).unwrap_or(0));
        of.get(usize::try_from(index).unwrap_or(0))
    }

    pub(crate) fn bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (left, right) = bytes.split_at_mut(8);
        left.copy_from_slice(&self.next().to_be_bytes());
        right.copy_from_slice(&self.next().to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of seed 1234567, as published with the algorithm's reference implementation.
    #[test]
    fn the_numbers_are_the_published_ones() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(Random::stream(7, 0).next(), Random::stream(7, 1).next());
        assert_ne!(Random::stream(7, 0).next(), Random::stream(8, 0).next());
    }
}
