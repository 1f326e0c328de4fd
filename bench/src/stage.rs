//! What can be measured.

use anyhow::Result;
use clap::ValueEnum;

use crate::Bench;
use crate::section::Section;

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {}

impl Stage {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 0] = [];

    pub(crate) const fn title(self) -> &'static str {
        match self {}
    }

    pub(crate) async fn run(self, _bench: &Bench) -> Result<Section> {
        match self {}
    }
}
