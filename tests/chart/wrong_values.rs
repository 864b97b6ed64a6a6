//! Values that the schema of the chart refuses, each where it stands.

use crate::helm::{REQUIRED, template};

/// The schema refuses the values at this place in these words.
#[track_caller]
pub(crate) fn refused(values: &str, place: &str, message: &str) {
    let refusal = template(&[REQUIRED, values]).unwrap_err();
    let said = refusal
        .lines()
        .any(|line| line.contains(&format!("at {place}")) && line.contains(message));
    assert!(said, "{values}: no line with {place} and {message:?} in:\n{refusal}");
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn a_wrong_value_is_refused_where_it_stands() {
    let too_long = format!("clusterId: {}", "a".repeat(64));
    for (values, place, message) in [
        ("replicas: 11", "'/replicas'", "maximum"),
        (
            "strategy: {rollingUpdate: {maxSurge: 101%}}",
            "'/strategy/rollingUpdate/maxSurge'",
            "does not match pattern",
        ),
        ("strategy: {type: OnDelete}", "'/strategy/type'", "must be one of"),
        (
            "prometheusRule: {disabled: [Nothing]}",
            "'/prometheusRule/disabled/0'",
            "must be one of",
        ),
        (
            "prometheusRule: {runbookUrl: 'https://a/b'}",
            "'/prometheusRule/runbookUrl'",
            "does not match pattern",
        ),
        (
            "aws: {webIdentity: {roleArn: clb}}",
            "'/aws/webIdentity/roleArn'",
            "does not match pattern",
        ),
        (
            "aws: {webIdentity: {expirationSeconds: 60}}",
            "'/aws/webIdentity/expirationSeconds'",
            "minimum",
        ),
        ("aws: {rateShare: 0}", "'/aws/rateShare'", "minimum"),
        (
            "aws: {rateLimits: {describe: 10}}",
            "'/aws/rateLimits/describe'",
            "want string",
        ),
        (
            "aws: {rateLimits: {describe: '0+1'}}",
            "'/aws/rateLimits/describe'",
            "does not match pattern",
        ),
        (
            "aws: {rateLimits: {all: 1+1}}",
            "'/aws/rateLimits'",
            "'all' not allowed",
        ),
        ("objectMetrics: {limit: 0}", "'/objectMetrics/limit'", "minimum"),
        (
            "extraVolumes: [{name: a, configmap: {}}]",
            "'/extraVolumes/0'",
            "'configmap' not allowed",
        ),
        ("sidecars: [{name: a, img: b}]", "'/sidecars/0'", "'img' not allowed"),
        (
            "networkPolicy: {ingress: {from: [{podSelctor: {}}]}}",
            "'/networkPolicy/ingress/from/0'",
            "'podSelctor' not allowed",
        ),
        (
            "serviceMonitor: {tlsConfig: {insecure: true}}",
            "'/serviceMonitor/tlsConfig'",
            "'insecure' not allowed",
        ),
        ("livenessProbe: {exec: {}}", "'/livenessProbe'", "'exec' not allowed"),
        ("replicaCount: 1", "''", "'replicaCount' not allowed"),
        ("image: {registry: x}", "'/image'", "'registry' not allowed"),
        (
            "rbac: {userRoles: {aggregateToViewer: true}}",
            "'/rbac/userRoles'",
            "'aggregateToViewer' not allowed",
        ),
        (
            "affinity: {nodeAffinty: {}}",
            "'/affinity'",
            "'nodeAffinty' not allowed",
        ),
        (
            "extraEnv: [{name: A, valueFrom: {secret: x}}]",
            "'/extraEnv/0/valueFrom'",
            "'secret' not allowed",
        ),
        ("clusterId: 7", "'/clusterId'", "want string"),
        ("clusterId: a b", "'/clusterId'", "does not match pattern"),
        (&too_long, "'/clusterId'", "does not match pattern"),
        (
            "image: {repository: 'example.com/operator:v1'}",
            "'/image/repository'",
            "does not match pattern",
        ),
        ("image: {tag: 1.10}", "'/image/tag'", "want string"),
        (
            "image: {digest: 'sha256:12'}",
            "'/image/digest'",
            "does not match pattern",
        ),
        ("aws: {region: virginia}", "'/aws/region'", "does not match pattern"),
        (
            "aws: {endpointUrl: localhost}",
            "'/aws/endpointUrl'",
            "does not match pattern",
        ),
        (
            "aws: {defaultTags: {a: 'b,c'}}",
            "'/aws/defaultTags/a'",
            "does not match pattern",
        ),
        ("adoption: sometimes", "'/adoption'", "must be one of"),
        ("nodeDraining: often", "'/nodeDraining'", "must be one of"),
        ("watchNamespaces: shop", "'/watchNamespaces'", "want array"),
        (
            "watchNamespaces: [Shop]",
            "'/watchNamespaces/0'",
            "does not match pattern",
        ),
        ("watchNamespaces: [a, a]", "'/watchNamespaces'", "are equal"),
        ("readOnly: 'yes'", "'/readOnly'", "want boolean"),
        ("resyncPeriod: 10", "'/resyncPeriod'", "want string"),
        ("healthInterval: soon", "'/healthInterval'", "does not match pattern"),
        ("healthInterval: 0s", "'/healthInterval'", "does not match pattern"),
        ("healthInterval: ''", "'/healthInterval'", "minLength"),
        ("concurrency: 0", "'/concurrency'", "minimum"),
        (
            "traces: {endpoint: 'collector:4318'}",
            "'/traces/endpoint'",
            "does not match pattern",
        ),
        ("log: {format: xml}", "'/log/format'", "must be one of"),
        ("http: {port: 80}", "'/http/port'", "minimum"),
        (
            "podSecurityContext: {runAsUser: 0}",
            "'/podSecurityContext/runAsUser'",
            "minimum",
        ),
        (
            "podSecurityContext: {runAsNonRoot: false}",
            "'/podSecurityContext'",
            "'runAsNonRoot' not allowed",
        ),
        ("podLabels: {a: 1}", "'/podLabels/a'", "want string"),
        (
            "resources: {limits: {memory: lots}}",
            "'/resources/limits/memory'",
            "does not match pattern",
        ),
    ] {
        refused(values, place, message);
    }
}
