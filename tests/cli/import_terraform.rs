//! `kubectl clb import --from-terraform`: what a state holds as manifests, and what lets go of it.

use serde_json::{Value, json};
use testkit::Result;

use crate::Person;
use crate::fleet_by_hand::{self, call, rich, tag};
use crate::import::unique;

/// A state as Terraform 1.11 with provider 5 writes it.
fn state(name: &str, made: &fleet_by_hand::Rich) -> Value {
    let provider = "provider[\"registry.terraform.io/hashicorp/aws\"]";
    let resource = |kind: &str, name: &str, index: Value, values: Value| {
        let mut instance = json!({"schema_version": 0, "attributes": values, "dependencies": ["aws_elb.web"]});
        if !index.is_null() {
            instance["index_key"] = index;
        }
        json!({"mode": "managed", "type": kind, "name": name, "provider": provider, "instances": [instance]})
    };
    let web = json!({
        "id": name, "name": name, "arn": format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/{name}"),
        "internal": false, "availability_zones": ["us-east-1a", "us-east-1b"], "subnets": made.subnets,
        "security_groups": made.security_groups, "instances": [made.instance],
        "listener": [
            {"instance_port": 8080, "instance_protocol": "http", "lb_port": 80, "lb_protocol": "http", "ssl_certificate_id": ""},
            {"instance_port": 8080, "instance_protocol": "http", "lb_port": 443, "lb_protocol": "https",
             "ssl_certificate_id": made.certificate},
            {"instance_port": 9000, "instance_protocol": "tcp", "lb_port": 9000, "lb_protocol": "tcp", "ssl_certificate_id": ""},
        ],
        "health_check": [{"target": "HTTP:8080/health", "interval": 20, "timeout": 4, "unhealthy_threshold": 5,
            "healthy_threshold": 3}],
        "cross_zone_load_balancing": true, "idle_timeout": 120, "connection_draining": true,
        "connection_draining_timeout": 30, "desync_mitigation_mode": "defensive", "access_logs": [],
        "tags": {"team": "web"}, "tags_all": {"team": "web"},
    });
    json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {},
        "resources": [
            resource("aws_elb", "web", Value::Null, web),
            resource("aws_elb_attachment", "web", json!(0), json!({"elb": name, "instance": made.instance})),
            resource("aws_app_cookie_stickiness_policy", "web", Value::Null,
                json!({"load_balancer": name, "lb_port": 80, "name": "their-cookie", "cookie_name": "session"})),
            resource("aws_route53_record", "www", Value::Null, json!({"name": "www"})),
            {"mode": "data", "type": "aws_elb", "name": "other", "provider": provider, "instances": []},
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terraform_state_is_imported_as_aws_has_it_and_let_go() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "imp-t");
    let made = rich(person.stack, &name).await?;
    let mut state = state(&name, &made);
    let file = crate::file(&state.to_string());
    let from = |file: &tempfile::NamedTempFile| {
        let path = crate::path(file).to_owned();
        person.here(&["import", "--cluster-id", "test", "--from-terraform", &path])
    };
    let ran = from(&file).ended(0);
    let live = person.here(&["import", "--cluster-id", "test", &name]).ended(0);
    assert_eq!(ran.yaml()["spec"], live.yaml()["spec"], "what AWS has");
    ran.says(&[
        "# of Terraform: aws_elb.web",
        "# removed {",
        "#   from = aws_elb.web\n",
        "#   from = aws_elb_attachment.web\n",
        "#   from = aws_app_cookie_stickiness_policy.web\n",
        "destroy = false",
    ]);
    ran.complains(&["aws_route53_record.www refers to it"]);
    assert!(!ran.err.contains("otherwise"), "{ran:#?}");
    // JSON has no comments.
    let path = crate::path(&file).to_owned();
    let json = person
        .here(&[
            "import",
            "--cluster-id",
            "test",
            "--from-terraform",
            &path,
            "-o",
            "json",
        ])
        .ended(0);
    assert_eq!(json.json()["items"][0]["spec"], ran.yaml()["spec"]);
    json.complains(&[
        "kubectl-clb: removed {\n",
        "kubectl-clb:   from = aws_elb_attachment.web\n",
        "kubectl-clb:     destroy = false\n",
    ]);

    // What the state knows otherwise is drift.
    state["resources"][0]["instances"][0]["attributes"]["idle_timeout"] = json!(61);
    let ran = from(&crate::file(&state.to_string())).ended(0);
    ran.complains(&["knows it otherwise, and Terraform would call ModifyLoadBalancerAttributes idleTimeout 61 s"]);
    assert_eq!(ran.yaml()["spec"]["attributes"]["idleTimeoutSeconds"], 120);

    // So it is where the state knows AWS's default.
    let own = &mut state["resources"][0]["instances"][0]["attributes"];
    own["idle_timeout"] = json!(60);
    own["internal"] = json!(true);
    own["health_check"][0]["interval"] = json!(30);
    own["cross_zone_load_balancing"] = json!(false);
    let ran = from(&crate::file(&state.to_string())).ended(0);
    ran.complains(&[
        "would call ModifyLoadBalancerAttributes idleTimeout 60 s",
        "would call ModifyLoadBalancerAttributes crossZone false",
        "would call ConfigureHealthCheck HTTP:8080/health every 30 s",
        "the state knows it otherwise, as internal, and Terraform would make another in its place",
    ]);

    // One of several instances of a block goes alone, and so it does before there were `removed` blocks.
    state["terraform_version"] = json!("1.6.6");
    let ran = from(&crate::file(&state.to_string())).ended(0);
    ran.says(&[
        "terraform state rm aws_elb.web",
        "terraform state rm 'aws_elb_attachment.web[0]'",
    ]);
    assert!(!ran.out.contains("removed {"), "{ran:#?}");

    tag(person.stack, &name, "elasticbeanstalk:environment-name", "prod").await?;
    let ran = from(&file).ended(0);
    assert!(
        !ran.out.contains("removed {"),
        "what is not imported stays Terraform's: {ran:#?}"
    );
    call(person.stack, &name, "DeleteLoadBalancer", &[]).await?;
    from(&file)
        .ended(1)
        .complains(&["aws_elb.web: AWS has no load balancer"]);
    from(&crate::file("{}")).fails(1, &["neither a state"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_of_a_terraform_state_become_bindings() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "imp-b");
    let made = rich(person.stack, &name).await?;
    let mut state = state(&name, &made);
    // The load balancer is in another state.
    state["resources"][0]["mode"] = json!("data");
    let file = crate::file(&state.to_string());
    let path = crate::path(&file).to_owned();
    let from = |more: &[&str]| {
        let arguments = [
            "import",
            "--cluster-id",
            "test",
            "--from-terraform",
            &path,
            "-n",
            "shop",
        ];
        person.run(&[&arguments, more].concat())
    };
    from(&[]).complains(&["is not in this state", "--bindings makes bindings"]);
    let ran = from(&["--bindings"]).ended(0);
    let binding = ran.yaml();
    assert_eq!(binding["kind"], "ClassicLoadBalancerBinding");
    assert_eq!(binding["metadata"], json!({"namespace": "shop", "name": name.as_str()}));
    assert_eq!(
        binding["spec"],
        json!({"region": "us-east-1", "loadBalancerName": name.as_str(), "targets": {"instanceIds": [made.instance]}})
    );
    ran.says(&["#   from = aws_elb_attachment.web\n", "destroy = false"]);
    let word = format!("classiclb.dev/bind-by with test/shop/{name} in its value");
    ran.complains(&["of Terraform: aws_elb_attachment.web[0]", &word]);
    assert!(!ran.out.contains("aws_app_cookie"), "{ran:#?}");

    // What is not registered would be.
    tag(person.stack, &name, "classiclb.dev/bind-by", "test/shop/").await?;
    let gone = [("Instances.member.1.InstanceId", made.instance.as_str())];
    call(person.stack, &name, "DeregisterInstancesFromLoadBalancer", &gone).await?;
    let ran = from(&["--bindings"]).ended(3);
    ran.complains(&["would change it: RegisterInstancesWithLoadBalancer"]);
    assert!(!ran.err.contains("bind-by"), "{ran:#?}");
    person.here(&["import", "x", "--bindings"]).ended(2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_would_be_attached_is_a_change_and_all_is_read_at_once() -> Result<()> {
    let person = Person::new().await?;
    let region = "eu-north-1";
    let names = ["bind-a", "bind-b", "bind-c"];
    let balancers = names.map(|name| json!({"name": name, "availabilityZones": [format!("{region}a")]}));
    let group = |name: &str, attached: &[&str]| {
        json!({"name": name, "launchConfiguration": "nodes", "minSize": 0, "maxSize": 1, "desiredCapacity": 0,
            "availabilityZones": [format!("{region}a")], "loadBalancers": attached})
    };
    let seed = json!({"regions": [{"region": region, "loadBalancers": balancers,
        "launchConfigurations": [{"name": "nodes"}],
        "autoScalingGroups": [group("nodes-a", &["bind-a"]), group("nodes-b", &[])]}]});
    person.stack.simulator().seed(&seed).await?;
    let attachment = |at: usize, balancer: &str, group: &str| {
        json!({"mode": "managed", "type": "aws_autoscaling_attachment", "name": format!("at{at}"), "provider": "p",
            "instances": [{"attributes": {"elb": balancer, "autoscaling_group_name": group}}]})
    };
    let import = |attachments: &[(&str, &str)]| {
        let each = attachments.iter().enumerate();
        let resources: Vec<Value> = each.map(|(at, (name, group))| attachment(at, name, group)).collect();
        let state =
            crate::file(&json!({"version": 4, "terraform_version": "1.11.4", "resources": resources}).to_string());
        let from = [
            "--from-terraform",
            crate::path(&state),
            "--bindings",
            "--region",
            region,
        ];
        person.here(&[&["import", "--cluster-id", "test"], &from[..]].concat())
    };
    import(&[("bind-a", "nodes-a")]).ended(0);
    let mark = person.stack.simulator().mark()?;
    let ran = import(&[("bind-a", "nodes-a"), ("bind-b", "nodes-b"), ("bind-c", "nodes-a")]).ended(3);
    ran.complains(&[
        "bind-b: its manifest would change it: AttachLoadBalancers",
        "nodes-b",
        "bind-c: its manifest would change it: AttachLoadBalancers",
    ]);
    assert!(!ran.err.contains("bind-a: its manifest would"), "{ran:#?}");
    let calls = person.stack.simulator().calls(mark)?.only(|call| call.region == region);
    for operation in ["DescribeLoadBalancers", "DescribeTags", "DescribeAutoScalingGroups"] {
        assert_eq!(calls.of(operation).len(), 1, "{calls}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_states_hold_is_imported_once_and_let_go_by_both() -> Result<()> {
    let person = Person::new().await?;
    let (name, kept) = (unique(&person, "imp-2"), unique(&person, "imp-k"));
    let made = rich(person.stack, &name).await?;
    let mut twice = state(&name, &made);
    twice["resources"][0]["name"] = json!("second");
    // Another one of the same address is a Service's, and stays Terraform's.
    let mut other = state(&kept, &made);
    other["resources"][0]["name"] = json!("second");
    crate::list::make(person.stack, &kept, &[("kubernetes.io/service-name", "shop/api")]).await;
    let first = crate::file(&state(&name, &made).to_string());
    let (second, third) = (crate::file(&twice.to_string()), crate::file(&other.to_string()));
    let both = format!("{},{}", crate::path(&first), crate::path(&second));
    let ran = person
        .here(&["import", "--cluster-id", "test", "--from-terraform", &both])
        .ended(0);
    ran.says(&["#   from = aws_elb.web\n", "#   from = aws_elb.second\n"]);
    assert_eq!(ran.out.matches("kind: ClassicLoadBalancer").count(), 1, "{ran:#?}");
    assert!(!ran.err.contains("AWS has no load balancer"), "{ran:#?}");
    let all = format!("{},{}", crate::path(&first), crate::path(&third));
    let ran = person
        .here(&["import", "--cluster-id", "test", "--from-terraform", &all])
        .ended(0);
    assert!(!ran.out.contains("aws_elb.second"), "{ran:#?}");
    ran.complains(&[&format!("import it by its name with kubectl clb import {kept}")]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_of_one_name_are_of_their_regions_and_only_what_was_written_is_let_go() -> Result<()> {
    let person = Person::new().await?;
    let [here, there] = ["eu-north-1", "eu-south-1"];
    let seeded = |region: &str, balancers: Value| {
        json!({"region": region, "loadBalancers": balancers,
            "instances": [{"id": "i-0a11ce01", "availabilityZone": format!("{region}a")}]})
    };
    let twin = json!([{"name": "twin", "availabilityZones": [format!("{here}a")], "instances": ["i-0a11ce01"]}]);
    let seed = json!({"regions": [seeded(here, twin), seeded(there, json!([]))]});
    person.stack.simulator().seed(&seed).await?;
    let attachment = |name: &str, region: &str| {
        json!({"mode": "managed", "type": "aws_elb_attachment", "name": name, "provider": "p",
            "instances": [{"attributes": {"elb": "twin", "instance": "i-0a11ce01", "region": region}}]})
    };
    let resources = [attachment("here", here), attachment("there", there)];
    let state = json!({"version": 4, "terraform_version": "1.11.4", "resources": resources});
    let state = crate::file(&state.to_string());
    let from = [
        "import",
        "--cluster-id",
        "test",
        "--bindings",
        "--from-terraform",
        crate::path(&state),
    ];
    let ran = person.here(&from).ended(1);
    ran.complains(&["AWS has no load balancer twin in eu-south-1"]);
    ran.says(&["#   from = aws_elb_attachment.here\n"]);
    assert!(!ran.out.contains("aws_elb_attachment.there"), "{ran:#?}");
    let binding = ran.yaml();
    assert_eq!(binding["spec"]["region"], here);
    assert_eq!(binding["spec"]["targets"], json!({"instanceIds": ["i-0a11ce01"]}));
    Ok(())
}
