//! What pages and workflows say of the rest of the tree, each held against it.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::helm::{built, document, names, read, root, yaml};
use crate::pages::{all, shown};

/// The order of conditions is nobody's promise: another manager may have set one before.
#[test]
fn conditions_are_asked_for_by_their_type() {
    let mut pages: Vec<String> = all().iter().map(|page| shown(page)).collect();
    for folder in ["charts", "deploy", "examples", "tools"] {
        for entry in walkdir(folder) {
            pages.push(entry);
        }
    }
    let at_a_place = regex::Regex::new(r"conditions\[[0-9-]").unwrap();
    let faults: Vec<&String> = pages
        .iter()
        .filter(|page| std::fs::read_to_string(root().join(page)).is_ok_and(|text| at_a_place.is_match(&text)))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
    for (page, kinds) in [
        ("ClassicLoadBalancerNotReady", &["clb"][..]),
        ("ClassicLoadBalancerBindingNotReady", &["clbb"]),
        ("ClassicLoadBalancerDeletionStuck", &["clb", "clbb"]),
    ] {
        let text = read(&format!("docs/runbooks/{page}.md"));
        for kind in kinds {
            let command = format!("kubectl get {kind} -n NAMESPACE NAME -o jsonpath=");
            let ready = "{.status.conditions[?(@.type==\"Ready\")]";
            let asked = format!("'{ready}.reason}}: {ready}.message}}{{\"\\n\"}}'");
            assert!(
                text.contains(&format!("{command}{asked}")),
                "{page} does not say {command}{asked}"
            );
        }
    }
}

/// The files below a folder.
fn walkdir(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walkdir(&shown(&path)));
        } else {
            found.push(shown(&path));
        }
    }
    found
}

/// What may change under `BlueGreen` is said wherever somebody looks for it first.
#[test]
fn pages_say_what_blue_green_lets_change() {
    let front = read("README.md");
    for row in [
        "| `replacement` |",
        "`replacementKeepSeconds`",
        "with `replacement: BlueGreen`",
    ] {
        assert!(front.contains(row), "README.md does not say {row}");
    }
    assert!(!front.contains("`scheme` | which load balancer it is; cannot be changed later"));
    let dns = read("docs/how-to/dns.md");
    let (_, changes) = dns.split_once("## When the name changes").unwrap();
    let (sentence, _) = changes.split_once("and never by a change").unwrap();
    for change in ["`scheme`", "the name", "another VPC", "`recreatePolicy: Always`"] {
        assert!(sentence.contains(change), "docs/how-to/dns.md does not name {change}");
    }
}

/// A change of what these tests install must not wait for the night.
#[test]
fn the_workflow_of_gitops_runs_for_what_its_tests_are_made_of() {
    let workflow = document(&read(".github/workflows/gitops.yaml"));
    let paths: Vec<String> = serde_json::from_value(workflow["on"]["pull_request"]["paths"].clone()).unwrap();
    let covers = |file: &str| {
        paths.iter().any(|path| {
            path.strip_suffix("**")
                .map_or(path == file, |folder| file.starts_with(folder))
        })
    };
    for path in &paths {
        assert!(root().join(path.trim_end_matches("**")).exists(), "{path} is not there");
    }
    // What stands between quotes in a test and is a file or a folder of the tree.
    let mut used = BTreeSet::new();
    for test in walkdir("tests/gitops") {
        let text = read(&test);
        for word in text.split('"').skip(1).step_by(2).filter(|word| word.contains('/')) {
            if word.starts_with(char::is_alphabetic) && root().join(word).exists() {
                used.insert(word.trim_end_matches('/').to_owned());
            }
        }
    }
    assert!(used.len() > 3, "{used:?}");
    used.extend(
        [
            "charts/classic-lb-operator/values.yaml",
            "crds/awsaccounts.yaml",
            "deploy/base/install.yaml",
            "deploy/components/monitoring/objects.yaml",
            "deploy/overlays/minimal/kustomization.yaml",
            "examples/tutorial.yaml",
            "src/api/spec.rs",
            "tools/build",
        ]
        .map(ToOwned::to_owned),
    );
    let missing: Vec<&String> = used
        .iter()
        .filter(|file| !covers(file) && !covers(&format!("{file}/")))
        .collect();
    assert!(missing.is_empty(), "{missing:?} in none of {paths:?}");
}

/// The command takes all of an overlay away but the resource, with which every load balancer would go.
#[test]
fn an_overlay_is_taken_away_without_the_resource() {
    let page = read("deploy/README.md");
    let (_, uninstall) = page.split_once("## Uninstall").unwrap();
    let line = uninstall
        .lines()
        .find(|line| line.starts_with("kubectl kustomize "))
        .unwrap();
    let (what_goes, deleted) = line.rsplit_once(" | ").unwrap();
    assert_eq!(deleted, "kubectl delete --ignore-not-found -f -");
    let kubectl = built("kubectl");
    let path = format!(
        "{}:{}",
        kubectl.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    for entry in std::fs::read_dir(root().join("deploy/overlays")).unwrap() {
        let overlay = entry.unwrap().file_name().into_string().unwrap();
        let run = |command: &str| {
            let output = Command::new("sh")
                .args(["-c", command])
                .current_dir(root())
                .env("PATH", &path)
                .output()
                .unwrap();
            yaml(&String::from_utf8(output.stdout).unwrap())
        };
        let folder = format!("deploy/overlays/{overlay}");
        let whole = run(&format!("kubectl kustomize {folder}"));
        let goes = run(&what_goes.replace("deploy/overlays/eks-irsa", &folder));
        let kept: Vec<&Value> = whole.iter().filter(|object| !goes.contains(object)).collect();
        assert!(!goes.is_empty() && kept.len() == 3, "{overlay}: {:?}", names(&goes));
        for object in &kept {
            assert_eq!(object["kind"], "CustomResourceDefinition", "{overlay}");
        }
        // What is of no namespace is named, so that somebody who deletes the namespace alone knows what is left.
        for object in &goes {
            let kind = object["kind"].as_str().unwrap();
            let here = object["metadata"]["namespace"] == "classic-lb-operator" || kind == "Namespace";
            assert!(
                here || uninstall.contains(&format!("`{kind}`")),
                "{overlay}: {kind} is not named"
            );
        }
    }
}
