//! The Python environments in `.tools`, each locked by hash: one with MiniStack, the template's linter and cargo-lambda, one with
//! checkov, which wants other versions of what both need, one for the benchmarks.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::steps;

/// An environment of packages.
#[derive(Debug)]
pub(crate) struct Environment {
    directory: &'static str,
    requirements: &'static str,
    /// A program of it that starts fast.
    probe: &'static str,
}

/// What the local stack, the checks and the packaging need.
pub(crate) const TOOLS: Environment = Environment {
    directory: ".tools/python",
    requirements: "tools/local-stack/python/requirements.txt",
    probe: "cfn-lint",
};
/// What checks the template's security.
pub(crate) const CHECKOV: Environment =
    Environment { directory: ".tools/checkov", requirements: "infra/checkov/requirements.txt", probe: "pip" };

/// What the Python functions that ours are measured beside need.
pub(crate) const PEERS: Environment = Environment {
    directory: ".tools/peers-python",
    requirements: "bench/peers/python/requirements.txt",
    probe: "pip",
};

/// The versions the requirements were locked for, lowest first.
const VERSION_MIN: &str = "3.11";

/// Makes an environment, unless it is there and was made from the same requirements.
pub(crate) fn set_up(project: &Project, environment: &Environment) -> Result<()> {
    let Environment { directory, requirements, .. } = *environment;
    let wanted = std::fs::read_to_string(project.root().join(requirements)).context(requirements)?;
    let path = project.root().join(directory);
    // Written last: an environment without it is half made.
    let stamp = path.join("requirements.stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
        && runs(project, environment)
    {
        return Ok(());
    }
    steps::heading(&format!("set up Python in {directory}"));
    check_version(project)?;
    if path.symlink_metadata().is_ok() {
        std::fs::remove_dir_all(&path).context("removing the old Python environment")?;
    }
    std::fs::create_dir_all(project.root().join(".tools"))?;
    done(project.command("python3").args(["-m", "venv", directory]), "python3 -m venv")?;
    let mut install = project.command(environment.program(project, "python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    done(install.args(["-r", requirements]), "pip install")?;
    std::fs::write(stamp, wanted).context("noting what was installed")
}

/// Whether the environment's Python still starts: it points to the system's, which may have gone, or the checkout moved.
fn runs(project: &Project, environment: &Environment) -> bool {
    let mut check = project.command(environment.program(project, environment.probe));
    check.arg("--version").stdout(std::process::Stdio::null());
    check.status().is_ok_and(|status| status.success())
}

/// Fails where the system's Python is too old for what was locked.
fn check_version(project: &Project) -> Result<()> {
    let (major, minor) = VERSION_MIN.split_once('.').context("VERSION_MIN")?;
    let check = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    let status = project.command("python3").args(["-c", &check]).status().context("there is no python3")?;
    ensure!(status.success(), "python3 is older than {VERSION_MIN}");
    Ok(())
}

fn done(command: &mut Command, what: &str) -> Result<()> {
    ensure!(command.status().context(what.to_owned())?.success(), "{what} failed");
    Ok(())
}

impl Environment {
    /// A program of the environment.
    pub(crate) fn program(&self, project: &Project, name: &str) -> PathBuf {
        project.root().join(self.directory).join("bin").join(name)
    }
}

/// PATH with the tools before the system's programs: cargo-lambda looks for zig's Python package there.
pub(crate) fn path_with_tools(project: &Project) -> Result<OsString> {
    let system = std::env::var_os("PATH").unwrap_or_default();
    let tools = project.root().join(TOOLS.directory).join("bin");
    std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&system))).context("PATH")
}
