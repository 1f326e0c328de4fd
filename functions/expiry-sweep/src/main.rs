//! Finds what is due and puts it on the reconciliations queue. Only wiring is here.

use lambda_kit::clock::System;
use lambda_kit::queue::ReconciliationsQueue;
use lambda_kit::{aws, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use order_store::dynamo::DynamoTable;

use expiry_sweep::settings::SweepSettings;
use expiry_sweep::sweep::{Scheduled, Sweep};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("expiry-sweep")?;
    let settings = SweepSettings::from_env()?;
    let aws = aws::config();
    let sweep = &Sweep {
        store: DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table),
        queue: ReconciliationsQueue::new(aws_sdk_sqs::Client::new(&aws), &settings.reconciliations_queue_url),
        clock: System,
        rules: settings.sweep,
    };
    let look = move |event: LambdaEvent<Scheduled>| async move {
        let deadline = event.context.deadline();
        telemetry.invocation(Some(&event.context), sweep.run(event.payload, deadline)).await
    };
    run(service_fn(look)).await
}
