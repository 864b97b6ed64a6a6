//! `kubectl clb import`.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::fleet_by_hand::{self, call, rich, tag};
use crate::list::make;
use crate::{BINARY, Person, manifest};

/// A name that no other test has.
fn unique(person: &Person<'_>, word: &str) -> String {
    let namespace = person.namespace.namespace();
    format!("{word}-{}", &namespace[namespace.len() - 8..])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_written_as_a_person_would_and_changes_nothing() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "Rich");
    let made = rich(person.stack, &name).await?;
    let mark = person.stack.simulator().mark()?;
    let ran = person.here(&["import", &name, "--cluster-id", "test"]).ended(0);
    let calls = person.stack.simulator().calls(mark)?;
    assert!(calls.naming(&name).writes().is_empty(), "{calls}");
    let namespace = person.namespace.namespace();
    let expected = format!(
        "apiVersion: classiclb.dev/v1alpha1
kind: ClassicLoadBalancer
metadata:
  namespace: {namespace}
  name: {}
spec:
  region: us-east-1
  loadBalancerName: {name}
  adopt: true
  deletionPolicy: Retain
",
        name.to_ascii_lowercase()
    );
    let text = ran.out.split_once("apiVersion").expect("a manifest").1;
    assert!(format!("apiVersion{text}").starts_with(&expected), "{ran:#?}");
    let spec = &ran.yaml()["spec"];
    assert!(spec.get("scheme").is_none(), "{spec:#}");
    assert_eq!(
        spec["listeners"],
        json!([
            {"port": 80, "protocol": "HTTP", "instancePort": 8080,
             "stickiness": {"applicationCookie": {"name": "session"}}},
            {"port": 443, "protocol": "HTTPS", "instancePort": 8080, "instanceProtocol": "HTTP",
             "certificate": {"arn": made.certificate},
             "sslPolicy": {"predefined": "ELBSecurityPolicy-TLS-1-2-2017-01"}},
            {"port": 9000, "protocol": "TCP", "instancePort": 9000},
        ])
    );
    assert_eq!(spec["backends"], json!([{"instancePort": 9000, "proxyProtocol": true}]));
    assert_eq!(
        spec["healthCheck"],
        json!({"target": "HTTP:8080/health", "intervalSeconds": 20, "timeoutSeconds": 4, "unhealthyThreshold": 5,
            "healthyThreshold": 3})
    );
    assert_eq!(
        spec["attributes"],
        json!({"crossZone": true, "idleTimeoutSeconds": 120,
            "connectionDraining": {"enabled": true, "timeoutSeconds": 30}})
    );
    assert_eq!(spec["targets"], json!({"instanceIds": [made.instance]}));
    assert_eq!(spec["registration"], json!({"mode": "Additive"}));
    assert_eq!(spec["tags"], json!({"team": "web"}));
    // What no manifest can say stands there, too.
    ran.says(&["# policy their-spare is in use nowhere"]);
    ran.complains(&["policy their-spare is in use nowhere"]);
    let list = person
        .here(&["import", &name, "--cluster-id", "test", "-o", "json"])
        .ended(0);
    assert_eq!(list.json()["items"][0]["spec"], *spec);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_imported_and_offered_is_adopted_without_a_write_but_tags() -> Result<()> {
    let person = Person::new().await?;
    let (one, two) = (unique(&person, "imp-a"), unique(&person, "imp-b"));
    rich(person.stack, &one).await?;
    make(person.stack, &two, &[("team", "Shop Team")]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("out");
    let to = to.to_str().expect("text");
    let mark = person.stack.simulator().mark()?;
    let pattern = format!("imp-?-{}", &one[one.len() - 8..]);
    let arguments = [
        "import",
        &pattern,
        "--cluster-id",
        "test",
        "--output-dir",
        to,
        "--offer",
    ];
    let ran = person.here(&arguments).ended(0);
    ran.complains(&[
        "wrote 2 manifests",
        &format!("{one} is offered to"),
        &format!("{two} is offered to"),
    ]);
    assert!(ran.out.is_empty(), "{ran:#?}");
    let kustomization = std::fs::read_to_string(Path::new(to).join("kustomization.yaml")).expect("written");
    assert!(
        kustomization.contains(&format!("- {one}.yaml\n- {two}.yaml\n")),
        "{kustomization}"
    );
    // Nothing is ever written over, and an offer is made once.
    let again = person.here(&arguments).ended(1);
    again.complains(&["is there already", "--output-dir"]);
    let again = person
        .here(&["import", &pattern, "--cluster-id", "test", "--offer"])
        .ended(0);
    again.complains(&["was offered to"]);
    for name in [&one, &two] {
        let text = std::fs::read_to_string(Path::new(to).join(format!("{name}.yaml"))).expect("written");
        person.namespace.apply(&text).await?;
        let ready = person.namespace.until_ready(name).await?;
        assert_eq!(object::text(&ready, "/status/loadBalancerName"), name.as_str());
        let writes = person.stack.simulator().calls(mark)?.elb().writes().naming(name);
        assert!(writes.iter().all(|call| call.operation == "AddTags"), "{writes}");
        // Given back, it is as it was found.
        person.namespace.delete_and_wait(Kind::CLB, name).await?;
        let writes = person.stack.simulator().calls(mark)?.elb().writes().naming(name);
        let tags = ["AddTags", "RemoveTags"];
        assert!(
            writes.iter().all(|call| tags.contains(&call.operation.as_str())),
            "{writes}"
        );
        let left = fleet_by_hand::tags(person.stack, name).await?;
        assert!(left.keys().all(|key| !key.starts_with("classiclb.dev/")), "{left:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_change_is_named_and_not_offered() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "imp-c");
    make(person.stack, &name, &[]).await;
    let arguments = [
        "import",
        &name,
        "--cluster-id",
        "test",
        "--default-tags",
        "env=prod",
        "--offer",
    ];
    let ran = person.here(&arguments).ended(3);
    ran.says(&["loadBalancerName"]);
    ran.complains(&["would change it: AddTags", "env=prod", "is not offered"]);
    assert!(
        !fleet_by_hand::tags(person.stack, &name)
            .await?
            .contains_key("classiclb.dev/adopt-by")
    );
    // Where the operator takes over nothing, nothing can be imported.
    let ran = person
        .here(&["import", &name, "--cluster-id", "test", "--adoption", "never"])
        .ended(1);
    ran.complains(&["--adoption=never"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_keeps_is_told_and_left_out() -> Result<()> {
    let person = Person::new().await?;
    let word = unique(&person, "imp-d");
    let (free, beans, service) = (word.clone(), format!("{word}-eb"), format!("{word}-svc"));
    make(person.stack, &free, &[("team", "Shop Team")]).await;
    make(person.stack, &beans, &[("elasticbeanstalk:environment-name", "prod")]).await;
    make(
        person.stack,
        &service,
        &[
            ("kubernetes.io/service-name", "shop/api"),
            ("kubernetes.io/cluster/x", "owned"),
        ],
    )
    .await;
    person.namespace.apply(&manifest("own", &[])).await?;
    let ready = person.namespace.until_ready("own").await?;
    let own = object::text(&ready, "/status/loadBalancerName");
    let ran = person
        .here(&[
            "import",
            &format!("{word}*"),
            "--cluster-id",
            "test",
            "--namespace-from-tag",
            "team",
        ])
        .ended(0);
    assert_eq!(ran.yaml()["metadata"]["namespace"], "shop-team", "{ran:#?}");
    ran.complains(&[
        &format!("{beans} is left out: it is of the Elastic Beanstalk environment prod"),
        &format!("{service} is left out: it is of the Service shop/api"),
    ]);
    // By its name the one of a Service can be had, with a word of warning, and those of others cannot.
    let ran = person.here(&["import", &service, "--cluster-id", "test"]).ended(0);
    ran.says(&[
        "# it is of the Service shop/api",
        "# tags of other tools are left to them: kubernetes.io/",
    ]);
    for name in [own, &beans] {
        person
            .here(&["import", name, "--cluster-id", "test"])
            .ended(1)
            .complains(&["is left out"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn import_works_without_a_cluster_and_says_so() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "imp-e");
    make(person.stack, &name, &[]).await;
    let ran = person
        .with(&[("KUBECONFIG", "/nonexistent")], &["import", &name])
        .ended(0);
    ran.complains(&["planning without a cluster", "/nonexistent"]);
    assert_eq!(ran.yaml()["metadata"]["namespace"], "default");
    let ran = person.with(&[("KUBECONFIG", "/nonexistent")], &["import", &name, "--offer"]);
    ran.fails(2, &["--offer needs --cluster-id"]);
    // A namespace that is yet to be made, and somebody who may not write there, get manifests all the same.
    let ran = person
        .run(&["import", &name, "--cluster-id", "test", "-n", "nowhere"])
        .ended(0);
    ran.complains(&["planned without the API server's check", "nowhere"]);
    let ran = person
        .here(&["import", &name, "--cluster-id", "test", "--as", "nobody"])
        .ended(0);
    ran.complains(&["planned without the API server's check", "forbidden"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_import_is_one_line() -> Result<()> {
    let person = Person::new().await?;
    person.here(&["import"]).ended(2).complains(&["NAME"]);
    person
        .here(&["import", "--all", "x"])
        .ended(2)
        .complains(&["cannot be used with"]);
    person
        .here(&["import", "-l", "=x", "--cluster-id", "test"])
        .ended(2)
        .complains(&["names no key"]);
    let ran = person.here(&["import", "not-there", "--cluster-id", "test"]).ended(1);
    ran.complains(&["no Classic load balancer \"not-there\" in us-east-1"]);
    assert!(ran.out.is_empty(), "{ran:#?}");
    let closed = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    person
        .with(&[closed], &["import", "x"])
        .fails(1, &["Connection refused", "AWS_ENDPOINT_URL"]);
    person
        .with(&[("AWS_SECRET_ACCESS_KEY", "wrong")], &["import", "x"])
        .fails(1, &["SignatureDoesNotMatch", "the credentials must be valid"]);
    person
        .with(
            &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")],
            &["import", "x"],
        )
        .fails(1, &["AWS credentials"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_read_does_not_stop_the_others() -> Result<()> {
    let person = Person::new().await?;
    let (one, two) = (unique(&person, "imp-f"), unique(&person, "imp-g"));
    make(person.stack, &one, &[]).await;
    make(person.stack, &two, &[]).await;
    let denied = |balancer: &str| {
        let error = json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized"});
        let scope = json!({"operation": "DescribeLoadBalancerPolicies", "loadBalancer": balancer});
        json!({"match": scope, "do": {"error": error}})
    };
    person.stack.simulator().fault(&denied(&two)).await?;
    let ran = person.here(&["import", &one, &two, "--cluster-id", "test"]).ended(1);
    assert_eq!(ran.yaml()["spec"]["loadBalancerName"], one.as_str());
    ran.complains(&[&two, "AccessDenied", "allowed to DescribeLoadBalancerPolicies"]);
    Ok(())
}

/// Runs a command in a shell that reads but the first line of what it writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_failure() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "imp-h");
    make(person.stack, &name, &[]).await;
    let script = format!("{BINARY} import {name} --cluster-id test 2>&1 >&3 | cat >&2; exit ${{PIPESTATUS[0]}}");
    let script = format!("exec 3>&1; {script}");
    let mut command = person.command(Path::new("bash"), &["-c", &script]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("panicked"), "{output:?}");
    Ok(())
}

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

    // What the state knows otherwise is drift.
    state["resources"][0]["instances"][0]["attributes"]["idle_timeout"] = json!(61);
    let ran = from(&crate::file(&state.to_string())).ended(0);
    ran.complains(&["knows it otherwise, and Terraform would call ModifyLoadBalancerAttributes idleTimeout 61 s"]);
    assert_eq!(ran.yaml()["spec"]["attributes"]["idleTimeoutSeconds"], 120);

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
