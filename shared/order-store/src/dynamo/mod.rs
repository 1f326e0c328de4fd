//! The table in DynamoDB.

mod compile;
mod item;
pub mod key;
mod table;

pub use item::merchant_item;
pub use table::DynamoTable;
