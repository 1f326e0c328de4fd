//! Counts what is asked of DynamoDB, from inside the SDK: each request as it goes out, a repeated one again, and what each
//! answer says was read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanInput, ScanOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use serde::Serialize;

/// What was asked for and read.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Counts {
    /// Requests by operation.
    pub(crate) requests: BTreeMap<String, u64>,
    /// Items that DynamoDB read for them, returned or not.
    pub(crate) items_read: i64,
    /// Read units that they consumed.
    pub(crate) read_units: f64,
}

impl Counts {
    fn read(&mut self, items: i64, consumed: Option<&ConsumedCapacity>) {
        self.items_read += items;
        self.read_units += consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default();
    }

    /// How many requests of each operation.
    pub(crate) fn requests(&self) -> String {
        let counted = self.requests.iter().map(|(operation, count)| format!("{count} {operation}"));
        counted.collect::<Vec<_>>().join(", ")
    }
}

/// Counts for all clients that have it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counting(Arc<Mutex<Counts>>);

impl Counting {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted since the last call.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts())
    }

    /// Counts one more request.
    pub(crate) fn request(&self, operation: &str) {
        *self.counts().requests.entry(operation.to_owned()).or_default() += 1;
    }
}

impl Intercept for Counting {
    fn name(&self) -> &'static str {
        "Counting"
    }

    /// Asks for the capacity that reads consume.
    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        let total = Some(ReturnConsumedCapacity::Total);
        if let Some(query) = input.downcast_mut::<QueryInput>() {
            query.return_consumed_capacity = total;
        } else if let Some(get) = input.downcast_mut::<GetItemInput>() {
            get.return_consumed_capacity = total;
        } else if let Some(scan) = input.downcast_mut::<ScanInput>() {
            scan.return_consumed_capacity = total;
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        self.request(target.rsplit('.').next().unwrap_or_default());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        let mut counts = self.counts();
        if let Some(query) = output.downcast_ref::<QueryOutput>() {
            counts.read(query.scanned_count().into(), query.consumed_capacity());
        } else if let Some(get) = output.downcast_ref::<GetItemOutput>() {
            counts.read(get.item().is_some().into(), get.consumed_capacity());
        } else if let Some(scan) = output.downcast_ref::<ScanOutput>() {
            counts.read(scan.scanned_count().into(), scan.consumed_capacity());
        }
        Ok(())
    }
}
