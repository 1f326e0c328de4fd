//! What can be measured.

use anyhow::Result;
use clap::ValueEnum;

use crate::Bench;
use crate::section::Section;
use crate::{cpu, growth};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// What the functions' own work costs in CPU.
    Cpu,
    /// Whether work grows with what is stored.
    Growth,
}

impl Stage {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 2] = [Self::Cpu, Self::Growth];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Growth => "Growth",
        }
    }

    pub(crate) async fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Cpu => cpu::run(bench).await,
            Self::Growth => growth::run(bench).await,
        }
    }
}
