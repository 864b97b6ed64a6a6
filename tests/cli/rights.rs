//! What somebody sees who may not do everything.

use testkit::Result;

use crate::{Person, file, manifest, path};

/// A user who may read the balancers of the namespace, and nothing else.
pub(crate) async fn reader(person: &Person<'_>) -> Result<String> {
    let namespace = person.namespace.namespace();
    let user = format!("reader-of-{namespace}");
    let roles = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: reader}}\nrules:\n- apiGroups: \
         [classiclb.dev]\n  resources: [classicloadbalancers]\n  verbs: [get, list]\n---\napiVersion: \
         rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: reader}}\nroleRef: {{apiGroup: \
         rbac.authorization.k8s.io, kind: Role, name: reader}}\nsubjects:\n- {{apiGroup: rbac.authorization.k8s.io, kind: \
         User, name: {user}}}\n"
    );
    person.namespace.apply(&roles).await?;
    Ok(user)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_an_object_gets_a_plan_all_the_same() -> Result<()> {
    let person = Person::new().await?;
    let user = reader(&person).await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    let fresh = file(&manifest("web", &ids));
    let ran = person.plan(&["-f", path(&fresh), "--as", &user]).ended(3);
    ran.says(&["1. CreateLoadBalancer", "RegisterInstances"]);
    ran.complains(&["web was not checked by the API server", "cannot create"]);
    ran.complains(&[
        "the operator's flags are not known",
        "cannot list",
        "--adoption, --default-account, --default-tags",
    ]);
    assert_eq!(ran.err.lines().count(), 2, "{ran:#?}");

    // Of an object that is there the stored one is the base.
    person.namespace.apply(&manifest("web", &ids)).await?;
    person.namespace.until_ready("web").await?;
    let changed = file(&manifest("web", &ids).replace("port: 80,", "port: 81,"));
    let ran = person.plan(&["-f", path(&changed), "--as", &user]).ended(3);
    ran.says(&["CreateLoadBalancerListeners", "DeleteLoadBalancerListeners"]);
    ran.complains(&["web was not checked by the API server", "cannot update"]);
    person
        .plan(&["-f", path(&fresh), "--as", &user])
        .ended(0)
        .says(&["nothing to do"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_could_not_read_is_a_problem_and_takes_nothing_away() -> Result<()> {
    let person = Person::new().await?;
    let user = reader(&person).await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    let role = person.namespace.namespace().to_owned();
    let provider = format!("aws:///us-east-1a/{}", ids[0]);
    person
        .namespace
        .node(&format!("node-{role}"), Some(&provider), &[("role", &role)])
        .await?;
    let spec = manifest("web", &[]).replace(
        "instanceIds: []",
        &format!("nodeSelector: {{matchLabels: {{role: {role}}}}}"),
    );
    person.namespace.apply(&spec).await?;
    person.namespace.until_ready("web").await?;
    person.plan(&["web"]).ended(0);
    let ran = person.plan(&["web", "--as", &user]).ended(1);
    ran.says(&["problem:", "nodes"]);
    assert!(!ran.out.contains("Deregister"), "{ran:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_an_object_is_told_which_right_is_missing() -> Result<()> {
    let person = Person::new().await?;
    let fresh = file(&manifest("web", &[]));
    for command in [
        &["status", "web"][..],
        &["status", "-l", "a=b"],
        &["plan", "web", "--cluster-id", "test"],
        &["plan", "-f", path(&fresh), "--cluster-id", "test"],
    ] {
        person
            .here(&[command, &["--as", "nobody"]].concat())
            .fails(1, &["forbidden", "User \"nobody\"", "ask for that right"]);
    }
    // The events are a courtesy.
    let user = reader(&person).await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let ran = person.here(&["status", "web", "--as", &user]).ended(0);
    ran.says(&["Conditions", "HTTP 8080", "reading events", "forbidden"]);
    Ok(())
}
