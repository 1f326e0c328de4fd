//! Where each variant of a function is started from: a directory with an executable `bootstrap`, as Lambda wants it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::Bench;
use crate::variant::Variant;

/// The bare function that does nothing at all.
pub(crate) const NOTHING: &str = "bare-start";

/// A directory with the `bootstrap` of a function as this variant has it. Functions are named as ours are.
pub(crate) fn stage(bench: &Bench, variant: Variant, function: &str) -> Result<PathBuf> {
    let directory = bench.output.join("functions").join(variant.directory()).join(function);
    std::fs::create_dir_all(&directory)?;
    let bootstrap = directory.join("bootstrap");
    match variant {
        Variant::Ours => copy(&bench.programs.join(function), &bootstrap)?,
        Variant::Bare => {
            let program = match function {
                "webhook-receiver" => "bare-webhook",
                "decline-intake" => "bare-intake",
                _ => NOTHING,
            };
            copy(&bench.programs.join(program), &bootstrap)?;
        }
        Variant::Python | Variant::Typescript => write(&bootstrap, &script(bench, variant, function)?)?,
    }
    Ok(directory)
}

fn copy(program: &Path, bootstrap: &Path) -> Result<()> {
    ensure!(program.is_file(), "there is no {}: run `cargo xtask bench`", program.display());
    std::fs::copy(program, bootstrap).with_context(|| format!("staging {}", program.display()))?;
    Ok(())
}

fn write(bootstrap: &Path, script: &str) -> Result<()> {
    std::fs::write(bootstrap, script)?;
    std::fs::set_permissions(bootstrap, PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// Starts a peer: Python by AWS's runtime client, which is what Lambda's own Python runtime is; Node by the loop that is
/// bundled with it.
fn script(bench: &Bench, variant: Variant, function: &str) -> Result<String> {
    let needed = |path: PathBuf| {
        ensure!(path.exists(), "there is no {}: run `cargo xtask bench`", path.display());
        Ok(path.display().to_string())
    };
    let has_peers = matches!(function, "webhook-receiver" | "decline-intake");
    ensure!(has_peers, "{function} has no {} peer", variant.name());
    Ok(match variant {
        Variant::Python => {
            let python = needed(bench.root.join(".tools/peers-python/bin/python"))?;
            let sources = needed(bench.root.join("bench/peers/python"))?;
            let module = function.replace('-', "_");
            format!(
                "#!/bin/sh\nexport PYTHONPATH='{sources}'\nexec '{python}' -m awslambdaric {module}.handler\n"
            )
        }
        Variant::Typescript => {
            let bundle = needed(bench.root.join(format!("target/bench/peers/typescript/{function}.mjs")))?;
            format!("#!/bin/sh\nexec node '{bundle}'\n")
        }
        Variant::Ours | Variant::Bare => bail!("{} is not started by a script", variant.name()),
    })
}
