//! The table in DynamoDB.

mod compile;
mod export;
mod item;
pub mod key;
mod parked;
mod table;

pub use export::{Books, ParkedItem, export};
pub use table::DynamoTable;
