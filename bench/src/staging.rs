//! Where each variant of a function is started from: a directory with an executable `bootstrap`, as Lambda wants it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::Bench;
use crate::variant::Variant;

/// A directory with the `bootstrap` of a function as this variant has it. Functions are named as ours are.
pub(crate) fn stage(bench: &Bench, variant: Variant, function: &str) -> Result<PathBuf> {
    let program = match variant {
        Variant::Ours => bench.programs.join(function),
        Variant::Bare => bench.programs.join(match function {
            "webhook-receiver" => "bare-webhook",
            "decline-intake" => "bare-intake",
            _ => "bare-start",
        }),
        Variant::Python | Variant::Typescript => bail!("{function} has no {} peer", variant.name()),
    };
    ensure!(program.is_file(), "there is no {}: run `cargo xtask bench`", program.display());
    let directory = bench.output.join("functions").join(variant.directory()).join(function);
    std::fs::create_dir_all(&directory)?;
    std::fs::copy(&program, directory.join("bootstrap"))
        .with_context(|| format!("staging {}", program.display()))?;
    Ok(directory)
}
