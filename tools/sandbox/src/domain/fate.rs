//! What becomes of an order: a fate is compiled into the answer to /evaluate and a list of timed steps.

use serde::{Deserialize, Serialize};

use super::ids::roll;

/// What becomes of an order. Times count from the moment /evaluate took effect, on the virtual clock.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fate {
    /// Approved and charged; with 0 seconds in the answer itself.
    Approve {
        /// When.
        #[serde(default)]
        after_seconds: u64,
        /// Approve even if the order has expired by then: a late approval.
        #[serde(default)]
        past_expiry: bool,
    },
    /// Declined for good (the order's status becomes Cancelled); with 0 seconds in the answer itself.
    Decline {
        /// When.
        #[serde(default)]
        after_seconds: u64,
    },
    /// Not rescued by the end of its period.
    Expire,
    /// CHALLENGE: the customer must do something.
    Challenge {
        /// When the customer tries.
        #[serde(default)]
        after_seconds: u64,
        /// Whether it works.
        passes: bool,
    },
    /// Authorized, and voided unless captured in time.
    CaptureRequired {
        /// The window, where it isn't the setting's.
        #[serde(default)]
        window_seconds: Option<u64>,
    },
    /// Never decided, not even by the expiry: nothing is sent, and asking finds the order pending.
    StayPending,
    /// One of several, drawn by seed and order id.
    Mix {
        /// The choices.
        of: Vec<Weighted>,
    },
}

/// One choice of a mix.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// Its share of the sum of all weights.
    pub weight: u32,
    /// The fate.
    pub fate: Fate,
}

impl Default for Fate {
    /// Approved after three days.
    fn default() -> Self {
        Self::Approve { after_seconds: 3 * 86_400, past_expiry: false }
    }
}

/// Something that happens to an order at an instant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Draft becomes Processing.
    StartProcessing,
    /// Processing is suspended (Onhold).
    Hold,
    /// A suspension ends.
    Release,
    /// Status Problem: no event, no way out but an approval or a cancel.
    Problem,
    /// Approve and charge, if still pending.
    Approve,
    /// Approve and charge, even if expired.
    ApproveLate,
    /// Decline, if still pending.
    Decline,
    /// Expire, if still pending.
    Expire,
    /// Void the authorization, if not captured.
    AutoVoid,
    /// The customer tries the challenge.
    ChallengeAttempt,
    /// The challenge ends.
    ChallengeEnd {
        /// How.
        passes: bool,
    },
    /// A refund made by FlexFactor's side (the portal), of what is left if no amount is given.
    Refund {
        /// Cents.
        #[serde(default)]
        amount_minor: Option<i64>,
    },
    /// The issuing bank takes the money back.
    Chargeback,
    /// Send an event, and change nothing.
    Emit {
        /// Its name.
        event: String,
    },
}

/// An action and when it happens.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Virtual seconds after /evaluate took effect.
    pub after_seconds: u64,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
}

/// What /evaluate itself finds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opening {
    /// Nothing decided yet.
    Pending,
    /// Approved at once.
    Approved,
    /// Declined at once.
    Declined,
    /// Needs the customer.
    Challenged,
    /// Needs a capture, within this window if it isn't the setting's.
    CaptureRequired(Option<u64>),
}

/// A fate, compiled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What /evaluate finds.
    pub opening: Opening,
    /// What follows.
    pub steps: Vec<Step>,
    /// Whether the end of its period ends the order.
    pub expires: bool,
}

impl Fate {
    /// Draws from mixes until one fate is left. An empty mix leaves the order pending.
    #[must_use]
    pub fn draw(&self, seed: u64, mid: &str, external_id: &str) -> Fate {
        let mut fate = self;
        let mut depth = 0_u32;
        while let Fate::Mix { of } = fate {
            let sum: u64 = of.iter().map(|choice| u64::from(choice.weight)).sum();
            if sum == 0 {
                return Fate::StayPending;
            }
            let mut left = roll(seed, &["fate", mid, external_id, &depth.to_string()]) % sum;
            let drawn = of.iter().find(|choice| {
                let weight = u64::from(choice.weight);
                let hit = left < weight;
                left = left.saturating_sub(weight);
                hit
            });
            match drawn {
                Some(choice) => fate = &choice.fate,
                None => return Fate::StayPending,
            }
            depth += 1;
        }
        fate.clone()
    }

    /// Compiles a drawn fate.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let plan = |opening, steps, expires| Plan { opening, steps, expires };
        let step = |after_seconds, action| Step { after_seconds, action };
        match *self {
            Fate::Approve { after_seconds: 0, .. } => plan(Opening::Approved, vec![], true),
            Fate::Approve { after_seconds, past_expiry: false } => {
                plan(Opening::Pending, vec![step(after_seconds, Action::Approve)], true)
            }
            Fate::Approve { after_seconds, past_expiry: true } => {
                plan(Opening::Pending, vec![step(after_seconds, Action::ApproveLate)], true)
            }
            Fate::Decline { after_seconds: 0 } => plan(Opening::Declined, vec![], true),
            Fate::Decline { after_seconds } => {
                plan(Opening::Pending, vec![step(after_seconds, Action::Decline)], true)
            }
            Fate::Expire => plan(Opening::Pending, vec![], true),
            Fate::Challenge { after_seconds, passes } => plan(
                Opening::Challenged,
                vec![
                    step(after_seconds, Action::ChallengeAttempt),
                    step(after_seconds, Action::ChallengeEnd { passes }),
                ],
                true,
            ),
            Fate::CaptureRequired { window_seconds } => {
                plan(Opening::CaptureRequired(window_seconds), vec![], false)
            }
            Fate::StayPending | Fate::Mix { .. } => plan(Opening::Pending, vec![], false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_drawn_by_seed_and_order() {
        let mix = Fate::Mix {
            of: vec![
                Weighted { weight: 3, fate: Fate::Expire },
                Weighted { weight: 1, fate: Fate::Decline { after_seconds: 5 } },
            ],
        };
        let drawn: Vec<Fate> = (0..400).map(|n| mix.draw(7, "m", &n.to_string())).collect();
        let again: Vec<Fate> = (0..400).map(|n| mix.draw(7, "m", &n.to_string())).collect();
        assert_eq!(drawn, again);
        let expiries = drawn.iter().filter(|fate| **fate == Fate::Expire).count();
        assert!((250..350).contains(&expiries), "{expiries}");
        assert_eq!(Fate::Mix { of: vec![] }.draw(7, "m", "o"), Fate::StayPending);
    }

    #[test]
    fn is_read_from_json() {
        let fate: Fate = serde_json::from_str(r#"{"kind":"approve","after_seconds":60}"#).unwrap();
        assert_eq!(fate, Fate::Approve { after_seconds: 60, past_expiry: false });
        let step: Step =
            serde_json::from_str(r#"{"after_seconds":1,"do":{"refund":{"amount_minor":5}}}"#).unwrap();
        assert_eq!(step.action, Action::Refund { amount_minor: Some(5) });
        assert!(serde_json::from_str::<Fate>(r#"{"kind":"approve","aftr_seconds":60}"#).is_err());
    }
}
