//! DynamoDB twice: dynoxide behind a loopback socket inside this process, and MiniStack beside it. The table is the one
//! that the template declares.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use local_stack::{Emulator, Options};
use order_store::dynamo::DynamoTable;
use tokio::sync::OnceCell;

use crate::template;

/// A table of its own, in a database of its own.
pub(crate) async fn dynoxide() -> DynamoTable {
    dynoxide_with_client().await.1
}

/// The same with a client for what the table itself does not do. The table is called `orders`.
pub(crate) async fn dynoxide_with_client() -> (Client, DynamoTable) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    let client = Client::from_conf(config);
    (client.clone(), created(client, "orders").await)
}

/// A table of its own, named after the test, on the MiniStack that all tests of this process share. It ends with the
/// process.
pub(crate) async fn ministack(test: &str) -> DynamoTable {
    static EMULATOR: OnceCell<Emulator> = OnceCell::const_new();
    let start = || async { Emulator::up(&Options::new("store-tests")).await.unwrap() };
    let emulator = EMULATOR.get_or_init(start).await;
    created(emulator.dynamodb().await, test).await
}

async fn created(client: Client, name: &str) -> DynamoTable {
    template::create_orders_table(&client, name).await;
    DynamoTable::new(client, name)
}
