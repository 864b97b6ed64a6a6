//! The shipped IAM policies. The operators of all tests act under them, as they act under the roles that the chart renders;
//! here each action that they allow is used, so that none is missing and none too many.

use std::collections::BTreeSet;

use classic_lb_operator::plan::is_write;
use serde_json::{Value, json};
use testkit::simulator::REGION;
use testkit::{Calls, Policies, Result};

use crate::adoption::{offer, plain, tag};
use crate::network::Vpc;
use crate::setup::{minimal, with_args};
use crate::targets::group;
use crate::{MINIMAL, Test, by_hand, set, tags, unique};

const CLUSTER: &str = "classiclb.dev/cluster";
const OFFER: &str = "classiclb.dev/adopt-by";

/// The actions that the shipped policy allows, but for the one that AWS takes in the operator's name.
fn allowed() -> BTreeSet<String> {
    let path = testkit::tool::root().join("deploy/iam/policy.json");
    let policy: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("read")).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements").iter();
    let actions = statements.filter(|statement| statement["Effect"] == "Allow").flat_map(
        |statement| match &statement["Action"] {
            Value::Array(actions) => actions.clone(),
            action => vec![action.clone()],
        },
    );
    let actions = actions.map(|action| action.as_str().expect("a name").to_owned());
    // What the rules of an account ask for is tried with them: `accounts_allow`.
    let elsewhere = ["iam:CreateServiceLinkedRole", "acm:ListTagsForCertificate"];
    actions.filter(|action| !elsewhere.contains(&action.as_str())).collect()
}

/// What the operator has asked for, as IAM calls it. Who it is everybody may ask.
fn actions(calls: &Calls) -> BTreeSet<String> {
    let asked = calls.of_operator().only(|call| call.service != "sts");
    let actions = asked.iter().map(|call| format!("{}:{}", call.service, call.operation));
    actions.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_every_feature_is_allowed_and_nothing_else() -> Result<()> {
    let test = Test::on(testkit::Stack::variant(with_args(&[])).await?).await?;
    settings(&test).await?;
    listeners(&test).await?;
    targets(&test).await?;
    test.delete().await?;
    network(&test).await?;
    test.delete().await?;
    adopted(&test).await?;

    let calls = test.simulator().calls(0)?.of_operator();
    let denied = calls.denied();
    assert!(denied.is_empty(), "{denied}");
    let (called, allowed) = (actions(&calls), allowed());
    let not_called: Vec<_> = allowed.difference(&called).collect();
    assert!(not_called.is_empty(), "allowed for nothing: {not_called:?}");
    assert_eq!(called, allowed);
    let writes: BTreeSet<_> = calls.writes().operations().into_iter().map(str::to_owned).collect();
    let unplanned: Vec<_> = writes.iter().filter(|operation| !is_write(operation)).collect();
    assert!(unplanned.is_empty() && writes.len() == 24, "{unplanned:?} {writes:?}");
    Ok(())
}

/// What belongs to no listener, no instance and no subnet.
async fn settings(test: &Test) -> Result<()> {
    let bucket = test.bucket().await?;
    let all = format!(
        "tags: {{team: web, stage: test}}\nhealthCheck: {{target: 'HTTP:8080/health'}}\n\
         attributes: {{idleTimeoutSeconds: 90, accessLog: {{enabled: true, bucket: {bucket}, emitIntervalMinutes: 5}}}}"
    );
    test.ready(&minimal(&all)).await?;
    let zones = MINIMAL.replace("us-east-1b", "us-east-1c");
    test.ready(&format!("{zones}\ntags: {{team: shop}}")).await?;
    let kept = tags(&test.stack, &test.name().await?).await;
    assert_eq!(
        (kept.get("team").map(String::as_str), kept.get("stage")),
        (Some("shop"), None)
    );
    Ok(())
}

/// A listener of each kind, with its certificate and its policies, changed and taken away.
async fn listeners(test: &Test) -> Result<()> {
    let server = test.certificate().await?;
    let server = server.rsplit('/').next().expect("a name");
    let domain = format!("www-{}.example.com", unique());
    let arn = format!("arn:aws:acm:{REGION}:123456789012:certificate/{}", unique());
    let issued = json!({"regions": [{"region": REGION, "certificates": [{"arn": arn, "domainName": domain}]}]});
    test.simulator().seed(&issued).await?;
    let spec = |secure: &str, cookie: &str, backends: &str| {
        format!(
            "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePort: 8080{cookie}}}\n\
             - {{port: 443, instancePort: 8080, {secure}}}\n- {{port: 9000, protocol: TCP, instancePort: 9000}}\n{backends}"
        )
    };
    let https = |certificate: &str, more: &str| {
        format!("protocol: HTTPS, instanceProtocol: HTTP, certificate: {{{certificate}}}{more}")
    };
    let proxy = "backends: [{instancePort: 9000, proxyProtocol: true}]";
    let load_balancer = ", stickiness: {loadBalancerCookie: {expirationSeconds: 60}}";
    let application = ", stickiness: {applicationCookie: {name: SESSION}}";
    let tls = ", sslPolicy: {custom: {protocols: [TLSv1.2], ciphers: [ECDHE-RSA-AES128-GCM-SHA256]}}";
    // Plain first, so that the certificate of the secure one is proven before its port is closed.
    test.ready(&spec("protocol: HTTP", load_balancer, "")).await?;
    let named = https(&format!("iamServerCertificateName: {server}"), "");
    test.ready(&spec(&named, application, proxy)).await?;
    test.ready(&spec(&https(&format!("acmDomainName: {domain}"), tls), "", ""))
        .await?;
    test.ready(&spec("protocol: HTTP", "", "")).await?;
    let by_arn = https(&format!("arn: '{arn}'"), "");
    test.ready(&spec(&by_arn, "", "")).await?;
    test.ready(MINIMAL).await.map(drop)
}

/// Instances by id, by tag and by group.
async fn targets(test: &Test) -> Result<()> {
    let ids = test.instances(&["us-east-1a", "us-east-1b"]).await?;
    let role = [
        ("ResourceId.1", ids[0].as_str()),
        ("Tag.1.Key", "role"),
        ("Tag.1.Value", "iam"),
    ];
    test.simulator().query("ec2", "2016-11-15", "CreateTags", &role).await?;
    let (attached, resolved) = (group(test, 1).await?, group(test, 1).await?);
    let at_once = "registration: {minInService: 0, maxDeregisterPercent: 100}";
    let spec = |targets: &str| minimal(&format!("{at_once}\ntargets: {{{targets}}}"));
    test.ready(&spec(&format!("instanceIds: [{}]", ids[1]))).await?;
    let all = format!(
        "instanceTags: [{{tags: {{role: iam}}}}], autoScalingGroups: [{{name: {attached}}}, {{name: {resolved}, mode: Resolve}}]"
    );
    test.ready(&spec(&all)).await?;
    assert!(!test.registered().await?.contains(&ids[1]));
    test.ready(&spec(&format!("instanceIds: [{}]", ids[0]))).await?;
    assert_eq!(test.registered().await?, set(&ids[..1]));
    // Still attached when the object goes: it is detached first.
    let group = format!("autoScalingGroups: [{{name: {attached}}}]");
    test.ready(&spec(&group)).await.map(drop)
}

/// Subnets and groups by selector.
async fn network(test: &Test) -> Result<()> {
    let vpc = Vpc::new(test.simulator()).await?;
    let made = vpc.subnets(&["us-east-1a", "us-east-1b"]).await?;
    vpc.publish(&[&made[0], &made[1]]).await?;
    let groups = [vpc.any_group().await?, vpc.any_group().await?];
    for (subnet, group, tier) in [(&made[0], &groups[0], "one"), (&made[1], &groups[1], "two")] {
        vpc.tag(&[subnet, group], "tier", tier).await?;
    }
    for (tier, subnet) in [("one", &made[0]), ("two", &made[1])] {
        let spec = format!(
            "subnetSelector: {{tags: {{tier: {tier}}}}}\nsecurityGroupSelector: {{tags: {{tier: {tier}}}}}\n\
             listeners: [{{port: 80, protocol: TCP, instancePort: 80}}]"
        );
        test.ready(&spec).await?;
        assert_eq!(test.attached().await?, set([subnet]));
    }
    Ok(())
}

/// A balancer that is offered is taken over, found again when it lost its tags, and given back.
async fn adopted(test: &Test) -> Result<()> {
    plain(&test.stack, "by-hand").await?;
    tag(&test.stack, "by-hand", OFFER, &offer(test)).await?;
    let spec = minimal("loadBalancerName: by-hand\nadopt: true\nattributes: {idleTimeoutSeconds: 77}");
    test.ready(&spec).await?;
    // Its own UID and the offer prove it still; then nothing does, until it is offered again.
    for lost in [
        &[CLUSTER][..],
        &[CLUSTER, "classiclb.dev/owner", "classiclb.dev/uid", OFFER],
    ] {
        let mark = test.mark()?;
        untag(test, lost).await?;
        test.request().await?;
        if lost.contains(&OFFER) {
            test.until("the loss to be told", |web| web.says("Accepted", "NotAdopted"))
                .await?;
            tag(&test.stack, "by-hand", OFFER, &offer(test)).await?;
            test.request().await?;
        }
        let tagged = |calls: &Calls| !calls.of_operator().of("AddTags").is_empty();
        test.simulator()
            .until_calls(mark, "the tags to be back", tagged)
            .await?;
        test.until_ready().await?;
        assert!(tags(&test.stack, "by-hand").await.contains_key(CLUSTER));
    }
    test.delete().await?;
    let left = tags(&test.stack, "by-hand").await;
    assert!(!left.contains_key(CLUSTER), "{left:?}");
    Ok(())
}

async fn untag(test: &Test, keys: &[&str]) -> Result<()> {
    for key in keys {
        by_hand(&test.stack, "by-hand", "RemoveTags", &[("Tags.member.1.Key", key)]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_offers_is_taken_only_with_the_policy_for_it() -> Result<()> {
    for permitted in [false, true] {
        let mut options = with_args(&["--adoption=any"]);
        if permitted {
            options.policies = Policies::default().and("deploy/iam/adopt-any.json");
        }
        let test = Test::on(testkit::Stack::variant(options).await?).await?;
        plain(&test.stack, "by-hand").await?;
        test.apply(&minimal("loadBalancerName: by-hand\nadopt: true")).await?;
        if permitted {
            test.until_ready().await?;
            continue;
        }
        let message = test.until_reason("Ready", "AccessDenied").await?;
        let words = "is not authorized to perform: elasticloadbalancing:AddTags on resource: \
                     arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/by-hand because no identity-based";
        assert!(message.contains(words), "{message}");
        assert!(!tags(&test.stack, "by-hand").await.contains_key(CLUSTER));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_another_cluster_is_out_of_reach_whatever_is_tried() -> Result<()> {
    let test = Test::on(testkit::Stack::variant(with_args(&[])).await?).await?;
    plain(&test.stack, "theirs").await?;
    tag(&test.stack, "theirs", CLUSTER, "other").await?;
    let elb = test.simulator().elb_of_operator();
    let name = "theirs";
    let refused = |result: std::result::Result<(), String>| {
        let error = result.expect_err("refused");
        assert!(error.contains("AccessDenied"), "{error}");
    };
    let told = |error: &dyn std::fmt::Debug| format!("{error:?}");
    let delete = elb.delete_load_balancer().load_balancer_name(name).send().await;
    refused(delete.map(drop).map_err(|error| told(&error)));
    let ours = aws_sdk_elasticloadbalancing::types::Tag::builder()
        .key(CLUSTER)
        .value("test")
        .build()
        .expect("a tag");
    let take = elb.add_tags().load_balancer_names(name).tags(ours).send().await;
    refused(take.map(drop).map_err(|error| told(&error)));
    assert_eq!(tags(&test.stack, name).await[CLUSTER], "other");
    Ok(())
}
