//! Orders in DynamoDB: the common path of each step is one conditional write and no read.
//!
//! Functions see capabilities ([`capability`]), each as narrow as the role the function runs under. All of them stand
//! on one small trait, [`Table`], which has two implementations: [`dynamo::DynamoTable`], and [`memory::MemoryTable`] for
//! tests and simulation. What the capabilities decide is written once, over the trait; the same tests run on both.
//!
//! Only this crate knows attribute names.

pub mod capability;
pub mod dynamo;
mod keys;
mod lists;
pub mod memory;
pub mod sdk;
mod table;
mod transmissions;

pub use table::{Appended, Changed, DueKey, DueSince, Inserted, StoreError, Table};
