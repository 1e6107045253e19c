//! The page of `--html`.

use serde_json::Value;
use tollgate_tester::summary::{Files, Summary};

use crate::example::{entry, header};

#[test]
fn the_page_loads_nothing() {
    let page = page_of(20);
    for word in
        ["http://", "https://", "url(", "@import", " src=", "<link", "<img", "fetch(", "XMLHttpRequest", "innerHTML"]
    {
        // The namespace of SVG is a name and nothing is loaded from it.
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(word);
        assert!(!found, "{word}");
    }
    assert!(page.contains("default-src 'none'") && !page.contains("{{"));
}

#[test]
fn hostile_texts_stay_data() {
    let nasty = "</script><script>alert(1)</script><!-- ]]> \" ' \\ & {{script}} {{data}} \u{2028}";
    let mut entry = entry(18);
    entry.scenario = nasty.chars().take(40).collect();
    entry.parameters.push(("name".to_owned(), "<b>&amp;".to_owned()));
    entry.failures[0].text = nasty.to_owned();
    entry.failures[0].lines = vec![nasty.to_owned()];
    entry.command = nasty.to_owned();
    let mut summary = Summary::new(header(), &Files::default());
    summary.add(&entry).unwrap();
    let page = summary.html();
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
    let data = data(&page);
    let shown = nasty.replace('\u{2028}', "\\u{2028}");
    assert_eq!(data["failures"][0]["failures"][0]["lines"][0], shown);
    assert_eq!(data["failures"][0]["command"], shown);
    assert_eq!(data["failures"][0]["parameters"]["name"], "<b>&amp;");
}

#[test]
fn the_page_shows_all_of_a_few_trials() {
    for n in [0, 1, 40] {
        let data = data(&page_of(n));
        let rows = ["failures", "trials"].map(|name| data[name].as_array().unwrap().len() as u64);
        assert_eq!(rows.iter().sum::<u64>(), n);
        assert_eq!(data["progress"].as_array().unwrap().len() as u64, n);
        assert_eq!(data["totals"][0], serde_json::json!(["trials", n.to_string()]));
    }
}

#[test]
fn the_page_stays_small_and_its_plots_span_the_whole_time() {
    let page = page_of(5_000);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    let data = data(&page);
    let ends = |name: &str, key: &dyn Fn(&Value) -> f64| {
        let places = data[name].as_array().unwrap();
        assert!((400..=800).contains(&places.len()), "{name}: {}", places.len());
        (key(&places[0]), key(&places[places.len() - 1]))
    };
    let (first, last) = ends("progress", &|trial| trial["trial"].as_f64().unwrap());
    assert!(first == 1.0 && last > 4_980.0, "{first} to {last}");
    let (first, last) = ends("course", &|place| place[1].as_f64().unwrap());
    assert!(first < 600.0 && last > 4_995.0 * 33.0, "{first} to {last}");
    assert_eq!(data["trials"].as_array().unwrap().len(), 500);
    assert_eq!(data["failures"].as_array().unwrap().len(), 200);
}

fn page_of(trials: u64) -> String {
    let mut summary = Summary::new(header(), &Files::default());
    (1..=trials).for_each(|n| summary.add(&entry(n)).unwrap());
    summary.html()
}

/// What the script is given, as a browser would read it.
fn data(page: &str) -> Value {
    let (_, data) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
}
