//! All that one process sees of the world: AWS and FlexFactor behind TLS on loopback, made anew for each process, so that none
//! finds what another left.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use order_store::dynamo::DynamoTable;
use rig::{Account, MANAGED, WEBHOOK_HOST, account};
use sandbox::{Config, Running, Sandbox};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::services::Services;
use super::template::{Given, Template};
use super::tls::Authority;

const TABLE: &str = "orders";
const REGION: &str = "us-east-1";

/// The world of one process.
pub(crate) struct World {
    /// The orders table.
    pub(crate) table: DynamoTable,
    /// FlexFactor.
    pub(crate) provider: Running,
    /// The rest of AWS.
    pub(crate) services: Arc<Services>,
    /// The merchant.
    pub(crate) account: Account,
    given: Given,
    endpoints: BTreeMap<String, String>,
    _servers: JoinSet<()>,
}

impl World {
    /// A table with one merchant, its secret, its account at FlexFactor, and queues that take everything.
    pub(crate) async fn new(template: &Template, authority: &Authority) -> Result<Self> {
        let mut servers = JoinSet::new();
        let account = account(MANAGED)?;
        let (address, client) = database(template, &mut servers).await?;
        put_merchant(&client, &account).await?;
        let provider = provider(&account).await?;
        let prefix = format!("rebill-rescue/{}/merchants/", template.default_of("Stage")?);
        let secret = account.secret(&[account.webhook_key]).to_string();
        let secrets = BTreeMap::from([(format!("{prefix}{}", account.id), secret)]);
        let services = Services::with_secrets(secrets);
        let others = services.serve(&mut servers).await?;
        // Each is a host of its own on AWS, and so a connection of its own here.
        let mut endpoints = BTreeMap::new();
        for (service, upstream) in
            [("DYNAMODB", address), ("SQS", others), ("SECRETS_MANAGER", others), ("EVENTBRIDGE", others)]
        {
            let url = authority.in_front_of(upstream, &mut servers).await?;
            endpoints.insert(format!("AWS_ENDPOINT_URL_{service}"), url);
        }
        let provider_url = authority.in_front_of(provider.address, &mut servers).await? + "/v1";
        let queues = endpoints.get("AWS_ENDPOINT_URL_SQS").context("SQS")?.clone();
        let given = given(&queues, &provider_url);
        let table = DynamoTable::new(client, TABLE);
        Ok(Self { table, provider, services, account, given, endpoints, _servers: servers })
    }

    /// A function's environment: its settings, and all that Lambda sets and SDKs read.
    pub(crate) fn environment(
        &self,
        function: &str,
        template: &Template,
        authority: &Authority,
    ) -> Result<BTreeMap<String, String>> {
        let mut environment = template.environment(function, &self.given)?;
        environment.extend(self.endpoints.clone());
        let memory = template.memory_mb()?.to_string();
        let roots = authority.roots().display().to_string();
        let own_root = authority.own_root().display().to_string();
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("AWS_SESSION_TOKEN", "measured"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/measured"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "measured"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("_HANDLER", "bootstrap"),
            ("SSL_CERT_FILE", &roots),
            ("AWS_CA_BUNDLE", &roots),
            ("NODE_EXTRA_CA_CERTS", &own_root),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        if let Ok(path) = std::env::var("PATH") {
            environment.insert("PATH".to_owned(), path);
        }
        Ok(environment)
    }
}

/// A database with the template's table, and a client of it.
async fn database(template: &Template, servers: &mut JoinSet<()>) -> Result<(SocketAddr, Client)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let database = dynoxide::Database::memory().map_err(|error| anyhow!("a database: {error:?}"))?;
    let mut table = template.orders_table()?;
    table["TableName"] = TABLE.into();
    let created = database.create_table(serde_json::from_value(table)?);
    created.map_err(|error| anyhow!("creating the table: {error:?}"))?;
    servers.spawn(dynoxide::server::serve_on(listener, database));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://{address}"))
        .build();
    Ok((address, Client::from_conf(config)))
}

async fn put_merchant(client: &Client, account: &Account) -> Result<()> {
    client
        .put_item()
        .table_name(TABLE)
        .item("pk", AttributeValue::S(format!("MERCHANT#{}", account.id)))
        .item("sk", AttributeValue::S("CONFIG".to_owned()))
        .item("config", AttributeValue::S(account.config().to_string()))
        .send()
        .await
        .context("writing the merchant's configuration")?;
    Ok(())
}

/// FlexFactor with the merchant's account. It sends no webhooks: those that are measured are made here.
async fn provider(account: &Account) -> Result<Running> {
    let mut merchant = account.at_sandbox("", account.webhook_key);
    merchant["webhook"] = Value::Null;
    let config = Config { merchants: vec![serde_json::from_value(merchant)?], ..Config::default() };
    Ok(Sandbox::start(config).await?)
}

fn given(queues: &str, provider_url: &str) -> Given {
    let queue = |name: &str| format!("{queues}/123456789012/{name}");
    [
        ("OrdersTable", TABLE.to_owned()),
        ("EvaluationsQueue", queue("evaluations")),
        ("ReconciliationsQueue", queue("reconciliations")),
        ("TransmissionsQueue", queue("transmissions")),
        ("OutcomesBus", "outcomes".to_owned()),
        ("FlexFactorSandboxUrl", provider_url.to_owned()),
        ("FlexFactorProductionUrl", provider_url.to_owned()),
        ("WebhookHost", WEBHOOK_HOST.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
