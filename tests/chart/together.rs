//! Values that are right each for itself and do not go together, values that YAML would take for something else, and values
//! that are taken out.

use serde_json::{Value, json};

use crate::helm::{REQUIRED, chart, deployment, helm, object, read, render, template, yaml};

const NAME: &str = "test-classic-lb-operator";

#[test]
fn values_that_do_not_go_together_are_refused_in_words() {
    let tls = "metricsTLS: {enabled: true, secret: tls}";
    for (values, words) in [
        ("image: {repository: a/}", "image.repository \"a/\" ends in a slash"),
        ("terminationGracePeriodSeconds: 24", "give at least 25"),
        (
            "sidecars: [{name: operator, image: a}]",
            "sidecars has a container \"operator\"",
        ),
        (
            "{initContainers: [{name: a, image: a}], sidecars: [{name: a, image: a}]}",
            "sidecars has a container \"a\"",
        ),
        (
            "extraVolumes: [{name: custom-ca, emptyDir: {}}]",
            "extraVolumes has a volume \"custom-ca\"",
        ),
        (
            "extraVolumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]",
            "extraVolumes has a volume \"a\"",
        ),
        (
            "{extraVolumes: [{name: a, emptyDir: {}}], extraVolumeMounts: [{name: a, mountPath: /etc/classic-lb-operator/ca/}]}",
            "extraVolumeMounts has the path",
        ),
        (
            "serviceMonitor: {enabled: true, interval: 1m, scrapeTimeout: 61s}",
            "serviceMonitor.scrapeTimeout 61s is longer than serviceMonitor.interval 1m",
        ),
        (
            "podMonitor: {enabled: true, interval: 1h, scrapeTimeout: 61m}",
            "podMonitor.scrapeTimeout 61m is longer",
        ),
        (
            &format!("{{{tls}, serviceMonitor: {{enabled: true}}}}"),
            "serviceMonitor shows no token",
        ),
        (
            &format!("{{{tls}, podMonitor: {{enabled: true}}}}"),
            "podMonitor shows no token",
        ),
    ] {
        let refusal = template(&[REQUIRED, values]).unwrap_err();
        assert!(
            refusal.contains("the values cannot be installed"),
            "{values}: {refusal}"
        );
        assert!(refusal.contains(words), "{values}: {refusal}");
    }
    for values in [
        "terminationGracePeriodSeconds: 25",
        "serviceMonitor: {enabled: true, interval: 1m30s, scrapeTimeout: 90s}",
        "{metricsTLS: {enabled: true, secret: tls, authentication: false}, podMonitor: {enabled: true}}",
        "{metricsTLS: {enabled: true, secret: tls}, podMonitor: {enabled: true, authorization: {credentials: {name: a, key: b}}}}",
        "{metricsTLS: {enabled: true, secret: tls}, serviceMonitor: {enabled: true, bearerTokenFile: /token}}",
        "{metricsTLS: {enabled: true, secret: tls}, serviceMonitor: {enabled: true, port: proxied}, \
         service: {extraPorts: [{name: proxied, port: 9443}]}}",
    ] {
        render(values);
    }
}

/// The notes that follow an installation.
fn notes(values: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, values).unwrap();
    let required = folder.path().join("required.yaml");
    std::fs::write(&required, REQUIRED).unwrap();
    let files = [required.to_str().unwrap(), file.to_str().unwrap()];
    let chart = chart();
    let arguments = [
        "install",
        "test",
        chart.to_str().unwrap(),
        "--dry-run=client",
        "--values",
        files[0],
        "--values",
        files[1],
    ];
    helm(None, &arguments).unwrap()
}

#[test]
fn what_is_likely_a_mistake_is_told_in_the_notes() {
    let twice = "WARNING: serviceMonitor and podMonitor are both on";
    assert!(notes("serviceMonitor: {enabled: true}\npodMonitor: {enabled: true}").contains(twice));
    assert!(!notes("serviceMonitor: {enabled: true}").contains(twice));
    let warning = "WARNING: objectMetrics.enabled is false";
    for part in ["prometheusRule", "dashboard"] {
        let with = format!("{part}: {{enabled: true}}\npodMonitor: {{enabled: true}}");
        assert!(!notes(&with).contains(warning), "{part}");
        let without = format!("{with}\nobjectMetrics: {{enabled: false}}");
        assert!(notes(&without).contains(warning), "{part}");
    }
}

/// Where pods cannot stand on one node, a new one that is to be ready first waits for a node that may not be there.
#[test]
fn an_upgrade_waits_for_no_node_that_is_not_there() {
    let apart = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: rack}]}}";
    for (values, unavailable, surge) in [
        ("{}", json!(0), json!(1)),
        ("antiAffinity: none", json!(0), json!(1)),
        ("antiAffinity: hard", json!(1), json!(0)),
        (apart, json!(1), json!(0)),
        ("hostNetwork: true", json!(1), json!(0)),
        ("strategy: {rollingUpdate: null}", json!(0), json!(1)),
        // What is given holds, and what is not goes with it.
        ("strategy: {rollingUpdate: {maxSurge: 0}}", json!(1), json!(0)),
        (
            "strategy: {rollingUpdate: {maxUnavailable: 50%}}",
            json!("50%"),
            json!(1),
        ),
        (
            "{antiAffinity: hard, strategy: {rollingUpdate: {maxUnavailable: 0}}}",
            json!(0),
            json!(1),
        ),
        (
            "{hostNetwork: true, strategy: {rollingUpdate: {maxSurge: 2}}}",
            json!(1),
            json!(2),
        ),
        (
            "{hostNetwork: true, strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}}",
            json!(0),
            json!(1),
        ),
    ] {
        let strategy = deployment(&render(values))["spec"]["strategy"].clone();
        let expected = json!({"maxUnavailable": unavailable, "maxSurge": surge});
        assert_eq!(strategy["rollingUpdate"], expected, "{values}");
    }
    let page = read("charts/classic-lb-operator/values.yaml");
    assert!(page.contains("Empty: 0, or 1 where pods cannot stand on one node"));
}

#[test]
fn an_upgrade_that_may_wait_for_a_node_is_told_in_the_notes() {
    let warning = "WARNING: an upgrade starts a new pod before it ends an old one";
    for (values, told) in [
        ("{}", false),
        ("hostNetwork: true", false),
        ("{hostNetwork: true, strategy: {type: Recreate}}", false),
        (
            "{hostNetwork: true, strategy: {rollingUpdate: {maxUnavailable: 0}}}",
            true,
        ),
        (
            "{antiAffinity: hard, strategy: {rollingUpdate: {maxUnavailable: 0%, maxSurge: 1}}}",
            true,
        ),
    ] {
        assert_eq!(notes(values).contains(warning), told, "{values}");
    }
}

/// Whether everything that must be a string is one.
fn is_text(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let labels = metadata["labels"].as_object().into_iter().flatten();
    metadata["name"].is_string()
        && metadata.get("namespace").is_none_or(Value::is_string)
        && labels.into_iter().all(|(_, value)| value.is_string())
}

#[test]
fn names_are_text_whatever_yaml_would_make_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    let values = "{fullnameOverride: 'y', nameOverride: 'off', watchNamespaces: ['no', '1'], serviceAccount: {name: 'true'}, \
                  leaderElection: {namespace: '0', leasePer: region}, podMonitor: {enabled: true, namespace: 'yes', jobLabel: 'n'}, \
                  customCA: {secret: '7'}, metricsTLS: {enabled: true, secret: 'on', authentication: false}, \
                  prometheusRule: {enabled: true}, dashboard: {enabled: true}, networkPolicy: {enabled: true}, service: {enabled: true}}";
    let required = folder.path().join("required.yaml");
    std::fs::write(&required, REQUIRED).unwrap();
    std::fs::write(&file, values).unwrap();
    let (chart, files) = (chart(), [required.to_str().unwrap(), file.to_str().unwrap()]);
    let arguments = [
        "template",
        "y",
        chart.to_str().unwrap(),
        "--namespace",
        "on",
        "--values",
        files[0],
        "--values",
        files[1],
    ];
    let objects = yaml(&helm(None, &arguments).unwrap());
    assert!(objects.len() > 20, "{}", objects.len());
    for object in &objects {
        assert!(is_text(object), "{object}");
    }
    let pod = &object(&objects, "Deployment", "y")["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "true");
    let volumes = pod["volumes"].as_array().unwrap();
    let secrets: Vec<&Value> = volumes.iter().map(|volume| &volume["secret"]["secretName"]).collect();
    assert_eq!(secrets, ["on", "7"]);
}

#[test]
fn what_is_taken_out_by_null_is_left_out_or_refused_by_its_name() {
    for value in [
        "commonLabels",
        "podLabels",
        "podAnnotations",
        "affinity",
        "tolerations",
        "sidecars",
        "initContainers",
        "extraVolumes",
        "resources",
        "topologySpreadConstraints",
        "serviceAccount.annotations",
        "serviceAccount.labels",
        "crds.labels",
        "crds.annotations",
    ] {
        let (outer, inner) = value.split_once('.').unwrap_or((value, ""));
        let values = if inner.is_empty() {
            json!({outer: null})
        } else {
            json!({outer: {inner: null}})
        };
        render(&values.to_string());
    }
    let monitors = "{serviceMonitor: {enabled: true, labels: null}, prometheusRule: {enabled: true, labels: null, alertLabels: null}, \
                    dashboard: {enabled: true, labels: null}, service: {labels: null}}";
    render(monitors);
    let objects = render("{livenessProbe: null, startupProbe: null}");
    let container = &deployment(&objects)["spec"]["template"]["spec"]["containers"][0];
    assert!(
        container.get("livenessProbe").is_none() && container.get("startupProbe").is_none(),
        "{container}"
    );
    assert!(container["readinessProbe"].is_object());
    for value in ["aws", "strategy", "replicas", "rbac", "adoption", "metricsTLS"] {
        let refusal = template(&[REQUIRED, &format!("{value}: null")]).unwrap_err();
        assert!(refusal.contains(&format!("missing property '{value}'")), "{refusal}");
    }
}

#[test]
fn egress_lets_out_what_the_operator_is_told_to_ask() {
    for (endpoints, expected) in [
        ("{}", json!([443, 6443])),
        (
            "aws: {endpointUrl: 'http://aws.example.com:4566'}",
            json!([443, 6443, 4566]),
        ),
        (
            "aws: {endpointUrl: 'http://aws.example.com/path'}",
            json!([443, 6443, 80]),
        ),
        ("aws: {endpointUrl: 'https://[fd00::1]:8443'}", json!([443, 6443, 8443])),
        ("aws: {endpointUrl: 'https://aws.example.com'}", json!([443, 6443])),
        ("traces: {endpoint: 'http://collector:4318'}", json!([443, 6443, 4318])),
    ] {
        let policy = "networkPolicy: {enabled: true, egress: {enabled: true}}";
        let text = template(&[REQUIRED, policy, endpoints]).unwrap();
        let objects = yaml(&text);
        let rule = &object(&objects, "NetworkPolicy", NAME)["spec"]["egress"][1]["ports"];
        let ports: Vec<&Value> = rule.as_array().unwrap().iter().map(|entry| &entry["port"]).collect();
        assert_eq!(json!(ports), expected, "{endpoints}");
    }
}

#[test]
fn every_value_has_a_meaning() {
    let page = read("docs/reference/values.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 150, "{}", rows.len());
    for row in rows {
        assert!(!row.trim_end_matches('|').trim_end().ends_with('|'), "{row}");
    }
}
