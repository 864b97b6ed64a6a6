//! What the chart renders where it is asked for more than the operator alone.

use serde_json::{Value, json};

use crate::helm::{REQUIRED, chart, deployment, document, names, object, read, render, root, template};

const NAME: &str = "test-classic-lb-operator";

fn pod(objects: &[Value]) -> &Value {
    &deployment(objects)["spec"]["template"]["spec"]
}

/// The variable of this name in the operator's container.
fn variable<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    let variables = pod(objects)["containers"][0]["env"].as_array().unwrap();
    let found = variables.iter().find(|variable| variable["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {variables:?}"))
}

#[test]
fn pods_of_a_release_stand_apart_unless_somebody_says_otherwise() {
    let default = render("{}");
    let labels = &deployment(&default)["spec"]["template"]["metadata"]["labels"];
    let selector = json!({"matchLabels": labels});
    let affinity = |objects: &[Value], how: &str| pod(objects)["affinity"]["podAntiAffinity"][how].clone();
    let soft = affinity(&default, "preferredDuringSchedulingIgnoredDuringExecution");
    assert_eq!(soft[0]["podAffinityTerm"]["labelSelector"], selector);
    let spread = pod(&default)["topologySpreadConstraints"].as_array().unwrap();
    let over: Vec<&Value> = spread.iter().map(|constraint| &constraint["topologyKey"]).collect();
    assert_eq!(over, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
    for constraint in spread {
        assert_eq!(constraint["labelSelector"], selector);
    }

    let hard = affinity(
        &render("antiAffinity: hard"),
        "requiredDuringSchedulingIgnoredDuringExecution",
    );
    assert_eq!(hard[0]["topologyKey"], "kubernetes.io/hostname");
    let none = render("{antiAffinity: none, topologySpreadConstraints: []}");
    for member in ["affinity", "topologySpreadConstraints"] {
        assert!(pod(&none)[member].is_null(), "{member}");
    }
    let theirs = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: rack}]}}";
    let expected = document(theirs)["affinity"].clone();
    assert_eq!(pod(&render(theirs))["affinity"], expected, "theirs alone");
}

#[test]
fn a_drain_takes_one_pod_at_a_time() {
    let budget = |values: &str| object(&render(values), "PodDisruptionBudget", NAME)["spec"].clone();
    let default = budget("{}");
    assert_eq!(default["maxUnavailable"], 1);
    assert_eq!(default["unhealthyPodEvictionPolicy"], "AlwaysAllow");
    let other = budget("podDisruptionBudget: {minAvailable: 50%}");
    assert_eq!(
        (&other["minAvailable"], &other["maxUnavailable"]),
        (&json!("50%"), &Value::Null)
    );
    let neither = budget("podDisruptionBudget: {minAvailable: null}");
    assert_eq!(neither["maxUnavailable"], 1, "{neither}");
    for values in ["replicas: 1", "podDisruptionBudget: {enabled: false}"] {
        let objects = render(values);
        assert!(
            !names(&objects).iter().any(|name| name.contains("Disruption")),
            "{values}"
        );
    }
}

#[test]
fn credentials_come_as_they_are_given() {
    let objects = render("aws: {credentials: {existingSecret: keys, sessionTokenKey: token}}");
    for (name, key) in [
        ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SESSION_TOKEN", "token"),
    ] {
        let from = json!({"secretKeyRef": {"name": "keys", "key": key}});
        assert_eq!(variable(&objects, name)["valueFrom"], from);
    }

    let role = "arn:aws:iam::111122223333:role/clb";
    let objects = render(&format!("aws: {{webIdentity: {{roleArn: '{role}', audience: clb}}}}"));
    assert_eq!(variable(&objects, "AWS_ROLE_ARN")["value"], role);
    let token = &pod(&objects)["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(
        *token,
        json!({"path": "token", "audience": "clb", "expirationSeconds": 3600})
    );
    let mount = pod(&objects)["containers"][0]["volumeMounts"][0]["mountPath"]
        .as_str()
        .unwrap();
    assert_eq!(
        variable(&objects, "AWS_WEB_IDENTITY_TOKEN_FILE")["value"],
        format!("{mount}/token")
    );

    // What asks AWS in `helm test` has all of it too.
    let test = &object(&objects, "Pod", "test-classic-lb-operator-test")["spec"];
    for member in ["env", "volumeMounts"] {
        assert_eq!(test["containers"][0][member], pod(&objects)["containers"][0][member]);
    }
    assert_eq!(test["volumes"], pod(&objects)["volumes"]);
}

#[test]
fn an_own_authority_is_trusted_beside_the_public_ones() {
    let image = read("Dockerfile");
    assert!(
        image.contains("SSL_CERT_FILE="),
        "the public ones are named by the image"
    );
    for (values, source) in [
        (
            "customCA: {configMap: ca}",
            json!({"name": "custom-ca", "configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        ),
        (
            "customCA: {secret: ca, key: bundle}",
            json!({"name": "custom-ca", "secret": {"secretName": "ca", "items": [{"key": "bundle", "path": "ca.crt"}]}}),
        ),
    ] {
        let objects = render(values);
        assert_eq!(pod(&objects)["volumes"], json!([source]));
        let mount = &pod(&objects)["containers"][0]["volumeMounts"][0];
        assert_eq!(variable(&objects, "SSL_CERT_DIR")["value"], mount["mountPath"]);
    }
}

#[test]
fn what_is_added_to_the_pod_is_in_it() {
    let values = r#"
aws: {useFipsEndpoint: true, useDualstackEndpoint: true}
extraVolumes: [{name: config, configMap: {name: aws-config}}]
extraVolumeMounts: [{name: config, mountPath: /etc/aws, readOnly: true}]
envFrom: [{secretRef: {name: proxy}}]
sidecars: [{name: tls, image: "registry.example.com/tls:1", ports: [{name: https, containerPort: 8443}]}]
lifecycle: {preStop: {sleep: {seconds: 5}}}
livenessProbe: {periodSeconds: 20, initialDelaySeconds: 3}
deploymentAnnotations: {a: b}
"#;
    let objects = render(values);
    let given = document(values);
    let container = &pod(&objects)["containers"][0];
    assert_eq!(pod(&objects)["volumes"], given["extraVolumes"]);
    assert_eq!(container["volumeMounts"], given["extraVolumeMounts"]);
    assert_eq!(container["envFrom"], given["envFrom"]);
    assert_eq!(container["lifecycle"], given["lifecycle"]);
    assert_eq!(pod(&objects)["containers"][1], given["sidecars"][0]);
    assert_eq!(container["livenessProbe"]["periodSeconds"], 20);
    assert_eq!(container["livenessProbe"]["initialDelaySeconds"], 3);
    assert_eq!(deployment(&objects)["metadata"]["annotations"], json!({"a": "b"}));
    for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        assert_eq!(variable(&objects, name)["value"], "true");
    }
    let recreate = render("strategy: {type: Recreate}");
    assert_eq!(deployment(&recreate)["spec"]["strategy"], json!({"type": "Recreate"}));
}

#[test]
fn further_objects_are_rendered_with_the_values_of_the_release() {
    let objects = render(
        r#"
extraObjects:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: plain}, data: {a: "{{ not a template }}"}}
- |
  apiVersion: v1
  kind: ConfigMap
  metadata:
    name: {{ .Release.Name }}-{{ .Values.clusterId }}
"#,
    );
    assert_eq!(
        object(&objects, "ConfigMap", "plain")["data"]["a"],
        "{{ not a template }}"
    );
    object(&objects, "ConfigMap", "test-test");
}

#[test]
fn common_labels_are_on_every_object_but_the_definitions_and_take_no_others_place() {
    let optional = "{serviceMonitor: {enabled: true}, podMonitor: {enabled: true}, prometheusRule: {enabled: true}, \
                    dashboard: {enabled: true}, networkPolicy: {enabled: true}, commonLabels: {team: platform, app.kubernetes.io/name: taken}}";
    let objects = render(optional);
    for object in &objects {
        let labels = &object["metadata"]["labels"];
        let is_definition = object["kind"] == "CustomResourceDefinition";
        let expected = if is_definition { Value::Null } else { json!("platform") };
        let what = format!("{} {}", object["kind"], object["metadata"]["name"]);
        assert_eq!(labels["team"], expected, "{what}");
        assert_ne!(labels["app.kubernetes.io/name"], "taken", "{what}");
    }
    let kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert!(
        kinds.contains(&"CustomResourceDefinition") && kinds.contains(&"Pod"),
        "{kinds:?}"
    );
    let pod = &deployment(&objects)["spec"]["template"]["metadata"]["labels"];
    assert_eq!(pod["team"], "platform");
    let selector = deployment(&objects)["spec"]["selector"]["matchLabels"]
        .as_object()
        .unwrap();
    assert!(selector.get("team").is_none(), "a selector cannot be changed later");
}

#[test]
fn monitors_find_the_operator_from_another_namespace_and_by_tls() {
    let values = "{enabled: true, namespace: monitoring, jobLabel: app, scheme: https, port: https, annotations: {a: b}, \
                  tlsConfig: {insecureSkipVerify: true}, authorization: {credentials: {name: token, key: token}}, \
                  relabelings: [{sourceLabels: [a], targetLabel: b}], metricRelabelings: [{action: drop, regex: c}]}";
    let given = document(values);
    let objects = render(&format!(
        "{{serviceMonitor: {values}, podMonitor: {values}, service: {{extraPorts: [{{name: https, port: 8443}}]}}}}"
    ));
    for (kind, endpoints) in [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")] {
        let monitor = object(&objects, kind, NAME);
        assert_eq!(monitor["metadata"]["namespace"], "monitoring");
        assert_eq!(monitor["metadata"]["annotations"], given["annotations"]);
        assert_eq!(
            monitor["spec"]["namespaceSelector"],
            json!({"matchNames": ["load-balancers"]})
        );
        assert_eq!(monitor["spec"]["jobLabel"], "app");
        let endpoint = &monitor["spec"][endpoints][0];
        for member in [
            "scheme",
            "port",
            "tlsConfig",
            "authorization",
            "relabelings",
            "metricRelabelings",
        ] {
            assert_eq!(endpoint[member], given[member], "{kind} {member}");
        }
        assert_eq!(endpoint["honorLabels"], true);
        // The test of `helm test` is no operator to scrape.
        let service = &object(&objects, "Service", "test-classic-lb-operator-test")["metadata"]["labels"];
        let selector = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
        assert!(selector.iter().any(|(label, value)| service[label] != *value));
    }
    let ports = object(&objects, "Service", NAME)["spec"]["ports"].as_array().unwrap();
    assert_eq!(ports[1]["name"], "https");
}

#[test]
fn metrics_by_tls_are_found_and_only_by_those_who_may() {
    let objects = render(
        "{metricsTLS: {enabled: true, secret: certificate}, networkPolicy: {enabled: true}, \
         podMonitor: {enabled: true, authorization: {credentials: {name: token, key: token}}}, \
         serviceMonitor: {enabled: true, bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token}}",
    );
    let container = &pod(&objects)["containers"][0];
    assert_eq!(
        container["ports"][1],
        json!({"name": "metrics", "containerPort": 8443, "protocol": "TCP"})
    );
    let volume = &pod(&objects)["volumes"][0];
    assert_eq!(volume["secret"]["secretName"], "certificate");
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let arguments = container["args"].as_array().unwrap();
    assert!(arguments.contains(&json!(format!("--metrics-certificate={mount}"))));
    for (kind, endpoints) in [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")] {
        let endpoint = &object(&objects, kind, NAME)["spec"][endpoints][0];
        assert_eq!(
            (&endpoint["port"], &endpoint["scheme"]),
            (&json!("metrics"), &json!("https"))
        );
    }
    assert_eq!(object(&objects, "Service", NAME)["spec"]["ports"][1]["name"], "metrics");
    let policy = &object(&objects, "NetworkPolicy", NAME)["spec"]["ingress"][0];
    assert_eq!(policy["ports"][1]["port"], "metrics");
    let delegate = object(&objects, "ClusterRoleBinding", &format!("{NAME}-auth-delegator"));
    assert_eq!(delegate["roleRef"]["name"], "system:auth-delegator");
    let reader = object(&objects, "ClusterRole", &format!("{NAME}-metrics"));
    assert_eq!(
        reader["rules"],
        json!([{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}])
    );

    let open = names(&render(
        "metricsTLS: {enabled: true, secret: certificate, authentication: false}",
    ));
    assert!(
        !open
            .iter()
            .any(|name| name.contains("delegator") || name.contains("-metrics"))
    );
}

#[test]
fn a_network_policy_lets_in_who_may_ask_and_out_what_is_asked() {
    let open = render("networkPolicy: {enabled: true}");
    let policy = &object(&open, "NetworkPolicy", NAME)["spec"];
    assert_eq!(policy["policyTypes"], json!(["Ingress"]));
    assert!(policy["ingress"][0]["from"].is_null(), "everybody");
    let labels = &deployment(&open)["spec"]["template"]["metadata"]["labels"];
    for (label, value) in policy["podSelector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(labels[label], *value);
    }

    let peer = json!({"namespaceSelector": {"matchLabels": {"monitoring": "yes"}}});
    let extra = json!({"ports": [{"port": 3128}]});
    let objects = render(
        &json!({"networkPolicy": {"enabled": true, "ingress": {"from": [peer]}, "egress": {"enabled": true, "ports": [443], "extra": [extra]}}})
            .to_string(),
    );
    let policy = &object(&objects, "NetworkPolicy", NAME)["spec"];
    let from = policy["ingress"][0]["from"].as_array().unwrap();
    assert_eq!(from[0], peer);
    let test = &object(&objects, "Pod", "test-classic-lb-operator-test")["metadata"]["labels"];
    for (label, value) in from[1]["podSelector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(test[label], *value, "`helm test` may ask");
    }
    let egress = policy["egress"].as_array().unwrap();
    assert_eq!(egress[0]["ports"][0], json!({"port": 53, "protocol": "UDP"}));
    assert_eq!(egress[1]["ports"], json!([{"port": 443, "protocol": "TCP"}]));
    assert_eq!(egress[2]["to"][0]["ipBlock"]["cidr"], "169.254.170.23/32");
    assert_eq!(egress[3], extra);
}

#[test]
fn the_card_of_the_chart_is_filled_in() {
    let card = document(&read("charts/classic-lb-operator/Chart.yaml"));
    for member in ["home", "icon", "sources", "maintainers", "keywords"] {
        assert!(!card[member].is_null(), "{member}");
    }
    for annotation in [
        "images",
        "links",
        "maintainers",
        "changes",
        "crds",
        "crdsExamples",
        "recommendations",
        "screenshots",
    ] {
        let text = card["annotations"][format!("artifacthub.io/{annotation}")]
            .as_str()
            .unwrap_or_else(|| panic!("{annotation}"));
        let entries = document(text);
        assert!(entries.as_array().is_some_and(|list| !list.is_empty()), "{annotation}");
    }
    let pictures = document(card["annotations"]["artifacthub.io/screenshots"].as_str().unwrap());
    for picture in pictures.as_array().unwrap() {
        let url = picture["url"].as_str().unwrap();
        let path = url.strip_prefix("https://classiclb.dev/").expect("a page of ours");
        assert!(root().join(path).exists(), "{path}");
    }
    let packaged = document(card["annotations"]["artifacthub.io/crds"].as_str().unwrap());
    let files = std::fs::read_dir(chart().join("files/crds")).unwrap().count();
    assert_eq!(
        packaged.as_array().unwrap().len(),
        files,
        "one entry for each definition"
    );
    let images = document(card["annotations"]["artifacthub.io/images"].as_str().unwrap());
    let version = card["appVersion"].as_str().unwrap();
    assert!(images[0]["image"].as_str().unwrap().ends_with(&format!(":{version}")));
}

/// The presets lie beside the values, and give what they are named after.
#[test]
fn presets_are_whole() {
    let of = |name: &str| {
        let preset = read(&format!("charts/classic-lb-operator/values-{name}.yaml"));
        let text = template(&[REQUIRED, &preset]).unwrap_or_else(|why| panic!("{name}: {why}"));
        crate::helm::yaml(&text)
    };
    let minimal = of("minimal");
    assert_eq!(deployment(&minimal)["spec"]["replicas"], 1);
    assert!(
        !names(&minimal)
            .iter()
            .any(|name| name.contains("Disruption") || name.contains("warnings"))
    );
    assert!(pod(&minimal)["affinity"].is_null() && pod(&minimal)["topologySpreadConstraints"].is_null());

    for (name, annotated) in [("eks-irsa", true), ("eks-pod-identity", false)] {
        let objects = of(name);
        let account = object(&objects, "ServiceAccount", NAME);
        let role = &account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
        assert_eq!(!role.is_null(), annotated, "{name}");
        for kind in [
            "ServiceMonitor",
            "PrometheusRule",
            "NetworkPolicy",
            "PodDisruptionBudget",
        ] {
            object(&objects, kind, NAME);
        }
        object(&objects, "ConfigMap", &format!("{NAME}-dashboard"));
        assert_eq!(deployment(&objects)["spec"]["replicas"], 2);
    }
}
