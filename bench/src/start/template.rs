//! What `infra/template.yaml` says of a function and of the table, with the parameters' defaults: what is measured has the
//! settings that are deployed.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_yaml_ng::Value;

/// Values of names that the template does not decide: parameters that are not to have their default, and resources.
pub(crate) type Given = BTreeMap<String, String>;

/// The template.
#[derive(Debug)]
pub(crate) struct Template(Value);

impl Template {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = root.join("infra/template.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Self(serde_yaml_ng::from_str(&text)?))
    }

    /// The orders table's properties, as DynamoDB's CreateTable takes them.
    pub(crate) fn orders_table(&self) -> Result<serde_json::Value> {
        let table = &self.0["Resources"]["OrdersTable"]["Properties"];
        let mut request = serde_json::Map::new();
        for name in ["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema"] {
            let value = table.get(name).with_context(|| format!("OrdersTable has no {name}"))?;
            request.insert(name.to_owned(), serde_json::to_value(value)?);
        }
        Ok(request.into())
    }

    /// A function's environment.
    pub(crate) fn environment(&self, function: &str, given: &Given) -> Result<BTreeMap<String, String>> {
        let of_all = &self.0["Globals"]["Function"]["Environment"]["Variables"];
        let own = &self.function(function)?["Environment"]["Variables"];
        let mut environment = BTreeMap::new();
        for variables in [of_all, own] {
            for (name, value) in variables.as_mapping().into_iter().flatten() {
                let name = name.as_str().context("a variable's name")?;
                let value = self.text(value, given).with_context(|| format!("{function}: {name}"))?;
                environment.insert(name.to_owned(), value);
            }
        }
        Ok(environment)
    }

    /// Memory of each function, in MB as Lambda counts.
    pub(crate) fn memory_mb(&self) -> Result<u64> {
        self.0["Globals"]["Function"]["MemorySize"].as_u64().context("MemorySize")
    }

    /// How many records a function gets at most with one event; nothing for one that is not called with batches.
    pub(crate) fn batch_size(&self, function: &str) -> Result<Option<usize>> {
        let events = self.function(function)?["Events"].as_mapping().into_iter().flatten();
        let mut sizes = events.filter_map(|(_, event)| event["Properties"].get("BatchSize"));
        let size = sizes.next().map(|size| self.text(size, &Given::new())).transpose()?;
        size.map(|size| size.parse().with_context(|| format!("the batch size of {function}"))).transpose()
    }

    /// How a parameter is set unless somebody says otherwise.
    pub(crate) fn default_of(&self, parameter: &str) -> Result<String> {
        let default = &self.0["Parameters"][parameter]["Default"];
        plain(default).with_context(|| format!("{parameter} has no default"))
    }

    fn function(&self, name: &str) -> Result<&Value> {
        let code = format!("../functions/{name}");
        let resources = self.0["Resources"].as_mapping().context("the template has no resources")?;
        let found = resources.values().find(|resource| resource["Properties"]["CodeUri"] == code.as_str());
        Ok(&found.with_context(|| format!("the template has no {name}"))?["Properties"])
    }

    fn text(&self, value: &Value, given: &Given) -> Result<String> {
        let Value::Tagged(tagged) = value else { return plain(value).context("is no text") };
        let parts = || tagged.value.as_sequence().map(Vec::as_slice).unwrap_or_default();
        if tagged.tag == "Ref" {
            return self.named(tagged.value.as_str().context("!Ref")?, given);
        }
        if tagged.tag == "Sub" {
            return self.substituted(tagged.value.as_str().context("!Sub")?, given);
        }
        match parts() {
            [condition, yes, no] if tagged.tag == "If" => {
                let condition = &self.0["Conditions"][condition.as_str().context("!If")?];
                self.text(if self.holds(condition, given)? { yes } else { no }, given)
            }
            _ => bail!("{} is not known here", tagged.tag),
        }
    }

    fn named(&self, name: &str, given: &Given) -> Result<String> {
        given.get(name).map_or_else(|| self.default_of(name), |value| Ok(value.clone()))
    }

    fn substituted(&self, text: &str, given: &Given) -> Result<String> {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').context("!Sub without an end")?;
            whole.push_str(&self.named(name, given)?);
            whole.push_str(rest);
        }
        Ok(whole)
    }

    fn holds(&self, condition: &Value, given: &Given) -> Result<bool> {
        let Value::Tagged(tagged) = condition else { bail!("a condition without a function") };
        match tagged.value.as_sequence().map(Vec::as_slice) {
            Some([negated]) if tagged.tag == "Not" => Ok(!self.holds(negated, given)?),
            Some([one, other]) if tagged.tag == "Equals" => {
                Ok(self.text(one, given)? == self.text(other, given)?)
            }
            _ => bail!("{} is not known here", tagged.tag),
        }
    }
}

fn plain(value: &Value) -> Option<String> {
    let number = || value.as_i64().map(|number| number.to_string());
    value.as_str().map(str::to_owned).or_else(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template::read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap()
    }

    fn given(pairs: &[(&str, &str)]) -> Given {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_function_has_the_template_s_settings_and_what_is_given() {
        let names = given(&[("OrdersTable", "orders"), ("WebhookHost", "hooks.example.com")]);
        let environment = template().environment("webhook-receiver", &names).unwrap();
        let found: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            found,
            [
                ("LOG_LEVEL", "info"),
                ("MERCHANT_SECRET_PREFIX", "rebill-rescue/dev/merchants/"),
                ("ORDERS_TABLE", "orders"),
                ("PARKED_COPY_DAYS", "90"),
                ("WEBHOOK_DATE_WINDOW_SECONDS", "300"),
                ("WEBHOOK_HOST", "hooks.example.com"),
            ]
        );
    }

    #[test]
    fn conditions_choose_and_what_is_not_known_is_told() {
        let mut names =
            given(&[("OrdersTable", "o"), ("EvaluationsQueue", "e"), ("ReconciliationsQueue", "r")]);
        let authorization = |names: &Given| {
            template().environment("order-api", names).unwrap().remove("AUTHORIZATION").unwrap()
        };
        assert_eq!(authorization(&names), "iam");
        names.insert("ApiJwtIssuer".to_owned(), "https://issuer.example".to_owned());
        assert_eq!(authorization(&names), "jwt");
        let error = template().environment("order-api", &given(&[("OrdersTable", "o")])).unwrap_err();
        assert!(format!("{error:#}").contains("EVALUATIONS_QUEUE_URL"), "{error:#}");
    }

    #[test]
    fn batches_are_of_queues_and_streams_alone() {
        let sizes = ["decline-intake", "order-history", "webhook-receiver", "expiry-sweep"];
        let sizes = sizes.map(|function| template().batch_size(function).unwrap());
        assert_eq!(sizes, [Some(10), Some(100), None, None]);
    }
}
