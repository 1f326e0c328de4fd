//! Verifies FlexFactor's webhooks and applies them. Only wiring is here.

use lambda_http::{Error, Request, RequestExt as _, run, service_fn};
use lambda_kit::clock::System;
use lambda_kit::merchants::Merchants;
use lambda_kit::secrets::{Secrets, SecretsManager};
use lambda_kit::{aws, telemetry};
use order_store::dynamo::DynamoTable;

use webhook_receiver::handler::Receiver;
use webhook_receiver::keys::KeysNoted;
use webhook_receiver::settings::ReceiverSettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("webhook-receiver")?;
    let settings = ReceiverSettings::from_env()?;
    let aws = aws::config();
    let table = DynamoTable::connected(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table).await;
    let source =
        SecretsManager::new(aws_sdk_secretsmanager::Client::new(&aws), &settings.merchant_secret_prefix);
    let receiver = &Receiver {
        merchants: Merchants::new(table.clone(), System),
        store: table,
        secrets: Secrets::new(source, System),
        clock: System,
        noted: KeysNoted::default(),
        rules: settings.rules,
    };
    let receive = move |request: Request| async move {
        let answer = telemetry.invocation(request.lambda_context_ref(), receiver.receive(&request)).await;
        answer.into_response()
    };
    run(service_fn(receive)).await
}
