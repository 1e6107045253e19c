//! `cargo loom` runs models. Without `--cfg loom` they are compiled away, and nothing would pass for everything.

#[test]
fn cargo_loom_builds_with_loom() {
    let asked_for = std::env::var_os("TOLLGATE_LOOM").is_some();
    assert!(
        cfg!(loom) || !asked_for,
        "RUSTFLAGS in the environment replaces `--cfg loom`, so no model was built: unset it"
    );
}
