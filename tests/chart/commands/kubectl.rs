//! kubectl: its verbs and options, resources of a real API server, and fields of our definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::{Map, Value};
use testkit::tool;

use super::with_help;
use crate::helm::{document, read, root};

/// Resources of others.
const OF_OTHERS: [&str; 1] = ["dnsendpoint"];

/// Plugins of others.
const PLUGINS: [&str; 1] = ["krew"];

/// Verbs whose first word is a resource, or a resource and a name.
const OF_RESOURCES: [&str; 8] = [
    "get", "describe", "delete", "annotate", "label", "patch", "wait", "edit",
];

/// kubectl, and what the API server has.
pub(super) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    resources: BTreeSet<String>,
    /// The schema of each definition, by each of its names.
    schemas: BTreeMap<String, Value>,
    /// For each verb its options that take a value in the next word.
    taking: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

/// The words of a command in their parts.
#[derive(Default)]
struct Parts<'a> {
    options: Vec<(&'a str, &'a str)>,
    others: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    fn values(&self, names: &[&str]) -> Vec<&'a str> {
        let values = self.options.iter().filter(|(name, _)| names.contains(name));
        values.map(|&(_, value)| value).collect()
    }
}

impl Kubectl {
    pub(super) async fn new(kubeconfig: &Path) -> Self {
        let mut this = Self {
            program: tool::built("kubectl").await.unwrap(),
            kubeconfig: kubeconfig.to_owned(),
            resources: OF_OTHERS.map(str::to_owned).into(),
            schemas: BTreeMap::new(),
            taking: Mutex::default(),
        };
        let listed = this.run(&["api-resources", "--no-headers"]).unwrap();
        for line in listed.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            this.resources.insert(words[0].to_owned());
            this.resources.extend(words.last().map(|kind| kind.to_lowercase()));
            if words.len() == 5 {
                this.resources.extend(words[1].split(',').map(str::to_owned));
            }
        }
        for resource in ["classicloadbalancers", "classicloadbalancerbindings", "awsaccounts"] {
            let definition = document(&read(&format!("crds/{resource}.yaml")));
            let (names, version) = (&definition["spec"]["names"], &definition["spec"]["versions"][0]);
            let short = names["shortNames"].as_array().into_iter().flatten();
            for name in short.chain([&names["plural"], &names["singular"]]) {
                let schema = version["schema"]["openAPIV3Schema"].clone();
                this.schemas.insert(name.as_str().unwrap().to_owned(), schema);
            }
        }
        assert!(this.resources.contains("clb") && this.schemas.contains_key("clbb"));
        this
    }

    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .current_dir(root());
        let output = command.output().map_err(|why| why.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// Why a command would not be understood.
    pub(super) fn understands(&self, words: &[&str], made: &BTreeSet<String>, whole: bool) -> Result<(), String> {
        if PLUGINS.iter().any(|plugin| words.first() == Some(plugin)) {
            return Ok(());
        }
        let help = match with_help(&self.program, words) {
            Err(why) if !whole && why.contains("flag needs an argument") => return Ok(()),
            help => help?,
        };
        let usage = help.split("Usage:").nth(1).unwrap_or_default();
        if whole
            && usage
                .trim_start()
                .lines()
                .next()
                .is_some_and(|line| line.contains("SUBCOMMAND"))
        {
            return Err("a group of verbs, none of which it names".into());
        }
        let parts = self.parts(words, &help);
        for file in parts.values(&["-f", "--filename", "-k", "--kustomize", "--patch-file"]) {
            let there = file == "-" || file.contains("://") || made.contains(file) || root().join(file).exists();
            if whole && !there {
                return Err(format!("{file} is not there"));
            }
        }
        let (verb, others) = parts.others.split_first().ok_or("no verb")?;
        if *verb == "explain" {
            return others
                .first()
                .map_or(Ok(()), |path| self.run(&["explain", path]).map(drop));
        }
        let mut resources = BTreeSet::new();
        if let Some(first) = others.first().filter(|_| OF_RESOURCES.contains(verb)) {
            resources.extend(first.split('/').next().unwrap_or_default().split(','));
        }
        let named = !OF_RESOURCES.contains(verb) && *verb != "kustomize";
        let with_names = others.iter().filter(|word| named && !word.contains('='));
        let about = parts.values(&["--for"]).into_iter().filter(|_| *verb == "events");
        let slashed = with_names.copied().chain(about).filter_map(|word| word.split_once('/'));
        resources.extend(slashed.map(|(resource, _)| resource));
        if let Some(unknown) = resources.iter().find(|&&resource| !self.resources.contains(resource)) {
            return Err(format!("the API server has no {unknown}"));
        }
        let schema = resources.iter().find_map(|&resource| self.schemas.get(resource));
        self.fields(&parts, schema)
    }

    /// What a command reads and writes of an object.
    fn fields(&self, parts: &Parts<'_>, schema: Option<&Value>) -> Result<(), String> {
        for output in parts.values(&["-o", "--output"]) {
            let Some(template) = output.strip_prefix("jsonpath=") else {
                continue;
            };
            let show = [
                "create",
                "--dry-run=client",
                "-f",
                "examples/tutorial.yaml",
                "-o",
                output,
            ];
            self.run(&show)?;
            schema.map_or(Ok(()), |schema| template_is_known(template, schema))?;
        }
        for patch in parts.values(&["-p", "--patch"]) {
            let patch: Value = serde_json::from_str(patch).map_err(|why| why.to_string())?;
            let (Some(schema), Some(members)) = (schema, patch.as_object()) else {
                continue;
            };
            members_are_known(members, schema)?;
        }
        for awaited in parts.values(&["--for"]) {
            let condition = awaited.strip_prefix("condition=").filter(|_| schema.is_some());
            let condition = condition.map(|condition| condition.split('=').next().unwrap_or_default());
            let conditions = read("docs/reference/conditions.md");
            if let Some(unknown) = condition.filter(|name| !conditions.contains(&format!("`{name}`"))) {
                return Err(format!("there is no condition {unknown}"));
            }
        }
        Ok(())
    }

    /// The options with their values, and the other words.
    fn parts<'a>(&self, words: &[&'a str], help: &str) -> Parts<'a> {
        let mut taking = self.taking.lock().unwrap();
        let general = taking.entry(String::new()).or_insert_with(|| {
            let said = Command::new(&self.program).arg("options").output().unwrap().stdout;
            options_with_values(&String::from_utf8(said).unwrap())
        });
        let taking: BTreeSet<String> = general.union(&options_with_values(help)).cloned().collect();
        let mut parts = Parts::default();
        let mut words = words.iter().take_while(|&&word| word != "--");
        while let Some(&word) = words.next() {
            match word.split_once('=') {
                Some((name, value)) if word.starts_with('-') => parts.options.push((name, value)),
                _ if taking.contains(word) => {
                    let value = words.next().copied().unwrap_or_default();
                    parts.options.push((word, value));
                }
                _ if word.starts_with('-') && word != "-" => parts.options.push((word, "")),
                _ => parts.others.push(word),
            }
        }
        parts
    }
}

/// Options that help shows with a value that is no truth value: `-n, --namespace='':`.
fn options_with_values(help: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in help.lines().map(str::trim) {
        let Some((names, default)) = line.strip_suffix(':').and_then(|line| line.split_once('=')) else {
            continue;
        };
        // These take theirs behind a `=` alone.
        if line.starts_with('-') && !["true", "false", "'none'"].contains(&default) {
            found.extend(names.split(", ").map(str::to_owned));
        }
    }
    found
}

/// The schema of a member, also of the items of a list.
fn member<'a>(mut schema: &'a Value, name: &str) -> Option<&'a Value> {
    while let Some(items) = schema.get("items") {
        schema = items;
    }
    let of_any_name = schema.get("additionalProperties").filter(|schema| schema.is_object());
    schema["properties"].get(name).or(of_any_name)
}

/// A path such as `.status.conditions[?(@.type=="Ready")].message`.
fn path_is_known<'a>(path: &str, schema: &'a Value) -> Result<&'a Value, String> {
    let plain = regex::Regex::new(r"\[[^\]]*\]").unwrap().replace_all(path, "");
    let mut at = schema;
    for name in plain.split('.').filter(|name| !name.is_empty() && *name != "@") {
        // Every object has some.
        if name == "metadata" {
            break;
        }
        at = member(at, name).ok_or_else(|| format!("{path}: the definition has no {name}"))?;
    }
    Ok(at)
}

/// The paths in a template for `-o jsonpath`.
fn template_is_known(template: &str, schema: &Value) -> Result<(), String> {
    let mut at = vec![schema];
    for part in template.split('{').skip(1) {
        let part = part.split('}').next().unwrap_or_default();
        let here = at.last().copied().unwrap_or(schema);
        if let Some(path) = part.strip_prefix("range ") {
            at.push(path_is_known(path, here)?);
        } else if part == "end" {
            at.pop();
        } else if !part.starts_with('"') {
            path_is_known(part, here)?;
        }
    }
    Ok(())
}

fn members_are_known(members: &Map<String, Value>, schema: &Value) -> Result<(), String> {
    for (name, value) in members.iter().filter(|(name, _)| *name != "metadata") {
        let known = member(schema, name).ok_or_else(|| format!("the definition has no {name}"))?;
        if let Some(members) = value.as_object() {
            members_are_known(members, known)?;
        }
    }
    Ok(())
}
