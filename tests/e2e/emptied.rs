//! Whatever empties is legal: each object, list and map of the spec that can be left out is set and then emptied, by
//! server-side and by client-side apply. The API server takes it, and it means what design and documentation say. They
//! come from the CRD itself, so that a new one cannot be forgotten.

use classic_lb_operator::api::ClassicLoadBalancerSpec;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, Stack};

use crate::walk::view;
use crate::{MINIMAL, Test, unique};

/// What a balancer cannot be without, so that it is refused when it is emptied: in words, not for being null.
const NEEDED: &[&str] = &[
    "availabilityZones",
    "subnets",
    "listeners[].instancePortFrom",
    "listeners[].certificate",
    "listeners[].sslPolicy.custom.protocols",
    "listeners[].sslPolicy.custom.ciphers",
    "backends[].publicKeys[].configMapKeyRef",
    "targets.nodeSelector.matchExpressions[].values",
];

/// What says something by being there; all else is as good as absent once it is empty.
const SAYS_SOMETHING: &[&str] = &[
    "subnetSelector",
    "listeners[].stickiness.loadBalancerCookie",
    "backends[].publicKeys",
    "targets",
    "targets.nodeSelector",
];

/// Specs that have everything between them. Suspended, so that they are the API server's business alone.
fn full() -> [Value; 3] {
    let arn = "arn:aws:acm:us-east-1:123456789012:certificate/x";
    [
        json!({
            "management": "Suspended",
            "availabilityZones": ["us-east-1a"],
            "securityGroups": ["sg-00000001"],
            "listeners": [{
                "port": 80, "protocol": "HTTP", "instancePort": 8443, "instanceProtocol": "HTTPS",
                "stickiness": {"loadBalancerCookie": {"expirationSeconds": 300}},
            }],
            "backends": [{"instancePort": 8443, "publicKeys": [{"configMapKeyRef": {"name": "a", "key": "b"}}]}],
            "healthCheck": {"target": "HTTP:8443/a", "intervalSeconds": 20},
            "attributes": {
                "crossZone": true,
                "connectionDraining": {"enabled": true, "timeoutSeconds": 60},
                "accessLog": {"enabled": true, "bucket": "logs", "prefix": "a"},
            },
            "targets": {
                "instanceIds": ["i-00000001"],
                "nodeSelector": {
                    "matchLabels": {"role": "web"},
                    "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
                },
                "instanceTags": [{"tags": {"role": "web"}}],
                "autoScalingGroups": [{"name": "a"}],
            },
            "registration": {"mode": "Additive"},
            "tags": {"team": "web"},
            "ignoredTagKeys": ["a"],
            "ignoreDifferences": ["Tags"],
        }),
        json!({
            "management": "Suspended",
            "subnets": ["subnet-00000001"],
            "securityGroupSelector": {"names": ["a"], "tags": {"team": "web"}},
            "listeners": [{
                "port": 443, "protocol": "HTTPS", "instancePort": 8080, "instanceProtocol": "HTTP",
                "certificate": {"arn": arn},
                "sslPolicy": {"custom": {"protocols": ["TLSv1.2"], "ciphers": ["ECDHE-RSA-AES128-GCM-SHA256"]}},
                "stickiness": {"applicationCookie": {"name": "a"}},
            }],
        }),
        json!({
            "management": "Suspended",
            "subnetSelector": {"tags": {"team": "web"}},
            "listeners": [{"port": 80, "protocol": "HTTP", "instancePortFrom": {"serviceName": "a", "port": 80}}],
        }),
    ]
}

/// The schema of the spec as the code makes it.
fn schema() -> Value {
    let definition = classic_lb_operator::api::crd::definition().expect("the definition");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

/// The paths of all objects, lists and maps below a schema that can be left out.
pub(crate) fn optional(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let is_required = schema["required"]
            .as_array()
            .is_some_and(|names| names.contains(&json!(name)));
        if (member["type"] == "object" || member["type"] == "array") && !is_required {
            found.push(path.clone());
        }
        optional(member, &path, found);
        optional(&member["items"], &format!("{path}[]"), found);
    }
}

/// A spec that has something at a path, and the same with another value there; `None` leaves it out.
fn sample(path: &str) -> (Value, impl Fn(Option<Value>) -> Value) {
    let pointer = format!("/{}", path.replace("[]", "/0").replace('.', "/"));
    let spec = full().into_iter().find(|spec| spec.pointer(&pointer).is_some());
    let spec = spec.unwrap_or_else(|| panic!("no spec here has {path}"));
    let from = spec.clone();
    (spec, move |value| {
        let mut spec = from.clone();
        let (parent, name) = pointer.rsplit_once('/').expect("a path");
        let parent = spec
            .pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .expect("the parent");
        match value {
            Some(value) => parent.insert(name.to_owned(), value),
            None => parent.remove(name),
        };
        spec
    })
}

/// What the operator reads.
fn read(spec: &Value) -> ClassicLoadBalancerSpec {
    serde_json::from_value(spec.clone()).unwrap_or_else(|error| panic!("{error}: {spec}"))
}

/// Applies an object as one team does that owns all of it.
async fn server_side(test: &Test, name: &str, spec: &Value) -> Result<Value> {
    let object = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer",
        "metadata": {"name": name}, "spec": spec,
    });
    let parameters = PatchParams::apply("team").validation_strict();
    let api = test.namespace.api(Kind::CLB).await?;
    let applied = api.patch(name, &parameters, &Patch::Apply(&object)).await;
    let refused = |error| testkit::Error::Setup(format!("applying {name}: {error}"));
    Ok(applied.map_err(refused)?.data["spec"].clone())
}

/// Applies an object as `kubectl apply` does without server-side apply: what is there no more is removed by a merge patch.
async fn client_side(test: &Test, name: &str, before: Option<&Value>, spec: &Value) -> Result<Value> {
    let object = match before {
        None => {
            let object = json!({
                "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer",
                "metadata": {"name": name}, "spec": spec,
            });
            test.namespace.create(&object.to_string()).await?
        }
        Some(before) => {
            let patch = json!({"spec": merge_patch(before, spec)});
            test.namespace.patch(Kind::CLB, name, patch).await?
        }
    };
    Ok(object.data["spec"].clone())
}

/// The JSON merge patch that leads from one value to the other.
pub(crate) fn merge_patch(from: &Value, to: &Value) -> Value {
    let (Some(from), Some(to)) = (from.as_object(), to.as_object()) else {
        return to.clone();
    };
    let removed = from
        .keys()
        .filter(|name| !to.contains_key(*name))
        .map(|name| (name.clone(), Value::Null));
    let changed = to.iter().filter(|(name, value)| from.get(*name) != Some(value));
    let changed = changed.map(|(name, value)| {
        (
            name.clone(),
            from.get(name).map_or(value.clone(), |old| merge_patch(old, value)),
        )
    });
    removed.chain(changed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_empties_is_legal_and_means_the_same_however_it_is_applied() -> Result<()> {
    let test = Test::new().await?;
    let mut paths = Vec::new();
    optional(&schema(), "", &mut paths);
    // Once it is there it stays.
    paths.retain(|path| path != "accountRef");
    assert!(paths.len() > 30, "{paths:?}");
    for path in NEEDED.iter().chain(SAYS_SOMETHING) {
        assert!(paths.iter().any(|known| known == path), "{path} cannot be left out");
    }
    let mut faults = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        let (full, with) = sample(path);
        let is_list = kind(path) == "array";
        let nothing = if is_list { json!([]) } else { json!({}) };
        let (empty, null, absent) = (with(Some(nothing)), with(Some(Value::Null)), with(None));
        let says_something = SAYS_SOMETHING.contains(&path.as_str());
        let name = |way: &str| format!("{way}-{index}");

        server_side(&test, &name("server"), &full).await?;
        client_side(&test, &name("client"), None, &full).await?;
        let mut tried = vec![
            ("emptied server-side", server_side(&test, &name("server"), &empty).await),
            (
                "emptied client-side",
                client_side(&test, &name("client"), Some(&full), &empty).await,
            ),
            (
                "empty from the start",
                client_side(&test, &name("empty"), None, &empty).await,
            ),
        ];
        if !is_list {
            tried.push(("null from the start", server_side(&test, &name("null"), &null).await));
        }
        for (way, result) in tried {
            let selector = path == "subnetSelector" && way.starts_with("null");
            match result {
                Err(error) if NEEDED.contains(&path.as_str()) || selector => {
                    let (text, member) = (error.to_string(), path.rsplit('.').next().unwrap_or_default());
                    if !text.contains(member) || text.contains("\"null\"") {
                        faults.push(format!("{path} {way}: refused in other words: {text}"));
                    }
                }
                Err(error) => faults.push(format!("{path} {way}: {error}")),
                Ok(_) if NEEDED.contains(&path.as_str()) || selector => faults.push(format!("{path} {way}: let in")),
                Ok(stored) => {
                    let expected = read(if says_something { &empty } else { &absent });
                    if read(&stored) != expected {
                        faults.push(format!("{path} {way}: means something else: {stored}"));
                    }
                }
            }
        }
        if says_something && read(&empty) == read(&absent) {
            faults.push(format!("{path}: empty is the same as absent"));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

/// The type of a field.
fn kind(path: &str) -> String {
    let pointer = format!(
        "/properties/{}",
        path.replace("[]", "/items").replace('.', "/properties/")
    );
    schema().pointer(&pointer).expect(path)["type"]
        .as_str()
        .expect("a type")
        .to_owned()
}

/// Members of the spec beside [`MINIMAL`], and the same emptied.
fn cases(bucket: &str, certificate: &str) -> Vec<(Value, Value, Value)> {
    let listener = |members: Value| {
        let mut listener = json!({"port": 80, "protocol": "HTTP", "instancePort": 8080});
        listener
            .as_object_mut()
            .expect("an object")
            .extend(members.as_object().cloned().expect("members"));
        json!({"listeners": [listener]})
    };
    let plain = || json!({});
    let secure = |members: Value| {
        let mut secure = json!({
            "protocol": "HTTPS", "instanceProtocol": "HTTP", "certificate": {"arn": certificate},
        });
        secure
            .as_object_mut()
            .expect("an object")
            .extend(members.as_object().cloned().expect("members"));
        listener(secure)
    };
    let tcp = |backends: Value| {
        let mut tcp = listener(json!({"protocol": "TCP"}));
        tcp["backends"] = backends;
        tcp
    };
    let log = json!({"enabled": true, "bucket": bucket, "prefix": "a"});
    vec![
        (
            plain(),
            json!({"healthCheck": {"target": "HTTP:8080/a", "intervalSeconds": 20}}),
            json!({"healthCheck": {}}),
        ),
        (
            plain(),
            json!({"attributes": {"crossZone": true, "idleTimeoutSeconds": 5}}),
            json!({"attributes": {}}),
        ),
        (
            plain(),
            json!({"attributes": {"connectionDraining": {"enabled": true, "timeoutSeconds": 9}}}),
            json!({"attributes": {"connectionDraining": {}}}),
        ),
        (
            plain(),
            json!({"attributes": {"accessLog": log}}),
            json!({"attributes": {"accessLog": {}}}),
        ),
        (plain(), json!({"tags": {"team": "web"}}), json!({"tags": {}})),
        (
            plain(),
            listener(json!({"stickiness": {"loadBalancerCookie": {"expirationSeconds": 60}}})),
            listener(json!({"stickiness": {}})),
        ),
        (
            plain(),
            listener(json!({"stickiness": {"applicationCookie": {"name": "a"}}})),
            listener(json!({"stickiness": {"applicationCookie": {}}})),
        ),
        (
            listener(json!({"stickiness": {"loadBalancerCookie": {}}})),
            listener(json!({"stickiness": {"loadBalancerCookie": {"expirationSeconds": 60}}})),
            listener(json!({"stickiness": {"loadBalancerCookie": {}}})),
        ),
        (
            tcp(json!([])),
            tcp(json!([{"instancePort": 8080, "proxyProtocol": true}])),
            tcp(json!([])),
        ),
        (
            secure(json!({})),
            secure(json!({"sslPolicy": {"predefined": "ELBSecurityPolicy-TLS-1-2-2017-01"}})),
            secure(json!({"sslPolicy": {}})),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_emptied_goes_back_to_its_default_in_aws() -> Result<()> {
    let bucket = format!("emptied-{}", unique());
    let stack = Stack::shared().await?;
    stack.simulator().seed(&json!({"buckets": [{"name": bucket}]})).await?;
    for server in [true, false] {
        let test = Test::new().await?;
        let certificate = test.certificate().await?;
        let mut before = None;
        for (base, set, emptied) in cases(&bucket, &certificate) {
            let mut seen = Vec::new();
            for members in [&base, &set, &emptied] {
                let mut spec: Value = serde_saphyr::from_str(MINIMAL).expect("YAML");
                spec.as_object_mut()
                    .expect("a spec")
                    .extend(members.as_object().cloned().expect("members"));
                if server {
                    server_side(&test, "web", &spec).await?;
                } else {
                    client_side(&test, "web", before.as_ref(), &spec).await?;
                }
                before = Some(spec);
                test.namespace.until_ready("web").await?;
                seen.push(view(&test).await?);
            }
            assert_ne!(seen[0], seen[1], "{set}: AWS has nothing of it");
            assert_eq!(seen[0], seen[2], "{emptied} after {set}, server-side: {server}");
        }
    }
    Ok(())
}

/// `kubectl explain` reads what the API server publishes.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_emptied_is_still_explained() -> Result<()> {
    fn compare(published: &Value, ours: &Value, path: &str, count: &mut usize) {
        for (name, member) in ours["properties"].as_object().into_iter().flatten() {
            let (path, shown) = (format!("{path}.{name}"), &published["properties"][name]);
            assert_eq!(shown["type"], member["type"], "{path}");
            assert_eq!(shown["description"], member["description"], "{path}");
            compare(shown, member, &path, count);
            compare(&shown["items"], &member["items"], &path, count);
            *count += 1;
        }
    }
    let stack = Stack::shared().await?;
    let request = http::Request::get("/openapi/v3/apis/classiclb.dev/v1alpha1")
        .body(Vec::new())
        .expect("a request");
    let text = stack.client().await?.request_text(request).await.expect("OpenAPI");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let published = &document["components"]["schemas"]["dev.classiclb.v1alpha1.ClassicLoadBalancer"];
    let mut count = 0;
    compare(&published["properties"]["spec"], &schema(), "spec", &mut count);
    assert!(count > 80, "only {count} fields were looked at");
    Ok(())
}
