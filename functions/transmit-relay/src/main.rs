//! Copies transactions to FlexFactor's risk model. Only wiring is here.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_kit::clock::System;
use lambda_kit::merchants::Merchants;
use lambda_kit::queue::TransmissionsQueue;
use lambda_kit::secrets::{Secrets, SecretsManager};
use lambda_kit::{aws, batch, provider, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use order_store::dynamo::DynamoTable;

use transmit_relay::handler::Relay;
use transmit_relay::settings::RelaySettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("transmit-relay")?;
    let settings = RelaySettings::from_env()?;
    let aws = aws::config();
    let table = DynamoTable::connected(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table).await;
    let source =
        SecretsManager::new(aws_sdk_secretsmanager::Client::new(&aws), &settings.merchant_secret_prefix);
    let secrets = &Secrets::new(source, System);
    let relay = &Relay {
        queue: TransmissionsQueue::new(aws_sdk_sqs::Client::new(&aws), &settings.transmissions_queue_url),
        merchants: Merchants::new(table.clone(), System),
        store: table,
        secrets,
        provider: provider::client(&settings.provider, secrets)?,
        clock: System,
        rules: settings.rules,
    };
    let take = move |event: LambdaEvent<SqsEvent>| async move {
        let work = batch::run(event.payload, |record| relay.relay(record));
        let response = telemetry.invocation(Some(&event.context), work).await;
        Ok::<_, Error>(response)
    };
    run(service_fn(take)).await
}
