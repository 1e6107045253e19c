//! The percentile table that <https://hdrhistogram.github.io/HdrHistogram/plotFiles.html> draws, and wrk2 and HistogramLogProcessor write.
//!
//! ```text
//!        Value     Percentile TotalCount 1/(1-Percentile)
//!
//!     0.031 0.000000000000          1           1.00
//!     ...
//! #[Mean    =        0.084, StdDeviation   =        0.023]
//! ```
//!
//! Values are milliseconds, with six digits after the point where others write three: ours are nanoseconds, and a request on loopback
//! takes some tens of microseconds. The plotter takes lines of four numbers; the last, whose 1/(1−1) is infinite, it passes over.

use std::io::{self, Write};

use hdrhistogram::Histogram;

/// Writes a distribution of nanoseconds.
///
/// # Errors
///
/// Those of `out`.
pub fn write(times: &Histogram<u64>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut total = 0;
    for step in times.iter_quantiles(STEPS_PER_HALVING) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NANOS_PER_MILLI, step.quantile_iterated_to());
        if quantile < 1.0 {
            writeln!(out, "{value:12.6} {quantile:.12} {total:10} {:14.2}", 1.0 / (1.0 - quantile))?;
        } else {
            writeln!(out, "{value:12.6} {quantile:.12} {total:10} {:>14}", "inf")?;
        }
    }
    let (mean, deviation) = (times.mean() / NANOS_PER_MILLI, times.stdev() / NANOS_PER_MILLI);
    writeln!(out, "#[Mean    = {mean:12.6}, StdDeviation   = {deviation:12.6}]")?;
    let longest = times.max() as f64 / NANOS_PER_MILLI;
    writeln!(out, "#[Max     = {longest:12.6}, Total count    = {:12}]", times.len())?;
    let digits = 2 * 10_u32.pow(times.sigfig().into());
    writeln!(out, "#[Buckets = {:12}, SubBuckets     = {:12}]", times.buckets(), digits.next_power_of_two())
}

const NANOS_PER_MILLI: f64 = 1e6;
/// Steps each time that the distance to 100 % halves: what the other writers use.
const STEPS_PER_HALVING: u32 = 5;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::Record;
    use crate::record::LONGEST;

    fn written(values: &[u64]) -> (Histogram<u64>, String) {
        let mut times = Record::default().lateness;
        for value in values {
            times.record(*value).unwrap();
        }
        let mut text = Vec::new();
        write(&times, &mut text).unwrap();
        (times, String::from_utf8(text).unwrap())
    }

    /// As the plotter reads a file: lines of four words that are numbers.
    fn plotted(text: &str) -> Vec<(f64, f64)> {
        let point = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [value, _, _, inverse] = words[..] else { return None };
            Some((value.parse().ok()?, inverse.parse().ok()?))
        };
        text.lines().filter(|line| !line.starts_with('#')).filter_map(point).collect()
    }

    #[test]
    fn the_table_has_the_form_that_the_plotter_reads() {
        let (_, text) = written(&[1_000, 2_000, 2_000, 2_000, 3_000, 3_000, 3_000]);
        let meant = "       Value     Percentile TotalCount 1/(1-Percentile)

    0.001000 0.000000000000          1           1.00
    0.001000 0.100000000000          1           1.11
    0.002000 0.200000000000          4           1.25
    0.002000 0.300000000000          4           1.43
    0.002000 0.400000000000          4           1.67
    0.002000 0.500000000000          4           2.00
    0.002000 0.550000000000          4           2.22
    0.003001 0.600000000000          7           2.50
    0.003001 1.000000000000          7            inf
#[Mean    =     0.002286, StdDeviation   =     0.000700]
#[Max     =     0.003001, Total count    =            7]
#[Buckets =           27, SubBuckets     =         2048]
";
        assert_eq!(text, meant);
    }

    #[test]
    fn nothing_measured_is_a_table_without_lines() {
        let (_, text) = written(&[]);
        assert!(plotted(&text).is_empty());
        assert!(text.contains("Total count    =            0"), "{text}");
    }

    proptest! {
        #[test]
        fn the_table_rises_to_the_maximum_and_counts_everything(values in vec(1..LONGEST.as_u64(), 1..300)) {
            let (times, text) = written(&values);
            let points = plotted(&text);
            prop_assert!(points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
            let last = text.lines().rfind(|line| !line.starts_with('#')).unwrap();
            let words: Vec<&str> = last.split_whitespace().collect();
            prop_assert_eq!(words[0], format!("{:.6}", times.max() as f64 / 1e6));
            prop_assert_eq!((words[2], words[3]), (&*values.len().to_string(), "inf"));
        }
    }
}
