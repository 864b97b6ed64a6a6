//! The definitions of the resources, and whether they are of this version.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client};
use serde_json::Value;

use super::{Checked, of};
use crate::api::crd;
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;

const CODE: &str = "definitions";
const INSTALL: &str = "apply the definitions of this release: clb-operator crd | kubectl apply --server-side -f -";
/// More fields than these say no more.
const FIELDS: usize = 5;

/// One check for each definition.
pub(super) async fn checks(client: &Client, pre: bool) -> Vec<Checked> {
    let ours = match crd::definitions() {
        Ok(ours) => ours,
        Err(error) => {
            return vec![of(
                CODE,
                Finding::error(format!("this version has no definitions: {error}")),
            )];
        }
    };
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut checks = Vec::new();
    for own in ours {
        let name = own["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let finding = match api.get_opt(&name).await {
            Ok(Some(found)) => compared(&name, &own, &found),
            Ok(None) if pre => Finding::success(format!("{name} is not installed yet")),
            Ok(None) => Finding::error(format!("{name} is not installed")).hint(INSTALL),
            Err(error) => Finding::warning(format!("{name} was not looked at"))
                .with(&Failure::kube("reading it", &error).to_string()),
        };
        checks.push(of(CODE, finding));
    }
    checks
}

fn compared(name: &str, own: &Value, found: &CustomResourceDefinition) -> Finding {
    let conditions = found
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let established = conditions.filter(|condition| condition.type_ == "Established" && condition.status == "True");
    if established.count() == 0 {
        return Finding::error(format!("{name} is not established")).hint(format!(
            "kubectl describe crd {name} tells why; a name may be another definition's"
        ));
    }
    let theirs = serde_json::to_value(found).unwrap_or_default();
    let version = |definition: &Value| {
        let all = definition["spec"]["versions"].as_array().cloned().unwrap_or_default();
        let wanted = own["spec"]["versions"][0]["name"].clone();
        all.into_iter().find(|version| version["name"] == wanted)
    };
    let (Some(ours), Some(theirs)) = (version(own), version(&theirs)) else {
        return Finding::error(format!("{name} does not have the version that this program speaks")).hint(INSTALL);
    };
    let (ours, theirs) = (fields(&ours), fields(&theirs));
    let shown = |fields: BTreeSet<&String>| {
        let all: Vec<&str> = fields.iter().map(|field| field.as_str()).take(FIELDS).collect();
        let more = fields.len().saturating_sub(FIELDS);
        all.join(", ")
            + &(if more == 0 {
                String::new()
            } else {
                format!(" and {more} more")
            })
    };
    let lacking: BTreeSet<&String> = ours.difference(&theirs).collect();
    if !lacking.is_empty() {
        return Finding::error(format!(
            "{name} is older than this program: it lacks {}",
            shown(lacking)
        ))
        .hint(INSTALL);
    }
    let unknown: BTreeSet<&String> = theirs.difference(&ours).collect();
    if !unknown.is_empty() {
        let line = format!(
            "{name} is newer than this program, which does not know {}",
            shown(unknown)
        );
        return Finding::warning(line).hint("take the kubectl-clb of the operator's version");
    }
    Finding::success(format!("{name} is installed and of this version"))
}

/// The paths of all fields of a version, such as `spec.listeners.port`.
fn fields(version: &Value) -> BTreeSet<String> {
    fn walk(schema: &Value, path: &str, into: &mut BTreeSet<String>) {
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            walk(member, &path, into);
            into.insert(path);
        }
        if let Some(items) = schema.get("items") {
            walk(items, path, into);
        }
    }
    let mut all = BTreeSet::new();
    walk(&version["schema"]["openAPIV3Schema"], "", &mut all);
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::finding::Grade;

    fn installed(change: impl Fn(&mut Value)) -> Finding {
        let own = crd::definition().expect("a definition");
        let mut found = own.clone();
        found["status"] = json!({
            "acceptedNames": {"kind": "x", "plural": "x"}, "storedVersions": ["v1alpha1"],
            "conditions": [{"type": "Established", "status": "True"}],
        });
        change(&mut found);
        compared("x", &own, &serde_json::from_value(found).expect("a definition"))
    }

    #[test]
    fn another_version_is_told_by_its_fields() {
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let of = |found: Finding| (found.result, found.description);
        assert_eq!(installed(|_| {}).result, Grade::Success);
        let (grade, said) = of(installed(|found| {
            found
                .pointer_mut(spec)
                .and_then(Value::as_object_mut)
                .expect("fields")
                .remove("adopt");
        }));
        assert!(grade == Grade::Error && said.contains("lacks spec.adopt"), "{said}");
        let (grade, said) = of(installed(|found| {
            found.pointer_mut(spec).expect("fields")["later"] = json!({"type": "string"});
        }));
        assert!(
            grade == Grade::Warning && said.contains("does not know spec.later"),
            "{said}"
        );
        let (grade, said) = of(installed(|found| found["spec"]["versions"][0]["name"] = json!("v2")));
        assert!(
            grade == Grade::Error && said.contains("does not have the version"),
            "{said}"
        );
        let (grade, said) = of(installed(|found| found["status"]["conditions"] = json!([])));
        assert!(grade == Grade::Error && said.contains("not established"), "{said}");
    }
}
