//! When something is looked at again: named schedules, each with a bound. What a schedule is used up for is handed back
//! to people, never left.

use jiff::SignedDuration;

use crate::order::DueReason;

/// A named list of waits. The n-th look is followed by the n-th wait; past the last there is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its name in the documentation.
    pub name: &'static str,
    /// What it is for, and what follows when it is used up.
    pub meaning: &'static str,
    minutes: &'static [i64],
}

/// For an order of which it is certain that nothing was sent.
pub const SUBMISSION: Schedule = Schedule {
    name: "submission",
    meaning: "Hand the order on for submission again. Used up: `rejected`, nothing was ever sent.",
    minutes: &[15, 15, 15, 60, 60, 60, 120, 240, 240, 240, 240],
};

/// For an order of which it is not known whether the provider has it.
pub const OUTCOME: Schedule = Schedule {
    name: "outcome",
    meaning: "Ask for the order by its id, or by our own; where it is not found, submit it again with the same key while \
              the provider remembers it, then cancel it by our own id. Used up, or cancelled: `escalated`.",
    minutes: &[15, 15, 15, 60, 60, 60, 120, 240, 240, 240, 240, 240, 240, 240, 240],
};

/// For an order whose window and grace are over and that can't be read.
pub const WINDOW: Schedule = Schedule {
    name: "window",
    meaning: "Ask for the order. Used up: `escalated`.",
    minutes: &[15, 30, 60, 120, 240, 480, 720, 1_440, 1_440],
};

/// For an order whose refund or dispute was signalled.
pub const MONEY: Schedule = Schedule {
    name: "money",
    meaning: "Ask for the order. Used up: the signal stays open, and people are told as of an escalation.",
    minutes: &[15, 30, 60, 120, 240, 480, 720, 1_440, 1_440],
};

/// For an order that the provider works on and that could not be read: until its regular look, which is the bound.
pub const READ: Schedule = Schedule {
    name: "read",
    meaning: "Ask for the order. Used up: it is asked for in the next webhook cycle, at the latest when its window is over.",
    minutes: &[15, 30, 60, 120, 240],
};

/// For a cancel or a capture that is not confirmed.
pub const WISH: Schedule = Schedule {
    name: "wish",
    meaning: "Cancel or capture at the provider, and ask for the order. Used up: `escalated`, the wish is given up.",
    minutes: &[5, 5, 15, 30, 60, 120, 240, 480, 720, 1_440],
};

/// For a refund of which it is not known whether it was made.
pub const REFUND: Schedule = Schedule {
    name: "refund",
    meaning: "Ask for the order's totals, from a quarter of an hour after the refund was asked for. Used up: the refund is \
              `unresolved`, its amount stays reserved, and people are told.",
    minutes: &[15, 30, 60, 120, 240, 480, 720, 1_440, 1_440],
};

/// For an event that came for no order of ours.
pub const ORPHAN: Schedule = Schedule {
    name: "orphan",
    meaning: "Apply the event to the order that it names. Used up: it stays parked, and people are told.",
    minutes: &[5, 15, 60, 360, 1_440, 4_320, 10_080, 14_400],
};

/// Longest time an order keeps its decline, with the personal data in it, while the sweep runs: it waits to be submitted, then
/// to be found at the provider, then for a cancel that people want in its last hour. The half day is for the steps between.
#[must_use]
pub fn request_held_max() -> SignedDuration {
    [&SUBMISSION, &OUTCOME, &WISH].into_iter().map(Schedule::bound).sum::<SignedDuration>()
        + SignedDuration::from_hours(12)
}

impl Schedule {
    /// All schedules.
    pub const ALL: &'static [&'static Self] =
        &[&SUBMISSION, &OUTCOME, &READ, &WINDOW, &MONEY, &WISH, &REFUND, &ORPHAN];

    /// The wait after `looks` looks that led to nothing; `None` where it is used up.
    #[must_use]
    pub fn wait(&self, looks: u16) -> Option<SignedDuration> {
        self.minutes.get(usize::from(looks)).copied().map(SignedDuration::from_mins)
    }

    /// All waits.
    pub fn waits(&self) -> impl Iterator<Item = SignedDuration> {
        self.minutes.iter().copied().map(SignedDuration::from_mins)
    }

    /// From the first look to the end of the last wait.
    #[must_use]
    pub fn bound(&self) -> SignedDuration {
        SignedDuration::from_mins(self.minutes.iter().sum())
    }
}

impl DueReason {
    /// The schedule by which a look for this reason is repeated while it leads to nothing.
    #[must_use]
    pub const fn schedule(self) -> &'static Schedule {
        match self {
            Self::SubmissionOverdue => &SUBMISSION,
            Self::OutcomeUnknown => &OUTCOME,
            Self::WebhookOverdue => &READ,
            Self::WindowOver => &WINDOW,
            Self::MoneySignal => &MONEY,
            Self::Wish => &WISH,
            Self::RefundUnknown => &REFUND,
            Self::Orphan => &ORPHAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_ends_and_never_hurries() {
        for schedule in Schedule::ALL {
            let waits: Vec<_> = schedule.waits().collect();
            assert!(waits.is_sorted() && waits[0] >= SignedDuration::from_mins(5), "{}", schedule.name);
            assert_eq!(schedule.wait(u16::try_from(waits.len()).unwrap()), None);
            assert_eq!(schedule.wait(u16::MAX), None);
            assert_eq!(waits.iter().sum::<SignedDuration>(), schedule.bound());
        }
    }

    #[test]
    fn bounds_are_what_the_provider_s_times_ask_for() {
        // A decline belongs to the day on which it failed (documented: send it on that day).
        assert!(SUBMISSION.bound() < SignedDuration::from_hours(24));
        // Past the replay window (24 h, documented for cancel) some looks are left in which to call the order off.
        assert!(OUTCOME.bound() > SignedDuration::from_hours(24 + 8));
        assert!(WINDOW.bound() >= SignedDuration::from_hours(72));
        // An orphan waits for as long as an order may take.
        assert!(ORPHAN.bound() >= SignedDuration::from_hours(21 * 24));
    }
}
