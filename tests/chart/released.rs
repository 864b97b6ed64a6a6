//! What a packed chart says of itself: its links lead to the repository that it was built from, its changes are those of the
//! changelog, and its image and its key are those of the release.

use std::process::Command;

use serde_json::Value;

use crate::helm::{HELM, built, document, read, root, yaml};
use crate::release::{IMAGE, VERSION, entry, pack_with, run};

const SOURCE: &str = "https://git.example.com/team/operator";

/// The links of a text.
fn links(text: &str) -> Vec<String> {
    let link = regex::Regex::new("https?://[^\\s)|`\"']+").unwrap();
    link.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

fn annotation(chart: &Value, name: &str) -> Value {
    document(chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap())
}

/// Each link is to a file or a folder of the tag, and the site is named nowhere.
fn lead_to_the_tag(texts: &[(&str, String)]) {
    let mut led = 0;
    for (name, text) in texts {
        for link in links(text) {
            assert!(!link.contains("classiclb.dev"), "{name}: {link}");
            let Some(rest) = link.strip_prefix(SOURCE).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let (way, path) = rest[1..].split_once(&format!("/v{VERSION}")).unwrap();
            let path = root().join(path.trim_start_matches('/').split('#').next().unwrap());
            assert!(path.exists(), "{name}: {link}");
            let pages = link.ends_with("/docs/runbooks/") && way == "blob";
            assert!(pages || path.is_dir() == (way == "tree"), "{name}: {link}");
            led += 1;
        }
    }
    assert!(led > 12, "{led}");
}

#[test]
fn a_packed_chart_leads_to_where_it_comes_from() {
    let work = tempfile::tempdir().unwrap();
    let (key, public) = (work.path().join("key.pem"), work.path().join("key.pub"));
    run(Command::new("openssl")
        .args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"])
        .arg(&key));
    run(Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&key)
        .arg("-out")
        .arg(&public));
    let more = [
        "--source",
        SOURCE,
        "--url",
        "https://git.example.com/dl",
        "--public-key",
        public.to_str().unwrap(),
    ];
    let out = pack_with(work.path(), "022", &more);
    let package = out.join(format!("classic-lb-operator-{VERSION}.tgz"));
    let of = |name: &str| String::from_utf8(entry(&package, &format!("classic-lb-operator/{name}"))).unwrap();
    let krew = std::fs::read_to_string(out.join("clb.yaml")).unwrap();

    let texts = ["Chart.yaml", "README.md", "values.yaml"].map(|name| (name, of(name)));
    lead_to_the_tag(&[&texts[..], &[("clb.yaml", krew)]].concat());
    let chart = document(&of("Chart.yaml"));
    assert_eq!(chart["sources"], serde_json::json!([SOURCE]));
    assert_eq!(chart["home"], format!("{SOURCE}/tree/v{VERSION}"));

    // An alert leads to its page.
    let arguments = ["--set", "clusterId=test", "--set", "prometheusRule.enabled=true"];
    let rendered = run(Command::new(built(HELM))
        .args(["template", "x"])
        .arg(&package)
        .args(arguments)
        .env("HOME", work.path()));
    let objects = yaml(&String::from_utf8(rendered.stdout).unwrap());
    let rules = objects
        .iter()
        .find(|object| object["kind"] == "PrometheusRule")
        .unwrap();
    for rule in rules["spec"]["groups"][0]["rules"].as_array().unwrap() {
        let page = rule["annotations"]["runbook_url"].as_str().unwrap();
        let path = page.strip_prefix(&format!("{SOURCE}/blob/v{VERSION}/")).unwrap();
        assert!(root().join(path).is_file(), "{page}");
    }

    // The image is the one of the release, whatever a registry makes of the tag, and the key the one that signs it.
    let image = annotation(&chart, "images")[0]["image"].as_str().unwrap().to_owned();
    let install = std::fs::read_to_string(out.join("install.yaml")).unwrap();
    assert!(image.starts_with(&format!("{IMAGE}:{VERSION}@sha256:")), "{image}");
    assert!(install.contains(&format!("image: \"{image}\"")) || install.contains(&format!("image: {image}")));
    run(Command::new("openssl")
        .args(["pkey", "-pubin", "-outform", "DER", "-in"])
        .arg(&public)
        .arg("-out")
        .arg(work.path().join("key.der")));
    let sum = run(Command::new("sha256sum").arg(work.path().join("key.der"))).stdout;
    let sum = String::from_utf8(sum).unwrap();
    let signed = annotation(&chart, "signKey");
    assert_eq!(signed["fingerprint"], sum.split(' ').next().unwrap());
    assert_eq!(
        signed["url"],
        format!("https://git.example.com/dl/v{VERSION}/release.pub")
    );
}

#[test]
fn a_packed_chart_tells_what_the_changelog_does() {
    let work = tempfile::tempdir().unwrap();
    let out = pack_with(work.path(), "022", &[]);
    let package = out.join(format!("classic-lb-operator-{VERSION}.tgz"));
    let chart = document(&String::from_utf8(entry(&package, "classic-lb-operator/Chart.yaml")).unwrap());
    let changelog = read("CHANGELOG.md");
    let (_, component) = changelog.split_once("### Chart and manifests\n").unwrap();
    let items = component.split("\n### ").next().unwrap().matches("\n- ").count();
    let changes = annotation(&chart, "changes");
    let changes = changes.as_array().unwrap();
    assert_eq!(changes.len(), items);
    assert!(items > 10, "{items}");
    for change in changes {
        let text = change["description"].as_str().unwrap();
        assert_eq!(change["kind"], "added", "{text}");
        let marked = ["`", "**", "](", "\n"].iter().any(|mark| text.contains(mark));
        assert!(!text.is_empty() && !marked && !text.ends_with('.'), "{text}");
    }
    let told = |name: &str| chart["annotations"][format!("artifacthub.io/{name}")].clone();
    assert_eq!(told("prerelease"), "true", "before 1.0.0");
    assert_eq!(told("signKey"), Value::Null, "no key is given");
    assert_eq!(chart["home"], "https://classiclb.dev", "no source is given");
}

/// By the functions themselves, of versions that there are not yet.
#[test]
fn what_a_version_says_of_itself_is_its_own() {
    let script = r#"
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, "tools/release")
import told
text = "annotations:\n  artifacthub.io/prerelease: \"true\"\n  artifacthub.io/containsSecurityUpdates: \"false\"\n"
log = """
## Unreleased

### Chart and manifests

#### Added

- Nothing yet.

## [1.2.0] - 2027-01-01

### Chart and manifests

#### Fixed

- **A thing**: it's [mended](a.md). And more
  of it.

### Operator

#### Security

- A hole.

## [1.1.0]

### Chart and manifests

#### Removed

- A value.
"""
for tag in ("1.2.0", "1.1.0", "2.0.0-rc.1"):
    print(told.chart(text, tag, log, "image", None))
    print("---")
"#;
    let ran = run(Command::new("python3").args(["-c", script]).current_dir(root()));
    let charts = yaml(&String::from_utf8(ran.stdout).unwrap());
    let of = |at: usize| {
        let chart = &charts[at];
        let told = |name: &str| {
            chart["annotations"][format!("artifacthub.io/{name}")]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let change = annotation(chart, "changes")[0].clone();
        (told("prerelease"), told("containsSecurityUpdates"), change)
    };
    let change = |kind: &str, description: &str| serde_json::json!({"kind": kind, "description": description});
    let expected = |pre: &str, secure: &str, change| (pre.to_owned(), secure.to_owned(), change);
    assert_eq!(
        of(0),
        expected("false", "true", change("fixed", "A thing: it's mended"))
    );
    assert_eq!(of(1), expected("false", "false", change("removed", "A value")));
    assert_eq!(of(2), expected("true", "false", change("added", "Nothing yet")));
}
