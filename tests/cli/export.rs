//! `kubectl clb export`, and the way back.

use serde_json::json;
use testkit::{Result, object};

use crate::fleet_by_hand::{call, rich, tag};
use crate::list::make;
use crate::{Person, file, manifest, path};

fn unique(person: &Person<'_>, word: &str) -> String {
    let namespace = person.namespace.namespace();
    format!("{word}-{}", &namespace[namespace.len() - 8..])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_was_exported_is_imported_as_the_same_manifest() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "exp-c");
    rich(person.stack, &name).await?;
    let mode = [
        (
            "LoadBalancerAttributes.AdditionalAttributes.member.1.Key",
            "elb.http.desyncmitigationmode",
        ),
        (
            "LoadBalancerAttributes.AdditionalAttributes.member.1.Value",
            "strictest",
        ),
    ];
    call(person.stack, &name, "ModifyLoadBalancerAttributes", &mode).await?;
    let exported = person
        .run(&["export", "--load-balancer", &name, "--to", "cloudformation"])
        .ended(0);
    exported.complains(&["no property for the desync mitigation mode: it is strictest"]);
    exported.says(&[
        "--change-set-type IMPORT",
        "PolicyName: their-proxy",
        "DeletionPolicy: Retain",
    ]);
    let template = file(&exported.out);
    let from = person
        .here(&[
            "import",
            "--from-cloudformation",
            path(&template),
            "--cluster-id",
            "test",
        ])
        .ended(0);
    let live = person.here(&["import", &name, "--cluster-id", "test"]).ended(0);
    assert_eq!(from.yaml(), live.yaml());
    assert!(!from.err.contains("otherwise"), "no drift: {from:#?}");
    from.says(&["Deploy the stack without these resources"]);
    // As AWS answers GetTemplate, and with the steps on standard error where the manifests are JSON.
    let answer = file(&json!({"TemplateBody": exported.out, "StagesAvailable": ["Original"]}).to_string());
    let ran = person
        .here(&[
            "import",
            "--from-cloudformation",
            path(&answer),
            "--cluster-id",
            "test",
            "-o",
            "json",
        ])
        .ended(0);
    assert_eq!(ran.json()["items"][0], live.yaml());
    ran.complains(&["kubectl-clb: Deploy the stack without these resources"]);

    // What the template says otherwise is drift; what stands elsewhere is none.
    let other = exported.out.replace("IdleTimeout: 120", "IdleTimeout: 90");
    let other = other
        .replace("CrossZone: true", "CrossZone: !Ref Zones")
        .replace("UpdateReplacePolicy: Retain", "");
    assert_ne!(other, exported.out);
    let ran = person
        .here(&[
            "import",
            "--from-cloudformation",
            path(&file(&other)),
            "--cluster-id",
            "test",
        ])
        .ended(0);
    ran.complains(&[
        "CloudFormation would call ModifyLoadBalancerAttributes idleTimeout 90 s",
        "CrossZone stand elsewhere",
    ]);
    ran.says(&[
        "1. Deploy the stack with these lines added",
        "UpdateReplacePolicy: Retain",
    ]);
    assert_eq!(ran.yaml()["spec"]["attributes"]["idleTimeoutSeconds"], 120);
    let nothing = file("Resources:\n  A: {Type: 'AWS::SNS::Topic'}\n");
    person
        .here(&[
            "import",
            "--from-cloudformation",
            path(&nothing),
            "--cluster-id",
            "test",
        ])
        .ended(0)
        .complains(&["holds no AWS::ElasticLoadBalancing::LoadBalancer"]);
    person
        .here(&[
            "import",
            "--from-cloudformation",
            path(&file("a: [")),
            "--cluster-id",
            "test",
        ])
        .fails(1, &["neither YAML nor JSON"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_gets_everything_with_a_block_that_imports_it() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "exp-t");
    let made = rich(person.stack, &name).await?;
    tag(person.stack, &name, "note", "a \"${word}\"").await.ok();
    let own = name.replace('-', "_");
    let ran = person
        .run(&["export", "--load-balancer", &name, "--to", "terraform"])
        .ended(0);
    ran.says(&[
        &format!("import {{\n  to = aws_elb.{own}\n  id = \"{name}\"\n}}\n\nresource \"aws_elb\" \"{own}\" {{\n"),
        "  cross_zone_load_balancing   = true\n",
        "  connection_draining_timeout = 30\n",
        &format!("    ssl_certificate_id = \"{}\"\n", made.certificate),
        &format!("# {name} in us-east-1\n"),
        &format!("resource \"aws_load_balancer_policy\" \"{own}_their_tls\""),
        &format!("  policy_names       = [aws_load_balancer_policy.{own}_their_tls.policy_name]\n"),
        &format!("  to = aws_app_cookie_stickiness_policy.{own}_their_cookie\n  id = \"{name}:80:their-cookie\"\n"),
        &format!("resource \"aws_app_cookie_stickiness_policy\" \"{own}_their_cookie\""),
        &format!("resource \"aws_load_balancer_backend_server_policy\" \"{own}_9000\""),
        &format!("  for_each = toset([\"{}\"])\n", made.instance),
    ]);
    ran.complains(&[
        "of policies Terraform can import but the cookie of an application",
        "attachments are created by the first apply",
    ]);
    let script = person
        .run(&["export", "--load-balancer", &name, "--to", "aws-cli"])
        .ended(0);
    script.says(&[
        "aws elb create-load-balancer --load-balancer-name \"$name\"",
        "aws elb set-load-balancer-policies-of-listener --load-balancer-name \"$name\" \\\n  --load-balancer-port 443 \\\n  \
         --policy-names their-tls",
    ]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_exported_without_the_tags_of_its_operator() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    let ready = person.namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName");
    let ran = person.here(&["export", "web", "--to", "terraform"]).ended(0);
    ran.says(&[&format!("id = \"{name}\"")]);
    ran.complains(&["when the other tool has it, delete the object"]);
    assert!(!ran.out.contains("classiclb.dev/"), "{ran:#?}");
    person
        .here(&["export", "nope", "--to", "terraform"])
        .fails(1, &["no ClassicLoadBalancer called \"nope\""]);
    person
        .here(&["export", "--to", "terraform"])
        .ended(2)
        .complains(&["NAME"]);
    person
        .run(&["export", "--load-balancer", "not-there", "--to", "aws-cli"])
        .ended(1)
        .complains(&["no Classic load balancer \"not-there\""]);
    person
        .with(
            &[("KUBECONFIG", "/nonexistent")],
            &["export", "web", "--to", "terraform"],
        )
        .fails(1, &["/nonexistent"]);
    let denied = json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized"});
    let scope = json!({"operation": "DescribeLoadBalancerAttributes", "loadBalancer": name});
    person
        .stack
        .simulator()
        .fault(&json!({"match": scope, "do": {"error": denied}}))
        .await?;
    person
        .here(&["export", "web", "--to", "terraform"])
        .fails(1, &["AccessDenied", "allowed to DescribeLoadBalancerAttributes"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_are_one_template_and_have_names_of_their_own() -> Result<()> {
    let person = Person::new().await?;
    let one = unique(&person, "exp-n");
    let other = one.to_ascii_uppercase();
    make(person.stack, &one, &[]).await;
    make(person.stack, &other, &[]).await;
    let both = format!("{one},{other}");
    let ran = person
        .run(&["export", "--load-balancer", &both, "--to", "cloudformation"])
        .ended(0);
    let template = ran.yaml();
    let resources = template["Resources"].as_object().expect("resources");
    assert_eq!(resources.len(), 2, "{ran:#?}");
    for id in resources.keys() {
        ran.says(&[&format!("\"LogicalResourceId\":\"{id}\"")]);
    }
    let from = person
        .here(&[
            "import",
            "--from-cloudformation",
            path(&file(&ran.out)),
            "--cluster-id",
            "test",
        ])
        .ended(0);
    assert!(!from.err.contains("otherwise"), "{from:#?}");
    // Two documents are read as well.
    let twice = file(&format!("{0}---\n{0}", "Resources: {A: {Type: 'AWS::SNS::Topic'}}\n"));
    person
        .here(&["import", "--from-cloudformation", path(&twice), "--cluster-id", "test"])
        .ended(0)
        .complains(&["holds no AWS::ElasticLoadBalancing"]);
    let ran = person
        .run(&["export", "--load-balancer", &both, "--to", "terraform"])
        .ended(0);
    let own = one.replace('-', "_");
    ran.says(&[
        &format!("resource \"aws_elb\" \"{own}\" {{"),
        &format!("resource \"aws_elb\" \"{own}_2\" {{"),
        &format!("to = aws_elb.{own}_2\n"),
    ]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_without_a_listener_is_told() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "exp-e");
    make(person.stack, &name, &[]).await;
    let gone = [("LoadBalancerPorts.member.1", "443")];
    call(person.stack, &name, "DeleteLoadBalancerListeners", &gone).await?;
    person
        .run(&["export", "--load-balancer", &name, "--to", "aws-cli"])
        .ended(0)
        .complains(&["it has no listener, and no load balancer is made without one"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_left_out_where_the_groups_are_not_known() -> Result<()> {
    const PLACE: &str = "ap-southeast-4";
    let person = Person::new().await?;
    let seed = json!({"regions": [{
        "region": PLACE,
        "instances": [{"id": "i-0abc0001", "availabilityZone": "ap-southeast-4a"}],
        "loadBalancers": [{"name": "of-a-group", "availabilityZones": ["ap-southeast-4a"], "instances": ["i-0abc0001"],
            "listeners": [{"protocol": "HTTP", "port": 80, "instancePort": 80}]}],
    }]});
    person.stack.simulator().seed(&seed).await?;
    let export = ["export", "--load-balancer", "of-a-group", "--region", PLACE, "--to"];
    let migrate = ["migrate", "of-a-group", "--region", PLACE, "-o"];
    let commands: Vec<Vec<&str>> = ["terraform", "cloudformation", "aws-cli"]
        .iter()
        .map(|to| [&export[..], &[to]].concat())
        .chain(["terraform", "ack"].iter().map(|to| [&migrate[..], &[to]].concat()))
        .collect();
    for command in &commands {
        person.run(command).ended(0).says(&["i-0abc0001"]);
    }
    let denied = json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized"});
    let scope = json!({"operation": "DescribeAutoScalingGroups", "region": PLACE});
    person
        .stack
        .simulator()
        .fault(&json!({"match": scope, "do": {"error": denied}}))
        .await?;
    for command in &commands {
        let ran = person.run(command).ended(0);
        ran.complains(&["the Auto Scaling groups are not known"]);
        assert!(!ran.out.contains("i-0abc0001"), "{ran:#?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_finds_its_load_balancers_by_name_beside_those_without_one() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "exp-b");
    make(person.stack, &name, &[]).await;
    let resource =
        |properties: &str| format!("{{Type: 'AWS::ElasticLoadBalancing::LoadBalancer', Properties: {properties}}}");
    let template = file(&format!(
        "Resources:\n  Named: {}\n  Unnamed: {}\n",
        resource(&format!("{{LoadBalancerName: {name}, Scheme: internal}}")),
        resource("{}")
    ));
    let import = [
        "import",
        "--cluster-id",
        "test",
        "--from-cloudformation",
        path(&template),
    ];
    for more in [&[][..], &["--stack", "shop"]] {
        let ran = person.here(&[&import[..], more].concat()).ended(1);
        ran.says(&[&format!("loadBalancerName: {name}")]);
        ran.complains(&[
            "Unnamed: no stack has made a load balancer of this logical id",
            "the template says it otherwise, as internal, and CloudFormation would make another",
        ]);
        assert!(!ran.err.contains("Named: AWS has no"), "{ran:#?}");
    }
    Ok(())
}
