//! A local table of any size: the one that the template declares, in dynoxide, in memory. The first orders are written by the
//! store itself; the others are copies of their items, loaded in bulk.

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::types::{AttributeValue, Item};
use dynoxide::{Database, ImportOptions};
use models::history::{Entry, Hash};
use models::listing::Listing;
use models::order::Order;
use models::time::to_text;
use order_store::Table as _;
use order_store::capability::{KeepHistory as _, KeepListing as _};
use order_store::dynamo::DynamoTable;
use order_store::dynamo::key;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::count::Counting;
use super::orders::{Pattern, Which};

const NAME: &str = "orders";
/// How many orders are loaded in one go.
const LOADED_AT_ONCE: usize = 10_000;
/// The order that the others are copies of, one that is read with its history. It is copied onto itself, too.
const COPIED: Which = Which::Waiting(0);

/// A table with orders.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The table as the functions see it.
    pub(crate) table: DynamoTable,
    /// What is asked of it.
    pub(crate) counting: Counting,
    server: AbortHandle,
}

/// What a million orders take is given back once nobody asks for them any more.
impl Drop for Stored {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stored {
    /// A table with so many orders that wait, those that are due, and the history of one.
    pub(crate) async fn with(waiting: usize) -> Result<Self> {
        let database = Database::memory().map_err(failed)?;
        database.create_table(declared()?).map_err(failed)?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database.clone())).abort_handle();
        let counting = Counting::default();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .interceptor(counting.clone())
            .endpoint_url(endpoint)
            .build();
        let table = DynamoTable::new(Client::from_conf(config), NAME);
        let stored = Self { table, counting, server };
        let pattern = Pattern::new()?;
        stored.write(&pattern.life(COPIED)?).await?;
        load(&database, &pattern, waiting)?;
        stored.check(&pattern, waiting).await?;
        Ok(stored)
    }

    /// Writes an order, its line and its history, as the functions do.
    async fn write(&self, life: &[Order]) -> Result<()> {
        let order = life.last().context("no order")?;
        self.table.insert(order).await?;
        self.table.list(&Listing::of(order)).await?;
        let (mut before, mut hash): (Option<&Order>, Option<Hash>) = (None, None);
        for now in life {
            let entry = Entry::of(before, now, hash.as_ref()).map_err(|error| anyhow!("{error:?}"))?;
            self.table.append(&entry).await?;
            (before, hash) = (Some(now), Some(entry.hash));
        }
        Ok(())
    }

    /// The copies are what the store would have written: the first and last of both kinds are read.
    async fn check(&self, pattern: &Pattern, waiting: usize) -> Result<()> {
        for which in
            [Which::Waiting(0), Which::Waiting(waiting.saturating_sub(1)), Which::Due(0), Which::Due(999)]
        {
            let order = pattern.order(which)?;
            let read = self.table.read(&order.key).await?;
            ensure!(read.as_ref() == Some(&order), "{} was not loaded as it should be", order.key);
        }
        self.counting.take();
        Ok(())
    }
}

fn failed(error: dynoxide::DynoxideError) -> anyhow::Error {
    anyhow!("dynoxide: {error}")
}

/// The orders table as the template declares it: CloudFormation names its properties as DynamoDB's API does.
fn declared() -> Result<CreateTableRequest> {
    let template: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(include_str!("../../../infra/template.yaml"))?;
    let table = &template["Resources"]["OrdersTable"]["Properties"];
    let mut request = json!({ "TableName": NAME });
    for name in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"] {
        let property: Value = serde_yaml_ng::from_value(table[name].clone())?;
        ensure!(!property.is_null(), "the template's table has no {name}");
        request[name] = property;
    }
    Ok(serde_json::from_value(request)?)
}

/// Loads copies of the items of the order that was written: its own and its line, not its history.
fn load(database: &Database, pattern: &Pattern, waiting: usize) -> Result<()> {
    let scan = ScanRequest { table_name: NAME.to_owned(), ..ScanRequest::default() };
    let items = database.scan(scan).map_err(failed)?.items.unwrap_or_default();
    let is_text =
        |value: &AttributeValue| matches!(value, AttributeValue::S(text) if text.starts_with(key::HISTORY));
    let is_copied = |item: &Item| !item.values().any(is_text);
    let items: Vec<Item> = items.into_iter().filter(is_copied).collect();
    ensure!(items.len() == 2, "an order has {} items beside its history", items.len());
    let original = Marks::of(pattern, COPIED)?;
    let all: Vec<Which> = Which::all(waiting).collect();
    database.enable_bulk_loading().map_err(failed)?;
    for chunk in all.chunks(LOADED_AT_ONCE) {
        let mut copies = Vec::with_capacity(chunk.len() * items.len());
        for which in chunk {
            let marks = Marks::of(pattern, *which)?;
            copies.extend(items.iter().map(|item| original.replaced(item, &marks)));
        }
        database.import_items(NAME, copies, ImportOptions::default()).map_err(failed)?;
    }
    database.disable_bulk_loading().map_err(failed)
}

/// The texts by which the items of one order differ from those of another.
struct Marks {
    id: String,
    shard: String,
    received_at: String,
    due_second: String,
}

impl Marks {
    fn of(pattern: &Pattern, which: Which) -> Result<Self> {
        let order = pattern.order(which)?;
        Ok(Self {
            id: which.id(),
            shard: key::shard_name(key::due_shard(&key::order(&order.key))),
            received_at: to_text(which.received_at()),
            due_second: which.due_at().as_second().to_string(),
        })
    }

    /// The item with each of these texts replaced by the other's.
    fn replaced(&self, item: &Item, by: &Self) -> Item {
        let replaced_text = |text: &str| match text == self.shard {
            true => by.shard.clone(),
            false => text.replace(&self.id, &by.id).replace(&self.received_at, &by.received_at),
        };
        let replace = |value: &AttributeValue| {
            if let AttributeValue::S(text) = value {
                return AttributeValue::S(replaced_text(text));
            }
            let is_due = matches!(value, AttributeValue::N(text) if *text == self.due_second);
            if is_due { AttributeValue::N(by.due_second.clone()) } else { value.clone() }
        };
        item.iter().map(|(name, value)| (name.clone(), replace(value))).collect()
    }
}
