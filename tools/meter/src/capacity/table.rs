//! What a write consumes on the table and on each of its indexes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_yaml_ng::Value;

use super::size::{Item, item_bytes};
use super::write_units;

/// What of an item an index holds, beside the keys of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// Everything.
    All,
    /// Nothing more.
    KeysOnly,
    /// These attributes.
    Include(Vec<String>),
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its key attributes: an item without one of them is not in it.
    pub keys: Vec<String>,
    /// What it holds.
    pub projection: Projection,
}

/// A table, as far as writes to it are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRules {
    /// The key attributes.
    pub keys: Vec<String>,
    /// The indexes.
    pub indexes: Vec<Index>,
}

/// What a write did to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The item came into the index.
    Put,
    /// It left it.
    Removed,
    /// Its key changed: the old entry is removed and a new one put.
    Moved,
    /// What the index holds of it changed.
    Changed,
}

impl Entry {
    /// The word for tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Removed => "removed",
            Self::Moved => "moved",
            Self::Changed => "changed",
        }
    }
}

/// The write units of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WriteUnits {
    /// The table's own.
    pub table: u64,
    /// Those of each index that the write touched, and what it did there.
    pub indexes: BTreeMap<String, (Entry, u64)>,
}

impl WriteUnits {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.table + self.indexes.values().map(|(_, units)| units).sum::<u64>()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyOf {
    attribute_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexOf {
    index_name: String,
    key_schema: Vec<KeyOf>,
    projection: ProjectionOf,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionOf {
    projection_type: String,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

fn names(keys: Vec<KeyOf>) -> Vec<String> {
    keys.into_iter().map(|key| key.attribute_name).collect()
}

impl TableRules {
    /// The one table of a template.
    ///
    /// # Errors
    /// The template has another number of tables, or its table is not as CloudFormation has them.
    pub fn from_template(template: &str) -> Result<Self> {
        // The template as a whole holds CloudFormation's own tags, which no type here knows.
        let template: Value = serde_yaml_ng::from_str(template).context("the template is no YAML")?;
        let resources = template.get("Resources").and_then(Value::as_mapping).context("no Resources")?;
        let is_table = |resource: &&Value| resource.get("Type") == Some(&"AWS::DynamoDB::Table".into());
        let tables: Vec<&Value> = resources.values().filter(is_table).collect();
        let [table] = tables.as_slice() else { bail!("the template has {} tables", tables.len()) };
        let property = |name: &str| table.get("Properties").and_then(|properties| properties.get(name));
        let keys = property("KeySchema").cloned().context("the table has no KeySchema")?;
        let keys = names(serde_yaml_ng::from_value(keys)?);
        ensure!(property("LocalSecondaryIndexes").is_none(), "local secondary indexes are not known here");
        let indexes =
            property("GlobalSecondaryIndexes").cloned().unwrap_or_else(|| Value::Sequence(Vec::new()));
        let indexes: Vec<IndexOf> = serde_yaml_ng::from_value(indexes)?;
        let indexes = indexes.into_iter().map(|index| {
            let projection = match index.projection.projection_type.as_str() {
                "ALL" => Projection::All,
                "KEYS_ONLY" => Projection::KeysOnly,
                "INCLUDE" => Projection::Include(index.projection.non_key_attributes),
                other => bail!("{other} is no projection"),
            };
            Ok(Index { name: index.index_name, keys: names(index.key_schema), projection })
        });
        Ok(Self { keys, indexes: indexes.collect::<Result<_>>()? })
    }

    /// What the write consumed that made `new` of `old`. The table takes the larger of the two.
    ///
    /// # Errors
    /// An item is not as DynamoDB has them.
    pub fn write(&self, old: Option<&Item>, new: Option<&Item>) -> Result<WriteUnits> {
        let table = write_units(bytes(old)?.max(bytes(new)?));
        let mut indexes = BTreeMap::new();
        for index in &self.indexes {
            if let Some(touched) = self.touched(index, old, new)? {
                indexes.insert(index.name.clone(), touched);
            }
        }
        Ok(WriteUnits { table, indexes })
    }

    /// What a write consumed whose condition was refused: as much as if it had been made, on the table alone. `asked` is what
    /// would have been there; where nobody knows, what is there counts, which is too little by what would have been added.
    ///
    /// # Errors
    /// An item is not as DynamoDB has them.
    pub fn refused(&self, there: Option<&Item>, asked: Option<&Item>) -> Result<WriteUnits> {
        Ok(WriteUnits { table: write_units(bytes(there)?.max(bytes(asked)?)), indexes: BTreeMap::new() })
    }

    fn touched(&self, index: &Index, old: Option<&Item>, new: Option<&Item>) -> Result<Option<(Entry, u64)>> {
        let (old, new) = (self.entry(index, old), self.entry(index, new));
        let (before, after) = (write_units(bytes(old.as_ref())?), write_units(bytes(new.as_ref())?));
        Ok(match (&old, &new) {
            (None, None) => None,
            (None, Some(_)) => Some((Entry::Put, after)),
            (Some(_), None) => Some((Entry::Removed, before)),
            (Some(old), Some(new)) if index.keys.iter().any(|key| old.get(key) != new.get(key)) => {
                Some((Entry::Moved, before + after))
            }
            (Some(old), Some(new)) if old == new => None,
            (Some(_), Some(_)) => Some((Entry::Changed, before.max(after))),
        })
    }

    /// What the index holds of an item, if it holds it.
    fn entry(&self, index: &Index, item: Option<&Item>) -> Option<Item> {
        let item = item?;
        if !index.keys.iter().all(|key| item.contains_key(key)) {
            return None;
        }
        let held = |name: &String| match &index.projection {
            Projection::All => true,
            Projection::KeysOnly => false,
            Projection::Include(more) => more.contains(name),
        };
        let held = |name: &String| index.keys.contains(name) || self.keys.contains(name) || held(name);
        Some(
            item.iter()
                .filter(|(name, _)| held(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }
}

fn bytes(item: Option<&Item>) -> Result<u64> {
    item.map_or(Ok(0), item_bytes)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
