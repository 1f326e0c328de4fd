//! Asks FlexFactor about due orders and applies its answers. Only wiring is here.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_kit::clock::System;
use lambda_kit::merchants::Merchants;
use lambda_kit::queue::EvaluationsQueue;
use lambda_kit::secrets::{Secrets, SecretsManager};
use lambda_kit::{aws, batch, provider, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use order_store::dynamo::DynamoTable;

use order_reconcile::handler::Reconcile;
use order_reconcile::settings::ReconcileSettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("order-reconcile")?;
    let settings = ReconcileSettings::from_env()?;
    let aws = aws::config();
    let table = DynamoTable::connected(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table).await;
    let source =
        SecretsManager::new(aws_sdk_secretsmanager::Client::new(&aws), &settings.merchant_secret_prefix);
    let secrets = &Secrets::new(source, System);
    let reconcile = &Reconcile {
        queue: EvaluationsQueue::new(aws_sdk_sqs::Client::new(&aws), &settings.evaluations_queue_url),
        merchants: Merchants::new(table.clone(), System),
        store: table,
        secrets,
        provider: provider::client(&settings.provider, secrets)?,
        clock: System,
        rules: settings.rules,
    };
    let look = move |event: LambdaEvent<SqsEvent>| async move {
        let work = batch::run(event.payload, |record| reconcile.reconcile(record));
        let response = telemetry.invocation(Some(&event.context), work).await;
        Ok::<_, Error>(response)
    };
    run(service_fn(look)).await
}
