//! The virtual clock: real time, scaled, plus an offset that only ever grows.

use jiff::{SignedDuration, Timestamp};

/// Virtual time as a function of real time: `virtual = origin + (real − start) × scale + advanced`.
///
/// With the default scale of 1 and no origin of its own it is real time plus what was advanced by command. A scale of
/// 0 stands still between commands, which makes a test exact.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Timestamp,
    origin: Timestamp,
    scale: u32,
    advanced: SignedDuration,
}

impl Clock {
    /// A clock that shows `origin` at the real instant `start`.
    #[must_use]
    pub fn new(start: Timestamp, origin: Timestamp, scale: u32) -> Self {
        Self { start, origin, scale, advanced: SignedDuration::ZERO }
    }

    /// What the clock shows at the real instant `real`. Never fails: beyond the calendar it stands still.
    #[must_use]
    pub fn now(&self, real: Timestamp) -> Timestamp {
        let elapsed = real.duration_since(self.start);
        let elapsed = if elapsed.is_negative() { SignedDuration::ZERO } else { elapsed };
        let scaled = elapsed.checked_mul(i32::try_from(self.scale).unwrap_or(i32::MAX));
        let passed =
            scaled.and_then(|scaled| scaled.checked_add(self.advanced)).unwrap_or(SignedDuration::MAX);
        self.origin.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward.
    pub fn advance(&mut self, seconds: u64) {
        let step = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        self.advanced = self.advanced.checked_add(step).unwrap_or(SignedDuration::MAX);
    }

    /// Virtual seconds per real second.
    #[must_use]
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// Seconds advanced by command so far.
    #[must_use]
    pub fn advanced_seconds(&self) -> i64 {
        self.advanced.as_secs()
    }

    /// How long a real sleeper has to wait until the clock shows `due`; nothing if only a command gets it there.
    #[must_use]
    pub fn real_wait(&self, real: Timestamp, due: Timestamp) -> Option<std::time::Duration> {
        let left = due.duration_since(self.now(real));
        if left.is_negative() || left.is_zero() {
            return Some(std::time::Duration::ZERO);
        }
        let left = std::time::Duration::try_from(left).ok()?;
        left.checked_div(self.scale)
    }
}

/// `instant` plus `seconds`, standing still at the end of the calendar.
#[must_use]
pub fn after(instant: Timestamp, seconds: u64) -> Timestamp {
    let step = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    instant.checked_add(step).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn shows_real_time_plus_what_was_advanced() {
        let mut clock = Clock::new(at(1000), at(1000), 1);
        clock.advance(21 * 86_400);
        assert_eq!(clock.now(at(1005)), at(1005 + 21 * 86_400));
        assert_eq!(
            clock.real_wait(at(1005), at(1015 + 21 * 86_400)),
            Some(std::time::Duration::from_secs(10))
        );
    }

    #[test]
    fn a_scale_of_zero_moves_only_by_command() {
        let mut clock = Clock::new(at(1000), at(5000), 0);
        assert_eq!(clock.now(at(9999)), at(5000));
        assert_eq!(clock.real_wait(at(9999), at(5001)), None);
        clock.advance(1);
        assert_eq!(clock.now(at(9999)), at(5001));
    }

    #[test]
    fn never_overflows() {
        let mut clock = Clock::new(at(0), at(0), u32::MAX);
        clock.advance(u64::MAX);
        assert_eq!(clock.now(at(4_000_000_000)), Timestamp::MAX);
    }
}
