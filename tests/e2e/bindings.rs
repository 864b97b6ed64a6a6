//! Instances that objects register with load balancers of others, and that nobody else loses for it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{LoadBalancer, Result};

use crate::adoption::{plain, tag};
use crate::setup::by_ids;
use crate::{Test, by_hand, describe, registered, set, unique};

/// The tag that offers a load balancer to bindings.
const BIND_BY: &str = "classiclb.dev/bind-by";

/// A load balancer of other hands, and the bindings of a test.
pub(crate) struct Shared {
    pub(crate) test: Test,
    /// The name in AWS.
    pub(crate) name: String,
}

impl Shared {
    /// A load balancer that is offered to all objects of the test's namespace.
    pub(crate) async fn offered(test: Test) -> Result<Self> {
        let shared = Self::with_nothing(test).await?;
        shared.offer("").await?;
        Ok(shared)
    }

    /// One that is offered to nobody.
    pub(crate) async fn with_nothing(test: Test) -> Result<Self> {
        let name = format!("shared-{}", unique());
        plain(&test.stack, &name).await?;
        Ok(Self { test, name })
    }

    /// Offers it to an object of the test's namespace; without a name to all of them.
    pub(crate) async fn offer(&self, object: &str) -> Result<()> {
        let value = format!("test/{}/{object}", self.test.namespace.namespace());
        tag(&self.test.stack, &self.name, BIND_BY, &value).await
    }

    /// Applies a binding with these lines in its spec.
    pub(crate) async fn bind(&self, name: &str, lines: &str) -> Result<()> {
        let lines = lines.lines().fold(String::new(), |all, line| all + "  " + line + "\n");
        let yaml = format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancerBinding\nmetadata: {{name: {name}}}\nspec:\n  \
             loadBalancerName: {}\n{lines}",
            self.name
        );
        self.test.namespace.apply(&yaml).await.map(drop)
    }

    /// Applies a binding of these instances and waits until it is ready.
    pub(crate) async fn bound(&self, name: &str, ids: &[String]) -> Result<LoadBalancer> {
        self.bind(name, &by_ids(ids)).await?;
        self.ready(name).await
    }

    /// Changes members of a binding's spec by a merge patch.
    pub(crate) async fn patch(&self, name: &str, spec: Value) -> Result<()> {
        let patch = json!({"spec": spec});
        self.test.namespace.patch(Kind::BINDING, name, patch).await.map(drop)
    }

    /// Watches a binding until the condition holds.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        mut condition: impl FnMut(&LoadBalancer) -> bool,
    ) -> Result<LoadBalancer> {
        let holds = |object: &kube::api::DynamicObject| condition(&object.clone().into());
        let found = self.test.namespace.until(Kind::BINDING, name, what, holds).await;
        found.map(Into::into)
    }

    pub(crate) async fn ready(&self, name: &str) -> Result<LoadBalancer> {
        self.until(name, "Ready to be True", LoadBalancer::is_ready).await
    }

    /// Waits until Ready of a binding has a reason, and returns its message.
    pub(crate) async fn until_reason(&self, name: &str, reason: &str) -> Result<String> {
        let says = |binding: &LoadBalancer| binding.says("Ready", reason) && binding.is_observed();
        Ok(self.until(name, reason, says).await?.message("Ready"))
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        self.test.namespace.delete_and_wait(Kind::BINDING, name).await
    }

    /// What AWS has registered.
    pub(crate) async fn registered(&self) -> BTreeSet<String> {
        registered(&describe(&self.test.stack, &self.name).await.expect("the load balancer"))
    }

    /// Waits until AWS has exactly these registered.
    pub(crate) async fn until_registered(&self, ids: &BTreeSet<String>) {
        let started = std::time::Instant::now();
        loop {
            let found = self.registered().await;
            if found == *ids {
                return;
            }
            assert!(
                started.elapsed() < testkit::cluster::PATIENCE,
                "{found:?} and not {ids:?}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Somebody else registers or deregisters an instance.
    pub(crate) async fn by_hand(&self, action: &str, id: &str) -> Result<()> {
        let members = [("Instances.member.1.InstanceId", id)];
        by_hand(&self.test.stack, &self.name, action, &members).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_registers_its_instances_and_touches_nothing_else() -> Result<()> {
    let shared = Shared::offered(Test::web().instances(3).start().await?).await?;
    let ids = shared.test.ids.clone();
    shared.by_hand("RegisterInstancesWithLoadBalancer", &ids[2]).await?;
    let before = describe(&shared.test.stack, &shared.name)
        .await
        .expect("the load balancer");
    let mark = shared.test.mark()?;
    let bound = shared.bound("web", &ids[..2]).await?;
    assert_eq!(shared.registered().await, set(&ids));
    let listed = bound.status("/instances/items").as_array().map(Vec::len);
    assert_eq!((bound.name(), listed), (shared.name.clone(), Some(2)), "its own alone");
    let healthy = |binding: &LoadBalancer| binding.summary() == "2/2" && binding.says("TargetsHealthy", "AllInService");
    shared.until("web", "its instances to serve", healthy).await?;
    shared
        .patch("web", json!({"targets": {"instanceIds": [ids[0]]}}))
        .await?;
    let one = |binding: &LoadBalancer| binding.is_ready() && binding.summary() == "1/1";
    shared.until("web", "one to leave", one).await?;
    assert_eq!(shared.registered().await, set([&ids[0], &ids[2]]));
    shared.delete("web").await?;
    assert_eq!(
        shared.registered().await,
        set([&ids[2]]),
        "what another registered stays"
    );
    let calls = shared.test.simulator().calls(mark)?.naming(&shared.name).writes();
    let only = [
        "RegisterInstancesWithLoadBalancer",
        "DeregisterInstancesFromLoadBalancer",
    ];
    assert_eq!(calls.len(), 3, "{calls}");
    assert!(
        calls.iter().all(|call| only.contains(&call.operation.as_str())),
        "{calls}"
    );
    let after = describe(&shared.test.stack, &shared.name)
        .await
        .expect("the load balancer");
    assert_eq!(after.listener_descriptions(), before.listener_descriptions());
    assert_eq!(after.health_check(), before.health_check());
    let log = shared.test.stack.operator().log();
    let accepted = log
        .lines()
        .find(|line| line.contains(&shared.name) && line.contains("AWS accepted"));
    let accepted = accepted.expect("a line");
    assert!(accepted.contains("classicloadbalancerbinding"), "{accepted}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_that_is_not_offered_is_left_alone_and_the_tag_is_named() -> Result<()> {
    let shared = Shared::with_nothing(Test::web().instances(1).start().await?).await?;
    let (ids, namespace) = (shared.test.ids.clone(), shared.test.namespace.namespace().to_owned());
    shared.bind("web", &by_ids(&ids)).await?;
    let message = shared.until_reason("web", "NotBound").await?;
    assert!(
        message.contains(&format!("classiclb.dev/bind-by=test/{namespace}/web")),
        "{message}"
    );
    shared.offer("other").await?;
    let annotation = shared
        .test
        .namespace
        .annotate(Kind::BINDING, "web", crate::REQUESTED_AT, Some("1"));
    annotation.await?;
    let both = format!("classiclb.dev/bind-by=test/{namespace}/other test/{namespace}/web");
    let says = |binding: &LoadBalancer| binding.message("Ready").contains(&both);
    shared.until("web", "both to be named", says).await?;
    assert!(shared.registered().await.is_empty());
    shared.offer("web").await?;
    let annotation = shared
        .test
        .namespace
        .annotate(Kind::BINDING, "web", crate::REQUESTED_AT, Some("2"));
    annotation.await?;
    shared.ready("web").await?;
    assert_eq!(shared.registered().await, set(&ids));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_bound_and_kept_while_their_view_is_doubted() -> Result<()> {
    let test = Test::web()
        .zones(&["us-east-1a", "us-east-1b"])
        .by_node()
        .start()
        .await?;
    let shared = Shared::offered(test).await?;
    let ids = shared.test.ids.clone();
    shared.bind("web", &crate::setup::by_role(&shared.test.role)).await?;
    let bound = shared.ready("web").await?;
    assert_eq!(shared.registered().await, set(&ids));
    let zones = bound
        .status("/instances/byZone")
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(zones.len(), 2, "{bound:?}");
    // In one change: one Node after the other would leave rightly.
    let selects = |role: &str| json!({"targets": {"nodeSelector": {"matchLabels": {"role": role}}}});
    shared.patch("web", selects("nobody")).await?;
    shared.until_reason("web", "NodeViewSuspect").await?;
    assert_eq!(shared.registered().await, set(&ids), "nobody leaves on a doubt");
    shared.patch("web", selects(&shared.test.role)).await?;
    let serve = |binding: &LoadBalancer| binding.is_ready() && binding.summary() == "2/2";
    shared.until("web", "both to serve", serve).await?;
    shared.patch("web", json!({"targets": {"nodeSelector": null}})).await?;
    let held = |binding: &LoadBalancer| binding.message("Ready").contains("minInService");
    shared.until("web", "the brake", held).await?;
    assert_eq!(
        shared.registered().await.len(),
        1,
        "the brake keeps the last one in service"
    );
    shared.delete("web").await?;
    assert!(shared.registered().await.is_empty(), "a deletion is a wish");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_registered_stays_where_it_is_retained_or_the_offer_is_taken_back() -> Result<()> {
    let shared = Shared::offered(Test::web().instances(2).start().await?).await?;
    let ids = shared.test.ids.clone();
    let retained = format!("{}\ndeletionPolicy: Retain", by_ids(&ids[..1]));
    shared.bind("kept", &retained).await?;
    shared.ready("kept").await?;
    shared.delete("kept").await?;
    shared.bound("web", &ids[1..]).await?;
    let key = [("Tags.member.1.Key", BIND_BY)];
    by_hand(&shared.test.stack, &shared.name, "RemoveTags", &key).await?;
    let annotation = shared
        .test
        .namespace
        .annotate(Kind::BINDING, "web", crate::REQUESTED_AT, Some("1"));
    annotation.await?;
    shared.until_reason("web", "NotBound").await?;
    let mark = shared.test.mark()?;
    shared.delete("web").await?;
    let writes = shared.test.simulator().calls(mark)?.naming(&shared.name).writes();
    assert!(writes.is_empty(), "{writes}");
    assert_eq!(shared.registered().await, set(&ids));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_that_is_made_again_is_bound_again_and_owes_nothing() -> Result<()> {
    let shared = Shared::offered(Test::web().instances(2).start().await?).await?;
    let ids = shared.test.ids.clone();
    shared.bound("web", &ids).await?;
    by_hand(&shared.test.stack, &shared.name, "DeleteLoadBalancer", &[]).await?;
    let annotate = async |value: &str| {
        let asked = shared
            .test
            .namespace
            .annotate(Kind::BINDING, "web", crate::REQUESTED_AT, Some(value));
        asked.await.map(drop)
    };
    annotate("1").await?;
    let message = shared.until_reason("web", "LoadBalancerNotFound").await?;
    assert!(message.contains(&shared.name), "{message}");
    plain(&shared.test.stack, &shared.name).await?;
    shared.by_hand("RegisterInstancesWithLoadBalancer", &ids[0]).await?;
    shared.offer("").await?;
    annotate("2").await?;
    shared.ready("web").await?;
    assert_eq!(shared.registered().await, set(&ids));
    shared.delete("web").await?;
    assert_eq!(
        shared.registered().await,
        set(&ids[..1]),
        "what others registered with the new one stays"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_or_after_its_call_it_knows_what_is_its_own() -> Result<()> {
    let shared = Shared::offered(Test::web().on(testkit::Options::default()).instances(2).start().await?).await?;
    let ids = shared.test.ids.clone();
    let register = "RegisterInstancesWithLoadBalancer";
    for (fault, number) in [("hang", 0), ("resetAfter", 1)] {
        let name = format!("web-{number}");
        let rule = json!({"match": {"operation": register, "loadBalancer": shared.name}, "do": fault});
        shared.test.simulator().fault(&rule).await?;
        let mark = shared.test.mark()?;
        shared.bind(&name, &by_ids(&ids[..=0])).await?;
        let called = |calls: &testkit::Calls| !calls.naming(&shared.name).of(register).is_empty();
        shared.test.simulator().until_calls(mark, register, called).await?;
        shared.test.stack.operator().kill();
        shared.test.simulator().clear_faults().await?;
        // Meanwhile somebody changes their mind: what was registered is to leave all the same.
        shared
            .patch(&name, json!({"targets": {"instanceIds": [ids[1]]}}))
            .await?;
        shared.test.stack.operator().start_ready().await?;
        shared.ready(&name).await?;
        shared.until_registered(&set(&ids[1..])).await;
        shared.delete(&name).await?;
        shared.until_registered(&BTreeSet::new()).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_or_the_account_may_permit_no_binding_or_any() -> Result<()> {
    let never = Shared::offered(
        Test::web()
            .on(crate::setup::with_args(&["--binding=never"]))
            .instances(1)
            .start()
            .await?,
    );
    let never = never.await?;
    never.bind("web", &by_ids(&never.test.ids)).await?;
    let message = never.until_reason("web", "NotBound").await?;
    assert!(message.contains("--binding=never"), "{message}");
    let mut options = crate::setup::with_args(&["--binding=any"]);
    options.policies = testkit::Policies::default().and("deploy/iam/bind-any.json");
    let any = Shared::with_nothing(Test::web().on(options).instances(1).start().await?).await?;
    any.bound("web", &any.test.ids).await?;
    assert_eq!(any.registered().await.len(), 1);
    any.delete("web").await?;
    assert!(any.registered().await.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_says_what_may_be_bound() -> Result<()> {
    use crate::accounts_entry::{Account, FOR_ALL, OWN};
    let shared = Shared::offered(Test::web().on(testkit::Options::default()).instances(1).start().await?).await?;
    let ids = shared.test.ids.clone();
    let account = Account::new(&shared.test, &format!("accountId: '{OWN}'\n{FOR_ALL}binding: Never")).await?;
    let lines = format!("accountRef: {{name: {}}}\n{}", account.name, by_ids(&ids));
    shared.bind("web", &lines).await?;
    shared.until_reason("web", "NotBound").await?;
    account
        .set(&format!(
            "accountId: '{OWN}'\n{FOR_ALL}allow: {{instanceTags: {{team: shop}}}}"
        ))
        .await?;
    let message = shared.until_reason("web", "AccountNotAllowed").await?;
    assert!(message.contains("instanceTags"), "{message}");
    assert!(shared.registered().await.is_empty());
    account.set(&format!("accountId: '{OWN}'\n{FOR_ALL}")).await?;
    shared.ready("web").await?;
    assert_eq!(shared.registered().await, set(&ids));
    Ok(())
}

/// The offer is taken back, and nobody asks for a look: the Node that comes next is registered no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_binding_whose_offer_was_withdrawn_registers_no_node_that_comes() -> Result<()> {
    let test = Test::web().instances(1).by_node().start().await?;
    let shared = Shared::offered(test).await?;
    shared.bind("web", &crate::setup::by_role(&shared.test.role)).await?;
    shared.ready("web").await?;
    let before = shared.registered().await;
    let new = shared.test.instances(&["us-east-1a"]).await?.remove(0);
    let withdrawn = [("Tags.member.1.Key", BIND_BY)];
    by_hand(&shared.test.stack, &shared.name, "RemoveTags", &withdrawn).await?;
    let mark = shared.test.mark()?;
    shared.test.node(&new).await?;
    shared.until_reason("web", "NotBound").await?;
    let calls = shared.test.simulator().calls(mark)?.naming(&shared.name).writes();
    assert!(calls.is_empty(), "{calls}");
    assert_eq!(shared.registered().await, before, "what it registered before stays");
    Ok(())
}
