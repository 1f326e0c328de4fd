//! docs/threats.md names tests, and each is there.

use std::collections::BTreeSet;

use crate::{read, root, sources};

#[test]
fn every_test_that_the_page_names_exists() {
    let page = read("docs/threats.md");
    let mut named = BTreeSet::new();
    for quoted in page.split('`').skip(1).step_by(2) {
        let Some((file, test)) = quoted.split_once("::") else { continue };
        if !(file.ends_with(".rs") || file.ends_with(".py")) {
            continue;
        }
        assert!(root().join(file).is_file(), "{file} is not there");
        let text = read(file);
        let is_there = text.contains(&format!("fn {test}(")) || text.contains(&format!("def {test}("));
        assert!(is_there, "{file} has no {test}");
        named.insert(quoted.to_owned());
    }
    assert!(named.len() >= 30, "{} tests are named", named.len());
}

/// A threat that nothing stops would be a row without a test: then the row must say that it is open.
#[test]
fn every_threat_has_a_test_or_says_that_it_is_open() {
    let page = read("docs/threats.md");
    let threats: Vec<_> = page.split("\n### ").skip(1).collect();
    assert!(threats.len() >= 10, "{}", threats.len());
    for threat in threats {
        let title = threat.lines().next().unwrap();
        for part in ["**Who and what.**", "**What stops it.**", "**Open.**"] {
            assert!(threat.contains(part), "{title}: {part}");
        }
        let stops = threat.split_once("**What stops it.**").unwrap().1.split_once("**Open.**").unwrap().0;
        assert!(stops.contains(".rs::") || stops.contains(".py::"), "{title}: no test is named");
    }
}

/// What the invariants of docs/architecture.md are shown by is there, too.
#[test]
fn every_test_that_shows_an_invariant_exists() {
    let page = read("docs/architecture.md");
    let table = page.split_once("\n## Invariants\n").unwrap().1.split("\nBy machine").next().unwrap();
    let folders = ["functions", "shared", "tests", "tools"];
    let mut text: String = folders.iter().flat_map(|folder| sources(folder)).map(|(_, text)| text).collect();
    for file in std::fs::read_dir(root().join("infra")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let shown_by = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
        for test in shown_by.split('`').skip(1).step_by(2).filter(|quoted| quoted.matches('_').count() > 2) {
            let is_there = text.contains(&format!("fn {test}(")) || text.contains(&format!("def {test}("));
            assert!(is_there, "no test is called {test}");
            named += 1;
        }
    }
    assert!(named > 80, "{named} tests are named");
}

#[test]
fn python_packages_are_pinned_with_their_hashes() {
    for file in ["infra/checkov/requirements.txt", "tools/local-stack/python/requirements.txt"] {
        let text = read(file);
        let packages =
            text.lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_alphanumeric()));
        let mut pinned = 0;
        for package in packages {
            assert!(package.contains("==") && package.ends_with('\\'), "{file}: {package}");
            pinned += 1;
        }
        assert!(pinned > 5, "{file}: {pinned}");
        assert!(text.matches("--hash=sha256:").count() >= pinned, "{file}");
    }
}

/// The older stack came with default features of the AWS SDK, and with it open advisories (docs/adr/0006).
#[test]
fn no_second_tls_stack_is_in_the_lock_file() {
    let lock = read("Cargo.lock");
    let versions = |name: &str| lock.matches(&format!("\nname = \"{name}\"\n")).count();
    for name in ["rustls", "rustls-webpki", "hyper", "h2"] {
        assert!(versions(name) <= 1, "{name} is there {} times", versions(name));
    }
    assert_eq!(versions("rustls"), 1);
    assert_eq!(versions("openssl-sys") + versions("native-tls"), 0);
}

#[test]
fn ci_asks_for_no_credentials() {
    let files = std::fs::read_dir(root().join(".ci")).unwrap();
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap().to_lowercase();
        for word in ["secret", "token", "aws_access_key", "password", "credential"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}
