//! The schedule's event. Its type is private to the expiry-sweep, so it is written here a second time, and a test holds
//! the two texts against one another.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{files, schemas};

/// The schedule's event. Without a time it is this moment.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scheduled {
    /// As of when to look.
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// From the type's docstring to its closing brace, without the derives.
fn declaration(source: &str) -> String {
    let start = source.find("/// The schedule's event.").expect("the type's docstring");
    let declaration = &source[start..];
    let end = declaration.find("\n}").expect("the type's end");
    let lines = declaration[..end].lines().map(str::trim);
    lines.filter(|line| !line.starts_with("#[derive")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_type_is_the_function_s_own() {
    let function = files::repository("functions/expiry-sweep/src/sweep.rs");
    let here = files::repository("tests/events/schedule.rs");
    assert_eq!(declaration(&here), declaration(&function), "write here what the function has");
}

#[test]
fn the_schedule_in_the_template_sends_this_event() {
    let template = files::repository("infra/template.yaml");
    let input =
        template.lines().find_map(|line| line.trim().strip_prefix("Input: ")).expect("the schedule's input");
    let input = input.trim_matches('\'').replace("<aws.scheduler.scheduled-time>", "2026-11-21T10:00:00Z");
    let input = serde_json::from_str(&input).unwrap();
    assert!(schemas::validator("schedule").is_valid(&input), "{input}");
    let read: Scheduled = serde_json::from_value(input).unwrap();
    assert_eq!(read.scheduled_at, Some("2026-11-21T10:00:00Z".parse().unwrap()));
}
