//! What people ask for: a cancel in each status, a capture, refunds of every end.

use sandbox::{Action, Fate, Step};

use super::{EVALUATE, SECONDS_A_DAY, Story, approve, every, first, problem, some_day, story};
use crate::env::Told;
use crate::fault::Fault;
use crate::people::Wants;
use crate::world::{DAY, HOUR, MINUTE};

const SECOND: i64 = 1_000;
const CANCEL: &str = "FlexFactor cancel";
const CAPTURE: &str = "FlexFactor capture";
const REFUND: &str = "FlexFactor refund";

const fn asked(
    name: &'static str,
    fate: fn() -> Fate,
    told: &'static [Told],
    people: fn() -> Vec<(i64, Wants)>,
    ends: &'static str,
) -> Story {
    Story { told, people, ..story(name, fate, ends) }
}

/// All of them.
pub(in super::super) const ASKED: &[Story] = &[
    // Delivered twice, its message hands it on before it is cancelled.
    Story {
        also_whole: &[CALLED_OFF],
        ..asked(
            "it is cancelled before it is handed on",
            some_day,
            &[first("evaluations send", 1, Fault::SendFails)],
            || cancel(90 * SECOND),
            "cancelled cancel Some(Confirmed)",
        )
    },
    Story {
        also: IN_DOUBT,
        ..asked(
            "it is cancelled and was never sent",
            some_day,
            &[every(EVALUATE, Fault::TokenRefused)],
            || cancel(10 * MINUTE),
            "cancelled cancel Some(Confirmed)",
        )
    },
    Story {
        also_whole: &[NEVER_FOUND, NEVER_SENT],
        ..asked(
            "it is cancelled while its submission is under way",
            some_day,
            &[first(EVALUATE, 1, Fault::TimeoutThenEffect)],
            || cancel(10 * SECOND),
            "cancelled cancel Some(Confirmed)",
        )
    },
    Story {
        also_whole: &[NEVER_FOUND, NEVER_SENT],
        ..asked(
            "it is cancelled while nobody knows that FlexFactor has it",
            some_day,
            &[first(EVALUATE, 1, Fault::TimeoutAfter)],
            || cancel(40 * SECOND),
            "cancelled cancel Some(Confirmed)",
        )
    },
    Story {
        also_whole: &[NEVER_SENT],
        ..asked(
            "it is cancelled while nobody knows that FlexFactor does not have it",
            some_day,
            &[every(EVALUATE, Fault::TimeoutBefore)],
            || cancel(40 * SECOND),
            "escalated cancel Some(GivenUp)",
        )
    },
    asked(
        "it is cancelled while FlexFactor works on it",
        some_day,
        &[],
        || cancel(2 * HOUR),
        "cancelled cancel Some(Confirmed)",
    ),
    asked(
        "it is cancelled and the answer is lost",
        some_day,
        &[first(CANCEL, 2, Fault::TimeoutAfter)],
        || cancel(2 * HOUR),
        "cancelled cancel Some(Confirmed)",
    ),
    asked(
        "it is cancelled before its capture",
        capture_required,
        &[],
        || cancel(2 * HOUR),
        "cancelled cancel Some(Confirmed)",
    ),
    asked(
        "it is approved while its cancel is under way",
        some_day,
        &[every(CANCEL, Fault::CutBefore)],
        || cancel(DAY + 30 * MINUTE),
        "approved cancel Some(TooLate)",
    ),
    asked(
        "its cancel can't be confirmed",
        || Fate::StayPending,
        &[every(CANCEL, Fault::ErrorBefore)],
        || cancel(2 * HOUR),
        "escalated cancel Some(GivenUp)",
    ),
    Story {
        steps: problem,
        ..asked(
            "it is cancelled after it was handed back",
            || Fate::StayPending,
            &[],
            || cancel(30 * HOUR),
            "cancelled cancel Some(Confirmed)",
        )
    },
    asked(
        "it is cancelled after its end",
        || Fate::Expire,
        &[],
        || cancel(25 * DAY),
        "expired cancel Some(NothingToCancel)",
    ),
    asked("it is captured", capture_required, &[], || capture(2 * HOUR), "approved cancel None capture Some"),
    asked(
        "it is captured and the answer is lost",
        capture_required,
        &[first(CAPTURE, 2, Fault::CutAfter)],
        || capture(2 * HOUR),
        "approved cancel None capture Some",
    ),
    asked(
        "it is to be captured and that never arrives",
        capture_required,
        &[every(CAPTURE, Fault::CutBefore)],
        || capture(2 * HOUR),
        "cancelled cancel None capture Some(TooLate)",
    ),
    asked("it is refunded in part", || approve(0), &[], || refund(&[400]), REFUNDED),
    asked(
        "its refund is made and the answer lost",
        || approve(0),
        &[first(REFUND, 1, Fault::TimeoutAfter)],
        || refund(&[400]),
        REFUNDED,
    ),
    asked(
        "its refund is lost",
        || approve(0),
        &[first(REFUND, 1, Fault::TimeoutBefore)],
        || refund(&[400]),
        REFUNDED,
    ),
    Story {
        steps: chargeback,
        ..asked(
            "FlexFactor refuses its refund",
            some_day,
            &[every("webhook", Fault::WebhookCut)],
            || vec![(8 * DAY, Wants::Refunds(vec![400]))],
            "approved cancel None capture None made []",
        )
    },
    asked("it is to be refunded too much", || approve(0), &[], || refund(&[1_500]), NOT_REFUNDED),
    asked(
        "two refunds are asked for at once",
        || approve(0),
        &[],
        || refund(&[300, 400]),
        "approved cancel None capture None made [1297, 1729]",
    ),
    asked(
        "two refunds of more than half are asked for at once",
        || approve(0),
        &[],
        || refund(&[600, 600]),
        "approved cancel None capture None made [2593]",
    ),
    asked(
        "the whole is refunded twice, at once",
        || approve(0),
        &[first(REFUND, 1, Fault::CutAfter)],
        || refund(&[1_000, 1_000]),
        "approved cancel None capture None made [4321]",
    ),
    // Nobody looks into FlexFactor's portal for odd amounts.
    Story {
        tells_totals: false,
        also_whole: &[NEVER_CALLED],
        ..asked(
            "nobody can learn whether its refund was made",
            || approve(0),
            &[every(REFUND, Fault::TimeoutAfter)],
            || refund(&[500]),
            "approved cancel None capture None made [] reserved 2161",
        )
    },
    Story {
        tells_totals: false,
        ..asked(
            "people look up whether its refund was made",
            || approve(0),
            &[first(REFUND, 1, Fault::TimeoutAfter)],
            || refund(&[222]),
            "approved cancel None capture None made [960] reserved 0",
        )
    },
];

const REFUNDED: &str = "approved cancel None capture None made [1729]";
const NOT_REFUNDED: &str = "approved cancel None capture None made []";
/// Who dies between claim and answer may have sent it. It is called off by our own id, and nothing is found.
const IN_DOUBT: &[&str] = &["escalated cancel Some(GivenUp)"];
const NEVER_FOUND: &str = "escalated cancel Some(GivenUp) capture None made [] reserved 0 left 0 refund none dispute none \
                           known false due false request false events {} | FlexFactor:  |";
/// Who dies before the claim has not sent it, and it is cancelled on the spot.
const NEVER_SENT: &str = "cancelled cancel Some(Confirmed) capture None made [] reserved 0 left 0 refund none dispute none \
                          known false due false request false events {} | FlexFactor:  |";
const CALLED_OFF: &str = "cancelled cancel Some(Confirmed) capture None made [] reserved 0 left 0 refund none dispute none \
                          known true due false request false events {\"order.cancelled\"} | FlexFactor: Cancelled";
/// Who dies between reservation and call has not refunded, and where FlexFactor tells no amounts nobody can learn that.
const NEVER_CALLED: &str = "approved cancel None capture None made [] reserved 2161 left 2160 refund none dispute none \
                            known true due false request false events {\"order.completed\"} | FlexFactor: Completed \
                            submissions 1 keys 1 charges 1 refunds 0 |";

fn cancel(after: i64) -> Vec<(i64, Wants)> {
    vec![(after, Wants::Cancel)]
}

fn capture(after: i64) -> Vec<(i64, Wants)> {
    vec![(after, Wants::Capture)]
}

/// Two days after its decline.
fn refund(shares: &[u64]) -> Vec<(i64, Wants)> {
    vec![(2 * DAY, Wants::Refunds(shares.to_vec()))]
}

fn capture_required() -> Fate {
    Fate::CaptureRequired { window_seconds: None }
}

fn chargeback() -> Vec<Step> {
    vec![Step { after_seconds: 7 * SECONDS_A_DAY, action: Action::Chargeback }]
}
