//! Ids of what is made, from a seed.

use serde::{Deserialize, Serialize};

/// Ids in AWS's form from a seed, so that a run can be repeated.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ids {
    state: u64,
}

impl Ids {
    pub(crate) fn seeded(state: u64) -> Self {
        Self { state }
    }

    /// A number from 0 up to but not including 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.number() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }

    /// The next number of a splitmix64 sequence.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A resource id: `prefix-0` and sixteen hexadecimal digits.
    pub(crate) fn resource(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.number())
    }

    /// As many digits, the first of them not zero.
    pub(crate) fn digits(&mut self, count: u32) -> u64 {
        let low = 10_u64.pow(count.saturating_sub(1));
        low + self.number() % (low * 9)
    }

    /// A UUID in its usual spelling.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    /// Capital letters and digits, as in access keys.
    pub(crate) fn letters(&mut self, count: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..count)
            .filter_map(|_| ALPHABET.get(usize::try_from(self.number() % 32).ok()?))
            .map(|b| char::from(*b))
            .collect()
    }
}
