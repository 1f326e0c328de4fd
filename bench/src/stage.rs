//! What can be measured.

use anyhow::Result;
use clap::ValueEnum;

use crate::section::Section;
use crate::{Bench, cost};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    Cost,
}

impl Stage {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 1] = [Self::Cost];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Cost => "cost of an order",
        }
    }

    pub(crate) async fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Cost => cost::run(bench).await,
        }
    }
}
