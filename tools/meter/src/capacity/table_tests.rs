//! Each of the guide's cases of an index, and every write beside what dynoxide says it consumed.

use serde_json::{Value, json};

use super::*;

const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");

fn item(value: Value) -> Item {
    value.as_object().unwrap().clone()
}

/// An item of these attributes beside its key.
fn with(attributes: &[(&str, Value)]) -> Item {
    let mut item = item(json!({ "pk": { "S": "p" }, "sk": { "S": "s" } }));
    item.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    item
}

fn s(text: impl Into<String>) -> Value {
    json!({ "S": text.into() })
}

fn rules() -> TableRules {
    let index = |name: &str, projection| Index {
        name: name.to_owned(),
        keys: vec![format!("{name}_key")],
        projection,
    };
    TableRules {
        keys: vec!["pk".to_owned(), "sk".to_owned()],
        indexes: vec![
            index("all", Projection::All),
            index("keys", Projection::KeysOnly),
            index("some", Projection::Include(vec!["extra".to_owned()])),
        ],
    }
}

fn touched(index: &str, old: Option<&Item>, new: Option<&Item>) -> Option<(Entry, u64)> {
    rules().write(old, new).unwrap().indexes.get(index).copied()
}

#[test]
fn the_table_takes_the_larger_of_old_and_new() {
    let (small, large) = (with(&[]), with(&[("a", s("x".repeat(2000)))]));
    let units = |old, new| rules().write(old, new).unwrap();
    assert_eq!(units(None, Some(&small)).total(), 1);
    assert_eq!(units(None, Some(&large)).total(), 2);
    assert_eq!(units(Some(&large), Some(&small)).total(), 2);
    assert_eq!(units(Some(&large), None).total(), 2);
    assert_eq!(rules().refused(Some(&large), Some(&small)).unwrap().total(), 2);
    assert_eq!(rules().refused(None, Some(&large)).unwrap().total(), 2);
    assert_eq!(rules().refused(None, None).unwrap().total(), 1);
}

#[test]
fn an_index_takes_what_its_entry_goes_through() {
    for name in ["all", "keys", "some"] {
        let key = format!("{name}_key");
        let (out, a, b) = (with(&[]), with(&[(&key, s("A"))]), with(&[(&key, s("B"))]));
        let case = |old: &Item, new: &Item| touched(name, Some(old), Some(new));
        assert_eq!(touched(name, None, Some(&out)), None, "not in the index before or after: nothing");
        assert_eq!(touched(name, None, Some(&a)), Some((Entry::Put, 1)));
        assert_eq!(case(&out, &a), Some((Entry::Put, 1)), "defines an indexed attribute: one write");
        assert_eq!(case(&a, &b), Some((Entry::Moved, 2)), "from A to B: two writes");
        assert_eq!(case(&a, &out), Some((Entry::Removed, 1)), "its attribute deleted: one write");
        assert_eq!(touched(name, Some(&a), None), Some((Entry::Removed, 1)));
        assert_eq!(case(&a, &a), None);
    }
}

#[test]
fn only_what_an_index_holds_touches_it() {
    let of = |key: &str, extra: &str, other: &str| {
        with(&[(key, s("A")), ("extra", s(extra)), ("other", s(other))])
    };
    for (name, by_extra, by_other) in [
        ("all", Some((Entry::Changed, 1)), Some((Entry::Changed, 1))),
        ("keys", None, None),
        ("some", Some((Entry::Changed, 1)), None),
    ] {
        let key = format!("{name}_key");
        let old = of(&key, "1", "1");
        assert_eq!(touched(name, Some(&old), Some(&of(&key, "2", "1"))), by_extra, "{name}");
        assert_eq!(touched(name, Some(&old), Some(&of(&key, "1", "2"))), by_other, "{name}");
    }
}

#[test]
fn an_index_takes_the_size_of_its_entry_and_not_of_the_item() {
    let large = |key: &str, value: &str| with(&[(key, s(value)), ("a", s("x".repeat(2500)))]);
    let moved = |name: &str| {
        let key = format!("{name}_key");
        touched(name, Some(&large(&key, "A")), Some(&large(&key, "B")))
    };
    assert_eq!(moved("all"), Some((Entry::Moved, 6)));
    assert_eq!(moved("keys"), Some((Entry::Moved, 2)));
}

#[test]
fn the_template_s_table_is_read_with_its_indexes() {
    let rules = TableRules::from_template(TEMPLATE).unwrap();
    assert_eq!(rules.keys, ["pk", "sk"]);
    let names: Vec<_> = rules.indexes.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(names, ["due", "listed"]);
    assert!(TableRules::from_template("Resources: {}").is_err());
}

/// A DynamoDB inside this process.
struct Dynoxide {
    http: reqwest::Client,
    url: String,
}

impl Dynoxide {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), url }
    }

    async fn call(&self, operation: &str, body: &Value) -> Value {
        let request = self.http.post(&self.url).body(body.to_string());
        let request = request
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20261121T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=x/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            );
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(status.is_success(), "{operation}: {body}");
        body
    }
}

/// A second opinion, of whoever wrote that emulator.
#[tokio::test(flavor = "multi_thread")]
async fn dynoxide_counts_the_same() {
    let dynoxide = Dynoxide::start().await;
    let rules = rules();
    let projection = |index: &Index| match &index.projection {
        Projection::All => json!({ "ProjectionType": "ALL" }),
        Projection::KeysOnly => json!({ "ProjectionType": "KEYS_ONLY" }),
        Projection::Include(more) => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": more }),
    };
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let indexes: Vec<Value> = rules
        .indexes
        .iter()
        .map(|index| {
            json!({ "IndexName": index.name, "Projection": projection(index), "KeySchema": [key(&index.keys[0], "HASH")] })
        })
        .collect();
    let attributes: Vec<Value> = ["pk", "sk", "all_key", "keys_key", "some_key"]
        .map(|name| json!({ "AttributeName": name, "AttributeType": "S" }))
        .to_vec();
    let table = json!({ "TableName": "orders", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": attributes,
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")], "GlobalSecondaryIndexes": indexes });
    dynoxide.call("CreateTable", &table).await;

    let large = s("x".repeat(1500));
    let lives = [
        with(&[]),
        with(&[("all_key", s("A")), ("keys_key", s("A")), ("some_key", s("A")), ("extra", s("1"))]),
        with(&[("all_key", s("A")), ("keys_key", s("A")), ("some_key", s("A")), ("extra", s("2"))]),
        with(&[("all_key", s("B")), ("keys_key", s("B")), ("some_key", s("B")), ("extra", large.clone())]),
        with(&[("keys_key", s("B")), ("other", large)]),
        with(&[("keys_key", s("B")), ("other", s("1"))]),
    ];
    let mut old: Option<&Item> = None;
    for new in &lives {
        let put = json!({ "TableName": "orders", "Item": new, "ReturnConsumedCapacity": "INDEXES" });
        let told = dynoxide.call("PutItem", &put).await;
        let consumed = &told["ConsumedCapacity"];
        let ours = rules.write(old, Some(new)).unwrap();
        let units = |value: &Value| value["CapacityUnits"].as_f64().unwrap_or_default();
        let wanted = |units: u64| f64::from(u32::try_from(units).unwrap());
        assert!((units(&consumed["Table"]) - wanted(ours.table)).abs() < 0.1, "{consumed} {ours:?}");
        for index in &rules.indexes {
            let told = units(&consumed["GlobalSecondaryIndexes"][&index.name]);
            let ours = ours.indexes.get(&index.name).map_or(0, |(_, units)| *units);
            assert!((told - wanted(ours)).abs() < 0.1, "{}: {consumed} {ours}", index.name);
        }
        old = Some(new);
    }
}
