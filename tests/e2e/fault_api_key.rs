//! A merchant's API key is rotated while declines flow: in order, and after FlexFactor has stopped taking the old one.

use rig::{Account, MANAGED, Rig, RigOptions, account, rotated};
use serde_json::json;

use crate::e2e_cli::Rescue;
use crate::e2e_doctor::{api_key, check, put_secret};
use crate::support::decline;
use crate::trouble::{all_is_well, counted, kill, of_managed, troubled, until, until_answered};

/// Every function that calls FlexFactor, and so holds credentials and a token.
const CALLERS: [&str; 4] = ["evaluate-submission", "order-reconcile", "order-api", "transmit-relay"];

/// A rehearsal: a rig, the doctor that looks at it, and all declines that were sent so far.
struct Rehearsal {
    rig: Rig,
    rescue: Rescue,
    old: Account,
    new: Account,
    sent: Vec<(String, String)>,
}

impl Rehearsal {
    async fn begin(options: RigOptions) -> Self {
        let rig = troubled(options, json!([])).await;
        let (rescue, old) = (Rescue::at(&rig), account(MANAGED).unwrap());
        Self { rig, rescue, old, new: rotated(old), sent: Vec::new() }
    }

    /// More declines, of which nobody waits for an answer yet.
    async fn send(&mut self, count: usize) {
        let first = self.sent.len() + 1;
        let ids: Vec<_> = (first..first + count).map(|number| format!("keyed-{number}")).collect();
        let bodies: Vec<_> = ids.iter().map(|id| decline(MANAGED, id).body()).collect();
        self.rig.send(&bodies).await.unwrap();
        self.sent.extend(of_managed(&ids));
    }

    /// FlexFactor takes these keys of the merchant's and no others, and no token of those that it does not take.
    async fn takes(&self, keys: &[Account]) {
        let url = self.rig.stack().webhook_url(MANAGED);
        let mut merchant = keys[0].at_sandbox(&url, self.old.webhook_key);
        let credentials = |account: &Account| {
            let secret = account.secret(&[]);
            json!({ "app_key": secret["app_key"], "app_secret": secret["app_secret"] })
        };
        merchant["more_keys"] = keys[1..].iter().map(credentials).collect();
        self.rig.control().put_merchant(&merchant).await.unwrap();
        if keys.len() == 1 {
            self.rig.control().revoke_tokens(self.old.mid).await.unwrap();
        }
    }

    async fn secret_is(&self, account: Account) {
        put_secret(&self.rig, account, &[account.webhook_key]).await;
    }

    /// What the doctor says: which key the secret holds, and whether FlexFactor takes it.
    fn doctor_says(&self, in_secret: Account, is_taken: bool) {
        let key = api_key(in_secret);
        let ran = self.rescue.run(&["doctor", "--deep", "--merchant", MANAGED]);
        let secret = check(&ran, "secret of acme");
        assert!(secret.found.contains(&format!("; API key {key};")), "{}", ran.all);
        let asked = check(&ran, "API key of acme");
        let takes = if is_taken { "takes" } else { "does not take" };
        assert_eq!(asked.found, format!("FlexFactor {takes} {key}"), "{}", ran.all);
        assert_eq!(ran.code, i32::from(!is_taken), "{}", ran.all);
        assert_eq!(asked.todo.contains("rotate-keys"), !is_taken);
    }

    fn token_failures(&self) -> u64 {
        counted(&self.rig, "TokenFailures")
    }

    async fn end(mut self) {
        all_is_well(&mut self.rig, &self.sent).await;
        assert_eq!(
            self.rig.messages().await.unwrap(),
            (0, 0),
            "nothing waits, and there are no dead letters"
        );
        self.rig.down().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn an_api_key_is_rotated_and_no_call_fails_for_it() {
    let mut it = Rehearsal::begin(RigOptions::new("fault-api-key")).await;
    let (old, new) = (it.old, it.new);
    it.send(4).await;
    until_answered(&it.rig, &it.sent).await;
    it.doctor_says(old, true);

    // A new key is made at FlexFactor; both are valid. Then it is put into the secret.
    it.takes(&[old, new]).await;
    it.send(4).await;
    it.secret_is(new).await;
    it.send(4).await;
    until_answered(&it.rig, &it.sent).await;
    it.doctor_says(new, true);

    // The functions' five minutes are over: none holds the old secret any more.
    it.rig.until_quiet(crate::support::LIMIT).await.unwrap();
    assert!(CALLERS.iter().map(|function| kill(&it.rig, function)).sum::<usize>() > 0);
    it.takes(&[new]).await;
    it.send(4).await;
    until_answered(&it.rig, &it.sent).await;
    it.doctor_says(new, true);
    assert_eq!(it.token_failures(), 0);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn orders_wait_while_the_api_key_is_revoked_and_are_submitted_once_the_secret_has_another() {
    // Long enough that a message has deliveries left when the secret is read again, ten seconds after it was read.
    let options = RigOptions::new("fault-api-key-revoked").parameter("SubmissionRetrySeconds", "5,10");
    let mut it = Rehearsal::begin(options).await;
    let (old, new) = (it.old, it.new);
    it.send(4).await;
    until_answered(&it.rig, &it.sent).await;

    // The old key is revoked, and declines go on coming.
    it.takes(&[new]).await;
    it.send(4).await;
    until("FlexFactor refuses the old key", async || it.token_failures() > 0).await;
    it.doctor_says(old, false);
    let submitted = it.rig.ledger().await.unwrap().orders.len();
    assert_eq!(submitted, 4, "nothing was sent on without a token");

    // The functions find the new key by themselves, long before their five minutes are over.
    it.secret_is(new).await;
    it.send(4).await;
    until_answered(&it.rig, &it.sent).await;
    it.doctor_says(new, true);
    it.end().await;
}
