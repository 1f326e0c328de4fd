//! The columns of a CSV file of declines: the fields of the published schema, by their dotted paths.

use serde_json::{Map, Value};

use crate::outcome::Failure;

/// The published schema of a decline, which a test holds against the types.
const SCHEMA: &str = include_str!("../../../../events/schemas/decline.schema.json");
/// What the names of the columns of free entries begin with.
pub(crate) const METADATA: &str = "metadata.";

/// What a cell is read as. What can't be read so stays text, and screening then names the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it stands.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// The field's path, such as `amount.minor`.
    pub(crate) path: String,
    /// What its cells are read as.
    pub(crate) kind: Kind,
    /// Whether every line needs it.
    pub(crate) is_required: bool,
    /// What the schema says of it.
    pub(crate) about: String,
}

/// All columns but those of free entries, in the order of their names.
///
/// # Errors
/// The schema is not as it was published.
pub(crate) fn columns() -> Result<Vec<Column>, Failure> {
    let schema: Value = serde_json::from_str(SCHEMA)
        .map_err(|error| Failure::refused(format!("the built-in schema can't be read: {error}")))?;
    let mut columns = Vec::new();
    collect(&schema, &schema, "", true, &mut columns);
    Ok(columns)
}

fn collect(root: &Value, object: &Value, prefix: &str, is_required: bool, columns: &mut Vec<Column>) {
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, field) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let is_required = is_required && required.iter().any(|required| required == name);
        let resolved = resolve(root, field);
        match resolved.get("properties") {
            Some(_) => collect(root, resolved, &format!("{path}."), is_required, columns),
            // Free entries have columns of their own.
            None if resolved.get("additionalProperties").is_some() => {}
            None => columns.push(Column {
                kind: kind(resolved),
                is_required,
                about: field.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
                path,
            }),
        }
    }
}

/// The definition that a field refers to, also where it may be null besides.
fn resolve<'a>(root: &'a Value, field: &'a Value) -> &'a Value {
    let choices = field.get("anyOf").and_then(Value::as_array);
    let field = choices.and_then(|choices| choices.first()).unwrap_or(field);
    let reference = field.get("$ref").and_then(Value::as_str);
    reference.and_then(|path| root.pointer(path.trim_start_matches('#'))).unwrap_or(field)
}

fn kind(field: &Value) -> Kind {
    let kind = field.get("type");
    let is = |word: &str| match kind {
        Some(Value::String(one)) => one == word,
        Some(Value::Array(several)) => several.iter().any(|one| one == word),
        _ => false,
    };
    if is("integer") {
        Kind::Integer
    } else if is("boolean") {
        Kind::Boolean
    } else {
        Kind::Text
    }
}

/// Puts a cell's value where its column says. An empty cell is an absent field.
pub(crate) fn set(message: &mut Map<String, Value>, path: &str, kind: Kind, cell: &str) {
    if cell.is_empty() {
        return;
    }
    let value = match kind {
        Kind::Text => Value::from(cell),
        Kind::Integer => cell.parse::<u64>().map_or_else(|_| Value::from(cell), Value::from),
        Kind::Boolean => cell.parse::<bool>().map_or_else(|_| Value::from(cell), Value::from),
    };
    // The name of a free entry may hold dots itself.
    let (parents, name) = match path.strip_prefix(METADATA) {
        Some(name) => (vec!["metadata"], name),
        None => {
            let mut parts: Vec<_> = path.split('.').collect();
            let name = parts.pop().unwrap_or_default();
            (parts, name)
        }
    };
    let mut at = message;
    for parent in parents {
        let next = at.entry(parent).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(next) = next else { return };
        at = next;
    }
    at.insert(name.to_owned(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_schema_s_fields() {
        let columns = columns().unwrap();
        let find = |path: &str| columns.iter().find(|column| column.path == path).unwrap();
        assert_eq!(find("amount.minor").kind, Kind::Integer);
        assert_eq!(find("merchant_initiated").kind, Kind::Boolean);
        assert_eq!(find("subscription.price.currency").kind, Kind::Text);
        assert_eq!(find("window_days").kind, Kind::Integer);
        assert!(find("transaction.id").is_required && !find("card.last4").is_required);
        assert!(!find("site").about.is_empty());
        assert!(columns.iter().all(|column| !column.path.starts_with("metadata")));
        let page = include_str!("../../../../docs/rescue.md");
        for Column { path, .. } in &columns {
            assert!(
                page.contains(&format!("\n{path} ")),
                "docs/rescue.md has no {path}: rescue send --columns"
            );
        }
    }

    /// Whatever the sample holds can be said in columns: a field without one would be lost.
    #[test]
    fn the_published_sample_can_be_written_in_columns_and_read_back() {
        let sample: Value = serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap();
        let mut back = Map::new();
        for column in columns().unwrap() {
            let pointer = format!("/{}", column.path.replace('.', "/"));
            let cell = match sample.pointer(&pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            set(&mut back, &column.path, column.kind, &cell);
        }
        set(&mut back, "metadata.plan", Kind::Text, "plus-monthly");
        assert_eq!(Value::Object(back), sample);
    }

    #[test]
    fn what_is_no_number_stays_text_for_screening_to_name() {
        let mut message = Map::new();
        set(&mut message, "amount.minor", Kind::Integer, "19.99");
        set(&mut message, "metadata.a.b", Kind::Text, "x");
        assert_eq!(message["amount"]["minor"], "19.99");
        assert_eq!(message["metadata"]["a.b"], "x");
    }
}
