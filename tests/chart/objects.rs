//! What the chart renders.

use serde_json::{Value, json};

use crate::helm::{REQUIRED, chart, deployment, document, names, object, read, render, template};

const NAME: &str = "test-classic-lb-operator";
const CRD: &str = "classicloadbalancers.classiclb.dev";

#[test]
fn rendering_twice_gives_the_same_text() {
    let values =
        "{serviceMonitor: {enabled: true}, podLabels: {b: '1', a: '2'}, crds: {annotations: {b: '1', a: '2'}}}";
    let first = template(&[REQUIRED, values]).unwrap();
    assert!(first.len() > 10_000, "nothing was rendered");
    assert_eq!(first, template(&[REQUIRED, values]).unwrap());
}

#[test]
fn templates_use_nothing_that_differs_from_render_to_render() {
    let mut files = 0;
    for file in std::fs::read_dir(chart().join("templates")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for function in [
            "lookup",
            "now",
            "date",
            "ago",
            "uuidv4",
            "genCA",
            "genPrivateKey",
            "genSelfSignedCert",
            "genSignedCert",
            "randAlpha",
            "randAlphaNum",
            "randAscii",
            "randBytes",
            "randInt",
            "randNumeric",
            "shuffle",
        ] {
            assert!(!words.contains(&function), "{} uses {function}", path.display());
        }
        files += 1;
    }
    assert!(files >= 8, "only {files} templates were looked at");
}

#[test]
fn by_default_there_is_what_the_operator_needs_and_no_more() {
    let mut found = names(&render("{}"));
    found.sort();
    let mut expected = [
        ("ClusterRole", NAME),
        ("ClusterRole", "test-classic-lb-operator-edit"),
        ("ClusterRole", "test-classic-lb-operator-view"),
        ("ClusterRoleBinding", NAME),
        ("CustomResourceDefinition", CRD),
        ("CustomResourceDefinition", "awsaccounts.classiclb.dev"),
        ("CustomResourceDefinition", "classicloadbalancerbindings.classiclb.dev"),
        ("Deployment", NAME),
        ("PodDisruptionBudget", NAME),
        // Of `helm test`.
        ("Pod", "test-classic-lb-operator-test"),
        ("Service", "test-classic-lb-operator-test"),
        ("ServiceAccount", NAME),
        ("ValidatingAdmissionPolicy", NAME),
        ("ValidatingAdmissionPolicyBinding", NAME),
        ("ValidatingAdmissionPolicy", "test-classic-lb-operator-warnings"),
        ("ValidatingAdmissionPolicy", "test-classic-lb-operator-binding-warnings"),
        (
            "ValidatingAdmissionPolicyBinding",
            "test-classic-lb-operator-binding-warnings",
        ),
        ("ValidatingAdmissionPolicyBinding", "test-classic-lb-operator-warnings"),
    ]
    .map(|(kind, name)| format!("\"{kind}\" \"{name}\""));
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn objects_stand_in_the_namespace_of_the_release() {
    let optional = "{serviceMonitor: {enabled: true}, podMonitor: {enabled: true}, prometheusRule: {enabled: true}, \
                    dashboard: {enabled: true}, networkPolicy: {enabled: true}}";
    for object in render(optional) {
        let cluster_wide = [
            "ClusterRole",
            "ClusterRoleBinding",
            "CustomResourceDefinition",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ]
        .contains(&object["kind"].as_str().unwrap());
        let expected = if cluster_wide {
            Value::Null
        } else {
            json!("load-balancers")
        };
        assert_eq!(object["metadata"]["namespace"], expected, "{}", object["kind"]);
    }
}

#[test]
fn the_pod_meets_the_restricted_pod_security_standard() {
    let objects = render("{}");
    let pod = &deployment(&objects)["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        })
    );
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    assert_eq!(
        pod["containers"][0]["securityContext"],
        json!({
            "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        })
    );
    for member in ["hostNetwork", "hostPID", "hostIPC", "volumes"] {
        assert!(pod[member].is_null(), "{member}");
    }
}

#[test]
fn helm_test_asks_the_operator_through_a_service_of_its_own() {
    let objects = render("{image: {pullPolicy: Always}, nodeSelector: {a: b}}");
    let name = "test-classic-lb-operator-test";
    let (pod, service) = (object(&objects, "Pod", name), object(&objects, "Service", name));
    for hook in [pod, service] {
        assert_eq!(hook["metadata"]["annotations"]["helm.sh/hook"], "test");
    }
    let operator = deployment(&objects);
    let template = &operator["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    for (label, value) in service["spec"]["selector"].as_object().unwrap() {
        assert_eq!(&labels[label], value, "the Service selects the operator");
    }
    let selector = operator["spec"]["selector"]["matchLabels"].as_object().unwrap();
    let label = &pod["metadata"]["labels"];
    assert!(
        selector.iter().any(|(name, value)| label[name] != *value),
        "and not the test: {label}"
    );
    let (test, theirs) = (&pod["spec"]["containers"][0], &template["spec"]["containers"][0]);
    for member in ["image", "imagePullPolicy", "securityContext"] {
        assert_eq!(test[member], theirs[member], "{member}");
    }
    for member in ["securityContext", "nodeSelector"] {
        assert_eq!(pod["spec"][member], template["spec"][member], "{member}");
    }
    let port = service["spec"]["ports"][0]["port"].as_u64().unwrap();
    let url = format!("--url=http://{name}.load-balancers:{port}");
    assert_eq!(test["args"], json!(["ready", url, "--wait=60s", "--aws"]));
    assert_eq!(
        pod["spec"]["serviceAccountName"], template["spec"]["serviceAccountName"],
        "AWS sees the same role"
    );
    assert!(
        !names(&render("replicas: 0"))
            .iter()
            .any(|name| name.contains("-test\"")),
        "it is stopped"
    );
}

/// Else it cannot be placed, or reaches nothing, where the operator itself runs.
#[test]
fn helm_test_runs_as_the_operator_does() {
    let objects = render(crate::values::EVERYTHING);
    let test = &object(&objects, "Pod", "test-classic-lb-operator-test")["spec"];
    let operator = &deployment(&objects)["spec"]["template"]["spec"];
    let here: std::collections::BTreeSet<&String> = operator.as_object().unwrap().keys().collect();
    // How the operator's pods stand to each other, how they end, what else runs in them, and what only they ask of Kubernetes.
    let its_own = [
        "affinity",
        "automountServiceAccountToken",
        "containers",
        "initContainers",
        "terminationGracePeriodSeconds",
        "topologySpreadConstraints",
        "volumes",
    ];
    let mut shared = 0;
    for member in here.into_iter().filter(|member| !its_own.contains(&member.as_str())) {
        assert_eq!(test[member], operator[member], "{member}");
        shared += 1;
    }
    assert!(shared >= 12, "{shared}");
    assert_eq!(
        test["containers"][0]["resources"],
        operator["containers"][0]["resources"]
    );
    assert_eq!(
        test["affinity"]["nodeAffinity"], operator["affinity"]["nodeAffinity"],
        "on the nodes that the operator may stand on"
    );
    assert!(
        test["affinity"].get("podAntiAffinity").is_none(),
        "it stands apart from nobody"
    );
    assert!(read("charts/classic-lb-operator/values.yaml").contains("`helm test` runs without"));
}

#[test]
fn user_and_group_can_be_left_to_the_cluster() {
    let objects = render("podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}");
    let context = &deployment(&objects)["spec"]["template"]["spec"]["securityContext"];
    assert_eq!(
        *context,
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}})
    );
}

#[test]
fn two_operators_run_and_are_probed() {
    let objects = render("{}");
    let spec = &deployment(&objects)["spec"];
    assert_eq!(spec["replicas"], 2);
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}})
    );
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(
        container["livenessProbe"]["httpGet"],
        json!({"path": "/healthz", "port": "http"})
    );
    assert_eq!(
        container["readinessProbe"]["httpGet"],
        json!({"path": "/readyz", "port": "http"})
    );
    assert_eq!(
        container["startupProbe"]["httpGet"], container["livenessProbe"]["httpGet"],
        "a start may take its time"
    );
    assert_eq!(
        container["ports"],
        json!([{"name": "http", "containerPort": 8080, "protocol": "TCP"}])
    );
    assert!(container["env"].is_null(), "the region is the cluster's to give");
    for quantity in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
        assert!(container["resources"].pointer(quantity).is_some(), "{quantity}");
    }
    let labels = &spec["template"]["metadata"]["labels"];
    assert_eq!(spec["selector"]["matchLabels"], *labels);

    assert_eq!(deployment(&render("replicas: 0"))["spec"]["replicas"], 0);
}

#[test]
fn the_operator_knows_every_argument_it_is_given() {
    for values in [
        "{}",
        "{readOnly: true, adoption: never, aws: {defaultTags: {team: web, env: a=b}}}",
        "watchNamespaces: [shop, web]",
        "{clusterId: '-', resyncPeriod: 1h30m, http: {address: '::'}, log: {format: text}}",
    ] {
        let objects = render(values);
        let args = deployment(&objects)["spec"]["template"]["spec"]["containers"][0]["args"].clone();
        let args = args.as_array().unwrap().iter().map(|arg| arg.as_str().unwrap());
        // Arguments are judged in their order, so that this last one is named only when all before it are taken.
        let mut operator = std::process::Command::new(env!("CARGO_BIN_EXE_clb-operator"));
        let output = operator.args(args).arg("--no-such-argument").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--no-such-argument"), "{values}: {said}");
    }
}

#[test]
fn the_definition_is_the_generated_one_with_marks_of_the_release() {
    let objects =
        render("crds: {annotations: {argocd.argoproj.io/sync-options: Prune=false}, labels: {team: platform}}");
    let mut rendered = object(&objects, "CustomResourceDefinition", CRD).clone();
    let metadata = rendered["metadata"].as_object_mut().unwrap();
    assert_eq!(
        metadata.remove("annotations").unwrap(),
        json!({"argocd.argoproj.io/sync-options": "Prune=false", "helm.sh/resource-policy": "keep"})
    );
    let labels = metadata.remove("labels").unwrap();
    assert_eq!(labels["team"], "platform");
    assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
    assert_eq!(rendered, document(&read("crds/classicloadbalancers.yaml")));
    for other in ["awsaccounts", "classicloadbalancerbindings"] {
        let there = object(&objects, "CustomResourceDefinition", &format!("{other}.classiclb.dev"));
        let schema = "/spec/versions/0/schema";
        let file = document(&read(&format!("crds/{other}.yaml")));
        assert_eq!(there.pointer(schema), file.pointer(schema), "{other}");
    }

    let unkept = render("crds: {keep: false}");
    assert!(object(&unkept, "CustomResourceDefinition", CRD)["metadata"]["annotations"].is_null());
    let without = names(&render("crds: {enabled: false}"));
    assert!(
        !without.iter().any(|name| name.contains("CustomResourceDefinition")),
        "{without:?}"
    );
}

#[test]
fn a_service_account_can_carry_a_role_or_be_brought_along() {
    let arn = "arn:aws:iam::111122223333:role/clb";
    let objects = render(&format!(
        "serviceAccount: {{name: clb, annotations: {{eks.amazonaws.com/role-arn: '{arn}'}}}}"
    ));
    let account = object(&objects, "ServiceAccount", "clb");
    assert_eq!(account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], arn);
    assert_eq!(account["automountServiceAccountToken"], false);
    let pod = &deployment(&objects)["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "clb");
    assert_eq!(pod["automountServiceAccountToken"], true);

    let objects = render("serviceAccount: {create: false, name: theirs}");
    assert!(!names(&objects).iter().any(|name| name.contains("\"ServiceAccount\"")));
    assert_eq!(
        deployment(&objects)["spec"]["template"]["spec"]["serviceAccountName"],
        "theirs"
    );
    assert_eq!(
        object(&objects, "ClusterRoleBinding", NAME)["subjects"][0]["name"],
        "theirs"
    );
}

#[test]
fn metrics_can_be_scraped() {
    let objects = render("serviceMonitor: {enabled: true, interval: 1m, labels: {release: prometheus}}");
    let service = object(&objects, "Service", NAME);
    let monitor = object(&objects, "ServiceMonitor", NAME);
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(
        service["spec"]["selector"],
        deployment(&objects)["spec"]["template"]["metadata"]["labels"]
    );
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(
        *endpoint,
        json!({"port": "http", "path": "/metrics", "scheme": "http", "interval": "1m", "scrapeTimeout": "10s", "honorLabels": true})
    );
    assert_eq!(service["spec"]["ports"][0]["name"], endpoint["port"]);
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(service["metadata"]["labels"][label], *value);
    }

    let alone = names(&render("service: {enabled: true}"));
    assert!(
        alone.iter().any(|name| name.starts_with("\"Service\" ")) && !alone.iter().any(|name| name.contains("Monitor"))
    );
}

#[test]
fn names_stay_within_what_kubernetes_takes() {
    let objects = render(&format!("fullnameOverride: {}", "n".repeat(58)));
    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap();
        assert!(name.len() <= 63, "{name}");
    }
    let refusal = template(&[REQUIRED, &format!("fullnameOverride: {}", "n".repeat(59))]).unwrap_err();
    assert!(refusal.contains("'/fullnameOverride'"), "{refusal}");
}
