use super::{IdPlace, RequestSettings, Template, body};
use crate::plan::testing::TempFile;
use crate::plan::{Pick, Plan, PlanError, PlanSettings, Planned, Stop};
use proptest::prelude::{any, prop, proptest};

/// What a server would make of a request: method, target, headers, body.
struct Parsed {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Parsed {
    fn of(request: &[u8]) -> Parsed {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Request::new(&mut fields);
        let body = head.parse(request).expect("valid").unwrap();
        let headers = head.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect();
        let parsed = Parsed {
            method: head.method.unwrap().to_owned(),
            target: head.path.unwrap().to_owned(),
            headers,
            body: request[body..].to_vec(),
        };
        let announced = parsed.header("Content-Length").map_or(0, |value| value.parse().unwrap());
        assert_eq!(parsed.body.len(), announced, "Content-Length is the length of the body");
        parsed
    }

    fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }
}

fn plan(request: RequestSettings, pick: Pick) -> Result<Plan, PlanError> {
    let stop = Stop { after: None, requests: Some(100_000) };
    Plan::new(PlanSettings { seed: 9, clients: 1_000, request, pick, stop, ..PlanSettings::default() })
}

fn render(template: &Template, n: u64, id: u32) -> Vec<u8> {
    let mut out = Vec::new();
    template.render(&Planned { n, id, due: None }, &mut out);
    out
}

fn one(request: RequestSettings) -> Parsed {
    Parsed::of(&render(plan(request, Pick::Uniform).unwrap().request(), 12, 34))
}

fn refusal(request: RequestSettings) -> String {
    plan(request, Pick::Uniform).map(|_| ()).unwrap_err().to_string()
}

fn get(url: &str) -> RequestSettings {
    RequestSettings { url: url.to_owned(), ..RequestSettings::default() }
}

fn with_header(header: &str) -> RequestSettings {
    RequestSettings { headers: vec![header.to_owned()], ..RequestSettings::default() }
}

fn post(body: &str) -> RequestSettings {
    RequestSettings { method: "POST".to_owned(), body: body.into(), ..RequestSettings::default() }
}

#[test]
fn the_default_request_is_plain() {
    let plan = plan(RequestSettings::default(), Pick::Uniform).unwrap();
    let expected =
        "GET /?clientId=034 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: tollgate-client\r\nAccept: */*\r\n\r\n";
    assert_eq!(String::from_utf8(render(plan.request(), 0, 34)).unwrap(), expected);
    assert_eq!((plan.request().host(), plan.request().port()), ("127.0.0.1", 8080));
    assert_eq!(plan.id_text(34), "034");
}

#[test]
fn the_id_goes_where_it_is_told() {
    let cases = [
        ("http://h", "query:id", "/?id=034"),
        ("http://h/a?b=c", "query:id", "/a?b=c&id=034"),
        ("http://h/a?", "query:id", "/a?id=034"),
        ("http://h?b", "query:a b&", "/?b&a%20b%26=034"),
        ("http://h", "path", "/034"),
        ("http://h/a", "path", "/a/034"),
        ("http://h/a/?b=c", "path", "/a/034?b=c"),
        ("http://h/a", "header:X-Id", "/a"),
        ("http://h/{id}/x", "query:id", "/034/x"),
        ("http://h/{{id}}", "query:id", "/%7Bid%7D?id=034"),
    ];
    for (url, place, target) in cases {
        let id: IdPlace = place.parse().unwrap();
        let parsed = one(RequestSettings { id, ..get(url) });
        assert_eq!(parsed.target, target, "{url} {place}");
        assert_eq!(parsed.header("X-Id").as_deref(), place.starts_with("header").then_some("034"), "{url} {place}");
    }
    let in_header = one(with_header("X-Client: c-{id}"));
    assert_eq!((in_header.target.as_str(), in_header.header("X-Client").as_deref()), ("/", Some("c-034")));
    let in_body = one(post("{{\"id\":{id}}}"));
    assert_eq!((in_body.target.as_str(), in_body.body.as_slice()), ("/", b"{\"id\":034}".as_slice()));
}

#[test]
fn host_agent_and_accept_can_be_replaced_and_come_once() {
    let parsed = one(RequestSettings {
        headers: ["host: example.org", "User-Agent: other", "ACCEPT:text/plain"].map(str::to_owned).to_vec(),
        ..get("http://[::1]:80/")
    });
    assert_eq!(parsed.headers.len(), 3);
    assert_eq!(parsed.header("host").unwrap(), "example.org");
    assert_eq!(one(get("http://[::1]/")).header("Host").unwrap(), "[::1]");
    assert_eq!(one(get("http://h:81/")).header("Host").unwrap(), "h:81");
}

#[test]
fn a_method_that_expects_a_body_gets_a_length() {
    for (method, text, length) in
        [("GET", "", None), ("POST", "", Some("0")), ("DELETE", "x", Some("1")), ("PUT", "abc", Some("3"))]
    {
        let parsed =
            one(RequestSettings { method: method.to_owned(), body: text.into(), ..RequestSettings::default() });
        assert_eq!((parsed.method.as_str(), parsed.header("Content-Length").as_deref()), (method, length));
    }
    let head =
        plan(RequestSettings { method: "HEAD".to_owned(), ..RequestSettings::default() }, Pick::Uniform).unwrap();
    assert!(head.request().method_is_head());
    let file = TempFile::new("from a {seq} file");
    assert_eq!(body(&format!("@{}", file.path().display())).unwrap(), b"from a {seq} file");
    assert!(body("@/nonexistent").unwrap_err().to_string().starts_with("-b \"@/nonexistent\": cannot read"));
}

#[test]
fn numbers_keep_their_width_and_range() {
    let template = plan(get("http://h/{seq}/{rand:5:1000}/{zipf:1.1:3:20}/{rand:7:7}/{id}"), Pick::Uniform).unwrap();
    let mut seen = [(u64::MAX, 0); 5];
    let length = render(template.request(), 0, 0).len();
    for n in 0..20_000 {
        let request = render(template.request(), n, (n % 1_000) as u32);
        assert_eq!(request.len(), length);
        for (text, seen) in Parsed::of(&request).target[1..].split('/').zip(&mut seen) {
            let number: u64 = text.parse().unwrap();
            *seen = (seen.0.min(number), seen.1.max(number));
        }
    }
    assert_eq!(seen, [(0, 19_999), (5, 1_000), (3, 20), (7, 7), (0, 999)]);
}

#[test]
fn two_random_numbers_of_one_request_are_independent() {
    let template = plan(get("http://h/{rand:0:9}{rand:0:9}"), Pick::Uniform).unwrap();
    let mut cells = [0; 100];
    for n in 0..100_000 {
        let target = Parsed::of(&render(template.request(), n, 0)).target;
        cells[target[1..3].parse::<usize>().unwrap()] += 1;
    }
    assert!(cells.iter().all(|count| (850..1_150).contains(count)), "{cells:?}");
}

#[test]
fn columns_of_one_file_come_from_one_line_and_lengths_are_right() {
    let file = TempFile::new("sku,name\n1,milk\n22,\"rye bread\"\n333,gr\u{fc}tze\n");
    let path = file.path().display();
    let request = RequestSettings {
        headers: vec![format!("X-Sku: {{csv:{path}:sku}}")],
        ..post(&format!("n={{seq}} sku={{csv:{path}:1}} {{csv:{path}:sku}}={{csv:{path}:name}}."))
    };
    let template = plan(request, Pick::Uniform).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..200 {
        let parsed = Parsed::of(&render(template.request(), n, 5));
        let text = String::from_utf8(parsed.body.clone()).unwrap();
        assert!(text.starts_with(&format!("n={n:05} sku=")), "{text}");
        let (sku, name) =
            text.rsplit_once(' ').unwrap().1.trim_end_matches('.').split_once('=').unwrap_or(("22", "bread"));
        let pair = if name == "bread" { ("22".to_owned(), name) } else { (sku.to_owned(), name) };
        assert_eq!(parsed.header("X-Sku").unwrap(), pair.0.trim_end_matches("=rye"));
        assert_eq!(parsed.target, "/?clientId=005");
        seen.insert(name.to_owned());
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn hostile_ids_are_encoded_in_urls_and_refused_in_headers() {
    let file = TempFile::new("a b\n../x?y&z=1#\nx\rSet: 1\n\u{e9}\n");
    let pick = || Pick::File(file.path().to_owned());
    for (place, expected) in [("query:id", "/?id=..%2Fx%3Fy%26z%3D1%23"), ("path", "/..%2Fx%3Fy%26z%3D1%23")] {
        let plan = plan(RequestSettings { id: place.parse().unwrap(), ..get("http://h/") }, pick()).unwrap();
        for id in 0..4 {
            let parsed = Parsed::of(&render(plan.request(), 0, id));
            assert_eq!(parsed.headers.len(), 3);
            assert!(id != 1 || parsed.target == expected, "{}", parsed.target);
        }
        assert_eq!(plan.id_text(1), "../x?y&z=1#");
    }
    let in_header = RequestSettings { id: IdPlace::Header("X-Id".to_owned()), ..RequestSettings::default() };
    let error = plan(in_header, pick()).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("--id \"{id}\": the file of --pick holds \"x\\rSet: 1\", whose control"), "{error}");
    let clean = TempFile::new("alice\nbob\n");
    let in_header = RequestSettings { id: IdPlace::Header("X-Id".to_owned()), ..RequestSettings::default() };
    let plan = plan(in_header, Pick::File(clean.path().to_owned())).unwrap();
    assert_eq!(Parsed::of(&render(plan.request(), 0, 1)).header("X-Id").unwrap(), "bob");
}

#[test]
fn what_cannot_be_sent_names_the_flag_and_the_cure() {
    let id = |place: IdPlace| RequestSettings { id: place, ..RequestSettings::default() };
    let method = |method: &str| RequestSettings { method: method.to_owned(), ..RequestSettings::default() };
    let cases = [
        (method(""), "-m \"\": not a name"),
        (method("GET /x"), "-m \"GET /x\": not a name"),
        (get("https://h/"), "URL \"https://h/\": only http:// is spoken"),
        (get("http://h/\r\nX: y"), "URL \"/\\r\\nX: y\": control characters"),
        (get("http://h/{who}"), "URL \"{who}\": unknown: write {id}, {seq}"),
        (get("http://h/{id"), "URL \"{id\": a brace without its other half"),
        (get("http://h/id}"), "URL \"/id}\": a brace without its other half"),
        (get("http://h/{rand:9:1}"), "URL \"{rand:9:1}\": the smaller end"),
        (get("http://h/{rand:a:1}"), "URL \"{rand:a:1}\": not a number"),
        (get("http://h/{zipf:9:1:5}"), "URL \"{zipf:9:1:5}\": must be between 0 and 4"),
        (get("http://h/{csv:/nonexistent:1}"), "URL \"{csv:/nonexistent:1}\": cannot read /nonexistent"),
        (get("http://h/{csv:x}"), "URL \"{csv:x}\": unknown"),
        (with_header("X-A"), "-H \"X-A\": not a header: write 'Name: value'"),
        (with_header(": a"), "-H \": a\": not a name"),
        (with_header("X A: b"), "-H \"X A: b\": not a name"),
        (with_header("X-{id}: b"), "-H \"X-{id}: b\": not a name"),
        (with_header("X: a\r\nY: b"), "-H \"a\\r\\nY: b\": control characters"),
        (with_header("X: a\0"), "-H \"a\\0\": control characters"),
        (with_header("content-length: 5"), "-H \"content-length: 5\": the client computes"),
        (with_header("Transfer-Encoding: chunked"), "-H \"Transfer-Encoding: chunked\": the client computes"),
        (id(IdPlace::Header("X\r\nY".to_owned())), "--id \"header:X\\r\\nY\": not a name"),
        (post("{\"id\": 1}"), "-b \"{\\\"id\\\": 1}\": unknown: write {id}"),
    ];
    for (request, start) in cases {
        let error = refusal(request);
        assert!(error.starts_with(start), "{error}\n{start}");
        assert!(!error.contains('\n'), "one line: {error:?}");
    }
}

#[test]
fn a_place_prints_as_it_is_read_and_refuses_nonsense() {
    for text in ["query:clientId", "header:X-Client", "path", "query:a:b"] {
        assert_eq!(text.parse::<IdPlace>().unwrap().to_string(), text);
    }
    for text in ["", "query", "query:", "header:", "path:", "cookie:x"] {
        let error = text.parse::<IdPlace>().unwrap_err().to_string();
        assert_eq!(error, format!("--id \"{text}\": unknown: write query:NAME, header:NAME or path"));
    }
}

proptest! {
    /// Whatever is typed is refused or makes a valid request of the intended number of headers.
    #[test]
    fn nothing_typed_can_break_out_of_its_place(
        path in "(/|[ -~]|\\PC|\r|\n|\t|\\{id\\}|\\{seq\\}){0,12}",
        value in "([ -~]|\\PC|\r|\n|\t|\\{id\\}|\\{rand:1:50\\}){0,12}",
        body in prop::collection::vec(any::<u8>(), 0..20),
        n in any::<u64>(),
    ) {
        let request = RequestSettings {
            headers: vec![format!("X-Typed: {value}")],
            body,
            ..get(&format!("http://h/{path}"))
        };
        if let Ok(plan) = plan(request, Pick::Uniform) {
            let bytes = render(plan.request(), n, (n % 1_000) as u32);
            let parsed = Parsed::of(&bytes);
            let with_length = usize::from(!parsed.body.is_empty());
            assert_eq!(parsed.headers.len(), 4 + with_length);
            assert_eq!(bytes.len(), render(plan.request(), 0, 0).len());
        }
    }

    /// Whatever lines a file holds.
    #[test]
    fn nothing_in_a_file_can_break_out_of_its_place(lines in prop::collection::vec("\\PC{0,8}|[\0-~]{0,8}", 1..6)) {
        let file = TempFile::new(lines.join("\n"));
        let pick = || Pick::File(file.path().to_owned());
        let in_url = plan(RequestSettings { body: b"{id}".to_vec(), ..get("http://h/{id}?a={id}&b") }, pick());
        let in_header = plan(with_header("X-Id: {id}"), pick());
        for plan in [in_url, in_header].into_iter().flatten() {
            for id in 0..plan.ids() as u32 {
                assert_eq!(Parsed::of(&render(plan.request(), 0, id)).headers.len(), 4);
            }
        }
    }
}
