//! `rescue order`: orders through order-api, which decides; nothing is written to the table here.

mod client;
mod show;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use models::ids::{MerchantId, OrderId};
use models::money::{MinorUnits, Money};
use models::refund::{RefundId, RefundState};
use models::status::Status;
use models::view::{OrderPage, OrderView, RefundBody, ResolutionBody};
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::confirm::Consent;
use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure};
use client::{Answer, Api};

/// Orders on one page of a list: order-api's most.
const PAGE_MAX: u32 = 100;

/// What to do with orders.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// Whose orders.
    #[arg(long, global = true, env = "RESCUE_MERCHANT")]
    merchant: Option<MerchantId>,
    #[command(subcommand)]
    command: OrderCommand,
}

/// Reads a page of one order through order-api: whether it answers.
///
/// # Errors
/// It does not, or refuses.
pub(crate) async fn read_page(deployment: &Deployment, merchant: &MerchantId) -> Result<(), Failure> {
    let api = Api::new(deployment, merchant)?;
    let mut url = api.orders();
    url.query_pairs_mut().append_pair("limit", "1");
    api.get::<OrderPage>(url).await.map(drop)
}

#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// Show an order with its history.
    Show {
        /// The merchant's own id of the order.
        order_id: OrderId,
    },
    /// List a merchant's orders by the time they were received.
    List(ListArgs),
    /// Have an order cancelled: pursued until FlexFactor confirms, it is too late, or it is given up.
    Cancel {
        /// The merchant's own id of the order.
        order_id: OrderId,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Have an authorised order captured, the whole of it.
    Capture {
        /// The merchant's own id of the order.
        order_id: OrderId,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Refund an approved order, in part or in full.
    Refund(RefundArgs),
    /// Say what became of a refund that is unresolved, after looking it up in FlexFactor's portal.
    ResolveRefund {
        /// The merchant's own id of the order.
        order_id: OrderId,
        /// The refund's id, as `order show` tells it.
        refund_id: String,
        /// Whether the portal shows it as made.
        #[arg(long, action = clap::ArgAction::Set)]
        made: bool,
        #[command(flatten)]
        key: KeyArgs,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only orders in this status.
    #[arg(long, value_parser = |word: &str| word.parse::<Status>().map_err(|error| error.to_string()))]
    status: Option<Status>,
    /// Only orders received from then on.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only orders received before then.
    #[arg(long)]
    to: Option<Timestamp>,
    /// Most orders listed.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Where a list before ended: go on from there.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct RefundArgs {
    /// The merchant's own id of the order.
    order_id: OrderId,
    /// How much, as decimal in the order's currency, such as 5.00.
    #[arg(long, group = "how_much")]
    amount: Option<String>,
    /// How much, in minor units.
    #[arg(long, group = "how_much")]
    minor: Option<u64>,
    /// All that can be refunded still.
    #[arg(long, group = "how_much")]
    all: bool,
    /// Why, for people at FlexFactor. No card data.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// Repeat the call that printed this key; without it a new one is made and printed.
    #[arg(long)]
    idempotency_key: Option<String>,
}

impl KeyArgs {
    /// The key, printed before the call: where no answer comes, it is what the call is repeated by.
    fn key(&self) -> String {
        let key = self.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        eprintln!("idempotency key {key}");
        key
    }
}

/// Shows, lists or asks for something.
///
/// # Errors
/// order-api refuses, or can't be reached; or it was not confirmed.
pub async fn order(args: &OrderArgs, deployment: &Deployment, consent: Consent) -> Result<Done, Failure> {
    let merchant = args.merchant.as_ref();
    let merchant =
        merchant.ok_or_else(|| Failure::usage("say whose orders: --merchant, or RESCUE_MERCHANT"))?;
    let api = Api::new(deployment, merchant)?;
    let asking = Asking { api, merchant, consent };
    match &args.command {
        OrderCommand::Show { order_id } => {
            let order = asking.read(order_id).await?;
            Done::new(show::order(&order), &json!({ "command": "order show", "order": order }), Exit::Done)
        }
        OrderCommand::List(args) => asking.list(args).await,
        OrderCommand::Cancel { order_id, key } => asking.wish("cancel", order_id, key).await,
        OrderCommand::Capture { order_id, key } => asking.wish("capture", order_id, key).await,
        OrderCommand::Refund(args) => asking.refund(args).await,
        OrderCommand::ResolveRefund { order_id, refund_id, made, key } => {
            asking.resolve(order_id, &RefundId::from_stored(refund_id.clone()), *made, key).await
        }
    }
}

struct Asking<'a> {
    api: Api<'a>,
    merchant: &'a MerchantId,
    consent: Consent,
}

impl Asking<'_> {
    async fn read(&self, order_id: &OrderId) -> Result<OrderView, Failure> {
        Ok(self.api.get::<OrderView>(self.api.order(order_id, &[])?).await?.body)
    }

    async fn list(&self, args: &ListArgs) -> Result<Done, Failure> {
        let (mut orders, mut cursor) = (Vec::new(), args.cursor.clone());
        loop {
            let left = args.limit.saturating_sub(u32::try_from(orders.len()).unwrap_or(u32::MAX));
            let mut url = self.api.orders();
            {
                let mut query = url.query_pairs_mut();
                query.append_pair("limit", &left.min(PAGE_MAX).to_string());
                args.status.map(|status| query.append_pair("status", status.word()).finish());
                args.from.map(|from| query.append_pair("from", &from.to_string()).finish());
                args.to.map(|to| query.append_pair("to", &to.to_string()).finish());
                cursor.as_ref().map(|cursor| query.append_pair("cursor", cursor).finish());
            }
            let page = self.api.get::<OrderPage>(url).await?.body;
            orders.extend(page.orders);
            cursor = page.next_cursor;
            let is_full = u32::try_from(orders.len()).is_ok_and(|count| count >= args.limit);
            if cursor.is_none() || is_full {
                break;
            }
        }
        let document = json!({ "command": "order list", "orders": orders, "next_cursor": cursor });
        Done::new(show::list(&orders, cursor.as_deref()), &document, Exit::Done)
    }

    async fn wish(&self, what: &str, order_id: &OrderId, key: &KeyArgs) -> Result<Done, Failure> {
        let before = self.read(order_id).await?;
        let name = format!("{}/{order_id}", self.merchant);
        let verb = if what == "cancel" { "Cancel" } else { "Capture" };
        self.consent.to(&format!("{verb} {name}, {} and {}", before.amount, before.status))?;
        let key = key.key();
        let url = self.api.order(order_id, &[what])?;
        let answer =
            self.api.post::<OrderView>(url, &key, None::<&()>).await.map_err(|error| again(error, &key))?;
        let order = answer.body;
        let state = match what {
            "cancel" => order.cancel.as_ref().map(|cancel| show::word(&cancel.state)),
            _ => order.capture.as_ref().map(|capture| show::word(&capture.state)),
        };
        let state = state.unwrap_or_else(|| "recorded".to_owned());
        let text = format!("{name}: {what} {state}; the order is {}\nidempotency key {key}", order.status);
        let document = json!({ "command": format!("order {what}"), "idempotency_key": key, "state": state, "order": order });
        Done::new(text, &document, Exit::Done)
    }

    async fn refund(&self, args: &RefundArgs) -> Result<Done, Failure> {
        let before = self.read(&args.order_id).await?;
        let amount = how_much(args, &before)?;
        let name = format!("{}/{}", self.merchant, args.order_id);
        self.consent.to(&format!(
            "Refund {amount} of {name}; {} minor units can be refunded",
            before.money.refundable_minor.get()
        ))?;
        let key = args.key.key();
        let body = RefundBody { amount, reason: args.reason.clone() };
        let url = self.api.order(&args.order_id, &["refunds"])?;
        let answer =
            self.api.post::<OrderView>(url, &key, Some(&body)).await.map_err(|error| again(error, &key))?;
        let Answer { status, body: order } = answer;
        let id = RefundId::of(
            &models::ids::OrderKey { merchant: self.merchant.clone(), order_id: args.order_id.clone() },
            &key,
        );
        let refund = order.refunds.iter().find(|refund| refund.id == id);
        let state = refund.map(|refund| refund.state);
        let (said, exit) = match (status, state) {
            (StatusCode::CREATED, _) | (_, Some(RefundState::Made)) => ("made", Exit::Done),
            _ => (
                "not known yet: its amount stays reserved, and it is settled by itself or becomes unresolved",
                Exit::Findings,
            ),
        };
        let text =
            format!("{name}: refund of {amount}: {said}\n{}\nidempotency key {key}", show::money(&order));
        let document = json!({
            "command": "order refund", "idempotency_key": key, "amount": amount, "state": state, "order": order,
        });
        Done::new(text, &document, exit)
    }

    async fn resolve(
        &self,
        order_id: &OrderId,
        refund: &RefundId,
        made: bool,
        key: &KeyArgs,
    ) -> Result<Done, Failure> {
        let said = if made { "made" } else { "not made" };
        self.consent.to(&format!("Say that refund {refund} of {}/{order_id} was {said}", self.merchant))?;
        let key = key.key();
        let url = self.api.order(order_id, &["refunds", refund.as_str(), "resolution"])?;
        let body = ResolutionBody { made };
        let answer =
            self.api.post::<OrderView>(url, &key, Some(&body)).await.map_err(|error| again(error, &key))?;
        let order = answer.body;
        let text = format!("refund {refund}: {said}\n{}\nidempotency key {key}", show::money(&order));
        let document = json!({ "command": "order resolve-refund", "idempotency_key": key, "order": order });
        Done::new(text, &document, Exit::Done)
    }
}

/// How much is to be refunded.
fn how_much(args: &RefundArgs, order: &OrderView) -> Result<Money, Failure> {
    let currency = order.amount.currency;
    match (&args.amount, args.minor, args.all) {
        (Some(text), _, _) => Money::from_decimal(text, currency)
            .map_err(|error| Failure::usage(format!("the amount {error} ({currency})"))),
        (None, Some(minor), _) => Ok(Money { minor: MinorUnits::new(minor), currency }),
        (None, None, true) => Ok(Money { minor: order.money.refundable_minor, currency }),
        (None, None, false) => Err(Failure::usage("say how much: --amount 5.00, --minor 500 or --all")),
    }
}

/// Tells how the call is repeated where its answer did not come.
fn again(failure: Failure, key: &str) -> Failure {
    match failure.exit {
        Exit::Unreachable => Failure {
            message: format!(
                "{}. Whether it was done is not known: repeat it with --idempotency-key {key}",
                failure.message
            ),
            ..failure
        },
        Exit::Done | Exit::Findings | Exit::Usage | Exit::Refused => failure,
    }
}
