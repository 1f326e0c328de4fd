//! How each forgery is made from the genuine webhook.

use super::{
    delivery::{DatePlan, SignatureHeaders, SigningPlan, WebhookBody},
    event,
    fault::Forgery,
    ids::Ids,
};

/// How far off a forged date is. Any sane window is smaller.
const FORGED_DATE_OFF_SECONDS: i64 = 3_600;

/// The forged request: its body and its signature. `ReplayedNonce` is not made here: it is the genuine request again.
#[must_use]
pub fn forge(
    forgery: Forgery,
    genuine: &WebhookBody,
    mut signing: SigningPlan,
    ids: &Ids,
) -> (String, SigningPlan) {
    let mut body = genuine.clone();
    // A forgery that repeats the truth would go unnoticed if it were believed.
    if forgery != Forgery::WrongTestMode {
        body.event = contrary(&genuine.event).to_owned();
    }
    let told = text(&body);
    match forgery {
        Forgery::WrongKey => signing.key = ids.key(&["forger", &signing.nonce]),
        Forgery::TamperedBody => signing.signed_body = Some(text(genuine)),
        Forgery::TamperedBodyAndHash => {
            signing.signed_body = Some(text(genuine));
            signing.hash_of_sent = true;
        }
        Forgery::WrongHost => signing.host = "attacker.example".to_owned(),
        Forgery::StaleDate => signing.date = DatePlan::Real(-FORGED_DATE_OFF_SECONDS),
        Forgery::FutureDate => signing.date = DatePlan::Real(FORGED_DATE_OFF_SECONDS),
        Forgery::NoSignature => signing.headers = SignatureHeaders::None,
        Forgery::BodySignatureOnly => signing.headers = SignatureHeaders::BodyOnly,
        Forgery::WrongTestMode => {
            body.is_test_mode = !body.is_test_mode;
            return (text(&body), signing);
        }
        Forgery::ReplayedNonce => {}
    }
    (told, signing)
}

/// The event that says the opposite.
fn contrary(event: &str) -> &'static str {
    if event == event::ORDER_COMPLETED { event::ORDER_CANCELLED } else { event::ORDER_COMPLETED }
}

/// The body as it is sent. A struct of strings, booleans and JSON always serialises.
#[must_use]
pub fn text(body: &WebhookBody) -> String {
    serde_json::to_string(body).unwrap_or_default()
}
