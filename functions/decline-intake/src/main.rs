//! Takes declined rebills from SQS, screens them and stores them as orders. Only wiring is here.

use aws_lambda_events::event::sqs::SqsEvent;
use intake::Intake;
use lambda_kit::clock::System;
use lambda_kit::merchants::Merchants;
use lambda_kit::queue::EvaluationsQueue;
use lambda_kit::{aws, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use order_store::dynamo::DynamoTable;

use decline_intake::handler::take;
use decline_intake::settings::IntakeSettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("decline-intake")?;
    let settings = IntakeSettings::from_env()?;
    let aws = aws::config();
    let table = DynamoTable::connected(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table).await;
    let queue = EvaluationsQueue::new(aws_sdk_sqs::Client::new(&aws), &settings.evaluations_queue_url);
    let merchants = Merchants::new(table.clone(), System);
    let intake = &Intake { store: table, queue, merchants, clock: System, rules: settings.rules };
    let run_batch = move |event: LambdaEvent<SqsEvent>| async move {
        let work = take(intake, event.payload);
        let response = telemetry.invocation(Some(&event.context), work).await;
        Ok::<_, Error>(response)
    };
    run(service_fn(run_batch)).await
}
