use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::checks::proxy_header::check_proxy_header;

fn source(input: &[u8]) -> Result<Option<String>, Malformed> {
    match read(input) {
        Progress::Header { consumed, source } if consumed == input.len() => Ok(source.map(|ip| ip.to_string())),
        Progress::Malformed(why) => Err(why),
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(input)),
    }
}

fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("a length").to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, rest].concat()
}

#[test]
fn a_line_tells_who_connected() {
    let longest =
        "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(longest.len(), LONGEST_LINE);
    for (line, client) in [
        ("PROXY TCP4 192.0.2.7 198.51.100.1 51234 80\r\n", Some("192.0.2.7")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", Some("255.255.255.255")),
        ("PROXY TCP6 2001:db8::7 2001:db8::1 51234 80\r\n", Some("2001:db8::7")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN whatever it says\r\n", None),
        (longest, None),
    ] {
        assert_eq!(source(line.as_bytes()), Ok(client.map(str::to_owned)), "{line:?}");
    }
}

#[test]
fn a_line_that_is_not_to_the_letter_is_malformed() {
    for line in [
        "PROXY TCP4 192.0.2.7 198.51.100.1 51234\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 51234 80 \r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 51234 80 x\r\n",
        "PROXY TCP4  192.0.2.7 198.51.100.1 51234 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 51234 80\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 51234 80\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 51234 80\r\n",
        "PROXY TCP4 192.0.2.07 198.51.100.1 51234 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 051234 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +1 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 80\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 1 80\r\n",
        "PROXY tcp4 192.0.2.7 198.51.100.1 1 80\r\n",
        "PROXY \r\n",
        "PROXY \u{e9}\r\n",
    ] {
        assert_eq!(source(line.as_bytes()), Err(Malformed::Line), "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(read(&endless.as_bytes()[..LONGEST_LINE]), Progress::Malformed(Malformed::Line));
    assert_eq!(read(&endless.as_bytes()[..LONGEST_LINE - 1]), Progress::NeedMore);
    for start in ["GET / HTTP/1.1", "PRO ", "PROXY\t", "Q", "\n", "\r\nGET", "\u{16}\u{3}\u{1}"] {
        assert_eq!(read(start.as_bytes()), Progress::Malformed(Malformed::Absent), "{start:?}");
    }
}

#[test]
fn a_binary_header_tells_who_connected() {
    let ipv4 = [192, 0, 2, 7, 198, 51, 100, 1, 0xc8, 0x22, 0, 80];
    let mut ipv6 = [0; 36];
    ipv6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    ipv6[15] = 7;
    let with_tlvs = [&ipv4[..], &[0x03, 0, 4, 1, 2, 3, 4, 0xea, 0, 1, 0]].concat();
    for (header, client) in [
        (binary(PROXY, TCP_OVER_IPV4, &ipv4), Some("192.0.2.7")),
        (binary(PROXY, TCP_OVER_IPV4, &with_tlvs), Some("192.0.2.7")),
        (binary(PROXY, TCP_OVER_IPV6, &ipv6), Some("2001:db8::7")),
        (binary(PROXY, TCP_OVER_IPV4, &[&ipv4[..], &[0; 4084]].concat()), Some("192.0.2.7")),
        // A health check of the proxy's own, and families that mean nothing here.
        (binary(LOCAL, TCP_OVER_IPV4, &ipv4), None),
        (binary(LOCAL, 0, &[]), None),
        (binary(PROXY, 0, &[1, 2, 3]), None),
        (binary(PROXY, 0x31, &[0; 216]), None),
        (binary(PROXY, 0x12, &ipv4), None),
    ] {
        assert_eq!(source(&header), Ok(client.map(str::to_owned)), "{header:?}");
    }
}

#[test]
fn a_binary_header_that_contradicts_itself_is_malformed() {
    for (header, why) in [
        (binary(0x11, TCP_OVER_IPV4, &[0; 12]), Malformed::Command),
        (binary(0x22, TCP_OVER_IPV4, &[0; 12]), Malformed::Command),
        (binary(PROXY, TCP_OVER_IPV4, &[0; 11]), Malformed::Length),
        (binary(PROXY, TCP_OVER_IPV6, &[0; 35]), Malformed::Length),
        (binary(PROXY, TCP_OVER_IPV4, &[0; 4097]), Malformed::Length),
    ] {
        assert_eq!(source(&header), Err(why), "{:?}", &header[12..16]);
    }
}

/// Headers, sound and nearly so, with the beginning of a request behind them; and noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let line =
        "PROXY (TCP4|TCP6|UNKNOWN|X) ?(192\\.0\\.2\\.7 198\\.51\\.100\\.1|::1 ::2) [0-9]{1,5} [0-9]{1,5}\r?\nGET /";
    let header = (prop::sample::select(vec![LOCAL, PROXY, 0x11]), prop::sample::select(vec![0, 0x11, 0x21, 0x31]));
    let binary = (header, prop::collection::vec(any::<u8>(), 0..60), any::<bool>()).prop_map(
        |((command, family), rest, cut)| {
            let mut bytes = binary(command, family, &rest);
            match cut {
                true => bytes.truncate(bytes.len() / 2),
                false => bytes.extend_from_slice(b"GET /"),
            }
            bytes
        },
    );
    prop_oneof![line.prop_map(String::into_bytes), binary, prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn however_a_header_is_cut_into_reads_it_is_the_same_and_what_the_specification_says(bytes in bytes()) {
        check_proxy_header(&bytes);
    }

    #[test]
    fn so_is_one_with_a_changed_byte(bytes in bytes(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = bytes;
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        check_proxy_header(&bytes);
    }
}

#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/proxy_header");
    let seeds: Vec<_> = fs::read_dir(folder).expect("seeds").map(|seed| seed.expect("a seed").path()).collect();
    assert!(seeds.len() >= 10, "{seeds:?}");
    seeds.iter().for_each(|seed| check_proxy_header(&fs::read(seed).expect("a file")));
}
