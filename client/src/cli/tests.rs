use super::*;
use crate::plan::Stage;
use crate::program::conflict::Conflict;

fn read(line: &str) -> Result<Args, String> {
    let words = std::iter::once("tollgate-client").chain(line.split_whitespace()).map(OsString::from);
    let (args, _) = Args::read(words).map_err(|answer| answer.to_string())?;
    Conflict::check(&args, 2).map_err(|conflict| conflict.to_string())?;
    Ok(args)
}

#[test]
fn a_flag_that_cannot_be_is_one_line_that_names_it() {
    let cases = [
        ("-n 0", "-n \"0\": must be between 1 and 18446744073709551615"),
        ("-n -5", "-n \"-5\": not a number: write a whole number, with k or M if you like, like 250k"),
        ("-c 0", "-c \"0\": must be between 1 and 1M"),
        ("-c many", "-c \"many\": not a number: write a whole number, with k or M if you like, like 250k"),
        ("-t 0", "-t \"0\": must be between 1 and 1024"),
        ("-p 0", "-p \"0\": must be between 1 and 10k"),
        ("-R 0", "-R \"0\": a rate of 0 throughout sends nothing: let it rise above 0"),
        ("-d 1.5s", "-d \"1.5s\": fractions are not taken: use a smaller unit, like 1500ms for 1.5s or 1500 for 1.5k"),
        (
            "-z soon",
            "-d \"soon\": not a duration: write a whole number and us, ms, s, m or h, like 500ms (a bare number is seconds)",
        ),
        ("--clients 0", "--clients \"0\": must be between 1 and 100M"),
        ("--timeout 0", "--timeout \"0\": must be between 1ms and 1h"),
        ("--interval 1ms", "--interval \"1ms\": must be between 50ms and 1h"),
        ("--close softly", "--close \"softly\": unknown: write orderly or reset"),
        ("--wait idly", "--wait \"idly\": unknown: write spin, hybrid or sleep"),
        ("--affinity loose", "--affinity \"loose\": unknown: write spray or sticky"),
        ("--arrival late", "--arrival \"late\": unknown: write poisson or constant"),
        ("--id cookie:a", "--id \"cookie:a\": unknown: write query:NAME, header:NAME or path"),
        ("--allow 2x", "--allow \"2x\": unknown: write statuses from 100 to 599, like 2xx, 429,503 or 200-299"),
        (
            "--sources 127.0.0.1,home",
            "--sources \"home\": unknown: write addresses with commas between, like 127.0.0.2,127.0.0.3",
        ),
        ("--rat 5", "unexpected argument '--rat' found; tip: a similar argument exists: '--rate'"),
        ("--bogus", "unexpected argument '--bogus' found: drop it, --help lists what there is"),
        ("-X", "unexpected argument '-X' found: drop it, --help lists what there is"),
        ("--json", "a value is required for '--json <FILE|->' but none was supplied"),
        ("-n 5 -n 6", "the argument '--requests <N>' cannot be used multiple times"),
        (
            "http://a/ http://b/",
            "unexpected argument 'http://b/' found: there is one URL, drop it, or quote a value that has spaces",
        ),
    ];
    for (line, meant) in cases {
        assert_eq!(read(line).map(drop), Err(meant.to_owned()), "{line}");
    }
}

#[test]
fn an_argument_of_two_lines_is_told_in_one() {
    for (arg, told) in [("two\nlines", "'two\\nlines'"), ("--two\nlines", "'--two\\nlines'")] {
        let words = ["tollgate-client", "http://localhost/", arg].map(OsString::from);
        let line = Args::read(words).map(drop).unwrap_err().to_string();
        assert!(line.starts_with(&format!("unexpected argument {told} found: ")), "{line}");
    }
}

#[test]
fn options_that_contradict_one_another_are_one_line_that_names_both() {
    let cases = [
        ("--think exp:1s -R 5k", "-R and --think both say when requests are due: drop one of them"),
        ("-R 5k --stages 1s@5", "-R and --stages both say when requests are due: drop one of them"),
        ("--think exp:1s --stages 1s@5", "--stages and --think both say when requests are due: drop one of them"),
        ("--arrival constant", "--arrival shapes the rate of -R or --stages: add one of them, or drop --arrival"),
        (
            "--arrival constant --think exp:1s",
            "--arrival shapes the rate of -R or --stages: add one of them, or drop --arrival",
        ),
        (
            "--deadline 1s",
            "--deadline needs a schedule to be behind, and a closed loop has none: add -R, --stages or --think, or drop --deadline",
        ),
        ("--stages 1s@5 -d 5s", "--stages and -d both say how long: drop -d"),
        ("-c 2 -t 4", "-c 2 is less than -t 4: each thread needs a connection, raise -c or lower -t"),
        ("-t 65", "-c 64 is less than -t 65: each thread needs a connection, raise -c or lower -t"),
        (
            "-t 3 --pin",
            "--pin gives each thread a CPU of its own, and -t 3 is more than the 2 there are: lower -t or drop --pin",
        ),
        ("--json a --series b --hgrm a", "--json and --hgrm both write a: give them files of their own"),
        ("--json x --series ./x", "--json and --series both write ./x: give them files of their own"),
        (
            "--json src/nowhere --hgrm tests/../src/nowhere",
            "--json and --hgrm both write tests/../src/nowhere: give them files of their own",
        ),
        ("--series -", "--series - is not taken, only --json - goes to stdout: name a file"),
    ];
    for (line, meant) in cases {
        assert_eq!(read(line).map(drop), Err(meant.to_owned()), "{line}");
    }
}

#[test]
fn what_goes_together_is_taken() {
    let lines = [
        "-R 5k --arrival constant --deadline 100ms",
        "--stages 10s@1k,30s@1k:50k,5s@0 --arrival poisson -n 10k",
        "--think uniform:10ms:1s --deadline 1s",
        "-c 2 -t 2 --pin",
        "-c 1",
        "--json - --series a --hgrm b",
        "--json - --series ./-",
        "--json /nowhere/x --series /elsewhere/x",
        "-d 0",
        "-d 5s -n 10",
        "--fail-if denied.p99>5ms --fail-if errors>0.1% --require-valid",
    ];
    for line in lines {
        read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn aliases_are_what_users_of_other_tools_type() {
    let args = read("-z 30 -q 50k").unwrap();
    assert_eq!(
        (args.duration, args.rate),
        (Some(value::End(Some(Nanos::from_secs(30)))), Some(Rate::Constant(50_000)))
    );
    let long = read("--duration 30s --rate 50k --connections 8 --threads 2 --pipeline 4 --requests 1M").unwrap();
    let short = read("-d30s -R50k -c8 -t2 -p4 -n1M").unwrap();
    assert_eq!(format!("{long:?}"), format!("{short:?}"));
}

#[test]
fn every_option_of_the_design_is_read() {
    let args = read(
        "http://localhost:9000/x --clients 2k -c 8 -t 2 -d 1m -n 10k --stages 10s@1k,30s@1k:50k -p 4 --pick zipf:1.1 \
         --id header:X-Key --seed 7 --allow 200-204,404 --deny none --json - --series s --hgrm h --plain --affinity sticky \
         --reqs-per-conn 100 --conn-rate 1k --close reset --timeout 500ms --drain-timeout 0 --wait spin --pin \
         --sources 127.0.0.2,127.0.0.3 -m POST -H A:b -H C:d -b {id} --interval 100ms --top 3"
            .replace("-d 1m ", "")
            .as_str(),
    )
    .unwrap();
    let stage = |secs, from, to| Stage { span: Nanos::from_secs(secs), from, to };
    assert_eq!(args.stages, Some(Profile::stages(vec![stage(10, 1_000, 1_000), stage(30, 1_000, 50_000)]).unwrap()));
    assert_eq!(
        (args.clients, [Some(args.connections), args.threads, Some(args.pipeline)]),
        (Some(2_000), [8, 2, 4].map(NonZeroU32::new))
    );
    assert_eq!(
        (args.requests, args.seed, args.reqs_per_conn, args.conn_rate),
        (Some(10_000), Some(7), NonZeroU32::new(100), NonZeroU32::new(1_000))
    );
    assert_eq!(
        (args.pick.to_string(), args.id, args.affinity),
        ("zipf:1.1".to_owned(), IdPlace::Header("X-Key".into()), Affinity::Sticky)
    );
    assert_eq!((args.allow, args.deny), (Codes(vec![(200, 204), (404, 404)]), Codes(vec![])));
    assert_eq!((args.close, args.wait, args.pin, args.plain, args.top), (Close::Reset, Wait::Spin, true, true, 3));
    let millis = Nanos::from_millis;
    assert_eq!((args.timeout, args.drain_timeout, args.interval), (millis(500), Nanos::ZERO, millis(100)));
    assert_eq!(args.sources, ["127.0.0.2", "127.0.0.3"].map(|text| text.parse::<IpAddr>().unwrap()));
    assert_eq!(
        (args.method.as_str(), args.headers, args.body),
        ("POST", vec!["A:b".into(), "C:d".into()], Some("{id}".into()))
    );
    assert_eq!((args.json, args.series, args.hgrm), (Some("-".into()), Some("s".into()), Some("h".into())));
}

#[test]
fn the_help_is_grouped_and_has_examples() {
    let help = read("--help").unwrap_err();
    let parts = [
        "Load:",
        "Connections:",
        "Simulated clients:",
        "Request:",
        "Pass or fail:",
        "Output:",
        "Generator:",
        "Examples:",
        "Exit codes:",
    ];
    let places: Vec<_> = parts
        .iter()
        .map(|part| help.find(&format!("\n{part}\n")).unwrap_or_else(|| panic!("{part}\n{help}")))
        .collect();
    assert!(places.is_sorted(), "{help}");
    for said in ["tail:0.1 (90% to the last 10%", "nothing was measured for it"] {
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(said), "{said}\n{help}");
    }
    let widest = help.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(140), "{help}");
}

#[test]
fn what_is_given_says_whether_it_was_typed() {
    let words = "x --sources 127.0.0.2,127.0.0.3 -H A:b -H C:d --pin --json f".split(' ').map(OsString::from);
    let (_, given) = Args::read(words).unwrap();
    let of = |name: &str| {
        given
            .iter()
            .filter(|given| given.name == name)
            .map(|given| (given.value.as_str(), given.typed))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("-H"), [("A:b", true), ("C:d", true)]);
    assert_eq!(of("--sources"), [("127.0.0.2,127.0.0.3", true)]);
    assert_eq!(of("--pin"), [("", true)]);
    assert_eq!(of("--pick"), [("uniform", false)]);
    assert_eq!((of("--json"), of("--clients"), of("-c")), (vec![], vec![], vec![]));
}
