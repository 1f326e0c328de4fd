//! Submitting a decline while the caller waits: the same screening and the same way as a decline from the queue.

use flexfactor::{ReadOrder, RefundOrder};
use intake::{Message, TakeError, Taken};
use lambda_http::Request;
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{FanOut, HandOn};
use lambda_kit::secrets::FindSecret;
use models::ids::MerchantId;
use models::screening;
use models::view::{Problem, ProblemCode};
use order_store::capability::{AskOf, FindMerchant, ListOrders, Park, ReadHistory, TakeDecline};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::answer::{Answer, Failure};
use crate::call::{idempotency_key, json_text};
use crate::handler::Api;

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
    pub(crate) async fn submit(&self, request: &Request, merchant: &MerchantId) -> Result<Answer, Failure> {
        let key = idempotency_key(request)?;
        let body = json_text(request)?;
        if let Some(other) = another_merchant(body, merchant) {
            return Err(other.into());
        }
        let message = Message { id: message_id(merchant, &key, body), body: body.to_owned(), sent_at: None };
        match self.intake.take(message).await {
            Ok(Taken::New(order)) => self.show(201, &order).await,
            Ok(Taken::Same(order)) => self.show(200, &order).await,
            Ok(Taken::Conflict(_)) => Err(Failure::new(
                ProblemCode::DeclineConflict,
                "Another decline is stored under this order id; an id names one order only.",
            )),
            Ok(Taken::Refused(refusal)) => Err(Problem::refused(refusal).into()),
            Err(TakeError::Store(error)) => Err(error.into()),
            // It is stored, and the same call hands it on; should that never come, the sweep does.
            Err(TakeError::Queue(error)) => {
                tracing::error!(%error, "a decline is stored and could not be handed on");
                Err(Failure::new(
                    ProblemCode::StoreUnavailable,
                    "The queue did not answer in time. The same call may be sent again.",
                ))
            }
            Err(TakeError::Content(error)) => {
                tracing::error!(%error, "a decline could not be hashed");
                Err(Failure::new(ProblemCode::Internal, "The decline could not be read."))
            }
        }
    }
}

/// A decline that names another merchant than the address, which is the one that the caller was let in for.
fn another_merchant(body: &str, merchant: &MerchantId) -> Option<Problem> {
    let value = screening::parse(body).ok()?;
    let named = value.get("merchant").and_then(Value::as_str)?;
    (named != merchant.as_str()).then(|| {
        let detail = "The decline names another merchant than the address does.";
        Problem { path: Some("merchant".to_owned()), ..Problem::new(ProblemCode::MerchantMismatch, detail) }
    })
}

/// What a parked copy is known by: the same for the same call again, another for another body under the same key. The caller's
/// key may be anything and is not kept.
fn message_id(merchant: &MerchantId, key: &str, body: &str) -> String {
    // Neither a merchant id nor a key holds a line feed.
    let hash = Sha256::digest(format!("{merchant}\n{key}\n{body}"));
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("api-{hex}")
}
