//! Programs of this repository, and those whose words can be held against something that is here.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::tool;

use super::{told, with_help};
use crate::helm::{self, HELM, HELM_3, REQUIRED, built, chart, document, read, root};

/// Operations of AWS beside those of Elastic Load Balancing, whose service model is here.
const ELSEWHERE: [(&str, &[&str]); 7] = [
    ("acm", &["describe-certificate"]),
    ("cloudformation", &["get-template"]),
    ("cloudtrail", &["lookup-events"]),
    ("eks", &["create-pod-identity-association", "describe-cluster"]),
    (
        "iam",
        &[
            "attach-role-policy",
            "create-policy",
            "create-role",
            "create-service-linked-role",
            "put-role-policy",
        ],
    ),
    ("route53", &["change-resource-record-sets"]),
    ("sts", &["get-caller-identity"]),
];

/// Options of the AWS CLI itself that pages use.
const OPTIONS_OF_AWS: [&str; 4] = ["--query", "--output", "--region", "--endpoint-url"];

/// `aws SERVICE OPERATION`: the operation, its options and those that it needs, by the service model.
pub(super) fn aws(words: &[&str], whole: bool) -> Result<(), String> {
    // Where somebody logs in, no service is asked.
    if [&["login"][..], &["sso", "login"]].contains(&words) {
        return Ok(());
    }
    let [service, operation, rest @ ..] = words else {
        return Err("no operation".into());
    };
    if *service != "elb" {
        let known = ELSEWHERE
            .iter()
            .any(|(name, operations)| name == service && operations.contains(operation));
        return known
            .then_some(())
            .ok_or_else(|| "no operation that this test knows".into());
    }
    let model = read("simulator/src/model/elb.table");
    let lines = || model.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let input = lines().find_map(|line| match line.as_slice() {
        ["operation", name, input] if kebab(name) == *operation => Some((*input).to_owned()),
        _ => None,
    });
    let input = input.ok_or_else(|| format!("Elastic Load Balancing has no operation {operation}"))?;
    let members: Vec<(String, bool)> = lines()
        .filter(|line| line.starts_with(&["structure", &input]))
        .flat_map(|line| line[2..].iter().map(|&member| member.to_owned()).collect::<Vec<_>>())
        .map(|member| {
            let name = member.split('=').next().unwrap_or_default();
            let needed = name.ends_with('!');
            (format!("--{}", kebab(name.trim_end_matches('!'))), needed)
        })
        .collect();
    for option in rest.iter().filter(|word| word.starts_with("--")) {
        let known = OPTIONS_OF_AWS.contains(option) || members.iter().any(|(name, _)| name == option);
        if !known {
            return Err(format!("{operation} has no option {option}"));
        }
    }
    let lacks = members
        .iter()
        .find(|(name, needed)| *needed && !rest.contains(&name.as_str()));
    match lacks {
        Some((name, _)) if whole => Err(format!("{operation} needs {name}")),
        _ => Ok(()),
    }
}

/// `DescribeLBTags` as the command line has it.
fn kebab(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut kebab = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let begins = letter.is_uppercase()
            && at > 0
            && (letters[at - 1].is_lowercase() || letters.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if begins {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

/// Both versions of Helm know the options, and the chart in the tree takes the values.
pub(super) fn helm(words: &[&str], whole: bool) -> Result<(), String> {
    for tool in [HELM, HELM_3] {
        with_help(&built(tool), words)?;
    }
    let [verb @ ("install" | "upgrade" | "template"), _, named, rest @ ..] = words else {
        return Ok(());
    };
    if !whole || named.starts_with('-') {
        return Ok(());
    }
    let oci = named.starts_with("oci://") && named.ends_with("/classic-lb-operator");
    if root().join(named) != chart() && !oci {
        return Err(format!("{named} is not the chart"));
    }
    let folder = tempfile::tempdir().unwrap();
    let required = folder.path().join("values.yaml");
    std::fs::write(&required, REQUIRED).unwrap();
    let chart = chart();
    let mut arguments = vec!["template", "docs", chart.to_str().unwrap()];
    // An upgrade keeps what was set at the installation, which has to be whole; a released chart names its image.
    if oci || *verb == "upgrade" {
        arguments.extend(["--values", required.to_str().unwrap()]);
    }
    let mut pairs = Vec::new();
    let metadata = document(&read("charts/classic-lb-operator/Chart.yaml"));
    for pair in rest.windows(2) {
        match pair {
            ["--set" | "--set-string" | "--set-json" | "--namespace", _] => {
                pairs.push([pair[0].to_owned(), pair[1].to_owned()]);
            }
            ["--values" | "-f", file] => {
                let file = root().join(file);
                pairs.push([pair[0].to_owned(), file.display().to_string()]);
            }
            ["--version", version] if metadata["version"] != **version => {
                return Err(format!("the chart's version is {}", metadata["version"]));
            }
            _ => {}
        }
    }
    let given: Vec<String> = pairs.into_iter().flatten().collect();
    arguments.extend(given.iter().map(String::as_str));
    helm::helm(None, &arguments)?;
    values_exist(rest)
}

/// What is set has a place in values.yaml: the schema leaves maps open.
fn values_exist(words: &[&str]) -> Result<(), String> {
    let defaults = document(&read("charts/classic-lb-operator/values.yaml"));
    for pair in words.windows(2).filter(|pair| pair[0] == "--set") {
        let path = pair[1].split('=').next().unwrap_or_default().replace('.', "/");
        if defaults.pointer(&format!("/{path}")).is_none() {
            return Err(format!("{} is no value", pair[1]));
        }
    }
    Ok(())
}

/// The simulator's own reading of its flags.
pub(super) fn simulator(words: &[&str]) -> Result<(), String> {
    let program = tool::operator()
        .map_err(|why| why.to_string())?
        .with_file_name("aws-simulator");
    // An option without its value does not take this for it: clap refuses values that begin with a dash.
    let output = Command::new(&program)
        .args(words)
        .arg("--help")
        .stdin(Stdio::null())
        .output();
    told(&program, output).map(drop)
}

/// The targets of the Makefile.
pub(super) fn make(words: &[&str]) -> Result<(), String> {
    let makefile = read("Makefile");
    for word in words {
        let there = match word.split_once('=') {
            Some((variable, _)) => makefile.contains(&format!("$({variable})")),
            None => makefile.lines().any(|line| line.starts_with(&format!("{word}:"))),
        };
        if !there {
            return Err(format!("the Makefile has no {word}"));
        }
    }
    Ok(())
}

/// Cargo's packages and targets are those of the workspace; what stands behind `--` is the program's.
pub(super) fn cargo(words: &[&str]) -> Result<(), String> {
    let [verb @ ("build" | "run" | "test" | "bench" | "install"), rest @ ..] = words else {
        return Err("no verb of Cargo that this test knows".into());
    };
    let (own, behind) = match rest.iter().position(|&word| word == "--") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &rest[rest.len()..]),
    };
    let (mut targets, mut packages) = (BTreeSet::new(), BTreeSet::new());
    for manifest in ["Cargo.toml", "simulator/Cargo.toml", "testkit/Cargo.toml"] {
        let folder = root().join(manifest).with_file_name("tests");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            targets.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
        let text = read(manifest);
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let names: Vec<String> = names.map(str::to_owned).collect();
        packages.extend(names.first().cloned());
        targets.extend(names);
    }
    for pair in own.windows(2) {
        let known = match pair[0] {
            "-p" | "--package" => packages.contains(pair[1]),
            "--test" | "--bin" | "--bench" => targets.contains(pair[1]),
            _ => true,
        };
        if !known {
            return Err(format!("the workspace has no {}", pair[1]));
        }
    }
    match (*verb, own.contains(&"aws-simulator")) {
        ("run", true) => simulator(behind),
        _ => Ok(()),
    }
}

/// A script of the repository can be run.
pub(super) fn script(program: &str) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(root().join(program))
        .map_err(|why| why.to_string())?
        .permissions()
        .mode();
    (mode & 0o111 != 0)
        .then_some(())
        .ok_or_else(|| format!("{program} cannot be run"))
}

/// Each expression changes the file, where it is one of the repository.
pub(super) fn sed(words: &[&str]) -> Result<(), String> {
    let Some(file) = words.iter().copied().find(|word| root().join(word).is_file()) else {
        return Ok(());
    };
    let options: Vec<&str> = words
        .windows(2)
        .filter(|pair| pair[0] == "-e")
        .map(|pair| pair[1])
        .collect();
    let expressions = if options.is_empty() { vec![words[0]] } else { options };
    for expression in expressions {
        let output = Command::new("sed")
            .arg(expression)
            .arg(file)
            .current_dir(root())
            .stdin(Stdio::null())
            .output();
        let output = output.map_err(|why| why.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        if output.stdout == std::fs::read(Path::new(root()).join(file)).unwrap() {
            return Err(format!("{expression} changes nothing in {file}"));
        }
    }
    Ok(())
}
