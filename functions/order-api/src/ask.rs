//! What FlexFactor is asked for a refund: how the order stands, before anything is reserved; the refund itself, once; and,
//! where its yes may mean an earlier refund, whether its totals hold this one.

use flexfactor::{Account, Lost, Outcome, ReadOrder, RefundOrder, Refunding, Refused};
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, RequestExt as _};
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{FanOut, HandOn};
use lambda_kit::secrets::FindSecret;
use models::ids::ProviderOrderId;
use models::money::MinorUnits;
use models::order::Order;
use models::reconcile::ProviderView;
use models::refund::{RefundOutcome, RefundRequest, RefundState, Totals};
use models::view::ProblemCode;
use order_store::capability::{AskOf, FindMerchant, ListOrders, Park, ReadHistory, TakeDecline};

use crate::answer::Failure;
use crate::handler::Api;

/// The longest one call to AWS takes (lambda-kit): the reservation.
const RESERVE_TIME: SignedDuration = SignedDuration::from_secs(3);
/// What is kept for writing down how a call ended, and for answering.
const SETTLE_TIME: SignedDuration = SignedDuration::from_secs(4);

/// What FlexFactor's yes to a second refund of the same amount is worth (docs/flexfactor.md, 34).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedRefund {
    /// It is believed once the order's totals hold the refund.
    Confirm,
    /// It is believed.
    Trust,
}

/// How refunds are made.
#[derive(Debug, Clone, Copy)]
pub struct RefundRules {
    /// What a yes to a second refund of the same amount is worth.
    pub repeated: RepeatedRefund,
    /// Whether FlexFactor's order tells what was captured and refunded: the names of these fields are configured.
    pub reads_totals: bool,
    /// How long one call to FlexFactor may take with all that belongs to it.
    pub call_time: SignedDuration,
}

/// When the invocation is ended, whatever it is at; `None` where nobody says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Timestamp>);

impl Deadline {
    /// The invocation's, as Lambda tells it.
    pub(crate) fn of(request: &Request) -> Self {
        let millis =
            request.lambda_context_ref().map(|context| context.deadline).filter(|millis| *millis > 0);
        let millis = millis.and_then(|millis| i64::try_from(millis).ok());
        Self(millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
    }

    /// Whether this much is left.
    fn leaves(self, time: SignedDuration, now: Timestamp) -> bool {
        self.0.is_none_or(|deadline| deadline.duration_since(now) >= time)
    }
}

impl RefundRules {
    /// Whether a refund can be reserved, sent and settled in what is left.
    pub(crate) fn can_refund(&self, deadline: Deadline, now: Timestamp) -> bool {
        let needed = RESERVE_TIME.saturating_add(self.call_time).saturating_add(SETTLE_TIME);
        deadline.leaves(needed, now)
    }

    fn can_confirm(&self, deadline: Deadline, now: Timestamp) -> bool {
        self.reads_totals && deadline.leaves(self.call_time.saturating_add(SETTLE_TIME), now)
    }
}

/// What FlexFactor was asked before money is reserved.
pub(crate) struct Told {
    pub(crate) account: Account,
    pub(crate) totals: Option<Totals>,
}

fn unavailable(why: &str) -> Failure {
    Failure::new(ProblemCode::ProviderUnavailable, why)
}

/// There would not be the time to write down how a refund's call ended, so it is not made.
pub(crate) fn no_time() -> Failure {
    unavailable("There was not enough time left for a refund. Nothing was sent.")
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
    /// With whose credentials the order is refunded, and what FlexFactor says of its money. The order is read whether or not
    /// totals can be learnt: an order that FlexFactor shows as disputed is not refunded, and with credentials that it does
    /// not take nothing is reserved.
    pub(crate) async fn ask(&self, order: &Order) -> Result<Told, Failure> {
        let account = self.account(order).await?;
        let Some(id) = &order.provider_order else {
            return Err(Failure::new(
                ProblemCode::NotRefundable,
                "The provider's id of the order is not known.",
            ));
        };
        match self.provider.read_order(&account, id, self.intake.clock.now()).await {
            Outcome::Done(answer) => {
                charged(answer.status.view())?;
                Ok(Told { account, totals: answer.totals })
            }
            Outcome::Refused(Refused { http, .. }) => {
                tracing::error!(order = %order.key, http, "the order could not be read before its refund");
                Err(unavailable("FlexFactor refuses to read the order. Nothing was refunded."))
            }
            Outcome::Unknown(lost) => {
                tracing::warn!(order = %order.key, %lost, "the order could not be read before its refund");
                Err(unavailable("FlexFactor did not tell how the order stands. Nothing was refunded."))
            }
        }
    }

    async fn account(&self, order: &Order) -> Result<Account, Failure> {
        let merchant = self.intake.merchants.find_merchant(&order.key.merchant).await?;
        let merchant = merchant.ok_or_else(|| unavailable("The merchant is not configured any more."))?;
        if order.submission.account.as_ref().is_some_and(|account| *account != merchant.account()) {
            return Err(unavailable("The order went to another account than the merchant has now."));
        }
        let secret = self.secrets.secret(&order.key.merchant).await.map_err(|error| {
            tracing::error!(order = %order.key, %error, "a refund waits for the merchant's credentials");
            unavailable("The merchant's credentials could not be read.")
        })?;
        Ok(Account {
            merchant: order.key.merchant.clone(),
            environment: merchant.environment,
            credentials: secret.credentials.clone(),
        })
    }

    /// The call, for an order in which the refund is reserved. It has no key, so it is made once.
    pub(crate) async fn send(
        &self,
        order: &Order,
        account: &Account,
        wanted: &RefundRequest,
        message: Option<&str>,
        deadline: Deadline,
    ) -> RefundOutcome {
        let Some(id) = &order.provider_order else {
            // No order without it is reserved for.
            return RefundOutcome::Refused("FlexFactor's id of the order is not known.".to_owned());
        };
        let refunding = Refunding { order: id, amount: wanted.amount, message };
        let outcome = self.provider.refund_order(account, refunding, self.intake.clock.now()).await;
        let (outcome, how) = match outcome {
            Outcome::Done(()) => self.believe(order, account, id, wanted, deadline).await,
            Outcome::Refused(refused) => (RefundOutcome::Refused(refused.words), "refused"),
            // Before FlexFactor takes a token nothing has an effect.
            Outcome::Unknown(lost @ Lost::Unauthorized) => {
                (RefundOutcome::Refused(format!("{lost}; nothing was sent.")), "not sent")
            }
            Outcome::Unknown(lost) => (RefundOutcome::Lost(lost.to_string()), "not answered"),
        };
        tracing::info!(order = %order.key, refund = %wanted.id, how, "a refund was sent");
        outcome
    }

    /// FlexFactor said yes. Where an earlier refund of the order was of the same amount, it may have taken this one for a
    /// repeat of that and moved nothing; then only its totals tell.
    async fn believe(
        &self,
        order: &Order,
        account: &Account,
        id: &ProviderOrderId,
        wanted: &RefundRequest,
        deadline: Deadline,
    ) -> (RefundOutcome, &'static str) {
        let rules = &self.refunds;
        if rules.repeated == RepeatedRefund::Trust || !may_be_a_repeat(order, wanted) {
            return (RefundOutcome::Made, "made");
        }
        let now = self.intake.clock.now();
        let totals = if rules.can_confirm(deadline, now) {
            match self.provider.read_order(account, id, now).await {
                Outcome::Done(answer) => answer.totals.filter(|_| charged(answer.status.view()).is_ok()),
                Outcome::Refused(_) | Outcome::Unknown(_) => None,
            }
        } else {
            None
        };
        if totals.zip(made_at(order, wanted)).is_some_and(|(totals, made)| totals.refunded >= made) {
            return (RefundOutcome::Made, "made");
        }
        let detail = "FlexFactor said yes, and an earlier refund was of the same amount: it may have taken this one for a \
                      repeat. Its totals have not shown this one yet.";
        (RefundOutcome::Lost(detail.to_owned()), "not confirmed")
    }
}

/// Whether an earlier refund of the order was of the same amount.
fn may_be_a_repeat(order: &Order, wanted: &RefundRequest) -> bool {
    order.refunds.iter().any(|refund| {
        refund.id != wanted.id && refund.state == RefundState::Made && refund.amount == wanted.amount.minor
    })
}

/// What is refunded altogether once this refund is made.
fn made_at(order: &Order, wanted: &RefundRequest) -> Option<MinorUnits> {
    let refund = order.refunds.iter().find(|refund| refund.id == wanted.id)?;
    refund.before.get().checked_add(refund.amount.get()).map(MinorUnits::new)
}

/// Whether FlexFactor shows the order as charged and nothing else: only then it may be refunded, and only then its totals count.
fn charged(view: ProviderView) -> Result<(), Failure> {
    let refuse =
        |says: &str| Err(Failure::new(ProblemCode::NotRefundable, format!("{says} Nothing was refunded.")));
    match view {
        ProviderView::Rescued | ProviderView::Returned => Ok(()),
        ProviderView::Disputed => Err(Failure::new(
            ProblemCode::OrderDisputed,
            "FlexFactor shows the order as disputed: a refund would pay the money back twice.",
        )),
        ProviderView::Working => refuse("FlexFactor shows the order as still being worked on."),
        ProviderView::CaptureRequired => refuse("FlexFactor shows the order as authorised and not captured."),
        ProviderView::Over | ProviderView::Declined | ProviderView::CalledOff | ProviderView::Expired => {
            refuse("FlexFactor shows the order as over without a charge.")
        }
        ProviderView::Problem => refuse("FlexFactor shows a problem with the order."),
        ProviderView::NotUnderstood => refuse("FlexFactor shows the order in a word that is not known here."),
        ProviderView::NoAnswer => {
            Err(unavailable("FlexFactor did not tell how the order stands. Nothing was refunded."))
        }
    }
}
