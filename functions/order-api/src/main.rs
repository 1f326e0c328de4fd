//! Orders over HTTP: read, list, submit, cancel, capture, refund. Only wiring is here.

use intake::Intake;
use lambda_http::{Error, Request, RequestExt as _, run, service_fn};
use lambda_kit::clock::System;
use lambda_kit::merchants::Merchants;
use lambda_kit::queue::{EvaluationsQueue, ReconciliationsQueue};
use lambda_kit::secrets::{Secrets, SecretsManager};
use lambda_kit::{aws, provider, telemetry};
use order_store::dynamo::DynamoTable;

use order_api::handler::{Api, RefundRules};
use order_api::settings::ApiSettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("order-api")?;
    let settings = ApiSettings::from_env()?;
    let aws = aws::config();
    let table = DynamoTable::connected(aws_sdk_dynamodb::Client::new(&aws), &settings.orders_table).await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let source =
        SecretsManager::new(aws_sdk_secretsmanager::Client::new(&aws), &settings.merchant_secret_prefix);
    let secrets = &Secrets::new(source, System);
    let api = &Api {
        intake: Intake {
            store: table.clone(),
            queue: EvaluationsQueue::new(sqs.clone(), &settings.evaluations_queue_url),
            merchants: Merchants::new(table.clone(), System),
            clock: System,
            rules: settings.intake,
        },
        store: table,
        reconciliations: ReconciliationsQueue::new(sqs, &settings.reconciliations_queue_url),
        secrets,
        provider: provider::client(&settings.provider, secrets)?,
        refunds: RefundRules {
            repeated: settings.repeated_refund,
            reads_totals: settings.provider.amounts.is_some(),
            call_time: settings.provider.call_time().try_into()?,
        },
        authorization: settings.authorization,
    };
    let answer = move |request: Request| async move {
        let answer = telemetry.invocation(request.lambda_context_ref(), api.answer(&request)).await;
        Ok::<_, Error>(answer.into_response())
    };
    run(service_fn(answer)).await
}
