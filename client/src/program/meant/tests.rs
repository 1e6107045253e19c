use super::*;

fn meant(line: &str, hands: bool) -> Result<Meant, String> {
    let words = std::iter::once("tollgate-client").chain(line.split_whitespace()).map(Into::into);
    let (args, given) = Args::read(words).map_err(|answer| answer.to_string())?;
    let around = Surroundings { cpus: 4, hands, seed: 42, clients: 1_000 };
    Meant::of(args, given, around).map_err(|error| error.to_string())
}

#[test]
fn a_run_ends_by_a_key_where_there_is_one_and_soon_where_there_is_none() {
    let secs = |secs| Some(Nanos::from_secs(secs));
    let cases = [
        ("", true, None, None),
        ("--clients 5", true, None, None),
        ("--clients 5", false, secs(10), secs(10)),
        ("", false, secs(10), secs(10)),
        ("-d 30s", false, secs(30), secs(30)),
        ("-d 30s", true, secs(30), secs(30)),
        ("-d 0", false, None, None),
        ("-n 5k", false, None, None),
        ("-n 5k -d 1s", false, secs(1), secs(1)),
        ("--stages 3s@5,4s@6", false, None, secs(7)),
        ("--stages 3s@5,4s@6", true, None, secs(7)),
    ];
    for (line, hands, after, end) in cases {
        let meant = meant(line, hands).unwrap();
        assert_eq!((meant.stop.after, meant.end()), (after, end), "{line} {hands}");
    }
}

#[test]
fn threads_leave_a_cpu_to_others_and_each_has_a_connection() {
    let threads = |line| {
        let meant = meant(line, true).unwrap();
        meant.engine(([127, 0, 0, 1], 80).into()).threads.get()
    };
    assert_eq!((threads(""), threads("-c 2"), threads("-t 7")), (3, 2, 7));
}

#[test]
fn the_schedule_is_in_the_title() {
    let cases = [
        ("", "closed loop"),
        ("-R 50k", "open loop, 50k/s poisson in total"),
        ("-R 1k:50k -d 5 --arrival constant", "open loop, 1k:50k/s constant in total"),
        ("--stages 3s@5,4s@6:7", "open loop, 3s@5,4s@6:7"),
        ("--think uniform:10ms:1s", "thinking uniform:10ms:1s"),
    ];
    for (line, mode) in cases {
        let meant = meant(line, true).unwrap();
        let plan = Plan::new(meant.plan().unwrap()).unwrap();
        assert_eq!(meant.title(&plan).mode, mode);
    }
}

#[test]
fn a_ramp_needs_an_end_that_was_typed() {
    for (line, hands) in [("-R 1k:5k", false), ("-R 1k:5k", true), ("-R 1k:5k -d 0", true)] {
        let error = meant(line, hands).unwrap_err();
        assert_eq!(error, "-R \"1k:5k\": a ramp needs an end: add -d, like -d 30s, or write --stages 30s@A:B");
    }
}

#[test]
fn the_command_makes_the_same_plan_again_wherever_it_is_run() {
    let cases = [
        ("", false, "tollgate-client http://127.0.0.1:8080/ --clients 1k -d 10s --seed 42"),
        ("", true, "tollgate-client http://127.0.0.1:8080/ --clients 1k --seed 42"),
        (
            "--seed 7 -d 5 --clients 9 --json x --plain",
            true,
            "tollgate-client http://127.0.0.1:8080/ -d 5 --clients 9 --seed 7",
        ),
        (
            "http://h/?a=1&b={id} -n 5 -b it's --pin -H A:1 -H B:2 --seed 7 --clients 9",
            false,
            r"tollgate-client 'http://h/?a=1&b={id}' -n 5 --clients 9 --seed 7 -H A:1 -H B:2 -b 'it'\''s' --pin",
        ),
        (
            "-b=-x -n 5 --seed 7 --clients 9",
            false,
            "tollgate-client http://127.0.0.1:8080/ -n 5 --clients 9 --seed 7 -b=-x",
        ),
    ];
    for (line, hands, command) in cases {
        let first = meant(line, hands).unwrap();
        assert_eq!(first.command(), command);
        if !line.contains('\'') {
            let again =
                meant(command.trim_start_matches("tollgate-client ").replace('\'', "").as_str(), hands).unwrap();
            let hash = |meant: &Meant| Plan::new(meant.plan().unwrap()).unwrap().hash();
            assert_eq!(hash(&first), hash(&again), "{line}");
        }
    }
}

#[test]
fn the_header_lists_what_was_typed_and_what_was_not() {
    let meant = meant("-c 8", false).unwrap();
    let plan = Plan::new(meant.plan().unwrap()).unwrap();
    let options = meant.header(&plan).options;
    for option in [
        ("-c", "8"),
        ("--pick", "uniform"),
        ("--clients", "1k"),
        ("-d", "10s"),
        ("--seed", "42"),
        ("-t", "3"),
        ("--deny", "429,503"),
    ] {
        assert_eq!(
            options.iter().filter(|(name, value)| (name.as_str(), value.as_str()) == option).count(),
            1,
            "{option:?}"
        );
    }
}

#[test]
fn the_engine_gets_what_was_typed() {
    let line =
        "--timeout 1s --deadline 2s --drain-timeout 3s --conn-rate 5k --reqs-per-conn 7 --close reset --deny 403 -p 16";
    let engine = meant(&format!("{line} -R 5"), true).unwrap().engine(([127, 0, 0, 1], 80).into());
    let secs = Nanos::from_secs;
    assert_eq!((engine.timeout, engine.deadline, engine.drain), (secs(1), Some(secs(2)), secs(3)));
    assert_eq!(
        [engine.connection_rate, engine.requests_per_connection, Some(engine.pipeline)],
        [5_000, 7, 16].map(NonZeroU32::new)
    );
    assert_eq!((engine.classes.allowed, engine.classes.denied), (vec![(200, 299)], vec![(403, 403)]));
}
