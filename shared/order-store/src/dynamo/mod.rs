//! The table in DynamoDB.

mod compile;
mod export;
mod history;
mod item;
pub mod key;
mod listing;
mod parked;
pub mod stream;
mod table;
mod transmission;

pub use export::{Books, ParkedItem, export};
pub use table::DynamoTable;
