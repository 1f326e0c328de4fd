//! The deployment that is worked on: found by its CloudFormation stack, reached by the usual AWS environment.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use evaluate_submission::settings::CLAIM_LEASE;
use flexfactor::ClientConfig;
use jiff::SignedDuration;
use lambda_kit::settings::Settings;
use models::ids::MerchantId;
use models::reconcile::{CancelledPastExpiry, LookRules};
use models::screening::Limits;
use models::submission::Times;
use order_store::dynamo::DynamoTable;
use order_store::sdk::describe;

use crate::outcome::Failure;

/// How long one attempt at a call to AWS may take, and a call with all its attempts. Longer than the functions': nobody
/// waits for a person's terminal.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Codes by which AWS says that it is not able to, rather than not willing to.
const BUSY_CODES: [&str; 8] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
];

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The stack's name.
    pub stack: String,
    /// The stack's status, in CloudFormation's word.
    pub status: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
    aws: SdkConfig,
}

/// Sorts a failed call to AWS: what could not be reached, and what was refused. The SDK's own text, which quotes raw
/// answers, stays out of it.
pub fn aws_failure<E: ProvideErrorMetadata, R>(doing: &str, error: &SdkError<E, R>) -> Failure {
    let why = format!("{doing}: {}", describe(error));
    let code = error.as_service_error().map(ProvideErrorMetadata::code);
    match code {
        Some(code) if !code.is_some_and(|code| BUSY_CODES.contains(&code)) => Failure::refused(why),
        Some(_) | None => Failure::unreachable(why),
    }
}

/// The configuration of all clients: region, credentials and endpoint come from the environment.
pub async fn aws_config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .load()
        .await
}

impl Deployment {
    /// Finds the stack.
    ///
    /// # Errors
    /// There is no such stack, it may not be described, or AWS can't be reached.
    pub async fn find(stack: &str, aws: SdkConfig) -> Result<Self, Failure> {
        let client = aws_sdk_cloudformation::Client::new(&aws);
        let doing = format!("describing the stack {stack}");
        let answer = client.describe_stacks().stack_name(stack).send().await;
        let answer = answer.map_err(|error| match aws_failure(&doing, &error) {
            failure if error.code() == Some("ValidationError") => Failure {
                message: format!(
                    "there is no stack {stack} in this account and region (--stack, AWS_REGION)"
                ),
                ..failure
            },
            failure => failure,
        })?;
        let found = answer.stacks.unwrap_or_default().into_iter().next();
        let found = found.ok_or_else(|| Failure::refused(format!("there is no stack {stack}")))?;
        let outputs = found.outputs.unwrap_or_default().into_iter();
        let parameters = found.parameters.unwrap_or_default().into_iter();
        Ok(Self {
            stack: stack.to_owned(),
            status: found.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            outputs: outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect(),
            parameters: parameters
                .filter_map(|parameter| Some((parameter.parameter_key?, parameter.parameter_value?)))
                .collect(),
            aws,
        })
    }

    /// An output of the stack.
    ///
    /// # Errors
    /// The stack has no such output: it is of another version, or of another template.
    pub fn output(&self, name: &str) -> Result<&str, Failure> {
        let missing = || {
            let stack = &self.stack;
            Failure::refused(format!(
                "the stack {stack} has no output {name}: deploy this version's template first"
            ))
        };
        self.outputs.get(name).map(String::as_str).ok_or_else(missing)
    }

    /// A parameter of the stack, parsed.
    ///
    /// # Errors
    /// The stack has no such parameter, or it is not as the template has it.
    pub fn parameter<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        let value = self.parameters.get(name).and_then(|value| value.parse().ok());
        value.ok_or_else(|| {
            Failure::refused(format!("the stack {} has no usable parameter {name}", self.stack))
        })
    }

    /// A parameter that counts seconds.
    ///
    /// # Errors
    /// See [`Deployment::parameter`].
    pub fn seconds(&self, name: &str) -> Result<SignedDuration, Failure> {
        Ok(SignedDuration::from_secs(self.parameter(name)?))
    }

    /// What declines are held against.
    ///
    /// # Errors
    /// See [`Deployment::parameter`].
    pub fn limits(&self) -> Result<Limits, Failure> {
        Ok(Limits {
            decline_age_max: self.seconds("DeclineAgeMaxSeconds")?,
            window_days_min: self.parameter("WindowDaysMin")?,
            window_days_max: self.parameter("WindowDaysMax")?,
            window_days_default: self.parameter("WindowDaysDefault")?,
        })
    }

    /// What looks and submissions go by.
    ///
    /// # Errors
    /// See [`Deployment::parameter`].
    pub fn look_rules(&self) -> Result<LookRules, Failure> {
        let retries: String = self.parameter("SubmissionRetrySeconds")?;
        let first = retries.split(',').next().and_then(|first| first.trim().parse().ok());
        let cancelled: String = self.parameter("CancelledPastExpiry")?;
        Ok(LookRules {
            times: Times {
                lease: CLAIM_LEASE,
                repeat_after: first.map_or(CLAIM_LEASE, SignedDuration::from_secs),
                submission_overdue: self.seconds("SubmissionOverdueSeconds")?,
                replay_window: self.seconds("ReplayWindowSeconds")?,
                webhook_cycle: self.seconds("WebhookCycleSeconds")?,
                expiry_grace: self.seconds("ExpiryGraceSeconds")?,
            },
            cancelled_past_expiry: match cancelled.as_str() {
                "cancelled" => CancelledPastExpiry::Cancelled,
                _ => CancelledPastExpiry::Expired,
            },
        })
    }

    /// Where FlexFactor is, and the names of what it tells: read from the stack's parameters as functions read them from
    /// their environment.
    ///
    /// # Errors
    /// See [`Deployment::parameter`].
    pub fn provider(&self) -> Result<ClientConfig, Failure> {
        let parameters = [
            ("FLEXFACTOR_SANDBOX_URL", "FlexFactorSandboxUrl"),
            ("FLEXFACTOR_PRODUCTION_URL", "FlexFactorProductionUrl"),
            ("PROVIDER_TIMEOUT_MILLIS", "ProviderTimeoutMillis"),
            ("ORDER_AMOUNT_FIELD", "OrderAmountField"),
            ("ORDER_REFUNDED_FIELD", "OrderRefundedField"),
            ("ORDER_AMOUNT_UNIT", "OrderAmountUnit"),
        ];
        let value =
            |(variable, name): (&str, &str)| Ok((variable.to_owned(), self.parameter::<String>(name)?));
        let values = parameters.into_iter().map(value).collect::<Result<Vec<_>, Failure>>()?;
        // Traces are the functions'.
        let no_trace = ("FLEXFACTOR_TRACE_HEADER".to_owned(), "none".to_owned());
        let mut settings = Settings::from_values(values.into_iter().chain([no_trace]));
        let provider = settings.provider_with_amounts();
        settings.finish().map_err(|error| Failure::refused(error.to_string()))?;
        Ok(provider)
    }

    /// The configuration of AWS clients.
    #[must_use]
    pub fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// Where AWS is, if it is not AWS itself: the local stack.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.aws.endpoint_url()
    }

    /// A client for queues.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.aws)
    }

    /// A client for tables.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.aws)
    }

    /// The orders table's name.
    ///
    /// # Errors
    /// See [`Deployment::output`].
    pub fn table_name(&self) -> Result<&str, Failure> {
        self.output("OrdersTableName")
    }

    /// The orders table.
    ///
    /// # Errors
    /// See [`Deployment::output`].
    pub fn table(&self) -> Result<DynamoTable, Failure> {
        Ok(DynamoTable::new(self.dynamodb(), self.table_name()?))
    }

    /// Where the HTTP API takes `path`. The local stack is reached by path, as no resolver knows the API's own host there.
    ///
    /// # Errors
    /// See [`Deployment::output`].
    pub fn webhook_url(&self, merchant: &MerchantId) -> Result<String, Failure> {
        match self.endpoint() {
            Some(endpoint) => {
                let api = self.output("HttpApiId")?;
                let endpoint = endpoint.trim_end_matches('/');
                Ok(format!("{endpoint}/_aws/execute-api/{api}/$default/webhooks/{merchant}"))
            }
            None => Ok(format!("{}/{merchant}", self.output("WebhookUrl")?)),
        }
    }

    /// The host that FlexFactor signs its webhooks for.
    ///
    /// # Errors
    /// See [`Deployment::output`].
    pub fn webhook_host(&self) -> Result<&str, Failure> {
        let url = self.output("WebhookUrl")?;
        let host = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        host.filter(|host| !host.is_empty())
            .ok_or_else(|| Failure::refused("the stack's WebhookUrl names no host"))
    }
}
