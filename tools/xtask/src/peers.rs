//! What the benchmarks' peers need: Python packages in `.tools/peers-python`, Node packages beside the TypeScript sources, and the
//! bundle that is made of those. Both are locked by hash.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::{python, steps};

const TYPESCRIPT: &str = "bench/peers/typescript";
/// Written last into what npm installed: packages without it are half installed.
const STAMP: &str = "node_modules/lock.stamp";

/// Sets both up, unless they were from the same locks; the bundle is made anew each time.
pub(crate) fn set_up(project: &Project) -> Result<()> {
    python::set_up(project, &python::PEERS)?;
    let directory = project.root().join(TYPESCRIPT);
    let (lock, stamp) = (directory.join("package-lock.json"), directory.join(STAMP));
    let wanted = std::fs::read_to_string(&lock).with_context(|| lock.display().to_string())?;
    if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        steps::heading("set up the TypeScript peers");
        done(npm(project).args(["ci", "--no-audit", "--no-fund"]), "npm ci")?;
        std::fs::write(&stamp, wanted).context("noting what was installed")?;
    }
    steps::heading("bundle the TypeScript peers");
    done(npm(project).args(["run", "--silent", "build"]), "npm run build")
}

fn npm(project: &Project) -> Command {
    let mut command = project.command("npm");
    command.current_dir(project.root().join(TYPESCRIPT));
    command
}

fn done(command: &mut Command, what: &str) -> Result<()> {
    ensure!(command.status().with_context(|| format!("starting {what}"))?.success(), "{what} failed");
    Ok(())
}
