//! What FlexFactor makes of the orders: every end there is, by the kind that an order's id begins with.

use sandbox::domain::fate::Weighted;
use sandbox::domain::scenario::Match;
use sandbox::domain::settings::{DateClock, RepeatedOrder};
use sandbox::{Action, Fate, Probability, Rule, Settings, Step, WebhookFault, WebhookFaultKind};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A kind of order: what its id begins with, how many of a hundred orders are of it, and its fate.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) weight: u32,
    fate: fn() -> Fate,
    steps: fn() -> Vec<Step>,
}

/// All kinds.
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "approve", weight: 38, fate: approve_some_day, steps: Vec::new },
    Kind { name: "decline", weight: 10, fate: decline_some_day, steps: Vec::new },
    Kind { name: "expire", weight: 9, fate: || Fate::Expire, steps: Vec::new },
    Kind { name: "namesake", weight: 2, fate: || Fate::Expire, steps: Vec::new },
    Kind { name: "stay", weight: 4, fate: || Fate::StayPending, steps: Vec::new },
    Kind { name: "refund", weight: 10, fate: || approve(DAY), steps: two_refunds },
    Kind {
        name: "dispute",
        weight: 5,
        fate: || approve(2 * DAY),
        steps: || vec![step(12 * DAY, Action::Chargeback)],
    },
    Kind { name: "late", weight: 4, fate: late, steps: Vec::new },
    Kind {
        name: "capture",
        weight: 4,
        fate: || Fate::CaptureRequired { window_seconds: None },
        steps: Vec::new,
    },
    Kind { name: "challenge", weight: 2, fate: challenge, steps: Vec::new },
    Kind {
        name: "problem",
        weight: 2,
        fate: || Fate::StayPending,
        steps: || vec![step(DAY, Action::Problem)],
    },
    Kind { name: "heal", weight: 3, fate: || approve(3 * DAY), steps: || vec![step(DAY, Action::Problem)] },
    Kind { name: "held", weight: 4, fate: || approve(4 * DAY), steps: hold_and_release },
    Kind { name: "refused", weight: 3, fate: || Fate::Expire, steps: Vec::new },
];

fn step(after_seconds: u64, action: Action) -> Step {
    Step { after_seconds, action }
}

fn approve(after_seconds: u64) -> Fate {
    Fate::Approve { after_seconds, past_expiry: false }
}

fn mix(of: impl IntoIterator<Item = Fate>) -> Fate {
    Fate::Mix { of: of.into_iter().map(|fate| Weighted { weight: 1, fate }).collect() }
}

fn approve_some_day() -> Fate {
    mix([0, 5, HOUR, DAY, 3 * DAY, 10 * DAY, 20 * DAY, 21 * DAY - HOUR].map(approve))
}

fn decline_some_day() -> Fate {
    mix([0, 60, 2 * DAY, 15 * DAY].map(|after_seconds| Fate::Decline { after_seconds }))
}

fn late() -> Fate {
    mix([HOUR, 5 * HOUR, 2 * DAY]
        .map(|late| Fate::Approve { after_seconds: 21 * DAY + late, past_expiry: true }))
}

fn challenge() -> Fate {
    Fate::Challenge { after_seconds: HOUR, passes: false }
}

fn two_refunds() -> Vec<Step> {
    let part = Action::Refund { amount_minor: Some(500) };
    vec![step(5 * DAY, part), step(9 * DAY, Action::Refund { amount_minor: None })]
}

fn hold_and_release() -> Vec<Step> {
    vec![step(HOUR, Action::Hold), step(DAY, Action::Release)]
}

/// Unknown behaviour in its harmful reading; dates on the virtual clock.
pub(super) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.evaluate.repeated_order_managed = RepeatedOrder::NewOrder;
    settings.evaluate.repeated_order_unmanaged = RepeatedOrder::NewOrder;
    settings.evaluate.replay_window_seconds = Some(DAY);
    settings.evaluate.sandbox_triggers = false;
    settings.webhooks.date_clock = DateClock::Virtual;
    settings
}

/// One rule for each kind.
pub(crate) fn rules(per_cent: u32) -> Vec<Rule> {
    let rule = |kind: &Kind| Rule {
        name: Some(kind.name.to_owned()),
        when: Match { mid: None, order_id: Some(format!("{}-*", kind.name)) },
        fate: Some((kind.fate)()),
        steps: (kind.steps)(),
        calls: vec![],
        webhooks: webhook_faults(per_cent),
    };
    KINDS.iter().map(rule).collect()
}

/// The faults of a webhook on FlexFactor's side share one chance; forged ones come beside the genuine.
fn webhook_faults(per_cent: u32) -> Vec<WebhookFault> {
    let kinds = [
        WebhookFaultKind::Lost,
        WebhookFaultKind::Duplicated { copies: 2, after_seconds: 0 },
        WebhookFaultKind::Duplicated { copies: 1, after_seconds: DAY },
        WebhookFaultKind::Reordered { hold_seconds: DAY },
        WebhookFaultKind::Delayed { seconds: 6 * HOUR },
        WebhookFaultKind::Forged { forgeries: vec![] },
        WebhookFaultKind::BeforeAnswer,
    ];
    // In ten thousandths, so that all of them together are about as likely as any other fault.
    let probability = format!("0.{:04}", per_cent.min(100) * 15).parse::<f64>().map(Probability::try_from);
    let probability = probability.ok().and_then(Result::ok).unwrap_or_default();
    let fault = |kind| WebhookFault { kind, events: vec![], times: None, probability };
    kinds.into_iter().filter(|_| per_cent > 0).map(fault).collect()
}
