//! What the benchmarks' peers need: Python packages in `.tools/peers-python`, Node packages beside the TypeScript sources, and the
//! bundle that is made of those. Both are locked by hash.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::{python, steps};

const PYTHON: &str = "bench/peers/python";
const TYPESCRIPT: &str = "bench/peers/typescript";
/// Where the Python packages go.
const PYTHON_ENVIRONMENT: &str = ".tools/peers-python";
/// Where `npm ci` puts packages.
const NODE_PACKAGES: &str = "bench/peers/typescript/node_modules";
/// Written last into what was set up: without it, that is half made.
const STAMP: &str = "lock.stamp";

/// Sets both up, unless they were from the same locks; the bundle is made anew each time.
pub(crate) fn set_up(project: &Project) -> Result<()> {
    if project.root().join(PYTHON).is_dir() {
        set_up_python(project)?;
    }
    if project.root().join(TYPESCRIPT).is_dir() {
        set_up_typescript(project)?;
    }
    Ok(())
}

fn set_up_python(project: &Project) -> Result<()> {
    let requirements = format!("{PYTHON}/requirements.txt");
    let environment = project.root().join(PYTHON_ENVIRONMENT);
    let stamp = Stamp::of(project, &requirements, &environment)?;
    let program = environment.join("bin/python");
    if stamp.is_there() && runs(project.command(&program).arg("--version")) {
        return Ok(());
    }
    steps::heading("set up the Python peers in .tools/peers-python");
    python::check_version(project)?;
    remove(&environment)?;
    std::fs::create_dir_all(project.root().join(".tools"))?;
    done(project.command("python3").args(["-m", "venv", PYTHON_ENVIRONMENT]), "python3 -m venv")?;
    let mut install = project.command(&program);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    done(install.args(["-r", &requirements]), "pip install")?;
    stamp.write()
}

fn set_up_typescript(project: &Project) -> Result<()> {
    let packages = project.root().join(NODE_PACKAGES);
    let stamp = Stamp::of(project, &format!("{TYPESCRIPT}/package-lock.json"), &packages)?;
    if !stamp.is_there() {
        steps::heading("set up the TypeScript peers");
        let mut install = npm(project);
        done(install.args(["ci", "--no-audit", "--no-fund"]), "npm ci")?;
        stamp.write()?;
    }
    steps::heading("bundle the TypeScript peers");
    done(npm(project).args(["run", "--silent", "build"]), "npm run build")
}

fn npm(project: &Project) -> Command {
    let mut command = project.command("npm");
    command.current_dir(project.root().join(TYPESCRIPT));
    command
}

/// A lock, and where it is noted that what it names is installed.
struct Stamp {
    lock: String,
    path: PathBuf,
}

impl Stamp {
    fn of(project: &Project, lock: &str, installed: &Path) -> Result<Self> {
        let lock = std::fs::read_to_string(project.root().join(lock)).context(lock.to_owned())?;
        Ok(Self { lock, path: installed.join(STAMP) })
    }

    fn is_there(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|noted| noted == self.lock)
    }

    fn write(&self) -> Result<()> {
        std::fs::write(&self.path, &self.lock).context("noting what was installed")
    }
}

fn remove(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", directory.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether it still starts: it points to the system's Python, which may have gone.
fn runs(command: &mut Command) -> bool {
    command.stdout(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}

fn done(command: &mut Command, what: &str) -> Result<()> {
    ensure!(command.status().with_context(|| format!("starting {what}"))?.success(), "{what} failed");
    Ok(())
}
