//! What the chart takes: each value is heeded, and the operator starts with it.

use std::collections::BTreeMap;

use clap::CommandFactory as _;
use classic_lb_operator::flags::{Cli, Run};
use classic_lb_operator::telemetry;
use serde_json::{Value, json};

use crate::helm::{REQUIRED, deployment, read, render, template};
use crate::values::EVERYTHING;
use crate::wrong_values::refused;

#[test]
fn what_would_keep_the_operator_from_starting_is_refused() {
    for (values, place, message) in [
        ("aws: {region: us-east-11}", "'/aws/region'", "does not match pattern"),
        ("aws: {region: us-esat-1}", "'/aws/region'", "does not match pattern"),
        (
            "aws: {endpointUrl: 'http://'}",
            "'/aws/endpointUrl'",
            "does not match pattern",
        ),
        (
            "global: {imageRegistry: 'https://x'}",
            "'/global/imageRegistry'",
            "does not match pattern",
        ),
        (
            "global: {imagePullSecrets: [Reg Cred]}",
            "'/global/imagePullSecrets/0'",
            "does not match pattern",
        ),
        ("extraArgs: [--foo]", "''", "'extraArgs' not allowed"),
        ("log: {level: verbose}", "'/log/level'", "does not match pattern"),
        (
            "log: {level: 'info,kube=loud'}",
            "'/log/level'",
            "does not match pattern",
        ),
        ("log: {level: 'info,,debug'}", "'/log/level'", "does not match pattern"),
        ("log: {level: 'info,'}", "'/log/level'", "does not match pattern"),
        ("http: {address: 10.0.0}", "'/http/address'", "ipv4"),
        ("http: {address: '[::]'}", "'/http/address'", "ipv6"),
    ] {
        refused(values, place, message);
    }
}

/// What the schema takes must not end the operator at its start.
#[test]
fn what_the_chart_takes_the_operator_takes() {
    for values in [
        "{}",
        EVERYTHING,
        "log: {level: 'off'}",
        "log: {level: 'warn,classic_lb_operator::aws=trace,kube-client=debug'}",
        "log: {level: 'info,[reconcile]=debug,h2[x]=error'}",
        "{resyncPeriod: 999999h, healthInterval: 10s, concurrency: 256}",
        "{resyncPeriod: 60s, healthInterval: 1m1s, concurrency: 1}",
        "http: {address: 127.0.0.1, port: 65535}",
        "http: {address: '2001:db8::1'}",
        "leaderElection: {leasePer: region, namespace: operators}",
        "aws: {defaultTags: {'a b_.:/+-@': 'x = y', empty: ''}}",
    ] {
        let objects = render(values);
        let args = &deployment(&objects)["spec"]["template"]["spec"]["containers"][0]["args"];
        let args: Vec<String> = serde_json::from_value(args.clone()).unwrap();
        let run = Run::elsewhere(&args, &BTreeMap::new()).unwrap_or_else(|why| panic!("{values}: {why}"));
        telemetry::filter(&run.log_level).unwrap_or_else(|why| panic!("{values}: {why:?}"));
    }
}

#[test]
fn every_region_is_one_that_the_chart_takes() {
    let table = read("src/elb/regions.table");
    let regions: Vec<&str> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert!(regions.len() > 30, "{regions:?}");
    let schema: Value = serde_json::from_str(&read("charts/classic-lb-operator/values.schema.json")).unwrap();
    let pattern = schema["properties"]["aws"]["properties"]["region"]["pattern"]
        .as_str()
        .unwrap();
    let pattern = regex::Regex::new(pattern).unwrap();
    for region in regions {
        assert!(pattern.is_match(region), "{region}");
    }
}

/// So nothing is lost by not taking further arguments, of which a wrong one would keep the operator from starting.
#[test]
fn every_flag_of_the_operator_has_a_value() {
    // Replicas that share the work do not go with what is done with Nodes.
    let all = [EVERYTHING, "leaderElection: {leasePer: region}"].map(|values| {
        let objects = render(values);
        let args = &deployment(&objects)["spec"]["template"]["spec"]["containers"][0]["args"];
        serde_json::from_value::<Vec<String>>(args.clone()).unwrap()
    });
    let args = all.concat();
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let mut flags = 0;
    for flag in run
        .get_arguments()
        .filter_map(clap::Arg::get_long)
        .filter(|flag| *flag != "help")
    {
        let flag = format!("--{flag}");
        let given = args.iter().any(|arg| arg.split('=').next() == Some(&flag));
        assert!(given, "{flag} is no value of the chart");
        flags += 1;
    }
    assert!(flags >= 11, "only {flags} flags were looked at");
}

#[test]
fn what_a_parent_chart_shares_is_heeded() {
    for (repository, expected) in [
        (
            "registry.example.com:5000/team/operator",
            "mirror.example.com/x/team/operator:v1",
        ),
        ("localhost/operator", "mirror.example.com/x/operator:v1"),
        ("team/operator", "mirror.example.com/x/team/operator:v1"),
    ] {
        let objects = render(&format!(
            "{{image: {{repository: '{repository}'}}, imagePullSecrets: [{{name: a}}], \
             global: {{imageRegistry: mirror.example.com/x, imagePullSecrets: [b, {{name: a}}]}}}}"
        ));
        let pod = &deployment(&objects)["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], expected);
        assert_eq!(pod["imagePullSecrets"], json!([{"name": "a"}, {"name": "b"}]));
    }
    assert!(template(&[REQUIRED, "global: null"]).is_ok());
}
