//! One page per alarm, all of one form.

use std::collections::BTreeSet;

use crate::template::{alarms, template, text};
use crate::{read, root, sources};

/// What each page says, in this order.
const HEADINGS: [&str; 7] = [
    "## What it means",
    "## How urgent",
    "## What the customer notices",
    "## Look",
    "## Do",
    "## Over when",
    "## What it is not",
];

fn pages() -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join("docs/runbook")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name != "README.md");
    pages.map(|name| name.strip_suffix(".md").unwrap_or_else(|| panic!("{name}")).to_owned()).collect()
}

#[test]
fn every_alarm_links_its_page_and_no_page_is_without_an_alarm() {
    let base = text(&template()["Parameters"]["RunbookUrl"]["Default"]);
    assert_eq!(base, "docs/runbook", "where a deployment says nothing, links are paths in this repository");
    let mut linked = BTreeSet::new();
    for alarm in alarms() {
        let page = alarm.page();
        let link = format!(" Runbook: ${{RunbookUrl}}/{page}.md");
        assert!(alarm.description.trim_end().ends_with(&link), "{}: {}", alarm.id, alarm.description);
        linked.insert(page);
    }
    assert_eq!(linked, pages());
}

#[test]
fn every_page_has_the_same_parts_and_none_is_empty() {
    for page in pages() {
        let text = read(&format!("docs/runbook/{page}.md"));
        assert!(text.starts_with("# "), "{page} has no title");
        let mut rest = text.as_str();
        for (place, heading) in HEADINGS.iter().enumerate() {
            let (_, after) =
                rest.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{page}: {heading}"));
            let end =
                HEADINGS.get(place + 1).map_or(Some(after.len()), |next| after.find(&format!("\n{next}\n")));
            let part = &after[..end.unwrap_or_else(|| panic!("{page}: what follows {heading}"))];
            assert!(!part.trim().is_empty(), "{page}: {heading} says nothing");
            rest = after;
        }
        assert_eq!(text.matches("\n## ").count(), HEADINGS.len(), "{page} has a heading of its own");
    }
}

/// Each is in the list of all, in the words of its alarm's logical id, with the urgency that it says itself.
#[test]
fn the_list_of_all_has_every_page_by_its_urgency() {
    let list = read("docs/runbook/README.md");
    let mut listed = BTreeSet::new();
    for line in list.lines().filter(|line| line.starts_with("| [")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let page = cells[0].split_once("](").unwrap().1.trim_end_matches(')').trim_end_matches(".md");
        let text = read(&format!("docs/runbook/{page}.md"));
        let urgency = text.split_once("## How urgent\n").unwrap().1.trim_start();
        assert!(urgency.starts_with(&format!("**{}**", cells[1])), "{page}: {} in the list", cells[1]);
        assert!(listed.insert(page.to_owned()), "{page} is listed twice");
    }
    assert_eq!(listed, pages());
}

/// What a page has somebody type must be there to be typed.
#[test]
fn every_command_of_a_page_is_one_of_rescue_s() {
    let mut commands = 0;
    for page in pages() {
        let text = read(&format!("docs/runbook/{page}.md"));
        let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        for line in blocks.flat_map(str::lines).filter(|line| line.starts_with("rescue ")) {
            let line = line.split('#').next().unwrap();
            let words = line.split_whitespace().map(|word| if word.starts_with('<') { "x" } else { word });
            let words: Vec<_> = words.map(example).collect();
            let parsed = <rescue::cli::Cli as clap::Parser>::try_parse_from(&words);
            assert!(parsed.is_ok(), "{page}: {line}\n{}", parsed.err().unwrap());
            commands += 1;
        }
    }
    assert!(commands > 50, "{commands} commands");
}

/// A value of the right form for what a page leaves to be filled in.
fn example(word: &str) -> String {
    match word {
        "x" => "acme".to_owned(),
        other => other.trim_matches('"').to_owned(),
    }
}

/// A query for a line that nothing writes would find nothing, and say that all is well.
#[test]
fn every_line_that_a_page_looks_for_is_written_by_the_code() {
    let code: String =
        ["functions", "shared"].iter().flat_map(|folder| sources(folder)).map(|(_, text)| text).collect();
    let mut lines = 0;
    for page in pages() {
        let text = read(&format!("docs/runbook/{page}.md"));
        for rest in text.split("message = \"").skip(1) {
            let line = rest.split('"').next().unwrap();
            assert!(code.contains(&format!("\"{line}\"")), "{page}: nothing writes {line}");
            lines += 1;
        }
    }
    assert!(lines > 20, "{lines} lines are looked for");
}

/// Fields that a page counts by or shows are fields of the log.
#[test]
fn every_field_of_a_query_is_one_of_the_log_s() {
    let known: BTreeSet<String> = crate::logging::fields().into_keys().collect();
    let of_every_line = ["@timestamp", "@message", "@log", "level", "message", "target", "span.request_id"];
    let of_every_line: BTreeSet<&str> =
        of_every_line.into_iter().chain(["span.trace", "span.message_id"]).collect();
    for page in pages() {
        let text = read(&format!("docs/runbook/{page}.md"));
        let queries = text.lines().filter(|line| line.contains("| stats") || line.contains("| fields"));
        for part in queries.flat_map(|line| line.split(" | ").skip(1).map(str::to_owned).collect::<Vec<_>>())
        {
            let named = match (part.split_once(" by "), part.strip_prefix("fields ")) {
                (_, Some(named)) => named,
                (Some((stats, named)), None) if stats.starts_with("stats") => named,
                (Some(_) | None, None) => continue,
            };
            for field in named.split(',').map(str::trim).filter(|field| !field.starts_with("bin(")) {
                assert!(known.contains(field) || of_every_line.contains(field), "{page}: {field} in {part}");
            }
        }
    }
}
