//! Refunding while the caller waits: reserve, call once, settle. What the call's end leaves open, order-reconcile finds out;
//! until then the amount stays reserved.

use flexfactor::{Account, ReadOrder, RefundOrder, Refused};
use lambda_http::Request;
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{FanOut, HandOn};
use lambda_kit::secrets::FindSecret;
use models::card_guard::redact_text;
use models::ids::{IdempotencyKey, OrderKey};
use models::order::Order;
use models::refund::{
    self, Refund, RefundId, RefundOutcome, RefundRequest, RefundState, Reserve, ReserveRefused,
};
use models::view::{Problem, ProblemCode, RefundBody, ResolutionBody};
use order_store::capability::{
    AskOf, FindMerchant, ListOrders, Park, RACES_MAX, ReadHistory, TakeDecline, raced,
};

use crate::answer::{Answer, Failure};
use crate::ask::{Deadline, Told, no_time};
use crate::call::{idempotency_key, json};
use crate::handler::{Api, no_order};
use crate::read::shown;
use crate::wishes::sentence;

/// Longest reason that is sent to FlexFactor, in characters. It documents no limit.
pub(crate) const REASON_CHARS_MAX: usize = 200;

/// What reserving came to.
enum Reserved {
    /// The amount is reserved by this call, and by no other.
    Now(Box<Order>, Account),
    /// It was asked for before.
    Before,
}

impl<S, Q, M, F, K, P, C> Api<S, Q, M, F, K, P, C>
where
    S: AskOf + ReadHistory + ListOrders + TakeDecline + Park,
    Q: HandOn,
    M: FindMerchant,
    F: FanOut,
    K: FindSecret,
    P: RefundOrder + ReadOrder,
    C: Clock + Random,
{
    pub(crate) async fn refund(&self, request: &Request, key: &OrderKey) -> Result<Answer, Failure> {
        let caller_key = idempotency_key(request)?;
        let body: RefundBody = json(request, "a refund")?;
        check_reason(body.reason.as_deref())?;
        let asking = IdempotencyKey::from_random(self.intake.clock.bytes());
        let wanted = RefundRequest { id: RefundId::of(key, &caller_key), amount: body.amount, asking };
        let deadline = Deadline::of(request);
        if let Reserved::Now(order, account) = self.reserve(key, &wanted, deadline).await? {
            let outcome = self.send(&order, &account, &wanted, body.reason.as_deref(), deadline).await;
            self.settle(*order, &wanted.id, &outcome).await?;
        }
        self.tell(key, &wanted.id).await
    }

    /// Reserves the amount by one conditional write. Only whoever made that write may call FlexFactor.
    async fn reserve(
        &self,
        key: &OrderKey,
        wanted: &RefundRequest,
        deadline: Deadline,
    ) -> Result<Reserved, Failure> {
        let mut told: Option<Told> = None;
        // One more, for the round that asks FlexFactor.
        for _ in 0..=RACES_MAX {
            let order = self.store.order(key).await?.ok_or_else(no_order)?;
            let totals = told.as_ref().and_then(|told| told.totals);
            let now = self.intake.clock.now();
            let reserve = refund::reserve(&order, wanted, totals, now);
            match (reserve, told.take()) {
                // Nobody else drew this: the reservation is this call's own, its answer was lost, and nothing was sent yet.
                (Ok(Reserve::Known(refund)), Some(asked))
                    if refund.asking == wanted.asking && refund.state == RefundState::Reserved =>
                {
                    return Ok(Reserved::Now(Box::new(order), asked.account));
                }
                (Ok(Reserve::Known(_)), _) => return Ok(Reserved::Before),
                (Ok(Reserve::Change(change)), Some(asked)) => {
                    // What is killed in the call stays reserved for long; what is not reserved can be asked for again.
                    if !self.refunds.can_refund(deadline, now) {
                        return Err(no_time());
                    }
                    if let Some(order) = self.store.act(key, &change).await? {
                        return Ok(Reserved::Now(Box::new(order), asked.account));
                    }
                    told = Some(asked);
                }
                // Before anything is reserved FlexFactor says what there is: somebody may have refunded in its portal, and
                // its totals may tell by now what became of an earlier refund.
                (
                    Ok(Reserve::Change(_))
                    | Err(ReserveRefused::TooMuch { .. } | ReserveRefused::UnderWay(_)),
                    None,
                ) => told = Some(self.ask(&order).await?),
                (Err(refused), _) => return Err(refusal(&refused).into()),
            }
        }
        Err(raced(key).into())
    }

    async fn settle(&self, mut order: Order, id: &RefundId, outcome: &RefundOutcome) -> Result<(), Failure> {
        for _ in 0..RACES_MAX {
            // Somebody else may have found out already, from FlexFactor's totals.
            let Some(change) = refund::settle(&order, id, outcome, self.intake.clock.now()) else {
                return Ok(());
            };
            if self.store.act(&order.key, &change).await?.is_some() {
                return Ok(());
            }
            order = self.store.order(&order.key).await?.ok_or_else(no_order)?;
        }
        Err(raced(&order.key).into())
    }

    /// How far the refund got, whoever asks and how often.
    async fn tell(&self, key: &OrderKey, id: &RefundId) -> Result<Answer, Failure> {
        let whole = self.store.whole(key).await?.ok_or_else(no_order)?;
        let refund = whole.order.refunds.iter().find(|refund| refund.id == *id).ok_or_else(no_refund)?;
        match refund.state {
            RefundState::Made => Ok(shown(201, &whole)),
            RefundState::Reserved | RefundState::Unresolved => Ok(shown(202, &whole)),
            RefundState::Refused => Err(refused_by_provider(refund).into()),
            RefundState::NotMade => Err(Failure::new(
                ProblemCode::RefundNotMade,
                "It is certain by now that this refund was not made. Ask again with a new key.",
            )),
        }
    }

    /// People say what became of a refund.
    pub(crate) async fn resolve(
        &self,
        request: &Request,
        key: &OrderKey,
        id: &RefundId,
    ) -> Result<Answer, Failure> {
        idempotency_key(request)?;
        let ResolutionBody { made } = json(request, "a resolution")?;
        for _ in 0..RACES_MAX {
            let order = self.store.order(key).await?.ok_or_else(no_order)?;
            let Some(change) = refund::resolve(&order, id, made, self.intake.clock.now()) else {
                let refund = order.refunds.iter().find(|refund| refund.id == *id).ok_or_else(no_refund)?;
                let wanted = if made { RefundState::Made } else { RefundState::NotMade };
                // Said before, or found out so.
                if refund.state == wanted {
                    return self.show(200, key).await;
                }
                let detail = format!(
                    "The refund is {}; only an unresolved one is for people to decide.",
                    refund.state
                );
                return Err(Failure::new(ProblemCode::NotUnresolved, detail));
            };
            if self.store.act(key, &change).await?.is_some() {
                tracing::warn!(order = %key, refund = %id, made, "somebody said what became of a refund");
                return self.show(200, key).await;
            }
        }
        Err(raced(key).into())
    }
}

fn no_refund() -> Failure {
    Failure::new(ProblemCode::RefundNotFound, "The order has no refund with this id.")
}

/// FlexFactor keeps the reason: it must be short, and hold nothing that is kept nowhere.
fn check_reason(reason: Option<&str>) -> Result<(), Failure> {
    let Some(reason) = reason else { return Ok(()) };
    let wrong = |detail: &str| {
        let path = Some("reason".to_owned());
        Failure::from(Problem { path, ..Problem::new(ProblemCode::RefundInvalid, detail) })
    };
    if reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        return Err(wrong("The reason must be at most 200 characters, without control characters."));
    }
    if redact_text(reason) != reason {
        return Err(wrong("The reason holds what looks like card data, which is sent nowhere."));
    }
    Ok(())
}

fn refusal(refused: &ReserveRefused) -> Problem {
    let detail = sentence(&refused.to_string());
    match refused {
        ReserveRefused::NotCharged(_) | ReserveRefused::NoProviderOrder | ReserveRefused::TooMany => {
            Problem::new(ProblemCode::NotRefundable, detail)
        }
        ReserveRefused::Disputed => Problem::new(ProblemCode::OrderDisputed, detail),
        ReserveRefused::UnderWay(_) => Problem::new(ProblemCode::RefundInFlight, detail),
        ReserveRefused::Currency => at("amount.currency", detail),
        ReserveRefused::Nothing => at("amount.minor", detail),
        ReserveRefused::TooMuch { refundable } => {
            let refundable_minor = Some(*refundable);
            Problem { refundable_minor, ..Problem::new(ProblemCode::RefundTooLarge, detail) }
        }
        ReserveRefused::KeyReused => Problem::new(ProblemCode::IdempotencyKeyReused, detail),
    }
}

fn at(path: &str, detail: String) -> Problem {
    Problem { path: Some(path.to_owned()), ..Problem::new(ProblemCode::RefundInvalid, detail) }
}

/// FlexFactor's words, redacted before they were stored, and what is known of why.
fn refused_by_provider(refund: &Refund) -> Problem {
    // Recorded as a normal body; the words are what tells refusals apart.
    let refused = Refused { http: 200, words: refund.detail.clone() };
    let why = if refused.is_more_than_refundable() {
        "Its code 2001 says that this is more than it lets be refunded of the order: part of it may have been refunded elsewhere, \
         in FlexFactor's portal for one. "
    } else {
        ""
    };
    let limits = "Accounts are known to have limits for refunds, and by an integrator's word partial refunds of more than 60 % are \
                  refused; FlexFactor's support knows the account's.";
    let detail = format!("Nothing was refunded. FlexFactor said: {} {why}{limits}", refused.words);
    Problem::new(ProblemCode::RefundRefusedByProvider, detail)
}
