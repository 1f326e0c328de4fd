//! Webhooks: what is not FlexFactor's is refused, what is has its effect once, and nothing of it is lost.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use models::order::{DueReason, Facet, Order, ReasonCode};
use models::parked::ParkedKind;
use models::status::Status;
use order_store::Table as _;
use order_store::dynamo::parked_things;

use crate::delivery::Delivery;
use crate::local::Local;
use crate::orders;
use crate::variant::Variant;

/// Longer ago than the window that the template sets.
const STALE: SignedDuration = SignedDuration::from_secs(400);

struct Checked<'a> {
    local: &'a Local,
    /// FlexFactor's id of every order here.
    provider_order: String,
}

pub(super) async fn check(local: &Local, variant: Variant) -> Result<()> {
    let checked = Checked { local, provider_order: orders::provider_order() };
    let ids = ["genuine", "late", "refunded", "errand"];
    let pending: Vec<_> =
        ids.iter().map(|id| orders::pending(id, &checked.provider_order)).collect::<Result<_>>()?;
    orders::store(&local.table, &pending).await?;
    checked.forgeries_change_nothing().await?;
    checked.an_event_has_its_effect_once(variant).await?;
    checked.the_order_of_events_does_not_matter().await?;
    checked.money_events_ask_for_a_look().await?;
    checked.what_can_t_be_applied_is_kept().await
}

impl Checked<'_> {
    fn delivery(&self, event: &str, order_id: &str) -> Result<Delivery> {
        Delivery::new(event, order_id, &self.provider_order)
    }

    async fn send(&self, delivery: &Delivery, wanted: u16, what: &str) -> Result<()> {
        let url = self.local.webhook_url(&delivery.merchant);
        let (status, _) = delivery.send(&self.local.http, &url).await?;
        ensure!(status == wanted, "{what}: the answer is {status}, not {wanted}");
        Ok(())
    }

    async fn order(&self, order_id: &str) -> Result<Order> {
        let order = self.local.table.read(&orders::key(order_id)?).await?;
        order.with_context(|| format!("{order_id} is not there"))
    }

    async fn forgeries_change_nothing(&self) -> Result<()> {
        let genuine = self.delivery("order.completed", "genuine")?;
        let other_key = STANDARD.encode([7; 64]);
        for (what, forgery) in [
            ("another key", genuine.with(|delivery| delivery.key = other_key)),
            ("another host", genuine.with(|delivery| delivery.host = "attacker.example".to_owned())),
            ("too old", genuine.with(|delivery| delivery.age = STALE)),
            ("too young", genuine.with(|delivery| delivery.age = -STALE)),
            ("not signed", genuine.with(|delivery| delivery.is_signed = false)),
            ("a malformed nonce", genuine.with(|delivery| delivery.nonce = "a;b".to_owned())),
            ("of the other environment", genuine.live()),
        ] {
            self.send(&forgery, 401, what).await?;
        }
        let unknown = genuine.with(|delivery| delivery.merchant = "nobody".to_owned());
        self.send(&unknown, 404, "an unknown merchant").await?;
        let order = self.order("genuine").await?;
        ensure!(
            order.status == Status::Pending && order.version == 1 + 2,
            "a forgery changed the order: {order:?}"
        );
        Ok(())
    }

    async fn an_event_has_its_effect_once(&self, variant: Variant) -> Result<()> {
        let genuine = self.delivery("order.completed", "genuine")?;
        self.send(&genuine, 200, "a genuine webhook").await?;
        let order = self.order("genuine").await?;
        let reason = order.reason.as_ref().map(|reason| (reason.code, reason.detail.as_str()));
        ensure!(
            order.status == Status::Approved
                && reason == Some((ReasonCode::Webhook, "order.completed"))
                && order.confirmation.as_deref() == Some("22ACD1D9")
                && order.due.is_none()
                && order.request.is_none()
                && order.version == 4,
            "the event was not applied as it should be: {order:?}"
        );
        let replayed = if variant == Variant::Ours { 409 } else { 200 };
        self.send(&genuine, replayed, "the same delivery again").await?;
        ensure!(self.order("genuine").await? == order, "the same delivery changed the order again");
        self.send(&genuine.again(), 200, "the same event in another delivery").await?;
        let mut again = self.order("genuine").await?;
        if variant == Variant::Ours {
            // It remembers the delivery in the order, the peers in Powertools' record.
            ensure!(again.version == order.version + 1, "the delivery is not remembered");
            (again.version, again.updated_at) = (order.version, order.updated_at);
            again.seen.clone_from(&order.seen);
        }
        ensure!(again == order, "the same event was applied again");
        Ok(())
    }

    async fn the_order_of_events_does_not_matter(&self) -> Result<()> {
        self.send(&self.delivery("order.expired", "genuine")?, 200, "an end after the better one").await?;
        self.send(&self.delivery("order.expired", "late")?, 200, "the end that came first").await?;
        let late = self.order("late").await?;
        ensure!(late.status == Status::Expired, "it is {}, not expired", late.status);
        self.send(&self.delivery("order.completed", "late")?, 200, "the better end after it").await?;
        for id in ["genuine", "late"] {
            let order = self.order(id).await?;
            ensure!(order.status == Status::Approved, "{id} is {}, not approved", order.status);
        }
        Ok(())
    }

    async fn money_events_ask_for_a_look(&self) -> Result<()> {
        self.send(&self.delivery("order.completed", "refunded")?, 200, "an approval").await?;
        self.send(&self.delivery("order.refunded", "refunded")?, 200, "a refund").await?;
        self.send(&self.delivery("order.refunded", "errand")?, 200, "a refund before the approval").await?;
        self.send(&self.delivery("order.completed", "errand")?, 200, "the approval after it").await?;
        for id in ["refunded", "errand"] {
            let order = self.order(id).await?;
            let reason = order.due.map(|due| due.reason);
            ensure!(
                order.status == Status::Approved
                    && order.refund == Facet::Signalled
                    && reason == Some(DueReason::MoneySignal),
                "{id}: nobody will look at the refund: {order:?}"
            );
        }
        Ok(())
    }

    async fn what_can_t_be_applied_is_kept(&self) -> Result<()> {
        let orphan = self.delivery("order.completed", "nowhere")?;
        let other = Delivery::new("order.completed", "genuine", &orders::provider_order())?;
        for (what, delivery) in [
            ("an event for no order of ours", &orphan),
            ("the same again", &orphan.again()),
            ("another order of FlexFactor's", &other),
            ("an unknown event", &self.delivery("order.paused", "genuine")?),
            ("an event about the account", &self.delivery("payout.created", "-")?),
        ] {
            self.send(delivery, 200, what).await?;
        }
        let stack = &self.local.stack;
        let things = parked_things(stack.dynamodb(), &stack.outputs().orders_table_name).await?;
        let parked = things.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut kinds: Vec<_> = parked.iter().map(|parked| parked.key.kind).collect();
        kinds.sort_unstable();
        let wanted = [
            ParkedKind::OrphanEvent,
            ParkedKind::MismatchedEvent,
            ParkedKind::UnknownEvent,
            ParkedKind::AccountEvent,
        ];
        ensure!(kinds == wanted, "{kinds:?} are kept, not {wanted:?}");
        let orphan = parked.iter().find(|parked| parked.key.kind == ParkedKind::OrphanEvent);
        let orphan = orphan.context("the orphan is gone")?;
        let event = orphan.event.as_ref().context("the orphan's event is not kept")?;
        let is_whole = event.order_id.as_str() == "nowhere" && event.name == "order.completed";
        ensure!(is_whole && orphan.due.is_some(), "the orphan can't be matched later: {orphan:?}");
        Ok(())
    }
}
