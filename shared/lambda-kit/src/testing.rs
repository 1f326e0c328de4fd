//! For tests: what was counted on this thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard, Metadata, Recorder,
    SharedString, Unit,
};

use crate::telemetry::Metric;

/// Takes what is counted and noted on the thread on which it was started.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
    noted: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
}

impl Tally {
    /// From now on, until what is returned is dropped.
    #[must_use]
    pub fn start(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(self)
    }

    /// How often it was counted.
    #[must_use]
    pub fn of(&self, metric: Metric) -> u64 {
        self.all().get(metric.name()).copied().unwrap_or_default()
    }

    /// All that was counted, by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was noted, in seconds.
    #[must_use]
    pub fn noted(&self, metric: Metric) -> Vec<f64> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(metric.name()).cloned().unwrap_or_default()
    }
}

/// One metric's part of a [`Tally`].
struct Entry<T> {
    name: String,
    map: Arc<Mutex<BTreeMap<String, T>>>,
}

impl CounterFn for Entry<u64> {
    fn increment(&self, value: u64) {
        if value > 0 {
            let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
            *map.entry(self.name.clone()).or_default() += value;
        }
    }
    fn absolute(&self, value: u64) {
        self.map.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name.clone(), value);
    }
}

impl HistogramFn for Entry<Vec<f64>> {
    fn record(&self, value: f64) {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        map.entry(self.name.clone()).or_default().push(value);
    }
}

impl Recorder for Tally {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Entry { name: key.name().to_owned(), map: self.counts.clone() }))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        // There is none.
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Entry { name: key.name().to_owned(), map: self.noted.clone() }))
    }
}
