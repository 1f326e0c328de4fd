//! A table of its own in dynoxide, as the template declares it: written by the functions, dumped to lines, loaded from lines.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use dynoxide::actions::scan::ScanRequest;
use dynoxide::types::Item;
use dynoxide::{Database, ImportOptions};
use jiff::Timestamp;
use models::change::Change;
use models::fingerprint::Fingerprint;
use models::ids::{MerchantId, OrderKey};
use models::merchant::Merchant;
use models::order::{Due, Order};
use models::parked::{Fate, Parked, ParkedKey};
use order_history::handler::{History, StreamEvent};
use order_store::capability::NoteKey;
use order_store::dynamo::{DynamoTable, stream};
use order_store::{Changed, DueSince, Inserted, StoreError, Table};
use serde_json::{Value, json};

pub(crate) const NAME: &str = "orders";

/// The table as the functions see it, with the stream that order-history reads. Clones are the same table.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) dynamo: DynamoTable,
    pub(crate) client: Client,
    database: Arc<Kept>,
    stream: Arc<Mutex<Vec<Value>>>,
}

struct Kept(Database);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

impl Store {
    /// An empty one.
    pub(crate) async fn new() -> Self {
        let database = Database::memory().unwrap();
        database.create_table(serde_json::from_value(declared()).unwrap()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(endpoint)
            .build();
        let client = Client::from_conf(config);
        let dynamo = DynamoTable::new(client.clone(), NAME);
        Self { dynamo, client, database: Arc::new(Kept(database)), stream: Arc::default() }
    }

    /// One with these items.
    pub(crate) async fn with(items: &[Value]) -> Self {
        let store = Self::new().await;
        let items = items.iter().map(|item| serde_json::from_value::<Item>(item.clone()).unwrap()).collect();
        store.database.0.import_items(NAME, items, ImportOptions::default()).unwrap();
        store
    }

    /// All items as DynamoDB's JSON, sorted by key; the members of sets, too.
    pub(crate) fn dump(&self) -> Vec<Value> {
        let scan = ScanRequest { table_name: NAME.to_owned(), ..ScanRequest::default() };
        let items = self.database.0.scan(scan).unwrap().items.unwrap_or_default();
        let mut items: Vec<Value> = items.iter().map(|item| serde_json::to_value(item).unwrap()).collect();
        for attribute in items.iter_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut())
        {
            if let Some(members) = attribute.get_mut("SS").and_then(Value::as_array_mut) {
                members.sort_by_key(Value::to_string);
            }
        }
        let key = |item: &Value| [&item["pk"], &item["sk"]].map(|part| part["S"].as_str().map(str::to_owned));
        items.sort_by_key(key);
        items
    }

    /// Lets order-history read what has happened since.
    pub(crate) async fn read_stream(&self) {
        let records = std::mem::take(&mut *self.stream.lock().unwrap_or_else(PoisonError::into_inner));
        let told = History { store: self.dynamo.clone() }.keep(StreamEvent { records }).await.unwrap();
        assert!(told.batch_item_failures.is_empty(), "{told:?}");
    }

    fn happened(&self, before: Option<&Order>, after: &Order) {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let number = stream.len().to_string();
        stream.push(stream::record(&number, before, Some(after)).unwrap());
    }
}

impl NoteKey for Store {
    async fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.dynamo.note_key(merchant, key, seen_at).await
    }
}

/// What the template says: CloudFormation names a table's properties as DynamoDB's API does.
fn declared() -> Value {
    let template: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(include_str!("../../infra/template.yaml")).unwrap();
    let table = &template["Resources"]["OrdersTable"]["Properties"];
    let mut request = json!({ "TableName": NAME });
    for name in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"] {
        request[name] = serde_yaml_ng::from_value(table[name].clone()).unwrap();
        assert!(!request[name].is_null(), "{name}");
    }
    request
}

impl Table for Store {
    async fn insert(&self, order: &Order) -> Result<Inserted, StoreError> {
        let inserted = self.dynamo.insert(order).await?;
        if inserted == Inserted::New {
            self.happened(None, order);
        }
        Ok(inserted)
    }
    async fn change(&self, key: &OrderKey, change: &Change) -> Result<Changed, StoreError> {
        let before = Table::read(&self.dynamo, key).await;
        let changed = self.dynamo.change(key, change).await?;
        if let (Changed::Made(after), Ok(before)) = (&changed, before) {
            self.happened(before.as_ref(), after);
        }
        Ok(changed)
    }
    async fn read(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        Table::read(&self.dynamo, key).await
    }
    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        Table::park(&self.dynamo, parked).await
    }
    async fn read_parked(&self, key: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        self.dynamo.read_parked(key).await
    }
    async fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> Result<bool, StoreError> {
        self.dynamo.settle_parked(key, was_due, fate, due).await
    }
    async fn due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        self.dynamo.due(shard, as_of, limit).await
    }
    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.dynamo.merchant(id).await
    }
}
