//! Metrics one after another, each with its help and its series.

use std::fmt;

use groundswell_engine::meters::HistogramSnapshot;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Labels of a series: names and values.
pub type Labels<'a, const N: usize> = [(&'a str, &'a str); N];

/// Writes metrics.
pub struct Put<'a>(pub DescriptorEncoder<'a>);

impl Put<'_> {
    /// A number that only grows; its name ends in `_total` when it is written.
    pub fn counter(&mut self, (name, help): (&str, &str), value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// A time that only grows, in seconds.
    pub fn seconds(&mut self, (name, help): (&str, &str), value: f64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// Several of them, by their labels.
    pub fn counters<'l, const N: usize>(
        &mut self,
        (name, help): (&str, &str),
        series: impl IntoIterator<Item = (Labels<'l, N>, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in series {
            of(&mut metric, &labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, (name, help): (&str, &str), value: f64) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// Several of them, by their labels.
    pub fn gauges<'l, const N: usize>(
        &mut self,
        (name, help): (&str, &str),
        series: impl IntoIterator<Item = (Labels<'l, N>, f64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            of(&mut metric, &labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Values by the bounds they lie between.
    pub fn histogram(&mut self, (name, help): (&str, &str), snapshot: &HistogramSnapshot) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        encode_histogram(&mut metric, snapshot)
    }

    /// Several of them, by their labels.
    pub fn histograms<'l, const N: usize>(
        &mut self,
        (name, help): (&str, &str),
        series: impl IntoIterator<Item = (Labels<'l, N>, HistogramSnapshot)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, snapshot) in series {
            encode_histogram(&mut of(&mut metric, &labels)?, &snapshot)?;
        }
        Ok(())
    }
}

fn of<'s, Set: EncodeLabelSet>(
    metric: &'s mut MetricEncoder<'_>,
    labels: &'s Set,
) -> Result<MetricEncoder<'s>, fmt::Error> {
    metric.encode_family(labels)
}

fn encode_histogram(metric: &mut MetricEncoder<'_>, snapshot: &HistogramSnapshot) -> fmt::Result {
    let bounds = snapshot.bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(snapshot.counts.iter().copied()).collect();
    metric.encode_histogram::<NoLabelSet>(snapshot.sum, snapshot.count(), &buckets, None)
}
