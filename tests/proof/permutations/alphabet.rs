//! What an order may be told, and what it comes to: from the documentation of the states, not from the code.

use models::event::{EventKind, OrderEvent};
use models::order::{Reason, ReasonCode};
use models::status::Status;
use models::submission::{Outcome, Verdict};

/// FlexFactor's id of the order; the same in everything it is told.
pub(crate) const PROVIDER_ORDER: &str = "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429";
const CONFIRMATION: &str = "22ACD1D9";

/// How the attempt under way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Submitted,
    Approved,
    Declined,
    CaptureRequired,
    Expired,
    Lost,
    Refused,
}

/// A webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hook {
    Completed,
    Expired,
    Cancelled,
    CaptureRequired,
    Refunded,
    Chargeback,
    /// Only worth remembering; in the random sequences alone.
    Progress,
}

/// What people ask for, and how the call of a refund that was asked for ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Cancel,
    Capture,
    Refund,
    /// It was made, and FlexFactor said so.
    RefundMade,
    /// It was made, and the answer was lost.
    RefundLost,
}

/// What FlexFactor says when it is asked for the order, with its totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    Working,
    Rescued,
}

/// One thing that an order is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    Answer(Answer),
    /// The second of two hooks of a kind is another event: it happened at another time.
    Hook(Hook, u8),
    Ask(Ask),
    Read(Read),
}

impl Answer {
    pub(crate) const ALL: [Self; 7] = [
        Self::Submitted,
        Self::Approved,
        Self::Declined,
        Self::CaptureRequired,
        Self::Expired,
        Self::Lost,
        Self::Refused,
    ];

    pub(crate) fn outcome(self) -> Outcome {
        let verdict = match self {
            Self::Submitted => Verdict::Working,
            Self::Approved => Verdict::Rescued,
            Self::Declined => Verdict::NotRescued,
            Self::CaptureRequired => Verdict::CaptureRequired,
            Self::Expired => Verdict::WindowOver,
            Self::Lost => return Outcome::Lost(Reason::new(ReasonCode::SubmissionTimedOut, "no answer")),
            Self::Refused => return Outcome::Refused { words: "invalid".to_owned() },
        };
        Outcome::Answered {
            verdict,
            provider_order: PROVIDER_ORDER.parse().unwrap(),
            word: format!("{self:?}"),
        }
    }
}

impl Hook {
    pub(crate) const ALL: [Self; 6] = [
        Self::Completed,
        Self::Expired,
        Self::Cancelled,
        Self::CaptureRequired,
        Self::Refunded,
        Self::Chargeback,
    ];

    fn name_and_kind(self) -> (&'static str, EventKind) {
        match self {
            Self::Completed => ("order.completed", EventKind::Completed),
            Self::Expired => ("order.expired", EventKind::Expired),
            Self::Cancelled => ("order.cancelled", EventKind::Cancelled),
            Self::CaptureRequired => ("order.capturerequired", EventKind::CaptureRequired),
            Self::Refunded => ("order.refunded", EventKind::Refunded),
            Self::Chargeback => ("payment.chargeback.received", EventKind::Chargeback),
            Self::Progress => ("challenge.presented", EventKind::Progress),
        }
    }

    /// The event, in its delivery of this number.
    pub(crate) fn event(self, number: u8, delivery: u8) -> OrderEvent {
        let (name, kind) = self.name_and_kind();
        OrderEvent {
            kind,
            name: name.to_owned(),
            occurred_at: format!("2026-11-25T10:00:0{number}Z"),
            order_id: super::ORDER_ID.parse().unwrap(),
            provider_order: PROVIDER_ORDER.parse().unwrap(),
            confirmation: (self == Self::Completed).then(|| CONFIRMATION.to_owned()),
            nonce: format!("{name}-{number}-{delivery}"),
        }
    }
}

impl Told {
    /// The status it speaks for; `None` where it speaks of none.
    fn status(self) -> Option<Status> {
        match self {
            Self::Answer(answer) => Some(match answer {
                Answer::Submitted => Status::Pending,
                Answer::Approved => Status::Approved,
                Answer::Declined => Status::Declined,
                Answer::CaptureRequired => Status::CaptureRequired,
                Answer::Expired => Status::Expired,
                Answer::Lost => Status::Unknown,
                Answer::Refused => Status::Rejected,
            }),
            Self::Hook(hook, _) => match hook {
                Hook::Completed => Some(Status::Approved),
                Hook::Expired => Some(Status::Expired),
                Hook::Cancelled => Some(Status::Cancelled),
                Hook::CaptureRequired => Some(Status::CaptureRequired),
                Hook::Refunded | Hook::Chargeback | Hook::Progress => None,
            },
            Self::Ask(_) => None,
            Self::Read(Read::Working) => Some(Status::Pending),
            Self::Read(Read::Rescued) => Some(Status::Approved),
        }
    }

    /// The reason that it gives for that status: its code and its detail.
    fn reason(self) -> (ReasonCode, String) {
        match self {
            Self::Answer(Answer::Lost) => (ReasonCode::SubmissionTimedOut, "no answer".to_owned()),
            Self::Answer(Answer::Refused) => (ReasonCode::ProviderRefused, "invalid".to_owned()),
            Self::Answer(answer) => (ReasonCode::EvaluateAnswer, format!("{answer:?}")),
            Self::Hook(hook, _) => (ReasonCode::Webhook, hook.name_and_kind().0.to_owned()),
            Self::Ask(_) | Self::Read(_) => (ReasonCode::ProviderRead, "said".to_owned()),
        }
    }
}

/// What an order must be once it was told all of this, in whatever order and however often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) status: Status,
    /// Any of these: where two things told lead to one status, the first to come is kept.
    pub(crate) reasons: Vec<(ReasonCode, String)>,
    pub(crate) has_due: bool,
    pub(crate) is_money_due: bool,
    pub(crate) has_request: bool,
    pub(crate) has_provider_order: bool,
    pub(crate) is_confirmed: bool,
    pub(crate) is_refunded: bool,
    pub(crate) is_disputed: bool,
    /// The lease is given back by whatever says where the order stands; without an answer it is kept for a while.
    pub(crate) has_lease: bool,
}

/// What is told last in this list is believed, written down here once more so that the code can't move both.
const RANK: [Status; 8] = [
    Status::Unknown,
    Status::Rejected,
    Status::Pending,
    Status::CaptureRequired,
    Status::Expired,
    Status::Cancelled,
    Status::Declined,
    Status::Approved,
];

/// The highest rank of all that was told.
pub(crate) fn status_of(told: &[Told]) -> Status {
    let rank = |status: &Status| RANK.iter().position(|ranked| ranked == status);
    told.iter().filter_map(|told| told.status()).max_by_key(rank).unwrap_or(Status::Submitting)
}

/// That status, and beside it the facets.
pub(crate) fn expected(told: &[Told]) -> Expected {
    let spoken: Vec<Status> = told.iter().filter_map(|told| told.status()).collect();
    let status = status_of(told);
    let of = |hook| told.iter().any(|told| matches!(told, Told::Hook(other, _) if *other == hook));
    let (is_refunded, is_disputed) = (of(Hook::Refunded), of(Hook::Chargeback));
    let is_money_due = is_refunded || is_disputed;
    let is_end = matches!(
        status,
        Status::Rejected | Status::Expired | Status::Cancelled | Status::Declined | Status::Approved
    );
    let names_no_order = |told: &Told| matches!(told, Told::Answer(Answer::Lost | Answer::Refused));
    Expected {
        status,
        reasons: told.iter().filter(|told| told.status() == Some(status)).map(|told| told.reason()).collect(),
        has_due: !is_end || is_money_due,
        is_money_due,
        has_request: spoken.iter().all(|status| *status == Status::Unknown),
        has_provider_order: told.iter().any(|told| !names_no_order(told)),
        is_confirmed: of(Hook::Completed),
        is_refunded,
        is_disputed,
        has_lease: spoken.iter().all(|status| *status == Status::Unknown),
    }
}
