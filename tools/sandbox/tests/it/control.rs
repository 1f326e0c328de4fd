//! The control API.

use std::time::{Duration, Instant};

use reqwest::Method;
use sandbox::{Mode, Rule, Scenario, Settings};
use serde_json::{Value, json};

use crate::support::{DAY, Stage, always, approve};

#[tokio::test]
async fn a_scenario_replaces_what_it_has() {
    let stage = Stage::managed(vec![]).await;
    let scenario = json!({
        "rules": [{
            "name": "lost expiries", "when": {"order_id": "lost-*"}, "fate": {"kind": "expire"},
            "calls": [{"kind": "error_after", "on": ["evaluate"], "times": 1, "probability": 0.0}],
            "webhooks": [{"kind": "lost", "events": ["order.expired"]}],
        }],
    });
    let answer = stage.control(Method::PUT, "scenario", &scenario).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    stage.submit("lost-1").await;
    stage.advance(22 * DAY).await;
    assert_eq!(stage.ledger().summary.webhooks.lost, 1);

    let settings = json!({"settings": {"orders": {"expired_status": 3}}});
    stage.control(Method::PUT, "scenario", &settings).await;
    let order = &stage.ledger().orders[0];
    assert_eq!((order.status, order.status_name.as_str()), (3, "PROBLEM"));
    let all = stage.control(Method::GET, "settings", &Value::Null).await.json();
    assert_eq!(
        (&all["rules"][0]["name"], &all["settings"]["orders"]["expired_status"]),
        (&json!("lost expiries"), &json!(3))
    );
    assert!(!all.to_string().contains("managed-secret"));
}

#[tokio::test]
async fn a_mistake_in_a_command_is_explained() {
    let stage = Stage::managed(vec![]).await;
    let typo = stage.control(Method::PUT, "scenario", &json!({"rules": [{"whn": {}}]})).await;
    assert_eq!(typo.status, 422);
    assert!(typo.json()["error"].as_str().unwrap().contains("whn"));
    let merchant = json!({"mid": "m", "app_key": "k", "app_secret": "s",
                          "webhook": {"url": "http://127.0.0.1/x", "keys": ["not base64!"]}});
    let refused = stage.control(Method::POST, "merchants", &merchant).await;
    assert_eq!((refused.status, &refused.json()["error"]), (422, &json!("webhook.keys[0] is not base64")));
    assert_eq!(stage.control(Method::POST, "orders/none/emit", &json!({"event": "x"})).await.status, 404);
}

#[tokio::test]
async fn clock_ledger_idle_and_reset_over_http() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    stage.submit("order").await;
    let clock = stage.control(Method::POST, "clock/advance", &json!({"seconds": 60})).await.json();
    assert_eq!((&clock["now"], &clock["advanced_seconds"]), (&json!("2030-01-01T00:01:00Z"), &json!(60)));
    let idle = stage.control(Method::GET, "webhooks/idle?timeout_ms=5000", &Value::Null).await.json();
    assert_eq!((&idle["idle"], &idle["in_flight"]), (&json!(true), &json!(0)));
    let summary = stage.control(Method::GET, "ledger/summary", &Value::Null).await.json();
    assert_eq!((&summary["orders"], &summary["charged_minor"]["USD"]), (&json!(1), &json!(1999)));
    let ledger = stage.control(Method::GET, "ledger", &Value::Null).await.json();
    assert_eq!(
        ledger["orders"][0]["charges"][0],
        json!({"minor": 1999, "currency": "USD", "at": "2030-01-01T00:01:00Z"})
    );
    assert_eq!(
        stage.control(Method::POST, "tokens/revoke", &json!({"mid": stage.mid})).await.json()["revoked"],
        1
    );
    stage.control(Method::POST, "reset", &Value::Null).await;
    assert_eq!(stage.ledger().summary.orders, 0);
    assert_eq!(stage.control(Method::GET, "health", &Value::Null).await.json()["ok"], true);
}

#[tokio::test]
async fn merchants_are_added_while_it_runs() {
    let stage = Stage::managed(vec![]).await;
    let merchants = json!([{"mid": "m-1", "app_key": "k1", "app_secret": "s1", "mode": "unmanaged"},
                           {"mid": "m-2", "app_key": "k2", "app_secret": "s2", "is_test_mode": false}]);
    assert_eq!(
        stage.control(Method::POST, "merchants", &merchants).await.json()["merchants"],
        json!(["m-1", "m-2"])
    );
    assert_eq!(stage.post("oauth2/token", &json!({"AppKey": "k2", "AppSecret": "s2"})).await.status, 200);
    assert_eq!(stage.post("oauth2/token", &json!({"AppKey": "k2", "AppSecret": "s1"})).await.status, 400);
}

#[tokio::test]
async fn an_account_has_several_api_keys_until_one_is_revoked() {
    let stage = Stage::managed(vec![]).await;
    let put = async |more: Value| {
        let merchant = json!({"mid": "m-1", "app_key": "k1", "app_secret": "s1", "more_keys": more});
        stage.control(Method::POST, "merchants", &merchant).await.status
    };
    let sign_in = async |key: &str, secret: &str| {
        stage.post("oauth2/token", &json!({"AppKey": key, "AppSecret": secret})).await.status
    };
    assert_eq!(put(json!([{"app_key": "k0", "app_secret": "s0"}])).await, 200);
    for (key, secret, status) in [("k1", "s1", 200), ("k0", "s0", 200), ("k0", "s1", 400), ("k1", "s0", 400)]
    {
        assert_eq!(sign_in(key, secret).await, status, "{key} {secret}");
    }
    assert_eq!(put(json!([])).await, 200);
    assert_eq!((sign_in("k1", "s1").await, sign_in("k0", "s0").await), (200, 400));
}

#[tokio::test]
async fn things_due_happen_by_themselves_on_a_running_clock() {
    let stage =
        Stage::start_at_scale(Mode::Managed, vec![always(approve(1_000))], Settings::default(), 1_000).await;
    stage.submit("order").await;
    let deadline = Instant::now() + Duration::from_secs(10);
    // The simulator isn't asked anything meanwhile: only its own driver can send the webhook.
    while stage.receiver.received().is_empty() {
        assert!(Instant::now() < deadline, "no webhook came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stage.receiver.events(), ["order.completed"]);
}

#[tokio::test]
async fn shutdown_ends_even_a_call_that_hangs() {
    let fault = json!({"kind": "timeout_before", "hold_millis": 600_000});
    let rule: Rule = serde_json::from_value(json!({"calls": [fault]})).unwrap();
    let stage = Stage::managed(vec![rule]).await;
    let hung = stage.call(Method::POST, "evaluate", Some(&crate::support::evaluate("order", "order"))).await;
    assert!(hung.unwrap_err().is_timeout());
    let begun = Instant::now();
    stage.running.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_sample_scenario_is_valid() {
    let scenario: Scenario = serde_json::from_str(include_str!("../../scenarios/mixed.json")).unwrap();
    assert_eq!(scenario.rules.unwrap().len(), 7);
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    fn collect(value: &Value, path: &str, rows: &mut Vec<String>) {
        // Maps and the default fate are values in themselves.
        let fields = value.as_object().filter(|_| path.split('.').count() < 2 && path != "default_fate");
        let Some(fields) = fields else {
            rows.push(format!("| `{path}` | `{value}` |"));
            return;
        };
        for (name, value) in fields {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(value, &path, rows);
        }
    }
    let readme = include_str!("../../README.md");
    let mut wanted = vec![];
    collect(&serde_json::to_value(Settings::default()).unwrap(), "", &mut wanted);
    let missing: Vec<&String> = wanted.iter().filter(|row| !readme.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "missing in README.md: {missing:#?}");
}
