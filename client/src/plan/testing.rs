//! What several tests of the plan need.

/// Chi-square: the draws have the distribution of the weights. The statistic has mean `df` and variance `2·df`; with fixed seeds a bound of
/// four standard deviations is passed by any sound sampler and missed by one that is off by a few per mille.
pub(crate) fn assert_follows(weights: &[f64], draws: impl Iterator<Item = usize>, what: &str) {
    let mut counts = vec![0_u32; weights.len()];
    let mut total = 0.0;
    for draw in draws {
        counts[draw] += 1;
        total += 1.0;
    }
    let sum: f64 = weights.iter().sum();
    let expected = |weight: f64| weight / sum * total;
    assert!(
        weights.iter().zip(&counts).all(|(&weight, &count)| weight > 0.0 || count == 0),
        "{what}: an impossible draw"
    );
    // Cells of fewer than 5 expected draws are pooled, as the test requires.
    let (mut pooled, mut statistic, mut cells) = ((0.0, 0.0), 0.0, 0);
    for (&weight, &count) in weights.iter().zip(&counts) {
        if expected(weight) < 5.0 {
            pooled = (pooled.0 + expected(weight), pooled.1 + f64::from(count));
        } else {
            statistic += (f64::from(count) - expected(weight)).powi(2) / expected(weight);
            cells += 1;
        }
    }
    if pooled.0 >= 5.0 {
        statistic += (pooled.1 - pooled.0).powi(2) / pooled.0;
        cells += 1;
    }
    let df = f64::from(cells - 1);
    let bound = df + 4.0 * (2.0 * df).sqrt() + 1e-9;
    assert!(statistic <= bound, "{what}: chi-square {statistic:.1} with {df} degrees of freedom, at most {bound:.1}");
}

/// A file that goes away with the test.
pub(crate) struct TempFile(std::path::PathBuf);

impl TempFile {
    pub(crate) fn new(content: impl AsRef<[u8]>) -> TempFile {
        static FILES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = FILES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tollgate-plan-{}-{number}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        TempFile(path)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Left behind in the temporary directory at worst.
        let _ = std::fs::remove_file(&self.0);
    }
}
