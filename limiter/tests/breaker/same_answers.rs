//! The breaker answers like the naive one, step by step.

use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use crate::calls::build;
use crate::model::Model;
use crate::steps::{configs, run, steps};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_breaker_answers_like_the_naive_one(config in configs(), steps in steps()) {
        let breaker = build(&config);
        let mut model = Model::new(config);
        run(&breaker, &steps, |step, seen, now| {
            prop_assert_eq!(model.step(step, now), seen, "{:?} at {}", step, now);
            prop_assert_eq!(breaker.state(), model.state());
            Ok(())
        })?;
    }

    #[test]
    fn looking_ahead_answers_as_asking_does_and_changes_nothing(config in configs(), steps in steps()) {
        let breaker = build(&config);
        let now = run(&breaker, &steps, |_, _, _| Ok(()))?;
        let (before, ahead) = (breaker.snapshot(now), breaker.retry_after(now));
        prop_assert_eq!(breaker.snapshot(now), before);
        prop_assert_eq!(breaker.try_acquire(now).err().map(|rejected| rejected.retry_after), ahead);
    }
}
