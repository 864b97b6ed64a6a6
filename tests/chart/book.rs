//! The documentation as a book: its list of chapters is whole, links and anchors lead somewhere, and what stands in the pages as
//! YAML is taken by what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aws_simulator::Seed;
use serde_json::{Value, json};
use testkit::Kind;

use crate::helm::{REQUIRED, document, read, root, template, yaml};
use crate::install::Turn;
use crate::pages::{self, shown};

/// The anchors of a page, as mdBook and code forges make them of headings.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut code = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        let heading = line.trim_start_matches('#');
        if code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        anchors.insert(slug);
    }
    anchors
}

#[test]
fn the_book_lists_every_page_once() {
    let summary = read("docs/SUMMARY.md");
    let listed: Vec<&str> = summary
        .lines()
        .filter_map(|line| line.split_once("](")?.1.strip_suffix(')'))
        .collect();
    let unique: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(listed.len(), unique.len(), "a page is listed twice");
    let pages: BTreeSet<String> = pages::book()
        .iter()
        .map(|page| shown(page)["docs/".len()..].to_owned())
        .filter(|page| page != "SUMMARY.md")
        .collect();
    assert_eq!(unique, pages.iter().map(String::as_str).collect());
    let settings = read("book.toml");
    assert!(settings.contains("src = \"docs\""));
    // Where the source can be looked at is told to `tools/book`.
    assert!(!settings.contains("://"), "an address in book.toml");
}

#[test]
fn anchors_of_links_exist() {
    let mut known: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let (mut looked, mut missing) = (0, Vec::new());
    for page in pages::all() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if target.contains("://") || target.contains('[') || anchor.is_empty() {
                continue;
            }
            let file = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            let file = file
                .canonicalize()
                .unwrap_or_else(|_| panic!("{}: {target}", shown(&page)));
            let anchors = known.entry(file.clone()).or_insert_with(|| anchors(&file));
            if !anchors.contains(anchor) {
                missing.push(format!("{}: {target}", shown(&page)));
            }
            looked += 1;
        }
    }
    assert!(looked > 15, "only {looked} links with an anchor");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Alerts, the chart and the releases name pages of the book by where they are to be.
#[test]
fn addresses_of_the_book_are_those_of_its_pages() {
    let address = regex::Regex::new(r"https://classiclb\.dev/docs/([\w/.-]*)(?:#([\w-]+))?").unwrap();
    let (mut looked, mut missing) = (0, BTreeSet::new());
    let mut folders: Vec<PathBuf> = ["charts", "deploy", "src", "tools"]
        .map(|folder| root().join(folder))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // What is no text names no page.
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for found in address.captures_iter(&text) {
                let (page, anchor) = (&found[1], found.get(2).map_or("", |anchor| anchor.as_str()));
                let file = match page.strip_suffix(".html") {
                    Some(name) => root().join(format!("docs/{name}.md")),
                    None if page.starts_with("images/") => root().join("docs").join(page),
                    None => root().join("docs").join(page).join("README.md"),
                };
                looked += 1;
                if !file.exists() || !anchor.is_empty() && !anchors(&file).contains(anchor) {
                    missing.insert(format!("{}: {}", shown(&path), &found[0]));
                }
            }
        }
    }
    assert!(looked > 20, "only {looked} addresses");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The ports on their page are those of the chart.
#[test]
fn ports_are_what_their_page_says() {
    let defaults = document(&read("charts/classic-lb-operator/values.yaml"));
    let page = read("docs/reference/endpoints.md");
    let mut looked = 0;
    for cell in page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
    {
        let words: Vec<&str> = cell
            .split(['`', ',', ' ', '(', ')'])
            .filter(|word| !word.is_empty())
            .collect();
        let [_, port, value] = words.as_slice() else {
            panic!("{cell}")
        };
        let set = defaults.pointer(&format!("/{}", value.replace('.', "/"))).unwrap();
        assert_eq!(set.to_string(), *port, "{cell}");
        looked += 1;
    }
    assert_eq!(looked, 2);
}

#[test]
fn links_of_the_book_lead_somewhere() {
    let (mut looked, mut missing) = (0, Vec::new());
    for page in pages::all() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            let path = target.split('#').next().unwrap();
            if target.contains("://") || target.contains('[') || path.is_empty() {
                continue;
            }
            if !page.parent().unwrap().join(path).exists() {
                missing.push(format!("{}: {target}", shown(&page)));
            }
            looked += 1;
        }
    }
    assert!(looked > 100, "only {looked} links");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn json_in_the_pages_can_be_read() {
    let mut read = 0;
    for block in pages::in_language("json") {
        let parsed = serde_json::from_str::<Value>(&block.text);
        parsed.unwrap_or_else(|why| panic!("{}{why}", block.place()));
        read += 1;
    }
    assert!(read > 0, "no block was looked at");
}

/// Kinds of others, whose definitions are not here.
const OF_OTHERS: [&str; 5] = [
    "Application",
    "HelmRelease",
    "Kustomization",
    "DNSEndpoint",
    "InstanceGroup",
];

#[tokio::test]
async fn manifests_in_the_pages_are_taken_by_the_api_server() {
    let turn = Turn::begin("book").await;
    turn.install(&crate::helm::chart(), &["--set", "admissionWarnings.enabled=false"])
        .unwrap();
    turn.served().await;
    for name in ["shop", "monitoring"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        turn.cluster.apply(&namespace.to_string()).await.unwrap();
    }
    let (mut taken, mut others) = (0, 0);
    for block in pages::in_language("yaml") {
        let place = block.place();
        match block.info.as_str() {
            "" => {}
            "values" => {
                template(&[REQUIRED, &block.text]).unwrap_or_else(|why| panic!("{place}{why}"));
                taken += 1;
                continue;
            }
            "spec" => {
                let mut object = document(&read("examples/tutorial.yaml"));
                let given = document(&block.text);
                for (field, value) in given.as_object().unwrap() {
                    object["spec"][field] = value.clone();
                }
                create(&turn, &object, &place).await;
                taken += 1;
                continue;
            }
            "seed" => {
                Seed::from_yaml(&block.text).unwrap_or_else(|why| panic!("{place}{why}"));
                continue;
            }
            other => panic!("{place}: what is {other}?"),
        }
        for object in yaml(&block.text) {
            let kind = object["kind"].as_str().unwrap_or_else(|| panic!("no kind in {place}"));
            if OF_OTHERS.contains(&kind) {
                others += 1;
            } else {
                create(&turn, &object, &place).await;
                taken += 1;
            }
        }
    }
    assert!(taken >= 6 && others >= 2, "{taken} were taken, {others} are of others");
    turn.uninstall();
}

/// Creates an object in its namespace and takes it away again.
async fn create(turn: &Turn, object: &Value, place: &str) {
    let cluster = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => turn.cluster.in_namespace(namespace),
        None => turn.cluster.in_namespace(turn.cluster.namespace()),
    };
    let created = cluster.create(&object.to_string()).await;
    created.unwrap_or_else(|why| panic!("{place}{why}"));
    let name = object["metadata"]["name"].as_str().unwrap();
    for kind in [Kind::CLB, Kind::BINDING] {
        if object["kind"] == kind.1 {
            cluster.delete_and_wait(kind, name).await.unwrap();
        }
    }
}

/// The page of IAM actions has a row for each action of the policy, and for no other.
#[test]
fn every_iam_action_has_its_reason() {
    let page = read("docs/reference/iam-actions.md");
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let told: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!(rows.len(), told.len(), "an action has two rows");
    let policy: Value = serde_json::from_str(&read("deploy/iam/policy.json")).unwrap();
    let mut actions = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        if statement["Effect"] == "Allow" {
            let action = &statement["Action"];
            let one = std::slice::from_ref(action);
            let all = action.as_array().map_or(one, Vec::as_slice);
            actions.extend(all.iter().map(|action| action.as_str().unwrap()));
        }
    }
    assert_eq!(told, actions);
}

/// Tags and annotations of ours that the code knows are on their page, and so are the members of a log line.
#[test]
fn tags_and_log_members_are_on_their_pages() {
    let page = read("docs/reference/tags.md");
    for tag in [
        "cluster",
        "owner",
        "uid",
        "origin",
        "adopt-by",
        "requested-at",
        "load-balancer",
    ] {
        assert!(page.contains(&format!("| `classiclb.dev/{tag}` |")), "{tag}");
    }
    let known = format!("{}{}", read("src/elb/tags.rs"), read("src/api.rs"));
    for part in known.split("\"classiclb.dev/").skip(1) {
        let tag = part.split('"').next().unwrap();
        let plain = !tag.is_empty() && tag.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        if plain && tag != "web" {
            assert!(page.contains(&format!("`classiclb.dev/{tag}`")), "{tag} is on no page");
        }
    }
    let log = read("docs/reference/log.md");
    for member in [
        "reconcileID",
        "because",
        "load_balancer",
        "request_id",
        "next_try",
        "lease",
    ] {
        assert!(log.contains(&format!("`{member}`")), "{member}");
    }
}

#[tokio::test]
async fn policies_for_teams_refuse_what_they_are_for_and_nothing_else() {
    let turn = Turn::begin("tenancy").await;
    turn.install(&crate::helm::chart(), &[]).unwrap();
    turn.served().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "tenancy", "labels": {"classiclb.dev/tenancy": "restricted"}}});
    turn.cluster.apply(&namespace.to_string()).await.unwrap();
    let allowed = json!({"apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer",
        "metadata": {"name": "web", "namespace": "tenancy"},
        "spec": {"region": "us-east-1", "scheme": "internal", "loadBalancerName": "tenancy-web", "availabilityZones": ["us-east-1a"],
            "tags": {"team": "web", "cost-center": "7"},
            "listeners": [{"port": 443, "protocol": "SSL", "instancePort": 8443, "instanceProtocol": "TCP",
                "certificate": {"arn": "arn:aws:acm:us-east-1:111122223333:certificate/0"},
                "sslPolicy": {"predefined": "ELBSecurityPolicy-TLS-1-2-2017-01"}}]}});
    let cases = [
        (
            "internal-only",
            "/spec/scheme",
            json!("internet-facing"),
            "set scheme: internal",
        ),
        (
            "name-prefix",
            "/spec/loadBalancerName",
            json!("web"),
            "must begin with tenancy-",
        ),
        (
            "required-tags",
            "/spec/tags",
            json!({"team": "web"}),
            "the keys team and cost-center",
        ),
        (
            "tls-policy",
            "/spec/listeners/0/sslPolicy/predefined",
            json!("ELBSecurityPolicy-2016-08"),
            "needs sslPolicy.predefined",
        ),
        ("no-adoption", "/spec/adopt", json!(true), "not taken over"),
    ];
    for (file, ..) in &cases {
        let policies = yaml(&read(&format!("deploy/policies/{file}.yaml")));
        assert_eq!(policies.len(), 2);
        for policy in policies {
            turn.cluster.apply(&policy.to_string()).await.unwrap();
        }
    }
    for (file, path, value, words) in &cases {
        let mut refused = allowed.clone();
        if refused.pointer(path).is_none() {
            let (parent, member) = path.rsplit_once('/').unwrap();
            refused.pointer_mut(parent).unwrap()[member] = Value::Null;
        }
        *refused.pointer_mut(path).unwrap() = value.clone();
        // The API server takes a policy up some moments after it is written.
        let started = std::time::Instant::now();
        loop {
            match turn.cluster.create(&refused.to_string()).await {
                Err(why) if why.to_string().contains(words) => break,
                Err(why) => panic!("{file}: {why}"),
                Ok(_) => turn.cluster.delete_and_wait(Kind::CLB, "web").await.unwrap(),
            }
            assert!(started.elapsed() < testkit::cluster::PATIENCE, "{file} refuses nothing");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    turn.cluster.create(&allowed.to_string()).await.unwrap();
    turn.cluster.delete_and_wait(Kind::CLB, "web").await.unwrap();
    for (file, ..) in &cases {
        for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
            let kind = Kind("admissionregistration.k8s.io/v1", kind);
            let name = format!("clb-{file}");
            turn.cluster.delete_and_wait(kind, &name).await.unwrap();
        }
    }
    turn.uninstall();
}
