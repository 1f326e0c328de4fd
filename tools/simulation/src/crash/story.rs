//! Stories: one for each way of a decline, of a submission, of each kind of webhook, and of each reason for a look. What people
//! ask for is told in [`asked`].

mod asked;

use std::collections::BTreeSet;

use models::ids::OrderKey;
use sandbox::{Action, Fate, Rule, Step};
use serde_json::Value;

use crate::env::Told;
use crate::fault::Fault;
use crate::merchants::REFUSED_MINOR;
use crate::people::{Person, Wants};
use crate::random::Random;
use crate::traffic::{Message, SAMPLE, Traffic, decline, with};
use crate::world::{DAY, MINUTE, START};

pub(super) use asked::ASKED;

/// The order that every story is about.
const ORDER_ID: &str = "INV-1001-r1";

const SECONDS_A_DAY: u64 = 86_400;

/// What a billing system sends.
#[derive(Debug, Clone, Copy)]
enum Sends {
    One,
    TheSameAgain,
    AnotherUnderTheSameId,
    OneThatBreaksARule,
    OneThatIsNotJson,
    OneThatIsRefused,
    Nothing,
}

/// A story.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    merchant: &'static str,
    sends: Sends,
    fate: fn() -> Fate,
    steps: fn() -> Vec<Step>,
    /// The faults without which it would be another story.
    pub(super) told: &'static [Told],
    pub(super) has_stranger: bool,
    /// What people want of it, and how long after its decline.
    people: fn() -> Vec<(i64, Wants)>,
    /// Whether FlexFactor tells amounts when an order is read.
    pub(super) tells_totals: bool,
    /// How its end begins: the order's status.
    pub(super) ends: &'static str,
    /// As what it may end besides when a process has died: a death can cost knowledge, never truth.
    pub(super) also: &'static [&'static str],
    /// How it may end besides, up to what FlexFactor has, where that differs as well: it died before FlexFactor was told.
    pub(super) also_whole: &'static [&'static str],
}

const fn story(name: &'static str, fate: fn() -> Fate, ends: &'static str) -> Story {
    Story {
        name,
        merchant: "acme",
        sends: Sends::One,
        fate,
        steps: Vec::new,
        told: &[],
        has_stranger: false,
        people: Vec::new,
        tells_totals: true,
        ends,
        also: &[],
        also_whole: &[],
    }
}

const fn sent(name: &'static str, sends: Sends, ends: &'static str) -> Story {
    Story { sends, ..story(name, some_day, ends) }
}

const fn told(name: &'static str, fate: fn() -> Fate, told: &'static [Told], ends: &'static str) -> Story {
    Story { told, ..story(name, fate, ends) }
}

const fn every(call: &'static str, fault: Fault) -> Told {
    Told { call, times: usize::MAX, fault }
}

const fn first(call: &'static str, times: usize, fault: Fault) -> Told {
    Told { call, times, fault }
}

const EVALUATE: &str = "FlexFactor evaluate";

/// A process that dies between claim and answer may have sent the request: that nothing came of it can't be known then.
const IN_DOUBT: &[&str] = &["escalated"];
/// FlexFactor closes what it declined with the event for cancelled orders; where the answer was lost only that is known.
const CLOSED: &[&str] = &["cancelled"];

/// All stories.
pub(super) const STORIES: &[Story] = &[
    story("a decline is submitted and approved by webhook", some_day, "approved"),
    sent("a decline comes twice", Sends::TheSameAgain, "approved"),
    sent("another decline comes under the same id", Sends::AnotherUnderTheSameId, "approved"),
    sent("a decline breaks a rule", Sends::OneThatBreaksARule, " |"),
    sent("a message is not JSON", Sends::OneThatIsNotJson, " |"),
    Story { also: IN_DOUBT, ..sent("FlexFactor refuses the request", Sends::OneThatIsRefused, "rejected") },
    story("the answer is an approval", || approve(0), "approved"),
    Story {
        also: CLOSED,
        ..story("the answer is a decline", || Fate::Decline { after_seconds: 0 }, "declined")
    },
    Story { merchant: "globex", ..story("an unmanaged order is approved later", some_day, "approved") },
    story("it is declined later", || Fate::Decline { after_seconds: 7_200 }, "cancelled"),
    story("it expires", || Fate::Expire, "expired"),
    story(
        "it wants a capture that never comes",
        || Fate::CaptureRequired { window_seconds: None },
        "cancelled",
    ),
    Story { also: CLOSED, ..story("it is a challenge", challenge, "declined") },
    story("FlexFactor never decides", || Fate::StayPending, "expired"),
    Story { steps: money, ..story("it is refunded and disputed", some_day, "approved") },
    Story { steps: problem, ..story("FlexFactor has a problem with it", || Fate::StayPending, "escalated") },
    told("the call times out with effect", some_day, &[first(EVALUATE, 1, Fault::TimeoutAfter)], "approved"),
    told("the call times out without", some_day, &[first(EVALUATE, 1, Fault::TimeoutBefore)], "approved"),
    told("the effect comes late", some_day, &[first(EVALUATE, 1, Fault::TimeoutThenEffect)], "approved"),
    told("the answer's word is not known", some_day, &[first(EVALUATE, 1, Fault::UnknownWord)], "approved"),
    told("no token is to be had at first", some_day, &[first(EVALUATE, 2, Fault::TokenRefused)], "approved"),
    told("nothing is answered for long", some_day, &[first(EVALUATE, 9, Fault::ErrorAfter)], "approved"),
    told("nothing is answered at all", some_day, &[every(EVALUATE, Fault::CutBefore)], "escalated"),
    Story {
        also: IN_DOUBT,
        ..told("nothing is ever sent", some_day, &[every(EVALUATE, Fault::TokenRefused)], "rejected")
    },
    told("no webhook arrives", some_day, &[every("webhook", Fault::WebhookCut)], "approved"),
    Story { has_stranger: true, ..sent("an event is about no order of ours", Sends::Nothing, " |") },
];

fn approve(after_seconds: u64) -> Fate {
    Fate::Approve { after_seconds, past_expiry: false }
}

fn some_day() -> Fate {
    approve(SECONDS_A_DAY + 3_600)
}

fn challenge() -> Fate {
    Fate::Challenge { after_seconds: 3_600, passes: false }
}

fn money() -> Vec<Step> {
    let refund = Action::Refund { amount_minor: Some(500) };
    vec![
        Step { after_seconds: 5 * SECONDS_A_DAY, action: refund },
        Step { after_seconds: 7 * SECONDS_A_DAY, action: Action::Chargeback },
    ]
}

fn problem() -> Vec<Step> {
    vec![Step { after_seconds: 7_200, action: Action::Problem }]
}

impl Story {
    /// What FlexFactor makes of every order.
    pub(super) fn rule(&self) -> Rule {
        Rule { fate: Some((self.fate)()), steps: (self.steps)(), ..Rule::default() }
    }

    /// Who wants something of it.
    pub(super) fn people(&self) -> anyhow::Result<Vec<Person>> {
        let key = OrderKey { merchant: self.merchant.parse()?, order_id: ORDER_ID.parse()? };
        let person = |(after, wants)| Person { key: key.clone(), at: START + MINUTE + after, wants };
        Ok((self.people)().into_iter().map(person).collect())
    }

    /// What is sent.
    pub(super) fn traffic(&self, random: &mut Random) -> anyhow::Result<Traffic> {
        let sample: Value = serde_json::from_str(SAMPLE)?;
        let minor = if matches!(self.sends, Sends::OneThatIsRefused) { REFUSED_MINOR } else { 4_321 };
        let at = START + MINUTE;
        let one = decline(&sample, self.merchant, ORDER_ID, minor, at, random)?;
        let message = |at: i64, value: &Value| Message { at, body: value.to_string() };
        let messages = match self.sends {
            Sends::One | Sends::OneThatIsRefused => vec![message(at, &one)],
            Sends::TheSameAgain => vec![message(at + DAY / 2, &one), message(at, &one)],
            Sends::AnotherUnderTheSameId => {
                let other = with(one.clone(), "/amount/minor", 999.into());
                vec![message(at + DAY / 2, &other), message(at, &one)]
            }
            Sends::OneThatBreaksARule => vec![message(at, &with(one, "/merchant", "nobody".into()))],
            Sends::OneThatIsNotJson => vec![Message { at, body: "{ not a decline".to_owned() }],
            Sends::Nothing => vec![],
        };
        Ok(Traffic { messages, good: BTreeSet::new(), bad: 0 })
    }
}
