//! Objects of the kind `ClassicLoadBalancerBinding` in the commands that take objects.

use serde_json::json;
use testkit::Result;
use testkit::cluster::Kind;
use testkit::object::is_ready;

use crate::{Person, file, path};

/// The tag that offers a load balancer to bindings.
const BIND_BY: &str = "classiclb.dev/bind-by";

/// A load balancer of other hands that is offered to the bindings of a person, and instances.
async fn offered(person: &Person<'_>, name: &str) -> Result<Vec<String>> {
    let simulator = person.stack.simulator();
    let ids = person
        .namespace
        .instances(simulator, &["us-east-1a", "us-east-1a"])
        .await?;
    let offer = format!("test/{}/", person.namespace.namespace());
    let seed = json!({"regions": [{"region": "us-east-1", "loadBalancers": [
        {"name": name, "availabilityZones": ["us-east-1a"], "tags": {BIND_BY: offer}}]}]});
    simulator.seed(&seed).await?;
    Ok(ids)
}

pub(crate) fn binding(name: &str, balancer: &str, instances: &[&str]) -> String {
    format!(
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancerBinding\nmetadata: {{name: {name}}}\nspec:\n  \
         loadBalancerName: {balancer}\n  targets: {{instanceIds: [{}]}}\n",
        instances.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_is_named_by_its_kind() -> Result<()> {
    let person = Person::new().await?;
    let balancer = format!(
        "bound-{}",
        person.namespace.namespace().chars().rev().take(8).collect::<String>()
    );
    let balancer = balancer.trim_end_matches('-');
    let ids = offered(&person, balancer).await?;
    let [first, second] = [&ids[0], &ids[1]];
    person.namespace.apply(&binding("canary", balancer, &[first])).await?;
    person
        .namespace
        .until(Kind::BINDING, "canary", "Ready to be True", is_ready)
        .await?;

    // Named, among all, and as data.
    for name in ["binding/canary", "clbb/canary", "classicloadbalancerbinding/canary"] {
        let shown = person.here(&["status", name]).ended(0);
        shown.says(&["binding/canary", balancer, first, "Ready"]);
    }
    let line = person.here(&["status", "-o", "table"]).ended(0);
    line.says(&["binding/canary", "True"]);
    let object = person.here(&["status", "-o", "json"]).ended(0).json();
    assert_eq!(object["kind"], "ClassicLoadBalancerBinding");
    person
        .here(&["status", "canary"])
        .fails(1, &["no ClassicLoadBalancer called \"canary\""]);
    person
        .here(&["status", "clbb/gone"])
        .fails(1, &["no ClassicLoadBalancerBinding called \"gone\""]);
    person
        .here(&["events", "binding/canary"])
        .ended(0)
        .says(&["binding/canary", "Ready=True"]);
    person
        .here(&["export", "binding/canary", "--to", "terraform"])
        .fails(2, &["a binding has no load balancer of its own"]);

    let why = person.here(&["why", "binding/canary"]).ended(0);
    why.says(&["binding/canary", "Ready=True", balancer]);
    person
        .here(&["why", "binding/canary", first])
        .ended(0)
        .says(&["it is a target by instanceIds"]);

    // Nothing is to be done; then a file says otherwise.
    person
        .plan(&["binding/canary"])
        .ended(0)
        .says(&["binding/canary in us-east-1", "nothing to do"]);
    let mark = person.stack.simulator().mark()?;
    let more = file(&binding("canary", balancer, &[first, second]));
    person
        .plan(&["-f", path(&more)])
        .ended(3)
        .says(&["RegisterInstancesWithLoadBalancer", second]);
    let fewer = file(&binding("canary", balancer, &[second]));
    person.plan(&["-f", path(&fewer)]).ended(3).says(&[
        "RegisterInstancesWithLoadBalancer",
        "DeregisterInstancesFromLoadBalancer",
        first,
    ]);
    let new = file(&binding("new", balancer, &[second]));
    let plan = person.plan(&["-f", path(&new), "-o", "json"]).ended(3).json();
    assert_eq!(plan["objects"][0]["name"], "binding/new", "{plan:#}");
    let calls = plan["objects"][0]["calls"].as_array().expect("calls");
    assert!(
        calls.len() == 1 && calls[0]["operation"] == "RegisterInstancesWithLoadBalancer",
        "{plan:#}"
    );
    person
        .here(&["diff", "binding/canary", "--cluster-id", "test"])
        .ended(0)
        .says(&["no field differs"]);
    assert!(
        person
            .stack
            .simulator()
            .calls(mark)?
            .naming(balancer)
            .writes()
            .is_empty()
    );

    // What is not offered, and what the API server refuses.
    let other = file(&binding("canary2", "nobody-offers-this", &[second]));
    person
        .plan(&["-f", path(&other)])
        .ended(1)
        .says(&["binding/canary2", "nobody-offers-this"]);
    let wrong = file(&binding("wrong", "a-", &[]));
    person
        .plan(&["-f", path(&wrong)])
        .fails(1, &["checking", "binding/wrong", "loadBalancerName"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_and_a_binding_are_planned_for_together() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    person.namespace.apply(&crate::manifest("web", &ids[..1])).await?;
    let owner = person.namespace.until_ready("web").await?;
    let name = testkit::object::text(&owner, "/status/loadBalancerName").to_owned();
    let elb = person.stack.simulator().elb();
    let offer = format!("test/{}/", person.namespace.namespace());
    let tag = aws_sdk_elasticloadbalancing::types::Tag::builder()
        .key(BIND_BY)
        .value(offer)
        .build()
        .expect("a tag");
    elb.add_tags()
        .load_balancer_names(&name)
        .tags(tag)
        .send()
        .await
        .expect("offered");
    person
        .namespace
        .apply(&binding("web", &name, &[&ids[1], &ids[0]]))
        .await?;
    person
        .namespace
        .until(Kind::BINDING, "web", "Ready to be True", is_ready)
        .await?;
    // The two of one name are two.
    let all = person.here(&["status", "-o", "json"]).ended(0).json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2), "{all:#}");
    let both = person.plan(&["web", "binding/web"]).ended(0);
    both.says(&["/web in us-east-1", "/binding/web in us-east-1"]);
    // What the owner wants stays, whatever the binding says.
    let fewer = file(&binding("web", &name, &[&ids[1]]));
    person.plan(&["-f", path(&fewer)]).ended(0).says(&["nothing to do"]);
    Ok(())
}
