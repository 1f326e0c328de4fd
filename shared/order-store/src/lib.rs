//! Orders in DynamoDB: one conditional write per step.
