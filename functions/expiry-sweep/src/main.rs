//! Finds orders at which someone must look, and looks. Only wiring is here.

mod looker;
mod settings;
mod sweep;

use flexfactor::Client;
use lambda_kit::clock::System;
use lambda_kit::merchants::Merchants;
use lambda_kit::queue::EvaluationsQueue;
use lambda_kit::secrets::{Secrets, SecretsManager};
use lambda_kit::{aws, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use order_store::dynamo::DynamoTable;

use looker::Looker;
use settings::SweepSettings;
use sweep::{Scheduled, Sweep};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("expiry-sweep")?;
    let settings = SweepSettings::from_env()?;
    let aws = aws::config().await;
    let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table);
    let source =
        SecretsManager::new(aws_sdk_secretsmanager::Client::new(&aws), &settings.merchant_secret_prefix);
    let looker = Looker {
        queue: EvaluationsQueue::new(aws_sdk_sqs::Client::new(&aws), &settings.evaluations_queue_url),
        merchants: Merchants::new(table.clone(), System),
        store: table,
        secrets: Secrets::new(source, System),
        provider: Client::new(&settings.provider)?,
        clock: System,
        rules: settings.look,
    };
    let sweep = &Sweep { looker, rules: settings.sweep };
    let look = move |event: LambdaEvent<Scheduled>| async move {
        let deadline = event.context.deadline();
        let swept = sweep.run(event.payload, deadline).await;
        telemetry.flush();
        swept
    };
    run(service_fn(look)).await
}
