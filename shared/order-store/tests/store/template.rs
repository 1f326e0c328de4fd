//! The orders table as `infra/template.yaml` declares it, so that the tests run on the keys and the index that are deployed.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, Projection,
};
use serde::Deserialize;
use serde_yaml_ng::Value;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    index_name: String,
    key_schema: Vec<Key>,
    projection: ProjectionKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionKind {
    projection_type: String,
}

/// A part of the table's properties. The template as a whole holds CloudFormation's own tags, which no type here knows.
fn property<T: serde::de::DeserializeOwned>(table: &Value, name: &str) -> T {
    let value = table.get(name).unwrap_or_else(|| panic!("OrdersTable has no {name}"));
    serde_yaml_ng::from_value(value.clone()).unwrap_or_else(|error| panic!("OrdersTable's {name}: {error}"))
}

fn orders_table() -> Value {
    let template: Value = serde_yaml_ng::from_str(include_str!("../../../../infra/template.yaml")).unwrap();
    let tables: Vec<&Value> = template["Resources"]
        .as_mapping()
        .unwrap()
        .values()
        .filter(|resource| resource["Type"] == "AWS::DynamoDB::Table")
        .collect();
    let [table] = tables.as_slice() else { panic!("the template has {} tables", tables.len()) };
    table["Properties"].clone()
}

fn key_schema(keys: &[Key]) -> Vec<KeySchemaElement> {
    let element = |key: &Key| {
        KeySchemaElement::builder().attribute_name(&key.attribute_name).key_type(key.key_type.as_str().into())
    };
    keys.iter().map(|key| element(key).build().unwrap()).collect()
}

fn index(index: &Index) -> GlobalSecondaryIndex {
    let projection = Projection::builder().projection_type(index.projection.projection_type.as_str().into());
    GlobalSecondaryIndex::builder()
        .index_name(&index.index_name)
        .set_key_schema(Some(key_schema(&index.key_schema)))
        .projection(projection.build())
        .build()
        .unwrap()
}

/// Creates it under another name.
pub(crate) async fn create_orders_table(client: &Client, name: &str) {
    let table = orders_table();
    let attribute = |attribute: &Attribute| {
        AttributeDefinition::builder()
            .attribute_name(&attribute.attribute_name)
            .attribute_type(attribute.attribute_type.as_str().into())
            .build()
            .unwrap()
    };
    let attributes: Vec<Attribute> = property(&table, "AttributeDefinitions");
    let keys: Vec<Key> = property(&table, "KeySchema");
    let indexes: Vec<Index> = property(&table, "GlobalSecondaryIndexes");
    let billing: String = property(&table, "BillingMode");
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::from(billing.as_str()))
        .set_attribute_definitions(Some(attributes.iter().map(attribute).collect()))
        .set_key_schema(Some(key_schema(&keys)))
        .set_global_secondary_indexes(Some(indexes.iter().map(index).collect()))
        .send()
        .await
        .unwrap();
}
