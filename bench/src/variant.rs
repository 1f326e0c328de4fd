//! Who is measured.

use serde::Serialize;

/// A way to write the same function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    /// This project's.
    Ours,
    /// Rust that does the one conditional write and nothing else.
    Bare,
    /// Python with Powertools for AWS Lambda and boto3.
    Python,
    /// TypeScript with Powertools for AWS Lambda and the AWS SDK, bundled, on Node.
    Typescript,
}

impl Variant {
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::Bare, Self::Python, Self::Typescript];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Bare => "bare Rust",
            Self::Python => "Python",
            Self::Typescript => "TypeScript",
        }
    }

    /// Part of a path.
    pub(crate) const fn directory(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Bare => "bare",
            Self::Python => "python",
            Self::Typescript => "typescript",
        }
    }
}
