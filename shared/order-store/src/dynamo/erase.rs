//! Emptying the copy of what is parked, for people who erase a customer's data. No function does this, and it touches nothing
//! but the copy: why, when and about which order something was parked stays.

use std::collections::HashMap;

use models::parked::ParkedKey;

use super::item::{attr, text};
use super::parked::{Settle, parked_attr};
use super::table::DynamoTable;
use crate::table::StoreError;

impl DynamoTable {
    /// Puts `left` in the place of a copy. Whether there was one: what is parked goes by itself when its time is over.
    ///
    /// # Errors
    /// The table could not be written to.
    pub async fn erase_copy(&self, key: &ParkedKey, left: &str) -> Result<bool, StoreError> {
        let erase = Settle {
            update: "SET #copy = :copy".to_owned(),
            condition: "attribute_exists(#pk)".to_owned(),
            names: HashMap::from([
                ("#copy".to_owned(), parked_attr::COPY.to_owned()),
                ("#pk".to_owned(), attr::PK.to_owned()),
            ]),
            values: HashMap::from([(":copy".to_owned(), text(left))]),
        };
        self.settle_item(key, erase).await
    }
}
