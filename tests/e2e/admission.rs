//! What the API server refuses, in words that name the field and what must hold.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, Stack};

use crate::{MINIMAL, Test, manifest};

const LISTENER: &str = "listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]";

/// A spec, and what the refusal must say.
type Wrong = Vec<(String, Vec<&'static str>)>;

fn listener(listener: &str) -> String {
    format!("availabilityZones: [us-east-1a]\nlisteners: [{listener}]")
}

fn beside(lines: &str) -> String {
    format!("{MINIMAL}\n{lines}")
}

fn wrong_secure_listeners() -> Wrong {
    let arn = "arn:aws:acm:us-east-1:123456789012:certificate/x";
    vec![
        (
            listener(&format!(
                "{{port: 80, protocol: HTTP, instancePort: 1, certificate: {{arn: '{arn}'}}}}"
            )),
            vec![
                "spec.listeners[0]",
                "certificate is allowed only where protocol is HTTPS or SSL",
            ],
        ),
        (
            listener("{port: 443, protocol: HTTPS, instancePort: 1, instanceProtocol: HTTP}"),
            vec![
                "spec.listeners[0]",
                "certificate is required where protocol is HTTPS or SSL",
            ],
        ),
        (
            listener(&format!(
                "{{port: 443, protocol: SSL, instancePort: 1, certificate: {{arn: '{arn}'}}}}"
            )),
            vec!["instanceProtocol is required"],
        ),
        (
            listener("{port: 80, protocol: HTTP, instancePort: 1, instanceProtocol: TCP}"),
            vec!["instanceProtocol must be of the same layer"],
        ),
        (
            listener(
                "{port: 443, protocol: HTTPS, instancePort: 1, instanceProtocol: HTTP, certificate: {arn: abc-not-an-arn-at-all}}",
            ),
            vec!["certificate.arn must be the ARN"],
        ),
        (
            listener(
                "{port: 80, protocol: HTTP, instancePort: 1}, {port: 81, protocol: HTTP, instancePort: 1, instanceProtocol: HTTPS}",
            ),
            vec!["listeners that share an instancePort must agree"],
        ),
    ]
}

fn wrong_listeners() -> Wrong {
    vec![
        (
            listener("{port: 80, protocol: HTTP, instancePort: 1, weight: 2}"),
            vec!["unknown field", "weight"],
        ),
        (
            listener("{port: 80, protocol: HTTP, instancePort: 1}, {port: 80, protocol: TCP, instancePort: 2}"),
            vec!["spec.listeners[1]", "Duplicate"],
        ),
        (
            listener("{port: 0, protocol: TCP, instancePort: 1}"),
            vec!["spec.listeners[0].port", "1"],
        ),
        (
            listener("{port: 65536, protocol: TCP, instancePort: 1}"),
            vec!["spec.listeners[0].port", "65535"],
        ),
        (
            listener("{port: 80, protocol: TCP, instancePort: 0}"),
            vec!["spec.listeners[0].instancePort"],
        ),
        (
            listener("{port: 80, protocol: http, instancePort: 1}"),
            vec!["spec.listeners[0].protocol", "HTTP"],
        ),
        (
            listener("{port: 80, protocol: TCP}"),
            vec!["spec.listeners[0]", "exactly one of instancePort and instancePortFrom"],
        ),
        (listener(""), vec!["spec.listeners"]),
        (
            "availabilityZones: [us-east-1a]".to_owned(),
            vec!["spec.listeners", "Required"],
        ),
    ]
}

fn wrong_health_checks() -> Wrong {
    vec![
        (
            beside("healthCheck: {intervalSeconds: 10, timeoutSeconds: 10}"),
            vec!["spec.healthCheck", "timeoutSeconds", "less than"],
        ),
        (
            beside("healthCheck: {intervalSeconds: 5}"),
            vec!["timeoutSeconds (default 5) must be less than intervalSeconds"],
        ),
        (
            beside("healthCheck: {timeoutSeconds: 30}"),
            vec!["timeoutSeconds", "less than intervalSeconds (default 30)"],
        ),
        (
            beside("healthCheck: {target: 'HTTP:8080'}"),
            vec!["spec.healthCheck.target", "HTTP:port/path"],
        ),
        (
            beside("healthCheck: {target: 'TCP:8080/path'}"),
            vec!["spec.healthCheck.target"],
        ),
        (
            beside("healthCheck: {target: 'TCP:65536'}"),
            vec!["spec.healthCheck.target", "1 to 65535"],
        ),
        (
            beside("healthCheck: {target: 'tcp:80'}"),
            vec!["spec.healthCheck.target"],
        ),
        (
            beside("healthCheck: {target: 'UDP:80'}"),
            vec!["spec.healthCheck.target"],
        ),
        (
            beside("healthCheck: {intervalSeconds: 301}"),
            vec!["spec.healthCheck.intervalSeconds", "300"],
        ),
        (
            beside("healthCheck: {healthyThreshold: 1}"),
            vec!["spec.healthCheck.healthyThreshold", "2"],
        ),
    ]
}

fn wrong_paths_and_labels() -> Wrong {
    let target = |target: &str| beside(&format!("healthCheck: {{target: \"{target}\"}}"));
    let labels = |labels: &str| beside(&format!("targets: {{nodeSelector: {{matchLabels: {labels}}}}}"));
    vec![
        (target("HTTP:99999/a:80/"), vec!["spec.healthCheck.target"]),
        (target("HTTP:0/x:1/"), vec!["spec.healthCheck.target"]),
        (target("HTTP:80/a\\nb"), vec!["spec.healthCheck.target", "printable"]),
        (target("HTTP:80/é"), vec!["spec.healthCheck.target", "printable"]),
        (
            labels("{'bad key!': x}"),
            vec!["spec.targets.nodeSelector.matchLabels", "those of labels"],
        ),
        (
            labels("{role: 'a b!'}"),
            vec!["spec.targets.nodeSelector.matchLabels", "those of labels"],
        ),
    ]
}

fn wrong_names_and_sets() -> Wrong {
    vec![
        (beside("listener: []"), vec!["unknown field", "spec.listener"]),
        (
            format!("{MINIMAL}\nsubnets: [subnet-12345678]"),
            vec!["exactly one of availabilityZones, subnets and subnetSelector"],
        ),
        (
            LISTENER.to_owned(),
            vec!["exactly one of availabilityZones, subnets and subnetSelector"],
        ),
        (
            beside("loadBalancerName: my_lb"),
            vec!["spec.loadBalancerName", "letters, digits and hyphens"],
        ),
        (
            beside("loadBalancerName: -lb"),
            vec!["spec.loadBalancerName", "no hyphen at its ends"],
        ),
        (
            beside(&format!("loadBalancerName: {}", "a".repeat(33))),
            vec!["spec.loadBalancerName", "32"],
        ),
        (
            format!("availabilityZones: []\n{LISTENER}"),
            vec!["spec.availabilityZones"],
        ),
        (format!("subnets: [net-1]\n{LISTENER}"), vec!["spec.subnets"]),
        (beside("securityGroups: [default]"), vec!["spec.securityGroups"]),
        (
            beside("targets: {instanceIds: [web-1]}"),
            vec!["spec.targets.instanceIds"],
        ),
        (
            beside("targets: {autoScalingGroups: [{name: a, mode: Follow}]}"),
            vec!["spec.targets.autoScalingGroups[0].mode"],
        ),
        (
            beside("targets: {nodeSelector: {matchExpressions: [{key: a, operator: In}]}}"),
            vec!["values must be given"],
        ),
        (
            beside("targets: {nodeSelector: {matchExpressions: [{key: a, operator: In, values: [b, not good]}]}}"),
            vec![
                "spec.targets.nodeSelector.matchExpressions[0].values",
                "those of labels",
            ],
        ),
        (
            beside("tags: {'aws:a': b}"),
            vec!["spec.tags", "must not start with aws:"],
        ),
        (
            beside("tags: {classiclb.dev/uid: b}"),
            vec!["spec.tags", "classiclb.dev/"],
        ),
        (beside("tags: {a: 'b#'}"), vec!["spec.tags", "letters"]),
        (beside("scheme: public"), vec!["spec.scheme", "internet-facing"]),
        (beside("deletionPolicy: Keep"), vec!["spec.deletionPolicy", "Retain"]),
        (beside("management: Watch"), vec!["spec.management", "Suspended"]),
        (beside("region: Virginia"), vec!["spec.region", "such as us-east-1"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_objects_are_refused_in_words() -> Result<()> {
    let namespace = Stack::shared().await?.namespace().await?;
    let wrong = [
        wrong_secure_listeners(),
        wrong_listeners(),
        wrong_health_checks(),
        wrong_names_and_sets(),
        wrong_paths_and_labels(),
    ];
    for (spec, words) in wrong.into_iter().flatten() {
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
    let cases = [
        (
            "",
            json!({"region": "us-east-1"}),
            "region cannot be changed, added or removed",
        ),
        (
            "region: us-east-1",
            json!({"region": "eu-west-1"}),
            "region cannot be changed, added or removed",
        ),
        (
            "region: us-east-1",
            json!({"region": null}),
            "region cannot be changed, added or removed",
        ),
        (
            "",
            json!({"loadBalancerName": "a"}),
            "loadBalancerName cannot be changed, added or removed",
        ),
        (
            "loadBalancerName: a",
            json!({"loadBalancerName": "b"}),
            "loadBalancerName cannot be changed, added or removed",
        ),
        (
            "loadBalancerName: a",
            json!({"loadBalancerName": null}),
            "loadBalancerName cannot be changed, added or removed",
        ),
        ("", json!({"scheme": "internal"}), "scheme cannot be changed"),
        ("scheme: internal", json!({"scheme": null}), "scheme cannot be changed"),
        (
            "",
            json!({"availabilityZones": null, "subnets": ["subnet-12345678"]}),
            "availabilityZones cannot be changed to subnets or subnetSelector",
        ),
    ];
    for (line, change, words) in cases {
        // Suspended, so that these objects are the API server's business alone.
        test.namespace
            .create(&manifest(&format!("{MINIMAL}\nmanagement: Suspended\n{line}")))
            .await?;
        let change = json!({"spec": change});
        let refusal = test.namespace.patch(Kind::CLB, "web", change.clone()).await;
        let text = refusal.expect_err(&change.to_string()).to_string();
        assert!(text.contains(words), "{text}");
        test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_definition_is_kept_by_the_api_server_as_it_was_applied() -> Result<()> {
    let namespace = Stack::shared().await?.namespace().await?;
    let stored = namespace.get(Kind::CRD, "classicloadbalancers.classiclb.dev").await?;
    let ours: serde_json::Value =
        serde_saphyr::from_str(include_str!("../../crds/classicloadbalancers.yaml")).expect("YAML");
    assert_eq!(
        stored.data["spec"]["versions"][0]["schema"],
        ours["spec"]["versions"][0]["schema"]
    );
    assert_eq!(
        stored.data["spec"]["names"]["shortNames"],
        ours["spec"]["names"]["shortNames"]
    );
    assert!(include_str!("../../crds/classicloadbalancers.yaml").len() < 100_000);
    Ok(())
}

#[test]
fn the_committed_definition_is_the_one_that_the_code_makes() {
    let definition = classic_lb_operator::api::crd::definition().expect("the definition");
    let text = serde_saphyr::to_string(&definition).expect("YAML");
    assert!(
        text == include_str!("../../crds/classicloadbalancers.yaml"),
        "the CRD has drifted: run `make generate`"
    );
}
