//! `AWSAccount.spec.allow`: what a namespace may use of an account, rule by rule. Each is told with its field, and nothing is
//! written while it is broken.

use serde_json::json;
use testkit::simulator::REGION;
use testkit::{Options, Result};

use crate::accounts_entry::{Account, FOR_ALL, OWN, until_kept_out};
use crate::network::Vpc;
use crate::setup::by_ids;
use crate::targets::group;
use crate::{Test, set, tags, unique};

/// An account of the operator's own identity that allows this.
async fn allowing<'t>(test: &'t Test, allow: &str) -> Result<Account<'t>> {
    Account::new(test, &lines(allow)).await
}

fn lines(allow: &str) -> String {
    format!("accountId: '{OWN}'\n{FOR_ALL}allow: {{{allow}}}")
}

/// With these lines the object is kept out, told so in these words, and nothing is written; with the others it is let in.
async fn both(test: &Test, account: &Account<'_>, wrong: &str, words: &[&str], right: &str) -> Result<()> {
    let mark = test.mark()?;
    test.apply(&account.spec(wrong)).await?;
    let message = until_kept_out(test, "AccountNotAllowed").await?;
    for word in words.iter().chain(&[account.name.as_str()]) {
        assert!(message.contains(word), "no {word:?} in {message}");
    }
    let writes = test.simulator().calls(mark)?.of_operator().writes();
    assert!(writes.is_empty(), "{wrong}: {writes}");
    // Nothing was made, so that nothing holds it.
    test.delete().await?;
    test.ready(&account.spec(right)).await?;
    test.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn names_schemes_buckets_and_ports_are_held_to_the_rules() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let namespace = test.namespace.namespace().to_owned();
    let account = allowing(&test, "loadBalancerNames: ['$(namespace)-*']").await?;
    let own = format!("loadBalancerName: {namespace}-web");
    let words = [
        "spec.loadBalancerName",
        "shop-web",
        "loadBalancerNames",
        namespace.as_str(),
    ];
    both(&test, &account, "loadBalancerName: shop-web", &words, &own).await?;
    // The name that is made of the namespace needs no pattern.
    account.set(&lines("loadBalancerNames: [never]")).await?;
    test.ready(&account.spec("")).await?;
    test.delete().await?;

    account
        .set(&format!("accountId: '{OWN}'\n{FOR_ALL}schemes: [internal]"))
        .await?;
    both(
        &test,
        &account,
        "",
        &["spec.scheme", "internet-facing"],
        "scheme: internal",
    )
    .await?;

    let bucket = test.bucket().await?;
    account.set(&lines(&format!("logBuckets: [{bucket}]"))).await?;
    let log = |bucket: &str| format!("attributes: {{accessLog: {{enabled: true, bucket: {bucket}}}}}");
    let words = ["spec.attributes.accessLog.bucket", "logBuckets", "of-another-team"];
    both(&test, &account, &log("of-another-team"), &words, &log(&bucket)).await?;

    account.set(&lines("instancePorts: ['8080', 30000-32767]")).await?;
    let check = |port: u16| format!("healthCheck: {{target: 'TCP:{port}'}}");
    both(
        &test,
        &account,
        &check(22),
        &["spec.healthCheck", "22", "instancePorts"],
        &check(30_001),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn default_tags_and_adoption_are_those_of_the_account() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let spec =
        format!("accountId: '{OWN}'\n{FOR_ALL}adoption: Never\ndefaultTags: {{team: team-$(namespace), cost: a}}");
    let account = Account::new(&test, &spec).await?;
    let made = test.ready(&account.spec("tags: {cost: b}")).await?;
    let found = tags(&test.stack, &made.name()).await;
    assert_eq!(found["team"], format!("team-{}", test.namespace.namespace()));
    assert_eq!(found["cost"], "b", "an object's own tags win");
    account.set(&spec.replace("cost: a", "stage: c")).await?;
    test.until_called(test.mark()?, "AddTags").await?;
    test.delete().await?;

    let name = format!("offered-{}", unique());
    crate::adoption::plain(&test.stack, &name).await?;
    crate::adoption::tag(
        &test.stack,
        &name,
        "classiclb.dev/adopt-by",
        &crate::adoption::offer(&test),
    )
    .await?;
    test.apply(&account.spec(&format!("loadBalancerName: {name}\nadopt: true")))
        .await?;
    test.until_reason("Accepted", "NotAdopted").await?;
    account.set(&spec.replace("Never", "Tagged")).await?;
    test.until_ready().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_and_security_groups_must_carry_the_tags() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let namespace = test.namespace.namespace().to_owned();
    let account = allowing(&test, "subnetTags: {team: $(namespace)}").await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let subnets = vpc.subnets(&["us-east-1a", "us-east-1a", "us-east-1b"]).await?;
    vpc.publish(&[&subnets[0], &subnets[1], &subnets[2]]).await?;
    vpc.tag(&[&subnets[1], &subnets[2]], "team", &namespace).await?;
    vpc.tag(&[&subnets[0]], "team", "another").await?;
    vpc.tag(&[&subnets[0]], "tier", "web").await?;
    let listener = "listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]";
    let on = |placement: String| format!("accountRef: {{name: {}}}\n{placement}\n{listener}", account.name);
    for (placement, field) in [
        (format!("subnets: [{}]", subnets[0]), "spec.subnets"),
        ("subnetSelector: {tags: {tier: web}}".to_owned(), "spec.subnetSelector"),
        ("availabilityZones: [us-east-1a]".to_owned(), "spec.availabilityZones"),
    ] {
        test.apply(&on(placement)).await?;
        let message = until_kept_out(&test, "AccountNotAllowed").await?;
        let words = [field, "subnetTags", "subnet-", &format!("team={namespace}")];
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        test.delete().await?;
    }
    assert!(test.simulator().calls(0)?.of_operator().writes().is_empty());
    test.ready(&on(format!("subnets: [{}]", subnets[1]))).await?;

    // A subnet that is only borrowed must carry them too, and one that does is found.
    let (wide, other) = (vpc.subnet("us-east-1c").await?, vpc.subnet("us-east-1a").await?);
    vpc.publish(&[&wide, &other]).await?;
    vpc.tag(&[&other], "team", &namespace).await?;
    let mark = test.mark()?;
    test.ready(&on(format!("subnets: [{other}]\nallowTemporarySubnet: true")))
        .await?;
    let attached = test.calls(mark).await?.of("AttachLoadBalancerToSubnets");
    assert!(
        !attached.naming(&subnets[2]).is_empty() && attached.naming(&wide).is_empty(),
        "{attached}"
    );
    test.delete().await?;

    account.set(&lines("securityGroupTags: {team: $(namespace)}")).await?;
    let groups = [vpc.any_group().await?, vpc.any_group().await?];
    vpc.tag(&[&groups[1]], "team", &namespace).await?;
    test.apply(&on(format!("subnets: [{}]", subnets[1]))).await?;
    let message = until_kept_out(&test, "AccountNotAllowed").await?;
    assert!(
        message.contains("spec.securityGroups") && message.contains("must be given"),
        "{message}"
    );
    test.delete().await?;
    let with = |group: &str| on(format!("subnets: [{}]\nsecurityGroups: [{group}]", subnets[1]));
    test.apply(&with(&groups[0])).await?;
    let message = until_kept_out(&test, "AccountNotAllowed").await?;
    assert!(
        message.contains(&groups[0]) && message.contains("securityGroupTags"),
        "{message}"
    );
    test.ready(&with(&groups[1])).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_and_auto_scaling_groups_must_carry_the_tags() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let namespace = test.namespace.namespace().to_owned();
    let account = allowing(&test, "instanceTags: {team: $(namespace)}").await?;
    let ids = test.instances(&["us-east-1a", "us-east-1a"]).await?;
    let tag = [
        ("ResourceId.1", ids[1].as_str()),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", &namespace),
    ];
    test.simulator().query("ec2", "2016-11-15", "CreateTags", &tag).await?;
    let words = ["spec.targets", ids[0].as_str(), "instanceTags"];
    both(&test, &account, &by_ids(&ids), &words, &by_ids(&ids[1..])).await?;
    // A Node is an instance like another.
    test.node(&ids[0]).await?;
    let by_node = crate::setup::by_role(&test.role);
    both(&test, &account, &by_node, &words, &by_ids(&ids[1..])).await?;
    // One that is found by its tags is judged before there is a load balancer, whose VPC tells where it is looked for.
    let pool = |id: &str| format!("pool-{id}");
    for id in &ids {
        let tag = [
            ("ResourceId.1", id.as_str()),
            ("Tag.1.Key", "pool"),
            ("Tag.1.Value", &pool(id)),
        ];
        test.simulator().query("ec2", "2016-11-15", "CreateTags", &tag).await?;
    }
    let by_tags = |id: &str| format!("targets: {{instanceTags: [{{tags: {{pool: {}}}}}]}}", pool(id));
    both(&test, &account, &by_tags(&ids[0]), &words, &by_tags(&ids[1])).await?;

    account
        .set(&lines("autoScalingGroupTags: {team: $(namespace)}"))
        .await?;
    let (one, other) = (group(&test, 0).await?, group(&test, 0).await?);
    let tag = aws_sdk_autoscaling::types::Tag::builder()
        .resource_id(&other)
        .resource_type("auto-scaling-group");
    let tag = tag.key("team").value(&namespace).propagate_at_launch(false).build();
    test.simulator()
        .autoscaling()
        .create_or_update_tags()
        .tags(tag)
        .send()
        .await
        .expect("tagged");
    let targets = |group: &str| format!("targets: {{autoScalingGroups: [{{name: {group}}}]}}");
    let words = ["spec.targets.autoScalingGroups", one.as_str(), "autoScalingGroupTags"];
    both(&test, &account, &targets(&one), &words, &targets(&other)).await
}

/// What AWS does not show carries nobody knows what: it waits, and what is shown does not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_aws_does_not_show_is_not_let_in_before_it_was_looked_at() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let namespace = test.namespace.namespace().to_owned();
    let account = allowing(&test, "instanceTags: {team: $(namespace)}").await?;
    let shown = test.instances(&["us-east-1a"]).await?;
    let tag = [
        ("ResourceId.1", shown[0].as_str()),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", &namespace),
    ];
    test.simulator().query("ec2", "2016-11-15", "CreateTags", &tag).await?;
    let hidden = ["i-0a110e00000000001".to_owned(), "i-0a110e00000000002".to_owned()];
    let all: Vec<String> = shown.iter().chain(&hidden).cloned().collect();
    let mark = test.mark()?;
    test.apply(&account.spec(&by_ids(&all))).await?;
    let told = test
        .until("it to be told", |web| {
            web.is_observed() && web.message("Ready").contains("AWS does not show")
        })
        .await?;
    let message = told.message("Ready");
    let words = [
        "spec.targets",
        "instanceTags",
        hidden[0].as_str(),
        account.name.as_str(),
    ];
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
    assert_eq!(test.registered().await?, set(&shown));
    for id in &hidden {
        let named = test.simulator().calls(mark)?.of("RegisterInstancesWithLoadBalancer");
        assert!(named.naming(id).is_empty(), "{named}");
    }
    // Shown at last, one is let in by its tags and the other is kept out by them.
    let appear = |id: &str, team: &str| {
        json!({"regions": [{"region": REGION, "instances": [
            {"id": id, "availabilityZone": "us-east-1a", "tags": {"team": team}},
        ]}]})
    };
    test.simulator().seed(&appear(&hidden[0], &namespace)).await?;
    let ours: Vec<String> = shown.iter().chain(&hidden[..1]).cloned().collect();
    let came = |calls: &testkit::Calls| {
        let made = calls.of("RegisterInstancesWithLoadBalancer").successful();
        !made.naming(&hidden[0]).is_empty()
    };
    test.simulator().until_calls(mark, "its registration", came).await?;
    assert_eq!(test.registered().await?, set(&ours));
    test.simulator().seed(&appear(&hidden[1], "another")).await?;
    let message = until_kept_out(&test, "AccountNotAllowed").await?;
    assert!(message.contains(&hidden[1]), "{message}");
    assert_eq!(test.registered().await?, set(&ours));
    Ok(())
}

/// What is made again gets the groups that AWS chooses, as what is made for the first time would.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_again_is_judged_as_what_is_made() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let account = allowing(&test, "").await?;
    let made = test.ready(&account.spec("recreatePolicy: Always")).await?;
    account.set(&lines("securityGroupTags: {team: $(namespace)}")).await?;
    test.pass().await?;
    let mark = test.mark()?;
    let name = [("LoadBalancerName", made.name())];
    let name: Vec<(&str, &str)> = name.iter().map(|(key, value)| (*key, value.as_str())).collect();
    test.simulator()
        .query("elasticloadbalancing", "2012-06-01", "DeleteLoadBalancer", &name)
        .await?;
    test.pass().await?;
    let message = until_kept_out(&test, "AccountNotAllowed").await?;
    assert!(
        message.contains("spec.securityGroups") && message.contains("must be given"),
        "{message}"
    );
    let calls = test.simulator().calls(mark)?.of_operator();
    assert!(calls.of("CreateLoadBalancer").is_empty(), "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_must_carry_the_tags_wherever_they_are_kept() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let namespace = test.namespace.namespace().to_owned();
    let account = allowing(&test, "certificateTags: {team: $(namespace)}").await?;
    let acm = |end: &str| format!("arn:aws:acm:{REGION}:{OWN}:certificate/{end}");
    let seed = json!({"regions": [{
        "region": REGION,
        "certificates": [
            {"arn": acm("theirs"), "domainName": "theirs.example.com", "tags": {"team": "another"}},
            {"arn": acm("ours"), "domainName": "ours.example.com", "tags": {"team": namespace}},
        ],
        "serverCertificates": [{"name": "theirs"}, {"name": "ours", "tags": {"team": namespace}}],
    }]});
    test.simulator().seed(&seed).await?;
    let secure = |certificate: &str| {
        format!(
            "accountRef: {{name: {}}}\navailabilityZones: [us-east-1a]\nlisteners: [{{port: 443, protocol: HTTPS, \
             instanceProtocol: HTTP, instancePort: 8080, certificate: {{{certificate}}}}}]",
            account.name
        )
    };
    for kind in [
        "acmDomainName: {}.example.com",
        "iamServerCertificateName: {}",
        "arn: 'arn:aws:acm:us-east-1:123456789012:certificate/{}'",
    ] {
        let mark = test.mark()?;
        test.apply(&secure(&kind.replace("{}", "theirs"))).await?;
        let message = until_kept_out(&test, "AccountNotAllowed").await?;
        assert!(
            message.contains("certificate") && message.contains("certificateTags"),
            "{message}"
        );
        assert!(
            test.simulator().calls(mark)?.of_operator().writes().is_empty(),
            "{kind}"
        );
        test.ready(&secure(&kind.replace("{}", "ours"))).await?;
        test.delete().await?;
    }
    let denied = test.simulator().calls(0)?.denied();
    assert!(denied.is_empty(), "{denied}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_being_allowed_stays_as_it_is_and_goes_on_when_it_is_allowed_again() -> Result<()> {
    let test = Test::web().on(Options::default()).instances(1).start().await?;
    let id = test.ids[0].clone();
    let account = allowing(&test, "instancePorts: ['8080']").await?;
    let made = test.ready(&account.spec(&by_ids(&test.ids))).await?;
    let mark = test.mark()?;
    account.set(&lines("instancePorts: ['9090']")).await?;
    until_kept_out(&test, "AccountNotAllowed").await?;
    test.patch(json!({"targets": {"instanceIds": []}, "attributes": {"idleTimeoutSeconds": 90}}))
        .await?;
    test.until("the change to be seen", |web| {
        web.is_observed() && web.says("Ready", "AccountNotAllowed")
    })
    .await?;
    test.nothing_written(mark, "while it is not allowed").await?;
    assert!(test.registered().await?.contains(&id));
    assert_eq!(test.get().await?.text("/dnsName"), made.text("/dnsName"));
    account.set(&lines("instancePorts: ['8080']")).await?;
    test.until_ready().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_that_another_namespace_has_by_default_cannot_be_taken() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    // Short enough that the name is not cut.
    let theirs = classic_lb_operator::plan::desired::default_name("test", "shop", "web");
    test.apply(&crate::setup::minimal(&format!("loadBalancerName: {theirs}")))
        .await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    assert!(
        message.contains("spec.loadBalancerName") && message.contains("shop/web"),
        "{message}"
    );
    test.delete().await?;
    // One that was cut does not tell whose it is.
    let cut = classic_lb_operator::plan::desired::default_name("test", "another-namespace", "with-a-long-name");
    test.apply(&crate::setup::minimal(&format!("loadBalancerName: {cut}")))
        .await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    assert!(message.contains(&cut) && message.contains("hexadecimal"), "{message}");
    assert!(test.simulator().calls(0)?.elb().is_empty());
    Ok(())
}
