//! `rescue doctor --deep`, against the deployed stack: the smoke test after a deployment.

use flexfactor::webhook::WebhookKey;
use jiff::Timestamp;
use local_stack::MerchantSetup;
use models::status::Status;
use models::time::to_text;
use rig::{Account, Fault, MANAGED, Rig, RigOptions, UNMANAGED, WEBHOOK_HOST, account, rotated};
use serde_json::{Value, json};

use crate::e2e_cli::{Ran, Rescue};
use crate::support::{decline, rig, until_status};
use crate::trouble::counted;

/// A check of the doctor's.
pub(crate) struct Check {
    pub(crate) state: String,
    pub(crate) found: String,
    pub(crate) todo: String,
}

/// The check of this name.
pub(crate) fn check(ran: &Ran, name: &str) -> Check {
    let checks = ran.document["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("there is no check {name}: {}", ran.all));
    let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
    Check { state: text("state"), found: text("found"), todo: text("todo") }
}

/// What a webhook key is called.
pub(crate) fn fingerprint(key: &str) -> String {
    WebhookKey::from_base64(key).unwrap().fingerprint().to_string()
}

/// What an account's API key is called.
pub(crate) fn api_key(account: Account) -> String {
    let secret = account.secret(&[]);
    let text = |field: &str| secret[field].as_str().unwrap().to_owned().into();
    flexfactor::Credentials { app_key: text("app_key"), app_secret: text("app_secret") }
        .fingerprint()
        .to_string()
}

/// Puts the account's secret, with these webhook keys.
pub(crate) async fn put_secret(rig: &Rig, account: Account, keys: &[&str]) {
    put(rig, account.id, account.config(), account.secret(keys)).await;
}

async fn put(rig: &Rig, id: &str, config: Value, secret: Value) {
    rig.stack().put_merchant(&MerchantSetup { id: id.to_owned(), config, secret }).await.unwrap();
}

/// The deep checks that failed, by name.
fn failed(ran: &Ran) -> Vec<String> {
    let checks = ran.document["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|check| check["state"] == "fail");
    failed.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_deep_check_goes_all_the_way_and_leaves_nothing_that_people_see() {
    let rig =
        rig(RigOptions::new("e2e-doctor"), json!([{ "when": {}, "fate": { "kind": "stay_pending" } }])).await;
    let rescue = Rescue::at(&rig);
    rig.send(&[decline(MANAGED, "watched").body()]).await.unwrap();
    let order = until_status(&rig, "watched", Status::Pending).await;

    let plain = rescue.run(&["doctor"]);
    assert_eq!(plain.code, 0, "{}", plain.all);
    assert!(!plain.all.contains("check webhook"), "nothing is sent unless it is asked for");
    let keys = "webhook keys of acme";
    assert_eq!(check(&plain, keys).found, "no webhook of FlexFactor's was seen yet");

    let started = Timestamp::now();
    let deep = rescue.run(&["doctor", "--deep"]);
    assert_eq!(deep.code, 0, "{}", deep.all);
    for id in [MANAGED, UNMANAGED] {
        let account = account(id).unwrap();
        let sent = check(&deep, &format!("check webhook of {id}, key {}", fingerprint(account.webhook_key)));
        assert_eq!(sent.found, format!("signed for {WEBHOOK_HOST}, taken, and found in the table"));
        assert_eq!(
            check(&deep, &format!("API key of {id}")).found,
            format!("FlexFactor takes {}", api_key(account))
        );
        assert_eq!(check(&deep, &format!("order-api for {id}")).state, "ok");
    }

    // Two checks are kept, which nobody sees who does not ask for them, and nothing was counted that alarms.
    assert_eq!(rescue.run(&["parked", "list"]).document["parked"], json!([]));
    let listed = rescue.run(&["parked", "list", "--kind", "check"]);
    let listed = listed.document["parked"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|kept| kept["arrived_at"].as_str().unwrap() >= to_text(started).as_str()));
    for metric in ["ParkedEvents", "UnknownProviderValues", "ForgedWebhooks", "TokenFailures"] {
        assert_eq!(counted(&rig, metric), 0, "{metric}");
    }
    assert_eq!(until_status(&rig, "watched", Status::Pending).await.version, order.version);

    let one = rescue.run(&["doctor", "--deep", "--merchant", UNMANAGED]);
    assert!(one.code == 0 && !one.all.contains("check webhook of acme"), "{}", one.all);
    let seen = check(&one, keys).found;
    assert_eq!(seen, "no webhook of FlexFactor's was seen yet", "a check is not FlexFactor's");
    let nobody = rescue.run(&["doctor", "--deep", "--merchant", "nobody"]);
    assert_eq!((nobody.code, failed(&nobody)), (1, vec!["check webhook".to_owned()]));
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_deep_check_finds_what_is_broken_on_the_way() {
    let rig = rig(RigOptions::new("e2e-doctor-ill").faults(), json!([])).await;
    let rescue = Rescue::at(&rig);
    let acme = account(MANAGED).unwrap();
    let webhook = format!("check webhook of acme, key {}", fingerprint(acme.webhook_key));
    let deep = || rescue.run(&["doctor", "--deep", "--merchant", MANAGED]);
    let well = deep();
    assert_eq!(well.code, 0, "{}", well.all);

    // The table takes no writes.
    rig.proxies().unwrap().aws.fail("DynamoDB_20120810.PutItem", Fault::failing());
    let ill = deep();
    assert_eq!((ill.code, failed(&ill)), (1, vec![webhook.clone()]), "{}", ill.all);
    assert!(check(&ill, &webhook).found.ends_with("answered 503"), "{}", ill.all);
    assert!(check(&ill, &webhook).todo.contains("a webhook could not be taken"), "{}", ill.all);
    assert!(rig.proxies().unwrap().aws.heal() > 0);
    assert_eq!(deep().code, 0, "the table takes writes again");

    // The secret has an API key that FlexFactor does not know, or a webhook key that is none.
    put_secret(&rig, rotated(acme), &[acme.webhook_key]).await;
    let ill = deep();
    assert_eq!((ill.code, failed(&ill)), (1, vec!["API key of acme".to_owned()]), "{}", ill.all);
    assert_eq!(
        check(&ill, "API key of acme").found,
        format!("FlexFactor does not take {}", api_key(rotated(acme)))
    );
    put_secret(&rig, acme, &["short"]).await;
    let ill = deep();
    assert_eq!(failed(&ill), ["secret of acme", "check webhook"], "{}", ill.all);
    assert!(check(&ill, "secret of acme").todo.contains("put-secret-value"));
    put_secret(&rig, acme, &[acme.webhook_key]).await;
    assert_eq!(deep().code, 0);

    // webhook-receiver was deployed with another host than the stack tells.
    let function = rig.stack().outputs().webhook_receiver_function_name.clone();
    rig.stack().set_variable(&function, "WEBHOOK_HOST", "other.example").await.unwrap();
    let ill = deep();
    assert_eq!((ill.code, failed(&ill)), (1, vec![webhook.clone()]), "{}", ill.all);
    assert_eq!(check(&ill, &webhook).found, format!("{WEBHOOK_HOST} answered 401"));
    assert!(check(&ill, &webhook).todo.contains("WebhookHost"), "{}", ill.all);
    rig.down().unwrap();
}
