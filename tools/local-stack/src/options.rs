//! What may differ from one stack to the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How to bring a stack up. The defaults are the template's own.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) run: String,
    pub(crate) root: PathBuf,
    pub(crate) functions: Option<PathBuf>,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) keep: bool,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Options {
    /// A stack whose files are below `target/local/<run>`; stacks that run at the same time need different names.
    pub fn new(run: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).unwrap_or(here).to_owned();
        let mut parameters = BTreeMap::new();
        parameters.insert("Architecture".to_owned(), std::env::consts::ARCH.replace("aarch64", "arm64"));
        Self {
            run: run.to_owned(),
            root,
            functions: None,
            parameters,
            keep: false,
            environment: BTreeMap::new(),
        }
    }

    /// Gives a parameter of the template another value than its default.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// Deploys `<directory>/<function>/bootstrap` in place of the workspace's own functions.
    #[must_use]
    pub fn functions(mut self, directory: &Path) -> Self {
        self.functions = Some(directory.to_owned());
        self
    }

    /// Sets a variable for MiniStack and for all functions, which inherit its environment. `FUNCTIONS_ENDPOINT` is where the
    /// functions then find AWS, in place of MiniStack itself: whoever listens there sends their requests on.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Leaves the stack running when this process ends, until `cargo xtask down`.
    #[must_use]
    pub fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Where this stack's log of this name belongs.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.run_directory().join(name)
    }

    pub(crate) fn run_directory(&self) -> PathBuf {
        self.root.join("target/local").join(&self.run)
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.root.join(".tools/python/bin/python")
    }

    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.root.join("tools/local-stack/python").join(name)
    }

    pub(crate) fn template(&self) -> PathBuf {
        self.root.join("infra/template.yaml")
    }
}
