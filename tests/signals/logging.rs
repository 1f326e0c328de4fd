//! docs/logging.md lists every field that a line of the log may have, and nothing else is a field.

use std::collections::{BTreeMap, BTreeSet};

use crate::{parts, read, sources};

/// What is written with `{:?}`: a type's whole inside. Only where it is known to be a word.
const DEBUGGED: [&str; 1] = ["change.transition"];

/// The arguments of a macro's call, from behind its parenthesis.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    let mut arguments = vec![String::new()];
    for letter in text.chars() {
        if is_quoted {
            is_quoted = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
        } else {
            match letter {
                '"' => is_quoted = true,
                '(' | '[' | '{' => depth += 1,
                ')' if depth == 0 => break,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    arguments.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        arguments.last_mut().unwrap().push(letter);
    }
    arguments.iter().map(|each| each.trim().to_owned()).filter(|each| !each.is_empty()).collect()
}

/// The fields of all calls, and where each is used.
pub(crate) fn fields() -> BTreeMap<String, BTreeSet<String>> {
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut calls = 0;
    for (path, text) in sources("functions").into_iter().chain(sources("shared")) {
        let (shipped, _) = parts(&path, &text);
        for rest in shipped.split("tracing::").skip(1) {
            let Some((name, rest)) = rest.split_once("!(") else { continue };
            if !["error", "warn", "info", "debug", "trace", "error_span"].contains(&name) {
                continue;
            }
            calls += 1;
            for argument in arguments(rest).iter().filter(|argument| !argument.starts_with('"')) {
                let (field, value) = argument.split_once('=').unwrap_or((argument, argument));
                if let Some(debugged) = value.trim().strip_prefix('?') {
                    assert!(DEBUGGED.contains(&debugged), "{path}: {argument} writes whatever is in it");
                }
                let field = field.trim().trim_start_matches(['%', '?']).to_owned();
                fields.entry(field).or_default().insert(path.clone());
            }
        }
    }
    assert!(calls > 60, "{calls} calls were found");
    fields
}

#[test]
fn the_page_lists_every_field_and_no_other() {
    let page = read("docs/logging.md");
    let table = page.split_once("\n## Fields\n").unwrap().1.split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: BTreeSet<String> = rows.map(|(name, _)| name.to_owned()).collect();
    let used: BTreeSet<String> = fields().into_keys().collect();
    assert_eq!(listed, used);
}

/// Fields that could hold what must never be logged have no name to be found under.
#[test]
fn no_field_is_named_like_a_body_a_secret_or_a_person() {
    for field in fields().into_keys() {
        let forbidden =
            ["body", "token", "secret", "key", "card", "email", "name", "phone", "address", "payload"];
        assert!(!forbidden.iter().any(|part| field.contains(part)), "{field}");
    }
}

#[test]
fn calls_are_read_as_they_are_written() {
    let call = r#"order = %key(a, b), %error, word, "a, \"b\" (c", done), after"#;
    assert_eq!(arguments(call), ["order = %key(a, b)", "%error", "word", r#""a, \"b\" (c""#, "done"]);
}
