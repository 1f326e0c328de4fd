//! A webhook key is rotated while webhooks flow, and Secrets Manager goes down after it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use local_stack::MerchantSetup;
use order_store::capability::{NoteKey as _, ReadKey as _};
use order_store::dynamo::DynamoTable;
use rig::{Fault, MANAGED, Rig, RigOptions, account};
use serde_json::json;

use crate::e2e_cli::Rescue;
use crate::e2e_doctor::{check, fingerprint};
use crate::e2e_webhook::{Webhook, webhook};
use crate::support::{at_provider, decline};
use crate::trouble::{all_is_well, kill, of_managed, troubled, until_answered};

/// How soon a changed secret is known at the latest: ten seconds (lambda-kit's `SECRET_REREAD_AFTER`), and time to work.
const REREAD_LIMIT: Duration = Duration::from_secs(15);

/// Webhooks about one order, each of them new.
struct Sender {
    order: String,
    sent: u32,
}

impl Sender {
    fn next(&mut self, key: &str) -> Webhook {
        self.sent += 1;
        webhook("challenge.presented", "rotated-1", &self.order, self.sent)
            .with(|hook| hook.key = key.to_owned())
    }

    /// Sends webhooks by `changing` until one is answered with `status`; in between, those by `steady` are all taken.
    async fn until_answered(&mut self, rig: &Rig, steady: Option<&str>, changing: &str, status: u16) {
        let deadline = Instant::now() + REREAD_LIMIT;
        loop {
            if let Some(steady) = steady {
                assert_eq!(self.next(steady).send(rig).await, 200, "the steady key");
            }
            let answer = self.next(changing).send(rig).await;
            if answer == status {
                return;
            }
            assert!(Instant::now() < deadline, "{answer} and not {status} for {REREAD_LIMIT:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// What the doctor says of the merchant's webhook keys, where all is well with them: functions take checks by each of `keys`.
fn doctor_says(rescue: &Rescue, keys: &[&str]) -> String {
    let ran = rescue.run(&["doctor", "--deep", "--merchant", MANAGED]);
    let fingerprints = keys.iter().map(|key| fingerprint(key)).collect::<Vec<_>>();
    let listed = format!("; webhook keys {}", fingerprints.join(", "));
    assert!(check(&ran, "secret of acme").found.ends_with(&listed), "{}", ran.all);
    for key in fingerprints {
        assert_eq!(check(&ran, &format!("check webhook of acme, key {key}")).state, "ok", "{}", ran.all);
    }
    check(&ran, "webhook keys of acme").found
}

/// Lets it be a day since a key was last seen.
async fn a_day_passes_for(rig: &Rig, key: &str) {
    let fingerprint = fingerprint(key).parse().unwrap();
    let table = DynamoTable::new(rig.stack().dynamodb().clone(), &rig.stack().outputs().orders_table_name);
    let acme = MANAGED.parse().unwrap();
    let seen = table.key_seen(&acme, fingerprint).await.unwrap().expect("it was seen");
    table.note_key(&acme, fingerprint, seen - SignedDuration::from_hours(24)).await.unwrap();
}

async fn set_keys(rig: &Rig, keys: &[&str]) {
    let account = account(MANAGED).unwrap();
    let secret = account.secret(keys);
    let setup = MerchantSetup { id: MANAGED.to_owned(), config: account.config(), secret };
    rig.stack().put_merchant(&setup).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_key_is_rotated_without_losing_a_webhook_and_outlives_secrets_manager() {
    let mut rig = troubled(RigOptions::new("fault-rotation"), json!([])).await;
    let sent = of_managed(&["rotated-1"]);
    rig.send(&[decline(MANAGED, "rotated-1").body()]).await.unwrap();
    until_answered(&rig, &sent).await;
    let mut sender = Sender { order: at_provider(&rig, "rotated-1").await.order_id, sent: 0 };
    let old = account(MANAGED).unwrap().webhook_key;
    let (new, nobodys) = (STANDARD.encode([0x5a; 64]), STANDARD.encode([0x11; 64]));
    let rescue = Rescue::at(&rig);
    let [called_old, called_new] = [old, new.as_str()].map(fingerprint);

    assert_eq!(sender.next(old).send(&rig).await, 200);
    assert_eq!(sender.next(&new).send(&rig).await, 401, "not yet");
    let said = doctor_says(&rescue, &[old]);
    assert!(said.starts_with(&format!("FlexFactor signs with {called_old}, last seen ")), "{said}");
    set_keys(&rig, &[&new, old]).await;
    let said = check(&rescue.run(&["doctor"]), "webhook keys of acme").found;
    assert!(said.starts_with(&format!("FlexFactor signs with {called_old} (2 of 2), last seen ")), "{said}");
    assert!(said.ends_with(&format!("; {called_new} (1 of 2), not seen yet")), "{said}");
    sender.until_answered(&rig, Some(old), &new, 200).await;
    assert_eq!(sender.next(old).send(&rig).await, 200, "both are valid");
    let said = doctor_says(&rescue, &[&new, old]);
    assert!(said.starts_with(&format!("FlexFactor signs with {called_new} (1 of 2), last seen ")), "{said}");
    assert!(
        said.contains(&format!("; {called_old} (2 of 2), last seen ")) && !said.contains("removed"),
        "{said}"
    );
    a_day_passes_for(&rig, old).await;
    let said = doctor_says(&rescue, &[&new, old]);
    assert!(
        said.ends_with(&format!("; {called_old} (2 of 2), last seen 24 h ago: it may be removed")),
        "{said}"
    );

    // The old one is removed. It is refused once the secret is read anew: after five minutes, or ten seconds after the last
    // reading where any signature fails.
    set_keys(&rig, &[&new]).await;
    let deadline = Instant::now() + REREAD_LIMIT;
    while sender.next(old).send(&rig).await != 401 {
        assert!(Instant::now() < deadline, "the old key is still taken");
        assert_eq!(sender.next(&new).send(&rig).await, 200);
        assert_eq!(sender.next(&nobodys).send(&rig).await, 401);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(sender.next(&new).send(&rig).await, 200);
    let said = doctor_says(&rescue, &[&new]);
    assert!(said.starts_with(&format!("FlexFactor signs with {called_new}, last seen ")), "{said}");

    // Secrets Manager is down: the keys that are known still serve. A function that knows none takes and refuses nothing.
    rig.proxies().unwrap().aws.fail("secretsmanager", Fault::failing());
    for _ in 0..5 {
        assert_eq!(sender.next(&new).send(&rig).await, 200);
        // 503 where the ten seconds are over and the secret can't be read anew: nobody knows, so nothing is refused.
        assert!([401, 503].contains(&sender.next(old).send(&rig).await));
    }
    assert!(kill(&rig, "webhook-receiver") > 0);
    let unread = sender.next(&new);
    assert_eq!(unread.send(&rig).await, 503);
    assert!(rig.proxies().unwrap().aws.heal() > 0, "Secrets Manager was asked");
    assert_eq!(unread.send(&rig).await, 200, "sent again, it is taken");

    // FlexFactor signs with the new key from now on.
    let at_sandbox = account(MANAGED).unwrap().at_sandbox(&rig.stack().webhook_url(MANAGED), &new);
    rig.control().put_merchant(&at_sandbox).await.unwrap();
    all_is_well(&mut rig, &sent).await;
    rig.down().unwrap();
}
