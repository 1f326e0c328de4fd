//! A webhook key is rotated while webhooks flow, and Secrets Manager goes down after it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_stack::MerchantSetup;
use rig::{Fault, MANAGED, Rig, RigOptions, account};
use serde_json::json;

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

    assert_eq!(sender.next(old).send(&rig).await, 200);
    assert_eq!(sender.next(&new).send(&rig).await, 401, "not yet");
    set_keys(&rig, &[&new, old]).await;
    sender.until_answered(&rig, Some(old), &new, 200).await;
    assert_eq!(sender.next(old).send(&rig).await, 200, "both are valid");

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
