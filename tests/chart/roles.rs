//! The roles that the chart renders: what the operator may do, and what people may.

use classic_lb_operator::controller::Namespaces;
use serde_json::{Value, json};

use crate::helm::{names, object, render};

const NAME: &str = "test-classic-lb-operator";
/// The Lease of an operator that looks at all namespaces.
const LEASE: &str = "classic-lb-operator";

#[test]
fn the_operator_gets_exactly_the_rights_it_uses() {
    let objects = render("{}");
    assert_eq!(
        object(&objects, "ClusterRole", NAME)["rules"],
        json!([
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["classiclb.dev"], "resources": ["awsaccounts"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["classiclb.dev"], "resources": ["awsaccounts/status"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [LEASE], "verbs": ["get", "update"]},
            {"apiGroups": ["classiclb.dev"], "resources": ["classicloadbalancers", "classicloadbalancerbindings"],
                "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": ["classiclb.dev"], "resources": ["classicloadbalancers/status", "classicloadbalancerbindings/status"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
        ])
    );
    let binding = object(&objects, "ClusterRoleBinding", NAME);
    assert_eq!(
        binding["roleRef"],
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME})
    );
    assert_eq!(
        binding["subjects"],
        json!([{"kind": "ServiceAccount", "name": NAME, "namespace": "load-balancers"}])
    );
    let bindings = objects
        .iter()
        .filter(|object| object["kind"].as_str().unwrap().ends_with("RoleBinding"))
        .count();
    assert_eq!(bindings, 1);

    let without = names(&render("rbac: {create: false, userRoles: {create: false}}"));
    assert!(!without.iter().any(|name| name.contains("Role")), "{without:?}");
}

#[test]
fn replicas_that_share_the_work_may_see_and_write_leases_beside_that_of_the_operator() {
    let objects = render("leaderElection: {leasePer: region, namespace: operators}");
    let name = format!("{NAME}-leases");
    let (role, binding) = (object(&objects, "Role", &name), object(&objects, "RoleBinding", &name));
    assert_eq!(
        role["rules"],
        json!([{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "list", "update", "delete"]}])
    );
    for object in [role, binding] {
        assert_eq!(object["metadata"]["namespace"], "operators");
    }
    assert_eq!(
        binding["roleRef"],
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name})
    );
    let cluster_wide = |objects: &[Value]| object(objects, "ClusterRole", NAME)["rules"].clone();
    assert_eq!(
        cluster_wide(&objects),
        cluster_wide(&render("{}")),
        "nothing more elsewhere"
    );
    let deployment = object(&objects, "Deployment", NAME);
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(
        args.as_array().unwrap().contains(&json!("--lease-per=region")),
        "{args}"
    );
}

#[test]
fn in_watched_namespaces_roles_take_the_place_of_the_cluster_role() {
    let everywhere = render("{}");
    let objects = render("watchNamespaces: [shop, web]");
    let rules_of = |objects: &[Value], kind: &str| object(objects, kind, NAME)["rules"].as_array().unwrap().clone();
    let cluster_wide = rules_of(&objects, "ClusterRole");
    // Operators of other namespaces have another Lease, so that they do not wait for this one.
    let namespaces: Namespaces = "web,shop".parse().unwrap();
    assert_ne!(namespaces.lease(), LEASE);
    let lease = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [namespaces.lease()],
        "verbs": ["get", "update"]});
    assert_eq!(
        cluster_wide,
        [
            json!({"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}),
            json!({"apiGroups": ["classiclb.dev"], "resources": ["awsaccounts"], "verbs": ["get", "list", "watch"]}),
            json!({"apiGroups": ["classiclb.dev"], "resources": ["awsaccounts/status"], "verbs": ["patch"]}),
            json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}),
            json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]}),
            lease,
            // Of who leads, told beside the Lease.
            json!({"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}),
        ]
    );
    let of = |kind: &str| -> Vec<&Value> { objects.iter().filter(|object| object["kind"] == kind).collect() };
    let (roles, bindings) = (of("Role"), of("RoleBinding"));
    assert_eq!((roles.len(), bindings.len()), (2, 2));
    for (at, namespace) in ["shop", "web"].into_iter().enumerate() {
        let (role, binding) = (roles[at], bindings[at]);
        assert_eq!(role["metadata"]["namespace"], namespace);
        assert_eq!(binding["metadata"]["namespace"], namespace);
        // The right to Events is there in the roles too.
        let but_events = cluster_wide[..cluster_wide.len() - 1].to_vec();
        let mut both = [but_events, role["rules"].as_array().unwrap().clone()].concat();
        both[5]["resourceNames"] = json!([LEASE]);
        assert_eq!(both, rules_of(&everywhere, "ClusterRole"), "the same in all");
        let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME});
        assert_eq!(binding["roleRef"], reference);
        assert_eq!(
            binding["subjects"],
            object(&objects, "ClusterRoleBinding", NAME)["subjects"]
        );
    }
    let without = names(&render(
        "{watchNamespaces: [shop], rbac: {create: false, userRoles: {create: false}}}",
    ));
    assert!(!without.iter().any(|name| name.contains("Role")), "{without:?}");
}

#[test]
fn people_may_look_by_default_and_edit_where_it_is_switched_on() {
    let label = |objects: &[Value], role: &str, target: &str| {
        let key = format!("rbac.authorization.k8s.io/aggregate-to-{target}");
        object(objects, "ClusterRole", &format!("{NAME}-{role}"))["metadata"]["labels"][key] == "true"
    };
    let default = render("{}");
    assert!(label(&default, "view", "view"));
    assert!(!label(&default, "edit", "edit"));
    let switched = render("rbac: {userRoles: {aggregateToView: false, aggregateToEdit: true}}");
    assert!(!label(&switched, "view", "view"));
    assert!(label(&switched, "edit", "edit"));

    // Roles that the cluster fills in show as drift for ever where a tool compares them with Git.
    for role in switched.iter().filter(|object| object["kind"] == "ClusterRole") {
        assert!(role["aggregationRule"].is_null());
        assert!(!role["rules"].as_array().unwrap().is_empty());
    }
    let verbs = &object(&default, "ClusterRole", &format!("{NAME}-view"))["rules"][0]["verbs"];
    assert_eq!(*verbs, json!(["get", "list", "watch"]));
}

/// What a reviewer reads is what the chart grants.
#[test]
fn the_page_of_security_names_every_right() {
    let page = crate::helm::read("docs/security.md");
    let objects = render("{nodeDraining: tell}");
    let rules = object(&objects, "ClusterRole", NAME)["rules"].as_array().unwrap();
    assert!(rules.len() > 8, "{rules:?}");
    for rule in rules {
        for resource in rule["resources"].as_array().unwrap() {
            let name = format!("`{}`", resource.as_str().unwrap());
            let rows = page.lines().filter_map(|line| {
                let mut cells = line.split('|').skip(1);
                cells.next().filter(|cell| cell.contains(&name)).and(cells.next())
            });
            let told: Vec<&str> = rows.flat_map(|verbs| verbs.split(',')).map(str::trim).collect();
            for verb in rule["verbs"].as_array().unwrap() {
                assert!(
                    told.contains(&verb.as_str().unwrap()),
                    "{resource}: {verb} is not in {told:?}"
                );
            }
        }
    }
}
