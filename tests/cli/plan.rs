//! `kubectl clb plan`.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::simulator::ACCESS_KEY_ID;
use testkit::{Result, object};

use crate::{Person, file, manifest, path};

#[tokio::test(flavor = "multi_thread")]
async fn plan_tells_the_calls_and_makes_none() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    let fresh = file(&manifest("web", &ids[..1]));
    let mark = person.stack.simulator().mark()?;
    let ran = person.plan(&["-f", path(&fresh)]).ended(3);
    ran.says(&["web in us-east-1", "1. CreateLoadBalancer"]);
    // What the one call carries.
    ran.says(&[
        "scheme internet-facing",
        "listener HTTP 80 to HTTP 8080",
        "zones us-east-1a",
        "tag classiclb.dev/cluster=test",
    ]);
    assert!(
        person.namespace.get(Kind::CLB, "web").await.is_err(),
        "nothing was stored"
    );

    person.namespace.apply(&manifest("web", &ids[..1])).await?;
    let ready = person.namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    person.plan(&["web"]).ended(0).says(&["nothing to do"]);
    person.plan(&["-f", path(&fresh)]).ended(0).says(&["nothing to do"]);

    let before = person.stack.simulator().calls(mark)?.writes().naming(&name).len();
    let more = file(&manifest("web", &ids).replace("port: 80,", "port: 81,"));
    let planned = person.plan(&["-f", path(&more), "-o", "json"]).ended(3).json();
    assert_eq!(planned["differences"], true);
    let steps = planned["objects"][0]["steps"].to_string();
    for word in [
        "CreateLoadBalancerListeners",
        "DeleteLoadBalancerListeners",
        "RegisterInstances",
    ] {
        assert!(steps.contains(word), "{steps}");
    }
    // What a change takes away and replaces.
    let call = |operation: &str| {
        let calls = planned["objects"][0]["calls"].as_array().expect("calls");
        let found = calls.iter().find(|call| call["operation"] == operation);
        found.unwrap_or_else(|| panic!("no {operation} in {planned:#}"))["details"].to_string()
    };
    assert!(
        call("DeleteLoadBalancerListeners").contains("was HTTP 80 to HTTP 8080"),
        "{planned:#}"
    );
    let checked = manifest("web", &ids).replace(
        "spec:\n",
        "spec:\n  healthCheck: {target: 'TCP:8080', intervalSeconds: 10}\n",
    );
    let ran = person.plan(&["-f", path(&file(&checked))]).ended(3);
    ran.says(&["ConfigureHealthCheck TCP:8080 every 10 s", "was TCP:8080 every 30 s"]);
    let after = person.stack.simulator().calls(mark)?.writes().naming(&name).len();
    assert_eq!(before, after, "a plan writes nothing");

    // Planned is also what the operator is told to leave alone, with a word about it.
    let left = file(&manifest("web", &ids).replace("spec:\n", "spec:\n  management: Suspended\n"));
    let ran = person.plan(&["-f", path(&left)]).ended(3);
    ran.complains(&["web has management: Suspended"]);

    // The operator applies what was planned, and then there is nothing left.
    person
        .namespace
        .apply(&manifest("web", &ids).replace("port: 80,", "port: 81,"))
        .await?;
    person.namespace.until_ready("web").await?;
    person.plan(&["web"]).ended(0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_refuses_files_in_the_words_of_the_api_server() -> Result<()> {
    let person = Person::new().await?;
    let wrong = file(&manifest("web", &[]).replace("port: 80,", "port: 80, prot: x,"));
    person.plan(&["-f", path(&wrong)]).ended(1).complains(&["prot"]);
    let wrong = file(&manifest("web", &[]).replace("instancePort: 8080", "instancePort: 8080, instanceProtocol: TCP"));
    person
        .plan(&["-f", path(&wrong)])
        .ended(1)
        .complains(&["web", "listeners"]);
    let empty = file("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n");
    person
        .plan(&["-f", path(&empty)])
        .ended(1)
        .complains(&["no ClassicLoadBalancer"]);
    person
        .plan(&["-f", "/nonexistent.yaml"])
        .ended(1)
        .complains(&["/nonexistent.yaml"]);
    let ran = person.here(&["plan", "-f", path(&file(&manifest("web", &[])))]);
    ran.ended(2).complains(&["cluster id", "--cluster-id"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_foresees_what_aws_will_refuse() -> Result<()> {
    let person = Person::new().await?;
    let listener = "{port: 80, protocol: HTTP, instancePort: 8080}";
    let secure = |arn: &str| {
        manifest("web", &[]).replace(
            listener,
            &format!("{{port: 443, protocol: HTTPS, instancePort: 8080, instanceProtocol: HTTP, certificate: {{arn: '{arn}'}}}}"),
        )
    };
    let plain = manifest("web", &[]);
    for (text, words) in [
        (
            plain.replace("us-east-1a", "us-east-1z"),
            &["spec.availabilityZones", "us-east-1z", "us-east-1a, us-east-1b"][..],
        ),
        (
            plain.replace("spec:\n", "spec:\n  securityGroups: [sg-0123456789abcdeff]\n"),
            &["spec.securityGroups", "sg-0123456789abcdeff"],
        ),
        (
            secure("arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-00000000dead"),
            &["spec.listeners[port=443].certificate", "dead does not exist"],
        ),
        (
            secure("arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-00000000dead"),
            &["spec.listeners[port=443].certificate", "is of eu-west-1"],
        ),
        (
            secure("arn:aws:acm:us-east-1:210987654321:certificate/00000000-0000-0000-0000-00000000dead"),
            &["spec.listeners[port=443].certificate", "is of account 210987654321"],
        ),
        (
            secure("arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-00000000dead").replace(
                "certificate:",
                "sslPolicy: {predefined: ELBSecurityPolicy-2016-8}, certificate:",
            ),
            &[
                "spec.listeners[].sslPolicy",
                "no policy ELBSecurityPolicy-2016-8",
                "ELBSecurityPolicy-2016-08",
            ],
        ),
        (
            manifest("web", &["i-00000000dead0000c".to_owned()]),
            &["spec.targets", "i-00000000dead0000c"],
        ),
    ] {
        let ran = person.plan(&["-f", path(&file(&text))]).ended(1);
        ran.says(&["problem:"]).says(words);
    }
    // What is right has no problem.
    person.plan(&["-f", path(&file(&plain))]).ended(3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_foresees_groups_of_another_vpc() -> Result<()> {
    let person = Person::new().await?;
    let (vpc, group) = ("vpc-0f0e5ee0", "sg-0f0e5ee0");
    let seed = json!({"regions": [{
        "region": "us-east-1",
        "vpcs": [{"id": vpc}],
        "securityGroups": [{"id": group, "name": "elsewhere", "vpcId": vpc}],
    }]});
    person.stack.simulator().seed(&seed).await?;
    let plain = manifest("web", &[]);
    let grouped = file(&plain.replace("spec:\n", &format!("spec:\n  securityGroups: [{group}]\n")));
    let told = format!("spec.securityGroups: {group} is of {vpc}, and the load balancer is in vpc-");
    person.plan(&["-f", path(&grouped)]).ended(1).says(&[&told]);
    // Also of one that is there.
    person.namespace.apply(&plain).await?;
    person.namespace.until_ready("web").await?;
    let ran = person.plan(&["-f", path(&grouped)]).ended(1);
    ran.says(&["ApplySecurityGroupsToLoadBalancer", &told]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_enters_the_account_of_an_object_or_says_why_it_cannot() -> Result<()> {
    let person = Person::new().await?;
    let account = |id: &str, more: &str| {
        format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: AWSAccount\nmetadata: {{name: {}}}\nspec: {{accountId: '{id}', namespaces: \
             {{from: All}}{more}}}",
            person.namespace.namespace()
        )
    };
    let name = person.namespace.namespace();
    let web = manifest("web", &[]).replace("spec:\n", &format!("spec:\n  accountRef: {{name: {name}}}\n"));
    let web = file(&web);
    let ran = person.plan(&["-f", path(&web)]).ended(1);
    ran.says(&["there is no AWSAccount"]);

    // Whoever is in the account already needs no role, and the account's rules count for a plan, too.
    let role = ", roleArn: 'arn:aws:iam::123456789012:role/classic-lb-operator', defaultTags: {team: shop}";
    person.namespace.apply(&account("123456789012", role)).await?;
    let mark = person.stack.simulator().mark()?;
    person
        .plan(&["-f", path(&web)])
        .ended(3)
        .says(&["CreateLoadBalancer", "tag team=shop"]);
    let taken = person.stack.simulator().calls(mark)?.of("AssumeRole");
    assert!(
        taken.only(|call| call.access_key_id == ACCESS_KEY_ID).is_empty(),
        "{taken}"
    );
    let rules = format!("{role}, schemes: [internal]");
    person.namespace.apply(&account("123456789012", &rules)).await?;
    person
        .plan(&["-f", path(&web)])
        .ended(1)
        .says(&["spec.scheme", "is not allowed"]);

    let other = ", roleArn: 'arn:aws:iam::210987654321:role/classic-lb-operator'";
    person.namespace.apply(&account("210987654321", other)).await?;
    let denied = json!({"match": {"operation": "AssumeRole"}, "do": {"error": {"code": "AccessDenied", "status": 403, "message": "no"}}});
    person.stack.simulator().fault(&denied).await?;
    let ran = person.plan(&["-f", path(&web)]).ended(1);
    ran.says(&["cannot be used", "AssumeRole", "AccessDenied"]);
    person.stack.simulator().clear_faults().await?;
    person.plan(&["-f", path(&web)]).ended(3).says(&["CreateLoadBalancer"]);
    person.namespace.delete_and_wait(Kind::ACCOUNT, name).await
}
