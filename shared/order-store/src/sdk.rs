//! What an error of the AWS SDK says, without what it carries: its debug text quotes raw answers, and those hold items and
//! secrets.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// What kind of failure it was; for a refusal, the service's own code.
pub fn describe<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(_) => "the connection failed".to_owned(),
        SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
        SdkError::ServiceError(refused) => {
            refused.err().code().unwrap_or("refused without a code").to_owned()
        }
        // The SDK may grow further kinds.
        _ => "an unknown kind of failure".to_owned(),
    }
}
