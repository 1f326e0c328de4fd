//! The table in DynamoDB.

mod compile;
mod erase;
mod export;
mod facts;
mod history;
mod item;
pub mod key;
mod keys;
mod listing;
mod packed;
mod parked;
mod reader;
pub mod stream;
mod table;
mod transmission;

#[cfg(feature = "measure")]
pub use compile::compiled;
pub use export::{Books, ParkedItem, count_by_status, export, merchants, orders, parked_things};
pub use table::DynamoTable;
