//! The image, the examples and the pages: what can be held against the rest of the project.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::helm::{chart, deployment, document, helm, read, render, root, yaml};

/// The files of a folder with an extension, in order.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn pages() -> Vec<PathBuf> {
    let mut pages = files("docs", "md");
    pages.extend(files("docs/reference", "md"));
    pages.extend(files("docs/decisions", "md"));
    let others = [
        "README.md",
        "deploy/README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
    ];
    pages.extend(others.map(|page| root().join(page)));
    pages
}

#[test]
fn the_image_is_what_the_chart_runs() {
    let file = read("Dockerfile");
    let line = |start: &str| {
        let found = file.lines().filter_map(|line| line.strip_prefix(start)).next_back();
        found
            .unwrap_or_else(|| panic!("no line {start} in Dockerfile"))
            .to_owned()
    };
    let objects = render("{}");
    let context = &deployment(&objects)["spec"]["template"]["spec"]["securityContext"];
    assert_eq!(
        line("USER "),
        format!("{}:{}", context["runAsUser"], context["runAsGroup"])
    );
    assert_eq!(line("ENTRYPOINT "), r#"["/clb-operator"]"#);
    assert_eq!(line("FROM "), "scratch");
    assert_eq!(line("ARG RUST_VERSION="), env!("CARGO_PKG_RUST_VERSION"));
}

#[test]
fn the_image_is_built_from_no_more_than_it_needs() {
    let ignore = read(".dockerignore");
    let lines: Vec<_> = ignore.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], "*", "everything is left out that is not named");
    for named in &lines[1..] {
        let path = named
            .strip_prefix('!')
            .unwrap_or_else(|| panic!("{named} is not an exception"));
        assert!(root().join(path).exists(), "{path} does not exist");
    }
}

#[test]
fn examples_are_one_object_each_and_named_after_their_file() {
    let examples = files("examples", "yaml");
    assert!(examples.len() >= 6, "{examples:?}");
    for path in examples.iter().filter(|path| path.file_stem().unwrap() != "tutorial") {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.starts_with("# "), "{} does not say what it shows", path.display());
        let object = document(&text);
        let kinds = ["ClassicLoadBalancer", "ClassicLoadBalancerBinding", "AWSAccount"];
        assert!(kinds.contains(&object["kind"].as_str().unwrap()), "{}", path.display());
        assert_eq!(object["metadata"]["name"], path.file_stem().unwrap().to_str().unwrap());
    }
}

/// A row for each example, and none for another.
#[test]
fn the_page_of_examples_names_each_of_them_once() {
    let page = read("examples/README.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| [")?.split(']').next());
    let mut named: Vec<&str> = rows.collect();
    named.sort_unstable();
    let there = files("examples", "yaml");
    let there: Vec<&str> = there
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(named, there);
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    let mut links = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            let path = target.split('#').next().unwrap();
            // A bracket: a pattern of a field in the reference.
            if target.contains("://") || path.is_empty() || target.contains('[') {
                continue;
            }
            assert!(
                page.parent().unwrap().join(path).exists(),
                "{}: {target} does not exist",
                page.display()
            );
            links += 1;
        }
    }
    assert!(links > 8, "only {links} links were looked at");
}

/// A file that moves takes along what the pages say of it.
#[test]
fn files_that_the_pages_name_exist() {
    const FOLDERS: [&str; 8] = ["charts", "crds", "deploy", "docs", "src", "testkit", "tests", "tools"];
    let mut pages = files("docs/decisions", "md");
    let others = [
        "docs/architecture.md",
        "CONTRIBUTING.md",
        ".github/pull_request_template.md",
    ];
    pages.extend(others.map(|page| root().join(page)));
    let (mut named, mut missing) = (0, BTreeSet::new());
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let folder = word.split_once('/').map_or("", |(folder, _)| folder);
            if FOLDERS.contains(&folder) {
                named += 1;
                if !root().join(word).exists() {
                    missing.insert(format!("{}: {word}", page.display()));
                }
            }
        }
    }
    assert!(named > 50, "only {named} files are named");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn values_in_the_pages_are_values_of_the_chart() {
    let files = ["deploy/argocd/operator.yaml", "deploy/flux/helm-release.yaml"];
    let objects: Vec<Value> = files.iter().flat_map(|file| yaml(&read(file))).collect();
    let values: Vec<_> = objects
        .iter()
        .filter_map(|object| {
            object
                .pointer("/spec/source/helm/valuesObject")
                .or(object.pointer("/spec/values"))
        })
        .collect();
    assert_eq!(values.len(), 2, "one for Argo CD, one for Flux");
    for values in values {
        crate::helm::template(&[&values.to_string()]).unwrap();
    }

    let install = read("docs/install.md");
    let rows = install
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let defaults = document(&read("charts/classic-lb-operator/values.yaml"));
    let named: BTreeSet<_> = rows.collect();
    assert!(named.len() > 5, "{named:?}");
    for value in named {
        assert!(
            defaults.pointer(&format!("/{}", value.replace('.', "/"))).is_some(),
            "docs/install.md names {value}"
        );
    }
}

/// helm-controller is not run here, so its file is held against what there is.
#[test]
fn the_helm_release_of_flux_names_the_chart_of_this_version() {
    let [source, release] = <[Value; 2]>::try_from(yaml(&read("deploy/flux/helm-release.yaml"))).unwrap();
    assert_eq!(release["spec"]["chartRef"]["kind"], source["kind"]);
    assert_eq!(release["spec"]["chartRef"]["name"], source["metadata"]["name"]);
    assert_eq!(release["metadata"]["namespace"], source["metadata"]["namespace"]);
    let chart = document(&read("charts/classic-lb-operator/Chart.yaml"));
    let url = source["spec"]["url"].as_str().unwrap();
    assert!(
        url.starts_with("oci://") && url.ends_with(&format!("/{}", chart["name"].as_str().unwrap())),
        "{url}"
    );
    assert_eq!(source["spec"]["ref"]["tag"], chart["version"]);
    assert_eq!(release["spec"]["values"]["image"]["tag"], chart["appVersion"]);
    // As the release packs it.
    let media = source["spec"]["layerSelector"]["mediaType"].as_str().unwrap();
    let packs = std::fs::read_dir(root().join("tools/release")).unwrap();
    let packed = packs.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok());
    assert!(packed.into_iter().any(|script| script.contains(media)), "{media}");
    // Where load balancers wait for the operator by `dependsOn`, both are in one namespace.
    let others = yaml(&read("deploy/flux/load-balancers.yaml"));
    assert_eq!(others[0]["metadata"]["namespace"], source["metadata"]["namespace"]);
}

#[test]
fn notes_speak_of_what_was_installed() {
    let chart = chart();
    let folder = tempfile::tempdir().unwrap();
    let values = folder.path().join("values.yaml");
    std::fs::write(&values, crate::helm::REQUIRED).unwrap();
    let notes = |more: &[&str]| {
        let mut arguments = vec![
            "install",
            "test",
            chart.to_str().unwrap(),
            "--namespace",
            "lbs",
            "--dry-run=client",
        ];
        arguments.extend(["--values", values.to_str().unwrap()]);
        arguments.extend(more);
        let printed = helm(None, &arguments).unwrap();
        printed
            .split_once("NOTES:")
            .unwrap_or_else(|| panic!("no notes in {printed}"))
            .1
            .to_owned()
    };
    let plain = notes(&[]);
    for part in [
        "cluster id \"test\"",
        "kubectl --namespace lbs rollout status deployment/test-classic-lb-operator",
        "lbs/test-classic-lb-operator",
        "No IRSA role",
        "leaves the CustomResourceDefinition",
    ] {
        assert!(plain.contains(part), "{part:?} is not in:\n{plain}");
    }
    assert!(!plain.contains("It is stopped"));
    assert!(notes(&["--set", "replicas=0"]).contains("It is stopped"));
    assert!(notes(&["--set", "crds.keep=false"]).contains("WARNING"));
    let role = r"serviceAccount.annotations.eks\.amazonaws\.com/role-arn=x";
    assert!(!notes(&["--set", role]).contains("No IRSA role"));
    assert!(plain.contains("helm test test --namespace lbs") && plain.contains("kubectl clb plan"));
    assert!(!plain.contains("no pod works") && !plain.contains("somebody who scrapes"));
    let unbound = notes(&["--set", "rbac.create=false"]);
    assert!(unbound.contains("WARNING: rbac.create is false") && unbound.contains("no pod works"));
    assert!(notes(&["--set", "prometheusRule.enabled=true"]).contains("somebody who scrapes"));
}

/// The recording shows the demo as it is: every step by its title, in the format that players read, and kept small.
#[test]
fn the_recording_shows_the_demo_as_it_is() {
    let recording = read("docs/demo.cast");
    assert!(recording.len() < 48 * 1024, "{} bytes", recording.len());
    let mut lines = recording
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(lines.next().unwrap()["version"], 2);
    let shown: String = lines.map(|event| event[2].as_str().unwrap().to_owned()).collect();
    let steps = read("testkit/src/bin/testkit/demo/steps.rs");
    let titles: Vec<&str> = steps
        .split("play.step(")
        .skip(1)
        .map(|rest| rest.split('"').nth(1).unwrap())
        .collect();
    assert!(titles.len() >= 9, "{titles:?}");
    for (at, title) in titles.iter().enumerate() {
        assert!(
            shown.contains(&format!("{}. {title}", at + 1)),
            "{title}: `testkit demo --record docs/demo.cast`"
        );
    }
    assert!(shown.contains("checks seen to hold"));
}

/// Whoever reads the README and whoever runs `make demo` are told the same.
#[test]
fn the_readme_promises_the_times_that_make_announces() {
    let (announced, readme) = (read("tools/announce"), read("README.md").replace('\n', " "));
    let ranges = regex::Regex::new(r"\d+ to \d+ minutes").unwrap();
    let times =
        |text: &str| -> BTreeSet<String> { ranges.find_iter(text).map(|found| found.as_str().to_owned()).collect() };
    assert_eq!(times(&announced).len(), 2, "{announced}");
    assert_eq!(times(&announced), times(&readme));
    let memory = |text: &str| text.contains("7 GB of memory");
    assert!(memory(&announced) && memory(&readme), "what it takes of memory");
    // What is built once is named in both.
    for tool in ["etcd", "kube-apiserver", "kubectl"] {
        assert!(announced.contains(tool) && readme.contains(tool), "{tool}");
    }
}

/// A module that nobody updates is forgotten.
#[test]
fn every_module_of_go_is_kept_up_to_date() {
    let updates = document(&read(".github/dependabot.yaml"));
    let updates = updates["updates"].as_array().unwrap();
    let of_go = updates.iter().find(|update| update["package-ecosystem"] == "gomod");
    let named: BTreeSet<String> = of_go.unwrap()["directories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|folder| folder.as_str().unwrap().to_owned())
        .collect();
    let mut modules = BTreeSet::new();
    for parent in ["tools", "simulator/tests/clients"] {
        for entry in std::fs::read_dir(root().join(parent)).unwrap() {
            let folder = entry.unwrap().path();
            if folder.join("go.mod").exists() {
                let name = folder.file_name().unwrap().to_string_lossy();
                modules.insert(format!("/{parent}/{name}"));
            }
        }
    }
    assert_eq!(named, modules);
}

/// The goals that a text names: `P5` as in `**P5, calls to create**`.
fn goals(text: &str) -> BTreeSet<u32> {
    let number = |word: &str| word.strip_prefix('P')?.parse().ok();
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(number)
        .collect()
}

#[test]
fn every_goal_is_measured_and_the_page_says_why_some_are_missed() {
    let measured: Value = serde_json::from_str(&read("docs/performance.json")).unwrap();
    let (mut all, mut missed) = (BTreeSet::new(), BTreeSet::new());
    for row in measured["figures"].as_array().unwrap() {
        let of_row = goals(row["goal"].as_str().unwrap());
        let figure = row["figure"].as_f64().unwrap();
        let (most, least) = (&row["aim"]["atMost"], &row["aim"]["atLeast"]);
        if most.as_f64().is_some_and(|most| figure > most) || least.as_f64().is_some_and(|least| figure < least) {
            missed.extend(&of_row);
        }
        all.extend(of_row);
    }
    assert_eq!(all, (1..=22).collect());
    let page = read("docs/performance.md");
    let (_, why) = page.split_once("\n## What is missed, and why\n").unwrap();
    let (why, _) = why.split_once("\n## ").unwrap();
    let headings = why
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split("**").next());
    assert_eq!(headings.flat_map(goals).collect::<BTreeSet<_>>(), missed);
}
