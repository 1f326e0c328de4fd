//! The alarms of infra/template.yaml.

use std::collections::BTreeMap;

use serde_yaml_ng::Value;

use crate::{kebab, read};

/// An alarm.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// Its logical id.
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) namespace: String,
    pub(crate) metric: String,
    /// Its dimensions: a logical id of the template, or a text with `${…}`.
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl Alarm {
    /// The page that belongs to it.
    pub(crate) fn page(&self) -> String {
        kebab(self.id.strip_suffix("Alarm").unwrap_or_else(|| panic!("{} is not called …Alarm", self.id)))
    }
}

pub(crate) fn template() -> Value {
    serde_yaml_ng::from_str(&read("infra/template.yaml")).unwrap()
}

/// A text, also one that CloudFormation puts together: what is behind `!Ref`, `!Sub` or `!GetAtt`.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Tagged(tagged) => text(&tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Sequence(_) | Value::Mapping(_) => {
            panic!("no text: {value:?}")
        }
    }
}

pub(crate) fn alarms() -> Vec<Alarm> {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap();
    let alarms = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    let alarm = |(id, resource): (&Value, &Value)| {
        let properties = &resource["Properties"];
        let dimensions = properties["Dimensions"].as_sequence().unwrap();
        Alarm {
            id: text(id),
            description: text(&properties["AlarmDescription"]),
            namespace: text(&properties["Namespace"]),
            metric: text(&properties["MetricName"]),
            dimensions: dimensions.iter().map(|each| (text(&each["Name"]), text(&each["Value"]))).collect(),
        }
    };
    let alarms: Vec<_> = alarms.map(alarm).collect();
    assert!(alarms.len() > 30, "{} alarms", alarms.len());
    alarms
}
