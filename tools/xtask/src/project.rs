//! Where things are, and how programs are started here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The checkout.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    programs: PathBuf,
}

impl Project {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("xtask has moved")?;
        // This program is built into the directory where cargo puts all the others, wherever that is.
        let program = std::env::current_exe()?;
        let programs = program.parent().context("xtask is in no directory")?;
        Ok(Self { root: root.to_owned(), programs: programs.to_owned() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where `cargo build` puts programs.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// A program, started at the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The cargo that runs us. Variables that `cargo run` sets for us alone are not handed on, as they would make
    /// builds differ from those started by hand.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in std::env::vars_os() {
            let ours = name.to_string_lossy();
            if ours.starts_with("CARGO_PKG_") || ours.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command.args(arguments);
        command
    }
}
