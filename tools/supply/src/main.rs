//! `supply`: lists the crates that are built with their licences, and those that are there in more than one version; fails
//! where one, or how it is taken, is against the rules of `policy.rs`. Run it at the workspace's root.

mod crates;
mod judge;
mod manifests;
mod policy;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;

use crate::crates::Crate;
use crate::manifests::Manifests;
use crate::policy::POLICY;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("supply: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let manifests = Manifests::read()?;
    let crates = crates::read(&manifests.members)?;
    print_licences(&crates);
    print_duplicates(&crates);
    let mut problems = judge::problems(&crates, &POLICY);
    problems.extend(judge::feature_problems(&manifests.with_defaults, &POLICY));
    let shipped = crates.iter().filter(|one| one.is_shipped).count();
    println!(
        "\n{} crates, {shipped} of them in functions; {} against the rules",
        crates.len(),
        problems.len()
    );
    problems.iter().for_each(|problem| println!("  {problem}"));
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_licences(crates: &[Crate]) {
    let mut by_licence: BTreeMap<&str, Vec<&Crate>> = BTreeMap::new();
    for one in crates {
        by_licence.entry(one.licence.as_str()).or_default().push(one);
    }
    println!("licences; * is linked into a function");
    for (licence, crates) in by_licence {
        let names: Vec<_> = crates.iter().map(|one| marked(one, &one.name)).collect();
        println!("\n{licence} ({})\n  {}", crates.len(), names.join(" "));
    }
}

fn print_duplicates(crates: &[Crate]) {
    println!("\nmore than one version");
    for (name, versions) in judge::duplicates(crates) {
        let versions: Vec<_> = versions.iter().map(|one| marked(one, &one.version)).collect();
        let why = POLICY.twice.iter().find(|known| known.name == name).map_or("", |known| known.why);
        println!("  {name:<16} {:<32} {why}", versions.join(" "));
    }
}

fn marked(one: &Crate, text: &str) -> String {
    if one.is_shipped { format!("{text}*") } else { text.to_owned() }
}
