//! What the API server refuses, in words that name the field and what must hold.

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, Stack};

use crate::setup::minimal;
use crate::{MINIMAL, Test, manifest};

const DEFINITION: &str = include_str!("../../crds/classicloadbalancers.yaml");
const ACCOUNTS: &str = include_str!("../../crds/awsaccounts.yaml");
const LISTENER: &str = "listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]";

/// Lists of listeners, and words that the refusal must have.
const LISTENERS: &str = "
{port: 80, protocol: HTTP, instancePort: 1, certificate: {arn: 'arn:aws:acm:us-east-1:123456789012:certificate/x'}}
  => spec.listeners[0].certificate: Forbidden; certificate is allowed only where protocol is HTTPS or SSL
{port: 443, protocol: HTTPS, instancePort: 1, instanceProtocol: HTTP}
  => spec.listeners[0].certificate: Required; certificate is required where protocol is HTTPS or SSL
{port: 443, protocol: SSL, instancePort: 1, certificate: {arn: 'arn:aws:acm:us-east-1:123456789012:certificate/x'}}
  => spec.listeners[0].instanceProtocol: Required; instanceProtocol is required
{port: 80, protocol: HTTP, instancePort: 1, instanceProtocol: TCP} => spec.listeners[0].instanceProtocol; instanceProtocol must be of the same layer
{port: 443, protocol: HTTPS, instancePort: 1, instanceProtocol: HTTP, certificate: {arn: abc-not-an-arn-at-all}}
  => certificate.arn must be the ARN
{port: 80, protocol: HTTP, instancePort: 1}, {port: 81, protocol: HTTP, instancePort: 1, instanceProtocol: HTTPS}
  => spec.listeners; listeners that share an instancePort must agree
{port: 80, protocol: HTTP, instancePort: 1, weight: 2} => unknown field; weight
{port: 80, protocol: HTTP, instancePort: 1}, {port: 80, protocol: TCP, instancePort: 2} => spec.listeners[1]; Duplicate
{port: 0, protocol: TCP, instancePort: 1} => spec.listeners[0].port; 1
{port: 65536, protocol: TCP, instancePort: 1} => spec.listeners[0].port; 65535
{port: 80, protocol: TCP, instancePort: 0} => spec.listeners[0].instancePort
{port: 80, protocol: http, instancePort: 1} => spec.listeners[0].protocol; HTTP
{port: 80, protocol: TCP} => spec.listeners[0]; exactly one of instancePort and instancePortFrom
 => spec.listeners
";

/// Health checks.
const CHECKS: &str = "
intervalSeconds: 10, timeoutSeconds: 10 => spec.healthCheck.timeoutSeconds; timeoutSeconds; less than
intervalSeconds: 5 => timeoutSeconds (default 5) must be less than intervalSeconds
timeoutSeconds: 30 => timeoutSeconds; less than intervalSeconds (default 30)
target: 'HTTP:8080' => spec.healthCheck.target; HTTP:port/path
target: 'TCP:8080/path' => spec.healthCheck.target
target: 'TCP:65536' => spec.healthCheck.target; 1 to 65535
target: 'tcp:80' => spec.healthCheck.target
target: 'UDP:80' => spec.healthCheck.target
target: \"HTTP:99999/a:80/\" => spec.healthCheck.target
target: \"HTTP:0/x:1/\" => spec.healthCheck.target
target: \"HTTP:80/a\\nb\" => spec.healthCheck.target; printable
target: \"HTTP:80/é\" => spec.healthCheck.target; printable
intervalSeconds: 301 => spec.healthCheck.intervalSeconds; 300
healthyThreshold: 1 => spec.healthCheck.healthyThreshold; 2
";

/// What stands beside the least that a balancer needs; `…` is 33 letters.
const BESIDE: &str = "
targets: {nodeSelector: {matchLabels: {'bad key!': x}}} => spec.targets.nodeSelector.matchLabels; those of labels
targets: {nodeSelector: {matchLabels: {role: 'a b!'}}} => spec.targets.nodeSelector.matchLabels; those of labels
targets: {nodeSelector: {matchExpressions: [{key: a, operator: In}]}} => values must be given
targets: {nodeSelector: {matchExpressions: [{key: a, operator: In, values: [b, not good]}]}}
  => spec.targets.nodeSelector.matchExpressions[0].values; those of labels
targets: {instanceIds: [web-1]} => spec.targets.instanceIds
targets: {autoScalingGroups: [{name: a, mode: Follow}]} => spec.targets.autoScalingGroups[0].mode
listener: [] => unknown field; spec.listener
subnets: [subnet-12345678]
  => spec.subnets: Forbidden; exactly one of availabilityZones, subnets and subnetSelector; take the others out
subnetSelector: {tags: {a: b}} => spec.subnetSelector: Forbidden; exactly one of availabilityZones; take the others out
securityGroups: [sg-12345678]\\nsecurityGroupSelector: {names: [a]}
  => spec.securityGroupSelector: Forbidden; only one of securityGroups and securityGroupSelector; take the other out
allowTemporarySubnet: true => spec.allowTemporarySubnet: Forbidden; subnets and subnetSelector only; take it out
backends: [{instancePort: 9, proxyProtocol: true}] => spec.backends; an instancePort that a listener uses; add the listener
backends: [{instancePort: 8080, proxyProtocol: true}] => spec.backends: Forbidden; protocol TCP or SSL; take it out
registration: {notReadyGraceSeconds: 5}
  => spec.registration.notReadyGraceSeconds: Forbidden; set notReadyNodes: RemoveAfter
attributes: {connectionDraining: {timeoutSeconds: 5}}
  => spec.attributes.connectionDraining.enabled: Required; connectionDraining.enabled is required
attributes: {accessLog: {enabled: true}} => spec.attributes.accessLog.bucket: Required; accessLog.bucket is required
loadBalancerName: my_lb => spec.loadBalancerName; letters, digits and hyphens
loadBalancerName: -lb => spec.loadBalancerName; no hyphen at its ends
loadBalancerName: … => spec.loadBalancerName; 32
securityGroups: [default] => spec.securityGroups
tags: {'aws:a': b} => spec.tags; must not start with aws:
tags: {classiclb.dev/uid: b} => spec.tags; classiclb.dev/
tags: {a: 'b#'} => spec.tags; letters
scheme: public => spec.scheme; internet-facing
deletionPolicy: Keep => spec.deletionPolicy; Retain
management: Watch => spec.management; Suspended
region: Virginia => spec.region; such as us-east-1
";

/// What stands beside a listener.
const PLACEMENTS: &str = "
 => spec.availabilityZones: Required; exactly one of availabilityZones, subnets and subnetSelector; name the zones
availabilityZones: [] => spec.availabilityZones
subnets: [net-1] => spec.subnets
";

/// The entries of a table with the words of each; an indented line goes on with the one before it.
fn entries(table: &str) -> Vec<(String, Vec<&str>)> {
    let folded = table.split('\n').filter(|line| !line.is_empty());
    let mut entries: Vec<(String, Vec<&str>)> = Vec::new();
    for line in folded {
        let (what, words) = line.split_once("=>").unwrap_or((line, ""));
        let words: Vec<&str> = words
            .split("; ")
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        match entries.last_mut() {
            Some(entry) if line.starts_with("  ") => entry.1.extend(words),
            _ => entries.push((what.trim().to_owned(), words)),
        }
    }
    assert!(entries.iter().all(|(_, words)| !words.is_empty()), "{entries:?}");
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_objects_are_refused_in_words() -> Result<()> {
    let namespace = Stack::shared().await?.namespace().await?;
    let zones = "availabilityZones: [us-east-1a]";
    let mut wrong = vec![(zones.to_owned(), vec!["spec.listeners", "Required"])];
    let mut add = |table, spec: &dyn Fn(&str) -> String| {
        let specs = entries(table).into_iter();
        wrong.extend(specs.map(|(what, words)| (spec(&what), words)));
    };
    add(LISTENERS, &|listeners| format!("{zones}\nlisteners: [{listeners}]"));
    add(CHECKS, &|members| minimal(&format!("healthCheck: {{{members}}}")));
    add(BESIDE, &|line| {
        minimal(&line.replace('…', &"a".repeat(33)).replace("\\n", "\n"))
    });
    add(PLACEMENTS, &|line| format!("{line}\n{LISTENER}"));
    assert!(wrong.len() > 50, "{} entries", wrong.len());
    for (spec, words) in wrong {
        let text = match namespace.create(&manifest(&spec)).await {
            Ok(_) => panic!("this was let in:\n{spec}"),
            Err(error) => error.to_string(),
        };
        for word in words {
            assert!(text.contains(word), "no {word:?} in the refusal of\n{spec}\n{text}");
        }
    }
    let long = manifest(MINIMAL).replace("name: web", &format!("name: {}", "a".repeat(64)));
    let text = namespace.create(&long).await.expect_err("too long").to_string();
    assert!(text.contains("metadata.name must be at most 63 characters"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_change_cannot_be_added_or_removed_either() -> Result<()> {
    let test = Test::new().await?;
    let fixed = "cannot be changed, added or removed";
    for (line, change, words) in [
        ("", json!({"region": "us-east-1"}), fixed),
        ("region: us-east-1", json!({"region": "eu-west-1"}), fixed),
        ("region: us-east-1", json!({"region": null}), fixed),
        ("", json!({"accountRef": {"name": "a"}}), fixed),
        ("accountRef: {name: a}", json!({"accountRef": {"name": "b"}}), fixed),
        ("accountRef: {name: a}", json!({"accountRef": null}), fixed),
        ("", json!({"loadBalancerName": "a"}), fixed),
        ("loadBalancerName: a", json!({"loadBalancerName": "b"}), fixed),
        ("loadBalancerName: a", json!({"loadBalancerName": null}), fixed),
        ("", json!({"scheme": "internal"}), "cannot be changed"),
        ("scheme: internal", json!({"scheme": null}), "cannot be changed"),
        (
            "",
            json!({"availabilityZones": null, "subnets": ["subnet-12345678"]}),
            "cannot be changed to subnets or subnetSelector",
        ),
    ] {
        // Suspended, so that these objects are the API server's business alone.
        let spec = minimal(&format!("management: Suspended\n{line}"));
        test.namespace.create(&manifest(&spec)).await?;
        let members = change.as_object().expect("members");
        let field = members.keys().next().expect("a field");
        let text = test.patch(change.clone()).await.expect_err(field).to_string();
        assert!(
            text.contains(&format!("spec.{field}: Forbidden: {field} {words}")),
            "{text}"
        );
        assert!(text.contains("another object"), "what to do instead: {text}");
        test.delete().await?;
    }
    Ok(())
}

/// Every rule of a schema and of those below it, as `(names that a message can name, rule)`.
fn rules<'s>(name: &'s str, schema: &'s Value, found: &mut Vec<(Vec<&'s str>, &'s Value)>) {
    let properties = schema["properties"].as_object();
    let members = properties.into_iter().flatten();
    let names: Vec<&str> = members
        .clone()
        .map(|(member, _)| member.as_str())
        .chain([name])
        .collect();
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        found.push((names.clone(), rule));
    }
    for (member, schema) in members {
        rules(member, schema, found);
    }
    if schema["items"].is_object() {
        rules(name, &schema["items"], found);
    }
}

#[test]
fn every_rule_names_a_field_and_one_against_a_change_what_to_do_instead() {
    let definition: Value = serde_saphyr::from_str(DEFINITION).expect("YAML");
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut found = Vec::new();
    rules("spec", spec, &mut found);
    assert!(found.len() > 40, "{}", found.len());
    for (names, rule) in found {
        let message = rule["message"].as_str().expect("a message");
        assert!(
            names.iter().any(|name| message.contains(name)),
            "names none of {names:?}: {message}"
        );
        if let Some(path) = rule["fieldPath"].as_str() {
            assert!(names.contains(&path.trim_start_matches('.')), "{path}: {message}");
        }
        if rule["rule"].as_str().is_some_and(|rule| rule.contains("oldSelf")) {
            assert!(message.contains("another object"), "{message}");
            assert_eq!(rule["reason"], "FieldValueForbidden", "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_definition_is_kept_by_the_api_server_as_it_was_applied() -> Result<()> {
    let namespace = Stack::shared().await?.namespace().await?;
    let stored = namespace.get(Kind::CRD, "classicloadbalancers.classiclb.dev").await?;
    let ours: serde_json::Value = serde_saphyr::from_str(DEFINITION).expect("YAML");
    let accounts = namespace.get(Kind::CRD, "awsaccounts.classiclb.dev").await?;
    let theirs: serde_json::Value = serde_saphyr::from_str(ACCOUNTS).expect("YAML");
    let schema = "/spec/versions/0/schema";
    assert_eq!(accounts.data.pointer(schema), theirs.pointer(schema));
    for pointer in ["/spec/versions/0/schema", "/spec/names/shortNames"] {
        assert_eq!(stored.data.pointer(pointer), ours.pointer(pointer), "{pointer}");
    }
    assert!(DEFINITION.len() < 100_000);
    Ok(())
}

#[test]
fn the_committed_definition_is_the_one_that_the_code_makes() {
    let definition = classic_lb_operator::api::crd::definition().expect("the definition");
    let text = serde_saphyr::to_string(&definition).expect("YAML");
    assert!(text == DEFINITION, "the CRD has drifted: run `make generate`");
    let definition = classic_lb_operator::api::crd::account_definition().expect("the definition");
    let text = serde_saphyr::to_string(&definition).expect("YAML");
    assert!(text == ACCOUNTS, "the CRD of accounts has drifted: run `make generate`");
}
