//! What may be built in, and the exceptions, each with its reason. An exception that is no longer needed is told.

use anyhow::{Result, anyhow};
use spdx::{Expression, Licensee, ParseMode};

/// The rules.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Licences, one of which a crate must be had under.
    pub(crate) licences: &'static [&'static str],
    /// Crates that may not be there, and why.
    pub(crate) banned: &'static [(&'static str, &'static str)],
    /// Crates that may be taken with their default features, and what these are.
    pub(crate) defaults: &'static [(&'static str, &'static str)],
    /// Crates that may be there in more than one version.
    pub(crate) twice: &'static [Twice],
}

/// A crate that may be there in more than one version.
#[derive(Debug)]
pub(crate) struct Twice {
    pub(crate) name: &'static str,
    /// In how many altogether, and in how many of what a function links or is built with.
    pub(crate) versions: (usize, usize),
    /// Who keeps the older one.
    pub(crate) why: &'static str,
}

/// A line of the list below.
const fn twice(name: &'static str, versions: (usize, usize), why: &'static str) -> Twice {
    Twice { name, versions, why }
}

/// The rules of this project.
pub(crate) const POLICY: Policy = Policy {
    // Permissive ones: nothing here obliges a merchant to publish code of its own.
    licences: &[
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-3-Clause",
        "CDLA-Permissive-2.0",
        "ISC",
        "MIT",
        "MIT-0",
        "Unicode-3.0",
        "Zlib",
    ],
    banned: &[
        ("native-tls", "one TLS stack: rustls with aws-lc-rs"),
        ("openssl-sys", "one TLS stack: rustls with aws-lc-rs"),
        ("ring", "one TLS stack: rustls with aws-lc-rs"),
    ],
    defaults: &[
        ("anyhow", "std"),
        ("base64", "std"),
        ("csv", "none"),
        ("hmac", "none"),
        ("md5", "std"),
        ("rustls-native-certs", "none"),
        ("schemars", "derive and std; tests and tools only"),
        ("secrecy", "none"),
        ("serde", "std"),
        ("serde_json", "std"),
        ("serde_path_to_error", "none"),
        ("serde_yaml_ng", "none"),
        ("sha2", "alloc, and object ids"),
        ("thiserror", "std"),
    ],
    twice: &[
        twice("base64", (2, 2), "lambda_runtime and aws_lambda_events are at 0.22, hyper-util is at 0.23"),
        twice("foldhash", (2, 0), "hashbrown's"),
        twice("getrandom", (2, 1), "bolero and jsonschema are at 0.3"),
        twice("hashbrown", (3, 1), "dashmap, indexmap and referencing each have their own"),
        twice("r-efi", (2, 0), "getrandom's; on no platform that anything is built for"),
        twice("rand", (2, 0), "bolero and stateright are at 0.9"),
        twice("rand_core", (2, 0), "rand's"),
        twice("syn", (2, 2), "macros are moving to 3; at build time only"),
    ],
};

impl Policy {
    /// Whether a crate under this expression may be built in; an error where that can't be told.
    pub(crate) fn permits(&self, licence: &str) -> Result<bool> {
        // Older crates write "MIT/Apache-2.0".
        let expression = Expression::parse_mode(licence, ParseMode::LAX);
        let expression = expression.map_err(|error| anyhow!("{}", error.reason))?;
        let licensees: Result<Vec<_>, _> = self.licences.iter().map(|name| Licensee::parse(name)).collect();
        let licensees = licensees.map_err(|error| anyhow!("the rules: {}", error.reason))?;
        Ok(expression.evaluate(|required| licensees.iter().any(|licensee| licensee.satisfies(required))))
    }
}
