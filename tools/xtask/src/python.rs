//! The Python environment in `.tools/python`: MiniStack, the template's linter and cargo-lambda, all locked by hash.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::steps;

const REQUIREMENTS: &str = "tools/local-stack/python/requirements.txt";
/// The versions the requirements were locked for, lowest first.
const VERSION_MIN: &str = "3.11";

/// Makes the environment, unless it is there and was made from the same requirements.
pub(crate) fn set_up(project: &Project) -> Result<()> {
    let wanted = std::fs::read_to_string(project.root().join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let environment = environment(project);
    // Written last: an environment without it is half made.
    let stamp = environment.join("requirements.stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && runs(project) {
        return Ok(());
    }
    steps::heading("set up Python in .tools/python");
    check_version(project)?;
    if environment.symlink_metadata().is_ok() {
        std::fs::remove_dir_all(&environment).context("removing the old Python environment")?;
    }
    std::fs::create_dir_all(project.root().join(".tools"))?;
    done(project.command("python3").args(["-m", "venv", ".tools/python"]), "python3 -m venv")?;
    let mut install = project.command(tool(project, "python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    done(install.args(["-r", REQUIREMENTS]), "pip install")?;
    std::fs::write(stamp, wanted).context("noting what was installed")
}

/// Whether the environment's Python still starts: it points to the system's, which may have gone, or the checkout moved.
fn runs(project: &Project) -> bool {
    let mut check = project.command(tool(project, "cfn-lint"));
    check.arg("--version").stdout(std::process::Stdio::null());
    check.status().is_ok_and(|status| status.success())
}

/// Fails where the system's Python is too old for what was locked.
pub(crate) fn check_version(project: &Project) -> Result<()> {
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

fn environment(project: &Project) -> PathBuf {
    project.root().join(".tools/python")
}

/// A program of the environment.
pub(crate) fn tool(project: &Project, name: &str) -> PathBuf {
    environment(project).join("bin").join(name)
}

/// PATH with the environment's programs before the system's: cargo-lambda looks for zig's Python package there.
pub(crate) fn path_with_tools(project: &Project) -> Result<OsString> {
    let system = std::env::var_os("PATH").unwrap_or_default();
    let tools = environment(project).join("bin");
    std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&system))).context("PATH")
}
