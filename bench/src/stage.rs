//! What can be measured.

use anyhow::Result;
use clap::ValueEnum;

use crate::section::Section;
use crate::{Bench, size, start};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    Start,
    Size,
}

impl Stage {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 2] = [Self::Start, Self::Size];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Start => "start and memory",
            Self::Size => "size",
        }
    }

    pub(crate) async fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Start => start::run(bench).await,
            Self::Size => size::run(bench),
        }
    }
}
