//! Bad weather between the operator and AWS: replies that do not arrive whole, refusals that pass, permissions that lack.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Calls, Result};

use crate::setup::{Setup, with_args};
use crate::{Test, describe, error, unique, walk};

/// Every write of the flow from nothing over [`Site::first`] to [`Site::second`], but for the first and the last.
const CHANGES: &[&str] = &[
    "AddTags",
    "ConfigureHealthCheck",
    "CreateLoadBalancerListeners",
    "CreateLoadBalancerPolicy",
    "CreateLBCookieStickinessPolicy",
    "DeleteLoadBalancerListeners",
    "DeleteLoadBalancerPolicy",
    "DeregisterInstancesFromLoadBalancer",
    "DisableAvailabilityZonesForLoadBalancer",
    "EnableAvailabilityZonesForLoadBalancer",
    "ModifyLoadBalancerAttributes",
    "RegisterInstancesWithLoadBalancer",
    "RemoveTags",
    "SetLoadBalancerListenerSSLCertificate",
    "SetLoadBalancerPoliciesForBackendServer",
    "SetLoadBalancerPoliciesOfListener",
];

const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

/// What the balancer is made of.
struct Site {
    instances: Vec<String>,
    certificates: [String; 2],
}

impl Site {
    async fn new() -> Result<(Test, Self)> {
        Self::on(Test::web()).await
    }

    async fn on(setup: Setup) -> Result<(Test, Self)> {
        let test = setup.zones(&ZONES).start().await?;
        let site = Self {
            instances: test.ids.clone(),
            certificates: [test.certificate().await?, test.certificate().await?],
        };
        Ok((test, site))
    }

    fn spec(&self, name: &str, from: usize, port: u16, policy: &str, seconds: u16) -> Value {
        json!({
            "loadBalancerName": name,
            "availabilityZones": ZONES[from..from + 2],
            "listeners": [
                {"port": 80, "protocol": "HTTP", "instancePort": 8080,
                    "stickiness": {"loadBalancerCookie": {"expirationSeconds": seconds}}},
                {"port": 443, "protocol": "HTTPS", "instanceProtocol": "HTTP", "instancePort": 8080,
                    "certificate": {"arn": self.certificates[from]}, "sslPolicy": {"predefined": policy}},
                {"port": port, "protocol": "TCP", "instancePort": port},
            ],
            "backends": [{"instancePort": port, "proxyProtocol": true}],
            "healthCheck": {"target": format!("HTTP:8080/{from}")},
            "attributes": {"idleTimeoutSeconds": seconds, "crossZone": from == 0},
            "targets": {"instanceIds": self.instances[from..from + 2]},
        })
    }

    fn first(&self, name: &str) -> String {
        let mut spec = self.spec(name, 0, 9025, "ELBSecurityPolicy-TLS-1-2-2017-01", 100);
        spec["tags"] = json!({"a": "1", "b": "1"});
        spec.to_string()
    }

    /// Differs in everything that can be changed.
    fn second(&self, name: &str) -> String {
        let mut spec = self.spec(name, 1, 9026, "ELBSecurityPolicy-2016-08", 200);
        spec["tags"] = json!({"a": "2"});
        spec.to_string()
    }
}

/// Lets the first call of each operation meet a fault.
async fn hit(test: &Test, name: &str, operations: &[&str], fault: &Value) -> Result<()> {
    let rules: Vec<Value> = operations
        .iter()
        .map(|operation| json!({"match": {"operation": operation, "loadBalancer": name, "nth": 1}, "do": fault}))
        .collect();
    test.simulator().fault(&rules.into()).await
}

/// The operations of this balancer that met a fault.
async fn struck(test: &Test, name: &str) -> Result<BTreeSet<String>> {
    let faults = test.simulator().faults().await?;
    let rules = faults.as_array().cloned().unwrap_or_default();
    let ours = rules
        .iter()
        .filter(|rule| rule["match"]["loadBalancer"] == name && rule["fired"] != 0);
    Ok(ours
        .filter_map(|rule| Some(rule["match"]["operation"].as_str()?.to_owned()))
        .collect())
}

/// The balancer after the first spec and after the second.
async fn through(test: &Test, site: &Site, name: &str, fault: Option<&Value>) -> Result<[Value; 2]> {
    if let Some(fault) = fault {
        hit(test, name, &["CreateLoadBalancer"], fault).await?;
        hit(test, name, CHANGES, fault).await?;
    }
    test.ready(&site.first(name)).await?;
    let first = walk::view(test).await?;
    if let Some(fault) = fault {
        hit(test, name, CHANGES, fault).await?;
    }
    test.ready(&site.second(name)).await?;
    Ok([first, walk::view(test).await?])
}

/// One kind of broken reply for the first call of every operation, from nothing to the deletion.
async fn broken_replies(fault: Value) -> Result<()> {
    let (test, site) = Site::new().await?;
    let expected = through(&test, &site, &format!("fair-{}", unique()), None).await?;
    test.delete().await?;
    let name = format!("foul-{}", unique());
    let mark = test.mark()?;
    let found = through(&test, &site, &name, Some(&fault)).await?;
    assert_eq!(found, expected, "the same as in fair weather");
    let mut all: BTreeSet<String> = CHANGES.iter().map(|name| (*name).to_owned()).collect();
    all.insert("CreateLoadBalancer".to_owned());
    let struck_all = struck(&test, &name).await?;
    let missed: Vec<_> = all.difference(&struck_all).collect();
    assert!(missed.is_empty(), "no fault met {missed:?}");
    let created = test.calls(mark).await?.of("CreateLoadBalancer");
    assert!(created.len() <= 2, "once more, and then it was seen: {created}");
    test.idle("a second pass").await?;

    hit(&test, &name, &["DeleteLoadBalancer"], &fault).await?;
    test.delete().await?;
    assert!(describe(&test.stack, &name).await.is_none());
    assert!(struck(&test, &name).await?.contains("DeleteLoadBalancer"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_before_the_call_change_nothing_of_what_comes_out() -> Result<()> {
    broken_replies(json!("resetBefore")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_after_the_call_change_nothing_of_what_comes_out() -> Result<()> {
    broken_replies(json!("resetAfter")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_cut_short_change_nothing_of_what_comes_out() -> Result<()> {
    broken_replies(json!({"cutBody": {"percent": 50}})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_within_the_reply_change_nothing_of_what_comes_out() -> Result<()> {
    broken_replies(json!({"breakBody": {"percent": 50}})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_replies_change_nothing_of_what_comes_out() -> Result<()> {
    broken_replies(json!("emptyReply")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_proxy_change_nothing_of_what_comes_out() -> Result<()> {
    broken_replies(json!({"htmlError": {}})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_it_asks_less_often_and_writes_nothing_twice() -> Result<()> {
    // Alone in its region: beside others its questions may be joined to theirs, and name nobody.
    let (test, site) = Site::on(Test::web().on(with_args(&[]))).await?;
    let name = format!("throttled-{}", unique());
    test.ready(&site.first(&name)).await?;
    // The reads of three passes, and then the first three tries of every write.
    let throttling = error("Throttling", 400, "Rate exceeded");
    let reads = json!({
        "match": {"operation": "DescribeLoadBalancers", "loadBalancer": name, "count": 3}, "do": throttling,
    });
    let writes = CHANGES.iter().map(
        |operation| json!({"match": {"operation": operation, "loadBalancer": name, "count": 3}, "do": throttling}),
    );
    let rules: Vec<Value> = std::iter::once(reads).chain(writes).collect();
    test.simulator().fault(&rules.into()).await?;

    let mark = test.mark()?;
    test.apply(&site.second(&name)).await?;
    let message = test.until_reason("Programmed", "Throttling").await?;
    assert!(message.contains("Rate exceeded"), "{message}");
    assert!(test.get().await?.has("Reconciling", "True"));
    let simulator = test.simulator();
    let again = |calls: &Calls| !calls.naming(&name).writes().is_empty();
    let calls = simulator.until_calls(mark, "the first write", again).await?;
    let reads = calls.naming(&name).of("DescribeLoadBalancers");
    let refused = reads.only(|call| call.error_code.is_some());
    assert_eq!(refused.len(), 3, "three passes of one try each, no more: {reads}");

    // The writes are refused in three more passes, each later than the one before; this test need not wait for all that.
    let most = |calls: &Calls| calls.naming(&name).writes().len() > 20;
    simulator.until_calls(mark, "more writes", most).await?;
    test.request().await?;
    test.until_ready().await?;
    let writes = test.writes(mark).await?;
    let throttled = writes.only(|call| call.error_code.as_deref() == Some("Throttling"));
    assert!(throttled.len() > 20, "{throttled}");
    let done = writes.successful();
    let distinct: BTreeSet<String> = done.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), done.len(), "none twice: {done}");
    Ok(())
}

/// One write of each track that follows from [`Site::first`] to [`Site::second`] or back.
const INDEPENDENT: &[&str] = &[
    "AddTags",
    "ConfigureHealthCheck",
    "EnableAvailabilityZonesForLoadBalancer",
    "ModifyLoadBalancerAttributes",
    "RegisterInstancesWithLoadBalancer",
    "SetLoadBalancerListenerSSLCertificate",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_lacks_is_told_and_stops_nothing_else() -> Result<()> {
    let (test, site) = Site::new().await?;
    let name = format!("denied-{}", unique());
    let specs = [site.first(&name), site.second(&name)];
    test.ready(&specs[0]).await?;
    let others = ["CreateLoadBalancerListeners", "CreateLoadBalancerPolicy"];
    for (at, operation) in INDEPENDENT.iter().chain(&others).enumerate() {
        let denial = error("AccessDenied", 403, "not authorized");
        hit(&test, &name, &[operation], &denial).await?;
        let mark = test.mark()?;
        test.apply(&specs[(at + 1) % 2]).await?;
        let message = test.until_reason("Programmed", "AccessDenied").await?;
        assert!(
            message.contains(operation) && message.contains("not authorized"),
            "{message}"
        );
        let simulator = test.simulator();
        // The same write once more: what it had stopped would come after it.
        let next = |calls: &Calls| {
            let calls = calls.naming(&name).of(operation);
            let denied = calls.iter().find(|call| call.status == Some(403))?;
            let alike = |seq, text: &str| {
                seq > denied.seq && text.split(" → ").next() == denied.to_string().split(" → ").next()
            };
            calls
                .iter()
                .find(|call| alike(call.seq, &call.to_string()))
                .map(|call| call.seq)
        };
        let again = |calls: &Calls| next(calls).is_some();
        let calls = simulator.until_calls(mark, "another try", again).await?.naming(&name);
        let end = next(&calls).unwrap_or_default();
        let before = calls.successful().only(|call| call.seq < end);
        for other in INDEPENDENT.iter().filter(|other| *other != operation) {
            assert!(!before.of(other).is_empty(), "no {other} without {operation}: {before}");
        }
        let ready = test.until_ready().await?;
        assert!(ready.status("/errors").is_null(), "{operation}");
    }
    Ok(())
}
