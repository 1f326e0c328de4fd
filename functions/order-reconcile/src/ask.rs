//! Asking FlexFactor: with whose credentials, by which calls, and what the answers mean.

use flexfactor::{
    Account, CancelExternally, CancelOrder, CaptureOrder, Capturing, FindOrder, Lookup, Outcome, ReadOrder,
    ReadOutcome, Refused,
};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::telemetry::{Metric, count};
use models::ids::{IdempotencyKey, ProviderOrderId};
use models::merchant::{Merchant, Mode};
use models::order::Order;
use models::reconcile::{CalledOff, Heard, ProviderView, Sighting};
use models::time::later;

use crate::settings::ReconcileRules;

/// How much earlier than our own receipt of the decline an order is looked for: our clock and FlexFactor's differ.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(1);

/// Whom to ask about an order.
#[derive(Debug)]
pub(crate) struct Asking<'a, P> {
    pub(crate) provider: &'a P,
    pub(crate) account: Account,
    pub(crate) merchant: Merchant,
    pub(crate) rules: &'a ReconcileRules,
    pub(crate) now: Timestamp,
}

impl<P> Asking<'_, P>
where
    P: ReadOrder + ReadOutcome + FindOrder + CancelExternally + CancelOrder + CaptureOrder,
{
    /// What FlexFactor says of the order that it has under `id`. Where the order can't be read, or its word stands for
    /// three ends, `/outcome` is asked as well: it is deprecated, and more exact.
    pub(crate) async fn read(&self, order: &Order, id: &ProviderOrderId) -> Heard {
        let read = self.provider.read_order(&self.account, id, self.now).await;
        let heard = match read {
            Outcome::Done(answer) => {
                Heard { view: answer.status.view(), word: answer.word, totals: answer.totals }
            }
            Outcome::Refused(refused) => return self.outcome(id, self.merchant.mode, words(&refused)).await,
            Outcome::Unknown(lost) => return Heard::no_answer(lost),
        };
        match heard.view {
            // An order that is over is not worked on, whatever the account's mode: a decline is final.
            ProviderView::Over => {
                let exact = self.outcome(id, Mode::Managed, String::new()).await;
                let view = heard.view.refined_by(exact.view);
                if view == heard.view { heard } else { Heard { view, word: exact.word, ..heard } }
            }
            ProviderView::NotUnderstood => {
                count(Metric::UnknownProviderValues);
                tracing::error!(order = %order.key, word = heard.word, "the order's status is not understood");
                self.outcome(id, self.merchant.mode, heard.word).await
            }
            ProviderView::Working
            | ProviderView::CaptureRequired
            | ProviderView::Rescued
            | ProviderView::Returned
            | ProviderView::Disputed
            | ProviderView::Declined
            | ProviderView::CalledOff
            | ProviderView::Expired
            | ProviderView::Problem
            | ProviderView::NoAnswer => heard,
        }
    }

    /// What `/outcome` says; `before` is what is told where it says nothing.
    async fn outcome(&self, id: &ProviderOrderId, mode: Mode, before: String) -> Heard {
        match self.provider.read_outcome(&self.account, id, self.now).await {
            Outcome::Done(answer) => {
                let view = answer.status.view(mode);
                let word = if view == ProviderView::NotUnderstood { before } else { answer.word };
                Heard { view, word, totals: None }
            }
            Outcome::Refused(_) | Outcome::Unknown(_) => Heard::no_answer(before),
        }
    }

    /// What FlexFactor has under our own id.
    pub(crate) async fn find(&self, order: &Order) -> Sighting {
        let lookup = Lookup {
            order_id: &order.key.order_id,
            mid: &self.merchant.mid,
            since: later(order.received_at, -CLOCK_SLACK),
            names: &self.rules.list,
        };
        let found = match self.provider.find_order(&self.account, lookup, self.now).await {
            Outcome::Done(found) => found,
            // FlexFactor's words stay out of the log: they may repeat what was sent.
            Outcome::Refused(refused) => {
                tracing::warn!(order = %order.key, http = refused.http, "the list of orders was refused");
                return Sighting::NoAnswer(words(&refused));
            }
            Outcome::Unknown(lost) => {
                tracing::warn!(order = %order.key, %lost, "the list of orders gave no answer");
                return Sighting::NoAnswer(lost.to_string());
            }
        };
        match found.as_slice() {
            [] => Sighting::NotFound,
            // Read by its id: one way of understanding an order, whatever way led to it.
            [id] => Sighting::One(id.clone(), self.read(order, id).await),
            [_, _, ..] => Sighting::Several,
        }
    }

    /// Cancels whatever FlexFactor has under our own id.
    pub(crate) async fn call_off(&self, order: &Order) -> CalledOff {
        let answer = self.provider.cancel_externally(&self.account, &order.key.order_id, self.now).await;
        tracing::warn!(order = %order.key, how = how(&answer), "the order was called off by our own id");
        called_off(answer)
    }

    /// Cancels the order that FlexFactor has under `id`.
    pub(crate) async fn cancel(&self, order: &Order, id: &ProviderOrderId) -> CalledOff {
        let answer = self.provider.cancel_order(&self.account, id, self.now).await;
        tracing::info!(order = %order.key, how = how(&answer), "a cancel was sent");
        called_off(answer)
    }

    /// Captures the order's whole amount. What came of it, reading the order tells.
    pub(crate) async fn capture(&self, order: &Order, id: &ProviderOrderId, key: IdempotencyKey) {
        let capture = Capturing { key, order: id, amount: order.amount };
        let answer = self.provider.capture_order(&self.account, capture, self.now).await;
        tracing::info!(order = %order.key, how = how(&answer), "a capture was sent");
    }
}

fn called_off(answer: Outcome<()>) -> CalledOff {
    match answer {
        Outcome::Done(()) => CalledOff::Done,
        Outcome::Refused(refused) => CalledOff::Refused(words(&refused)),
        Outcome::Unknown(lost) => CalledOff::NoAnswer(lost.to_string()),
    }
}

/// For the log, from which FlexFactor's words stay out.
fn how(answer: &Outcome<()>) -> &'static str {
    match answer {
        Outcome::Done(()) => "confirmed",
        Outcome::Refused(_) => "refused",
        Outcome::Unknown(_) => "not answered",
    }
}

fn words(refused: &Refused) -> String {
    format!("HTTP {}: {}", refused.http, refused.words)
}
