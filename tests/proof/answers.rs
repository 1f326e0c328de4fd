//! docs/answers.md: what is answered, and why, written from the code. `UPDATE_DOCS=1 cargo test -p e2e --test proof answers`
//! writes it anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use flexfactor::webhook::Forged;
use models::refusal::Rule;
use webhook_receiver::answer::Answer;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/answers.md")
}

fn generated() -> String {
    let mut text = String::from(
        "<!-- Written from the code: UPDATE_DOCS=1 cargo test -p e2e --test proof answers -->\n\
         # Answers\n\n\
         What a sender is told, and why. 2xx only after a durable write; 4xx for what will never be taken; 5xx for \"send it \
         again\".\n\n\
         ## Webhooks\n\n\
         A 2xx has an empty body; the others have JSON with `code` and one sentence in `message`.\n\n\
         | status | code | why |\n|---|---|---|\n",
    );
    for answer in Answer::KINDS {
        let code = if answer.code().is_empty() { "–".to_owned() } else { format!("`{}`", answer.code()) };
        writeln!(text, "| {} | {code} | {} |", answer.status(), answer.why()).unwrap();
    }
    text.push_str(
        "\nThe checks behind `not_verified`, in their order, as log and metric name them:\n\n\
         | check | what is wrong |\n|---|---|\n",
    );
    for check in Forged::ALL {
        writeln!(text, "| `{}` | {} |", check.code(), check.about()).unwrap();
    }
    text.push_str(
        "\n## Declines\n\n\
         A decline comes by a queue, so nobody waits for an answer: what breaks a rule is parked with the rule, the path of \
         the field and one sentence, its card data redacted, and its message is deleted only then. Where the table can't be \
         reached, the message stays on the queue.\n\n\
         | rule | what is wrong |\n|---|---|\n",
    );
    for rule in Rule::OF_DECLINES {
        writeln!(text, "| `{}` | {} |", rule.code(), rule.about()).unwrap();
    }
    text.push_str(
        "\n## Transmissions\n\n\
         As with declines. Beside these, what FlexFactor refuses is parked in its words, and what can't be delivered in time \
         with the reason of the last try.\n\n\
         | rule | what is wrong |\n|---|---|\n",
    );
    for rule in Rule::OF_TRANSMISSIONS {
        writeln!(text, "| `{}` | {} |", rule.code(), rule.about()).unwrap();
    }
    text
}

#[test]
fn the_page_of_answers_is_what_the_code_says() {
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(page(), generated()).unwrap();
    }
    let found = std::fs::read_to_string(page()).unwrap_or_default();
    assert!(
        found == generated(),
        "docs/answers.md is out of date; write it anew with: UPDATE_DOCS=1 cargo test -p e2e --test proof answers"
    );
}
