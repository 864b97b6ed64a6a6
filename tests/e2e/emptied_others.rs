//! The same of bindings and accounts: each object, list and map that can be left out is set and then emptied, by server-side and by
//! client-side apply. It is legal, and means what it means when it is left out, but for what is named here.

use classic_lb_operator::api::{AWSAccountSpec, ClassicLoadBalancerBindingSpec, crd};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use testkit::Result;
use testkit::cluster::Kind;

use crate::emptied::{merge_patch, optional};
use crate::{Test, unique};

/// One of the kinds, and what is known of it.
struct Walked {
    kind: Kind,
    definition: Value,
    /// A spec that has everything.
    full: Value,
    /// What cannot be empty, and is refused in words.
    needed: &'static [&'static str],
    /// What says something by being there.
    says_something: &'static [&'static str],
    /// What the operator reads, so that it can be compared.
    read: fn(&Value) -> String,
}

fn binding() -> Walked {
    Walked {
        kind: Kind::BINDING,
        definition: serde_json::to_value(crd::binding_definition().expect("the definition")).expect("JSON"),
        full: json!({
            "loadBalancerName": "emptied",
            "targets": {
                "instanceIds": ["i-00000001"],
                "nodeSelector": {
                    "matchLabels": {"role": "web"},
                    "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
                },
                "instanceTags": [{"tags": {"role": "web"}}],
                "autoScalingGroups": [{"name": "a"}],
            },
            "registration": {"notReadyNodes": "Keep"},
        }),
        needed: &["targets.nodeSelector.matchExpressions[].values"],
        says_something: &["targets", "targets.nodeSelector"],
        read: |spec| {
            let spec: ClassicLoadBalancerBindingSpec = serde_json::from_value(spec.clone()).expect("a spec");
            format!("{spec:?}")
        },
    }
}

fn account() -> Walked {
    Walked {
        kind: Kind::ACCOUNT,
        definition: serde_json::to_value(crd::account_definition().expect("the definition")).expect("JSON"),
        full: json!({
            "accountId": "999999999999",
            "namespaces": {
                "from": "Selector",
                "selector": {
                    "matchLabels": {"emptied": "nobody"},
                    "matchExpressions": [{"key": "emptied", "operator": "In", "values": ["nobody"]}],
                },
            },
            "regions": ["us-east-1"],
            "schemes": ["internal"],
            "defaultTags": {"team": "web"},
            "allow": {
                "loadBalancerNames": ["a-*"],
                "subnetTags": {"team": "web"},
                "securityGroupTags": {"team": "web"},
                "autoScalingGroupTags": {"team": "web"},
                "instanceTags": {"team": "web"},
                "certificateTags": {"team": "web"},
                "logBuckets": ["a"],
                "instancePorts": ["80"],
            },
        }),
        // What is null lets nothing in.
        needed: &[
            "allow.loadBalancerNames",
            "allow.logBuckets",
            "allow.instancePorts",
            "schemes",
            "namespaces.selector.matchExpressions[].values",
        ],
        says_something: &["namespaces.selector"],
        read: |spec| {
            let spec: AWSAccountSpec = serde_json::from_value(spec.clone()).expect("a spec");
            format!("{spec:?}")
        },
    }
}

impl Walked {
    fn schema(&self) -> &Value {
        &self.definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    }

    fn is_nullable(&self, path: &str) -> bool {
        let pointer = format!(
            "/properties/{}",
            path.replace("[]", "/items").replace('.', "/properties/")
        );
        self.schema()
            .pointer(&pointer)
            .is_some_and(|schema| schema["nullable"] == true)
    }

    fn object(&self, name: &str, spec: &Value) -> Value {
        json!({
            "apiVersion": self.kind.0, "kind": self.kind.1,
            "metadata": {"name": name}, "spec": spec,
        })
    }

    /// The full spec with another value at a path; `None` leaves it out.
    fn with(&self, path: &str, value: Option<Value>) -> Value {
        let pointer = format!("/{}", path.replace("[]", "/0").replace('.', "/"));
        let (parent, name) = pointer.rsplit_once('/').expect("a path");
        let mut spec = self.full.clone();
        let parent = spec.pointer_mut(parent).and_then(Value::as_object_mut).expect(path);
        assert!(parent.contains_key(name), "no {path} in the full spec");
        match value {
            Some(value) => parent.insert(name.to_owned(), value),
            None => parent.remove(name),
        };
        spec
    }
}

/// Every way to empty what is at a path, and what the API server made of it.
async fn emptied(
    test: &Test,
    walked: &Walked,
    api: &Api<DynamicObject>,
    name: &str,
    path: &str,
) -> Vec<(&'static str, Result<Value, String>)> {
    let is_list = walked
        .full
        .pointer(&format!("/{}", path.replace("[]", "/0").replace('.', "/")))
        .is_some_and(Value::is_array);
    let nothing = if is_list { json!([]) } else { json!({}) };
    let (empty, null) = (walked.with(path, Some(nothing)), walked.with(path, Some(Value::Null)));
    let apply = |spec: Value| async move {
        let parameters = PatchParams::apply("team").validation_strict();
        let applied = api
            .patch(name, &parameters, &Patch::Apply(&walked.object(name, &spec)))
            .await;
        applied
            .map(|object| object.data["spec"].clone())
            .map_err(|error| error.to_string())
    };
    let gone = || async {
        let gone = test.namespace.delete_and_wait(walked.kind, name).await;
        gone.expect("deleted");
    };
    apply(walked.full.clone()).await.expect("the full spec");
    let mut tried = vec![("emptied server-side", apply(empty.clone()).await)];
    gone().await;
    let object = serde_json::from_value(walked.object(name, &walked.full)).expect("an object");
    api.create(&PostParams::default(), &object)
        .await
        .expect("the full spec");
    let patch = json!({"spec": merge_patch(&walked.full, &empty)});
    let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
    let patched = patched.map(|object| object.data["spec"].clone());
    tried.push(("emptied client-side", patched.map_err(|error| error.to_string())));
    gone().await;
    if !is_list || walked.is_nullable(path) {
        let made = apply(null).await;
        if made.is_ok() {
            gone().await;
        }
        tried.push(("null from the start", made));
    }
    tried
}

async fn walk(walked: &Walked) -> Result<()> {
    let test = Test::new().await?;
    let api = test.namespace.api(walked.kind).await?;
    let mut paths = Vec::new();
    optional(walked.schema(), "", &mut paths);
    // Once it is there it stays.
    paths.retain(|path| path != "accountRef");
    assert!(paths.len() > 6, "{paths:?}");
    for path in walked.needed.iter().chain(walked.says_something) {
        assert!(paths.iter().any(|known| known == path), "{path} cannot be left out");
    }
    let name = format!("emptied-{}", unique());
    let mut faults = Vec::new();
    for path in &paths {
        // The API server takes null for absent there, and `from: Selector` needs it.
        let null_is_refused = path == "namespaces.selector";
        let needed = walked.needed.contains(&path.as_str());
        let says_something = walked.says_something.contains(&path.as_str());
        for (way, result) in emptied(&test, walked, &api, &name, path).await {
            match result {
                Err(text) => {
                    let member = path.rsplit('.').next().unwrap_or_default();
                    let refused = needed || (null_is_refused && way.starts_with("null"));
                    if !refused || !text.contains(member) || text.contains("\"null\"") {
                        faults.push(format!("{path} {way}: {text}"));
                    }
                }
                // Not what it means when it is left out: everything.
                Ok(stored) if needed => {
                    let kept = stored.pointer(&format!("/{}", path.replace("[]", "/0").replace('.', "/")));
                    if kept != Some(&Value::Null) || (walked.read)(&stored) == (walked.read)(&walked.with(path, None)) {
                        faults.push(format!("{path} {way}: let in, and it opens the account: {stored}"));
                    }
                }
                Ok(stored) => {
                    let expected = walked.with(path, says_something.then(|| json!({})));
                    if (walked.read)(&stored) != (walked.read)(&expected) {
                        faults.push(format!("{path} {way}: means something else: {stored}"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_empties_of_a_binding_is_legal() -> Result<()> {
    walk(&binding()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_empties_of_an_account_is_legal() -> Result<()> {
    walk(&account()).await
}
