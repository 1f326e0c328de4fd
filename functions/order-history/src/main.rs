//! Writes each change of an order into its hash-chained history. Only wiring is here.

use lambda_kit::{aws, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use order_store::dynamo::DynamoTable;

use order_history::handler::{History, StreamEvent};
use order_history::settings::HistorySettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("order-history")?;
    let settings = HistorySettings::from_env()?;
    let aws = aws::config();
    let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table);
    let history = &History { store: table };
    let keep = move |event: LambdaEvent<StreamEvent>| async move {
        let response = telemetry.invocation(Some(&event.context), history.keep(event.payload)).await;
        response.map_err(Error::from)
    };
    run(service_fn(keep)).await
}
