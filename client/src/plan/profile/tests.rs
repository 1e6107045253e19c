use super::{Profile, Rate, Stage};
use crate::clock::Nanos;
use proptest::prelude::{Strategy, prop, proptest};

fn at(profile: &Profile, u: f64) -> Option<f64> {
    profile.when(u).map(Nanos::as_secs_f64)
}

#[test]
fn a_constant_rate_is_a_straight_line_without_end() {
    let profile = Rate::Constant(1_000).over(None).unwrap();
    assert_eq!(profile.end(), None);
    assert_eq!(at(&profile, 0.0), Some(0.0));
    assert_eq!(at(&profile, 1_500.0), Some(1.5));
    assert_eq!(profile.when(1e12), Some(Nanos::from_secs(1_000_000_000)));
    assert_eq!(profile.due_by(Nanos::from_secs(3)), 3_000.0);
}

#[test]
fn a_ramp_is_a_parabola_over_the_duration() {
    let up = Rate::Ramp(0, 100).over(Some(Nanos::from_secs(10))).unwrap();
    assert_eq!(up.end(), Some(Nanos::from_secs(10)));
    assert_eq!(up.due_by(Nanos::from_secs(10)), 500.0);
    assert_eq!(up.due_by(Nanos::from_secs(5)), 125.0);
    assert_eq!((at(&up, 0.0), at(&up, 125.0), at(&up, 500.0)), (Some(0.0), Some(5.0), None));
    let down = Rate::Ramp(100, 0).over(Some(Nanos::from_secs(10))).unwrap();
    assert_eq!(at(&down, 375.0), Some(5.0));
    assert_eq!(at(&down, 499.5), Some(10.0 - 0.1_f64.sqrt()).map(|t| (t * 1e9).floor() / 1e9));
}

#[test]
fn nothing_is_due_within_a_stage_of_rate_zero() {
    let profile: Profile = "2s@10,5s@0,1s@10,1s@0".parse().unwrap();
    assert_eq!(at(&profile, 19.0), Some(1.9));
    assert_eq!(at(&profile, 20.0), Some(7.0), "request 20 waits for the end of the pause");
    assert_eq!(at(&profile, 29.0), Some(7.9));
    assert_eq!(at(&profile, 30.0), None);
    assert_eq!(profile.due_by(Nanos::from_secs(4)), 20.0);
    assert_eq!(profile.due_by(Nanos::from_secs(100)), 30.0);
    let late: Profile = "5s@0,1s@10".parse().unwrap();
    assert_eq!(at(&late, 0.0), Some(5.0));
}

#[test]
fn what_is_not_a_rate_names_the_flag_and_the_cure() {
    let cases = [
        ("", "-R \"\": not a number"),
        ("fast", "-R \"fast\": not a number"),
        ("0", "-R \"0\": a rate of 0 throughout"),
        ("0:0", "-R \"0:0\": a rate of 0 throughout"),
        ("1:2:3", "-R \"1:2:3\": not a number"),
        ("200M", "-R \"200M\": must be between 0 and 100M"),
    ];
    for (text, start) in cases {
        let error = text.parse::<Rate>().unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
    }
    let stages = [
        ("", "--stages \"\": unknown: write TIME@RATE"),
        ("10s", "--stages \"10s\": unknown: write TIME@RATE"),
        ("10s@1k,@5", "--stages \"@5\": not a duration"),
        ("0s@5", "--stages \"0s@5\": must be between 1us and 8760h"),
        ("10s@0,5s@0", "--stages \"10s@0,5s@0\": a rate of 0 throughout"),
    ];
    for (text, start) in stages {
        let error = text.parse::<Profile>().unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
    }
    let endless = Rate::Ramp(1, 2).over(None).unwrap_err().to_string();
    assert!(endless.contains("add -d"), "{endless}");
}

fn stages() -> impl Strategy<Value = Vec<Stage>> {
    let rate = || proptest::prop_oneof![proptest::strategy::Just(0u64), 1..2_000_000u64];
    let stage =
        (1..600_000u64, rate(), rate()).prop_map(|(ms, from, to)| Stage { span: Nanos::from_millis(ms), from, to });
    prop::collection::vec(stage, 1..6).prop_filter("sends something", |stages| stages.iter().any(|s| s.from + s.to > 0))
}

proptest! {
    #[test]
    fn lambda_undoes_its_inverse(stages in stages(), part in 0.0..1.0f64) {
        let profile = Profile::stages(stages).unwrap();
        let total = profile.due_by(profile.end().unwrap());
        let u = part * total;
        if let Some(t) = profile.when(u) {
            let (before, after) = (profile.due_by(t), profile.due_by(t.saturating_add(Nanos::new(1))));
            let slack = 1e-6 + total * 1e-12;
            assert!(before <= u + slack && u <= after + slack, "Λ({t:?}) = {before}..{after}, not {u}");
        }
        assert_eq!(profile.when(total), None);
    }

    #[test]
    fn later_requests_are_not_due_earlier(stages in stages(), mut parts in prop::collection::vec(0.0..1.0f64, 2..50)) {
        let profile = Profile::stages(stages).unwrap();
        let total = profile.due_by(profile.end().unwrap());
        parts.sort_by(f64::total_cmp);
        let times: Vec<_> = parts.iter().filter_map(|part| profile.when(part * total)).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn a_profile_prints_as_it_is_read(stages in stages(), from in 0..1_000_000u64, to in 1..1_000_000u64) {
        let profile = Profile::stages(stages).unwrap();
        assert_eq!(profile.to_string().parse::<Profile>().unwrap(), profile);
        for rate in [Rate::Constant(to), Rate::Ramp(from, to)] {
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
