//! What somebody may do in the cluster, as the API server itself says.

use futures::{StreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::operator::Operator;
use super::{Checked, of};
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;
use crate::cli::kubernetes::Connection;

/// Questions under way at once.
const AT_ONCE: usize = 8;
const OURS: &str = "classiclb.dev";

/// A resource, what is done with it, and where.
#[derive(Clone, Debug)]
struct Right<'a> {
    verbs: &'static [&'static str],
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    name: Option<String>,
    namespace: Option<&'a str>,
}

fn right<'a>(
    verbs: &'static [&'static str],
    group: &'static str,
    resource: &'static str,
    namespace: Option<&'a str>,
) -> Right<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Right {
        verbs,
        group,
        resource,
        subresource,
        name: None,
        namespace,
    }
}

impl Right<'_> {
    fn attributes(&self, verb: &str) -> ResourceAttributes {
        ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some(self.group.to_owned()),
            resource: Some(self.resource.to_owned()),
            subresource: Some(self.subresource.to_owned()).filter(|text| !text.is_empty()),
            name: self.name.clone(),
            namespace: self.namespace.map(ToOwned::to_owned),
            ..ResourceAttributes::default()
        }
    }

    fn shown(&self) -> String {
        let place = self
            .namespace
            .map_or_else(|| "the whole cluster".to_owned(), |name| format!("namespace {name}"));
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        format!("{}{slash}{} in {place}", self.resource, self.subresource)
    }
}

/// What you may do, and what that is for.
pub(super) async fn yours(connection: &Connection, pre: bool) -> Vec<Checked> {
    let here = Some(connection.namespace.as_str());
    let read = &["get", "list", "watch"][..];
    let write = &["create", "update", "patch", "delete"][..];
    let make = &["create"][..];
    let wanted = if pre {
        vec![
            (
                right(make, "apiextensions.k8s.io", "customresourcedefinitions", None),
                "",
            ),
            (right(make, "rbac.authorization.k8s.io", "clusterroles", None), ""),
            (
                right(make, "rbac.authorization.k8s.io", "clusterrolebindings", None),
                "",
            ),
            (right(make, "apps", "deployments", here), ""),
            (right(make, "", "serviceaccounts", here), ""),
            (right(make, "", "services", here), ""),
        ]
    } else {
        vec![
            (
                right(read, OURS, "classicloadbalancers", here),
                "every command needs that",
            ),
            (
                right(write, OURS, "classicloadbalancers", here),
                "kubectl apply and delete need that",
            ),
            (
                right(read, OURS, "awsaccounts", None),
                "plan needs that for objects with spec.accountRef",
            ),
            (
                right(&["list"], OURS, "classicloadbalancerbindings", None),
                "plan needs that for objects with spec.targets",
            ),
            (
                right(&["list"], "", "nodes", None),
                "plan and why need that for targets.nodeSelector",
            ),
            (
                right(&["list"], "events.k8s.io", "events", here),
                "status and why show them",
            ),
            (
                right(&["list"], "apps", "deployments", None),
                "plan and check read the operator's flags there",
            ),
        ]
    };
    let client = &connection.client;
    let asked = stream::iter(wanted).map(async |(right, needed)| {
        let lacking = lacking(&right, async |attributes| may_you(client, attributes).await).await;
        of("your-rights", judged("you", &right, lacking, needed, pre))
    });
    asked.buffered(AT_ONCE).collect().await
}

fn judged(
    who: &str,
    right: &Right,
    lacking: Result<Vec<&'static str>, Failure>,
    needed: &str,
    essential: bool,
) -> Finding {
    let (verbs, what) = (right.verbs.join(", "), right.shown());
    match lacking {
        Err(failure) => {
            Finding::warning(format!("whether {who} may {verbs} {what} is not known")).with(&failure.to_string())
        }
        Ok(lacking) if lacking.is_empty() => Finding::success(format!("{who} may {verbs} {what}")),
        Ok(lacking) => {
            let line = format!("{who} may not {} {what}", lacking.join(", "));
            if essential {
                Finding::error(line).hint("an administrator of the cluster can grant that, or do the installation")
            } else {
                Finding::warning(line).hint(format!("{needed}; an administrator of the cluster can grant that"))
            }
        }
    }
}

/// The verbs that are refused.
async fn lacking<F>(right: &Right<'_>, may: impl Fn(ResourceAttributes) -> F) -> Result<Vec<&'static str>, Failure>
where
    F: Future<Output = Result<bool, kube::Error>>,
{
    let mut lacking = Vec::new();
    for &verb in right.verbs {
        let may = may(right.attributes(verb)).await;
        if !may.map_err(|error| Failure::kube("asking for rights", &error))? {
            lacking.push(verb);
        }
    }
    Ok(lacking)
}

async fn may_you(client: &Client, attributes: ResourceAttributes) -> Result<bool, kube::Error> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// What the operator's service account may do of what it needs.
pub(super) async fn of_operator(client: &Client, operator: &Operator) -> Vec<Checked> {
    let who = format!("the operator {}", operator.name);
    let rights = needed(operator);
    let asked = stream::iter(&rights)
        .map(async |right| lacking(right, async |attributes| may_it(client, operator, attributes).await).await);
    let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
    let mut wrong = Vec::new();
    for (right, answer) in rights.iter().zip(answers) {
        match answer {
            Ok(lacking) if lacking.is_empty() => {}
            Ok(lacking) => wrong.push(format!("{} {}", lacking.join(", "), right.shown())),
            Err(failure) => {
                let finding = Finding::warning(format!("what {who} may do was not asked"));
                return vec![of("operator-rights", finding.with(&failure.to_string()))];
            }
        }
    }
    let finding = if wrong.is_empty() {
        Finding::success(format!("{who} may do all that it needs"))
    } else {
        Finding::error(format!("{who} lacks rights: it may not"))
            .with(&wrong.join("\n"))
            .hint(
                "install the chart again with rbac.create, or bind its roles to the service account of the Deployment",
            )
    };
    vec![of("operator-rights", finding)]
}

/// What the chart's roles grant.
fn needed(operator: &Operator) -> Vec<Right<'_>> {
    let mut all = vec![
        right(&["list", "watch"], "", "nodes", None),
        right(&["get", "list", "watch"], OURS, "awsaccounts", None),
        right(&["patch"], OURS, "awsaccounts/status", None),
        right(&["get", "list", "watch"], "", "namespaces", None),
        Right {
            name: Some(operator.lease.clone()),
            ..right(
                &["get", "update"],
                "coordination.k8s.io",
                "leases",
                Some(&operator.lease_namespace),
            )
        },
        right(
            &["create"],
            "coordination.k8s.io",
            "leases",
            Some(&operator.lease_namespace),
        ),
    ];
    let leases = Some(operator.lease_namespace.as_str()).filter(|_| operator.shares);
    all.extend(leases.map(|namespace| {
        let verbs = &["get", "list", "update", "delete"];
        right(verbs, "coordination.k8s.io", "leases", Some(namespace))
    }));
    let everywhere = operator.namespaces.is_empty().then_some(None);
    for namespace in operator
        .namespaces
        .iter()
        .map(|name| Some(name.as_str()))
        .chain(everywhere)
    {
        all.extend([
            right(
                &["get", "list", "watch", "patch"],
                OURS,
                "classicloadbalancers",
                namespace,
            ),
            right(&["patch"], OURS, "classicloadbalancers/status", namespace),
            right(
                &["get", "list", "watch", "patch"],
                OURS,
                "classicloadbalancerbindings",
                namespace,
            ),
            right(&["patch"], OURS, "classicloadbalancerbindings/status", namespace),
            right(&["get"], "", "configmaps", namespace),
            right(&["get", "list", "watch"], "", "services", namespace),
            right(&["create", "patch"], "events.k8s.io", "events", namespace),
        ]);
    }
    all
}

async fn may_it(client: &Client, operator: &Operator, attributes: ResourceAttributes) -> Result<bool, kube::Error> {
    let (namespace, account) = (&operator.namespace, &operator.service_account);
    let groups = [
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ];
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{namespace}:{account}")),
            groups: Some(groups.to_vec()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
