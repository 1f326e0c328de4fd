//! Figures of what was measured several times.

use serde::Serialize;

/// Measurements of one thing, in one unit.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn add(&mut self, value: f64) {
        let at = self.0.partition_point(|&known| known < value);
        self.0.insert(at, value);
    }

    /// The value that `share` (0 to 1) of all are not above, by nearest rank; NaN where nothing was measured.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let index = rank.clamp(1, self.0.len().max(1)) - 1;
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Median, and in brackets least and most.
    pub(crate) fn spread(&self, decimals: usize) -> String {
        let (median, least, most) = (self.median(), self.quantile(0.0), self.quantile(1.0));
        format!("{median:.decimals$} ({least:.decimals$}–{most:.decimals$})")
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut figures = Self::default();
        values.into_iter().for_each(|value| figures.add(value));
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let figures: Figures = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| figures.quantile(share)), [1.0, 50.0, 99.0, 100.0]);
        assert_eq!(figures.spread(1), "50.0 (1.0–100.0)");
        assert!(Figures::default().median().is_nan());
    }
}
