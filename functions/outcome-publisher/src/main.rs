//! Publishes what became of orders and declines to an EventBridge bus. Only wiring is here.

use lambda_kit::{aws, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

use outcome_publisher::bus::OutcomesBus;
use outcome_publisher::handler::{Publisher, StreamEvent};
use outcome_publisher::settings::PublisherSettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let telemetry = telemetry::init("outcome-publisher")?;
    let settings = PublisherSettings::from_env()?;
    let aws = aws::config();
    let bus = OutcomesBus::new(aws_sdk_eventbridge::Client::new(&aws), settings.outcomes_bus);
    let publisher = &Publisher { bus };
    let publish = move |event: LambdaEvent<StreamEvent>| async move {
        let response = telemetry.invocation(Some(&event.context), publisher.publish(event.payload)).await;
        response.map_err(Error::from)
    };
    run(service_fn(publish)).await
}
