//! Latencies as percentiles, exact to three digits.

use anyhow::Context as _;
use hdrhistogram::Histogram;

/// A status, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// When it was due to be sent, since the scenario began.
    pub(crate) due: f64,
    /// From then until its commit.
    pub(crate) latency: f64,
    /// From the hub's acknowledgement until then.
    pub(crate) from_hub: f64,
}

const PERCENTILES: [f64; 4] = [50.0, 99.0, 99.9, 100.0];

/// In seconds, by [`PERCENTILES`]: from due, and from enqueued.
pub(super) struct Figures([[f64; 2]; 4]);

impl Figures {
    pub(super) fn of(points: &[Point]) -> anyhow::Result<Self> {
        anyhow::ensure!(!points.is_empty(), "nothing was measured");
        let due = histogram(points.iter().map(|point| point.latency))?;
        let hub = histogram(points.iter().map(|point| point.from_hub))?;
        let seconds = |histogram: &Histogram<u64>, percentile| {
            std::time::Duration::from_micros(histogram.value_at_percentile(percentile))
                .as_secs_f64()
        };
        let both = |percentile| [seconds(&due, percentile), seconds(&hub, percentile)];
        Ok(Self(PERCENTILES.map(both)))
    }

    /// As in `3.1 ms (2.0)`: from due, and from enqueued.
    pub(super) fn shown(&self) -> [String; 4] {
        self.0
            .map(|[due, hub]| format!("{:.1} ms ({:.1})", due * 1e3, hub * 1e3))
    }
}

/// Of microseconds.
pub(crate) fn histogram(seconds: impl Iterator<Item = f64>) -> anyhow::Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3).context("a histogram of three digits")?;
    for latency in seconds {
        // The clocks of hub and database are the same one, read at different moments.
        let duration = std::time::Duration::try_from_secs_f64(latency).unwrap_or_default();
        histogram.record(u64::try_from(duration.as_micros())?)?;
    }
    Ok(histogram)
}
