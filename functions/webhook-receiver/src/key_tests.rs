//! Which key FlexFactor signs with, and checks of our own.

use flexfactor::webhook::CHECK_EVENT;
use models::fingerprint::Fingerprint;
use order_store::capability::ReadKey;

use super::*;
use crate::keys::KEY_NOTED_EVERY;

impl NoteKey for Store {
    async fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.notes.fetch_add(1, Ordering::SeqCst);
        match self.keeps_no_notes.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("no permission".into())),
            false => self.table.note_key(merchant, key, at).await,
        }
    }
}

const CHECKED_AT: &str = "2026-11-25T10:00:00.123Z";

fn check(nonce: &str) -> Webhook {
    let body = json!({ "Event": CHECK_EVENT, "TimeStamp": CHECKED_AT, "IsTestMode": true });
    completed().with(|w| (w.body, w.nonce) = (body.to_string(), nonce.to_owned()))
}

fn fingerprint(key: &str) -> Fingerprint {
    flexfactor::webhook::WebhookKey::from_base64(key).unwrap().fingerprint()
}

async fn seen(receiver: &TestReceiver, key: &str) -> Option<Timestamp> {
    receiver.store.table.key_seen(&"acme".parse().unwrap(), fingerprint(key)).await.unwrap()
}

impl TestReceiver {
    fn notes(&self) -> u32 {
        self.store.notes.load(Ordering::SeqCst)
    }

    fn pass(&self, time: SignedDuration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }
}

/// The same event in so many deliveries.
fn delivery(number: u32, key: &str, date: &str) -> Webhook {
    completed().with(|w| {
        (w.nonce, w.key, w.date) = (format!("{number:032x}"), key.to_owned(), date.to_owned());
    })
}

#[tokio::test]
async fn a_rotated_key_is_found_without_losing_a_webhook() {
    let mut receiver = receiver().await;
    receiver.secrets.newest = secret(&[NEW_KEY, KEY]);
    let by_new_key = completed().with(|w| w.key = NEW_KEY.into());
    // While the new secret can't be read, the webhook may be genuine: it must be sent again.
    receiver.secrets.is_down.store(true, Ordering::SeqCst);
    assert_eq!(receiver.send(&by_new_key).await, 503);
    receiver.secrets.is_down.store(false, Ordering::SeqCst);
    assert_eq!(receiver.send(&by_new_key).await, 200);
}

#[tokio::test]
async fn the_key_in_use_is_noted_once_an_hour_and_each_key_for_itself() {
    let mut receiver = receiver().await;
    receiver.secrets.cached = secret(&[NEW_KEY, KEY]);
    let now = "Wed, 25 Nov 2026 10:00:00 GMT";
    for number in 0..3 {
        assert_eq!(receiver.send(&delivery(number, KEY, now)).await, 200);
    }
    assert_eq!((receiver.notes(), seen(&receiver, NEW_KEY).await), (1, None));
    let first = seen(&receiver, KEY).await.unwrap();
    assert_eq!(receiver.send(&delivery(3, NEW_KEY, now)).await, 200);
    assert_eq!(receiver.notes(), 2);
    assert!(seen(&receiver, NEW_KEY).await.unwrap() > first);

    receiver.pass(KEY_NOTED_EVERY - SignedDuration::from_secs(1));
    let almost = "Wed, 25 Nov 2026 10:59:59 GMT";
    assert_eq!(receiver.send(&delivery(4, KEY, almost)).await, 200);
    assert_eq!(receiver.notes(), 2);
    receiver.pass(SignedDuration::from_secs(1));
    assert_eq!(receiver.send(&delivery(5, KEY, almost)).await, 200);
    assert_eq!(receiver.notes(), 3);
    assert!(seen(&receiver, KEY).await.unwrap() >= first + KEY_NOTED_EVERY);
}

#[tokio::test]
async fn a_webhook_does_not_fail_for_what_is_noted_of_its_key() {
    let receiver = receiver().await;
    receiver.store.keeps_no_notes.store(true, Ordering::SeqCst);
    let now = "Wed, 25 Nov 2026 10:00:00 GMT";
    for number in 0..5 {
        assert_eq!(receiver.send(&delivery(number, KEY, now)).await, 200);
    }
    assert_eq!(receiver.order().await.status, Status::Approved);
    assert_eq!(receiver.notes(), 1, "what fails is not tried at every webhook");
    receiver.pass(SignedDuration::from_mins(1));
    assert_eq!(receiver.send(&delivery(5, KEY, now)).await, 200);
    assert_eq!(receiver.notes(), 2, "but in a minute");
}

#[tokio::test]
async fn nothing_is_noted_of_what_is_forged() {
    let receiver = receiver().await;
    let live = |w: &mut Webhook| w.body = w.body.replace("\"IsTestMode\":true", "\"IsTestMode\":false");
    for forgery in [completed().with(|w| w.key = NEW_KEY.into()), completed().with(live)] {
        assert_eq!(receiver.send(&forgery).await, 401);
    }
    assert_eq!(receiver.notes(), 0);
}

#[tokio::test]
async fn a_check_is_kept_under_its_time_and_nonce_and_has_no_other_effect() {
    let tally = Tally::default();
    let _counting = tally.start();
    let receiver = receiver().await;
    let nonce = "c".repeat(32);
    for _ in 0..2 {
        assert_eq!(receiver.send(&check(&nonce)).await, 200);
    }
    let kept = receiver.store.table.parked();
    assert_eq!(kept.len(), 1, "the same check is kept once");
    let key = ParkedKey {
        merchant: Some("acme".parse().unwrap()),
        arrived_at: CHECKED_AT.parse().unwrap(),
        kind: ParkedKind::Check,
        id: nonce,
    };
    assert_eq!((&kept[0].key, kept[0].due, kept[0].copy.as_str()), (&key, None, ""));
    let kept_for = kept[0].keep_until.duration_since(NOW.parse().unwrap());
    assert_eq!(kept_for.as_hours(), 24);
    assert_eq!(receiver.notes(), 0, "it says nothing of what FlexFactor signs with");
    assert_eq!(receiver.order().await.version, 1);
    assert!(tally.all().is_empty(), "{:?}", tally.all());
}

#[tokio::test]
async fn a_check_needs_a_signature_and_the_merchant_s_environment() {
    let receiver = receiver().await;
    let plain = check(&"c".repeat(32));
    let live = |w: &mut Webhook| w.body = w.body.replace("\"IsTestMode\":true", "\"IsTestMode\":false");
    for forgery in [
        plain.clone().with(|w| w.key = NEW_KEY.into()),
        plain.clone().with(|w| w.host = "other.example".into()),
        plain.clone().with(live),
    ] {
        assert_eq!(receiver.send(&forgery).await, 401);
    }
    assert_eq!(*receiver.store.writes.lock().unwrap(), 0);
    receiver.store.is_down.store(true, Ordering::SeqCst);
    assert_eq!(receiver.send(&plain).await, 503, "nothing is said to have come that is not kept");
}

/// Only this very name is ours: another case, or a check without a time, is an event that is not known.
#[tokio::test]
async fn what_is_almost_a_check_is_none() {
    let without_time = |w: &mut Webhook| w.body = w.body.replace(CHECKED_AT, "now");
    let capital = |w: &mut Webhook| w.body = w.body.replace(CHECK_EVENT, "Rebill-Rescue.Check");
    for webhook in [check("c1").with(without_time), check("c2").with(capital)] {
        let receiver = receiver().await;
        assert_eq!(receiver.send(&webhook).await, 200);
        let kinds: Vec<_> = receiver.store.table.parked().iter().map(|parked| parked.key.kind).collect();
        assert_eq!(kinds, [ParkedKind::UnknownEvent]);
    }
}
