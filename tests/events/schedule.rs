//! The schedule's event, as the template sends it.

use expiry_sweep::sweep::Scheduled;

use crate::{files, schemas};

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
