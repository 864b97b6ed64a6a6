//! `kubectl clb migrate`.

use serde_json::{Value, json};
use testkit::Result;

use crate::fleet_by_hand::{call, rich, tag};
use crate::list::make;
use crate::{Person, Ran};

fn unique(person: &Person<'_>, word: &str) -> String {
    let namespace = person.namespace.namespace();
    format!("{word}-{}", &namespace[namespace.len() - 8..])
}

fn successors(ran: &Ran) -> Vec<Value> {
    ran.json()["loadBalancers"][0]["successors"]
        .as_array()
        .expect("a list")
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_one_becomes_two_and_what_is_lost_is_told() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "mig-a");
    let made = rich(person.stack, &name).await?;
    let mark = person.stack.simulator().mark()?;
    let ran = person.run(&["migrate", &name, "-o", "json"]).ended(0);
    assert!(person.stack.simulator().calls(mark)?.naming(&name).writes().is_empty());
    let both = successors(&ran);
    assert_eq!(both.len(), 2, "{ran:#?}");
    let (alb, nlb) = (&both[0], &both[1]);
    assert_eq!((&alb["kind"], &nlb["kind"]), (&json!("alb"), &json!("nlb")));
    assert_eq!(alb["name"], name.as_str());
    assert_eq!(nlb["name"], format!("{name}-nlb"));
    assert_eq!(
        alb["listeners"],
        json!([
            {"port": 80, "protocol": "HTTP", "targetGroup": format!("{name}-8080-1")},
            {"port": 443, "protocol": "HTTPS", "certificate": made.certificate,
             "sslPolicy": "ELBSecurityPolicy-TLS-1-2-2017-01", "targetGroup": format!("{name}-8080-2")},
        ]),
        "the cookie of one listener keeps them apart"
    );
    let group = &alb["targetGroups"][0];
    assert_eq!(group["cookie"], json!({"name": "session", "seconds": 86400}));
    assert_eq!(group["deregistrationDelay"], 30);
    assert_eq!(
        group["check"],
        json!({"protocol": "HTTP", "path": "/health", "interval": 20, "timeout": 4, "healthy": 3, "unhealthy": 5})
    );
    assert_eq!(nlb["targetGroups"][0]["proxyProtocol"], true);
    assert_eq!(nlb["listeners"][0]["tcpIdleTimeout"], 120);
    let differs = nlb["differs"].to_string();
    assert!(
        differs.contains("version 2") && differs.contains("AWS/NetworkELB"),
        "{differs}"
    );
    assert_eq!(
        nlb["targetGroups"][0]["check"]["port"], 8080,
        "it is asked where it was before"
    );

    let text = person.run(&["migrate", &name]).ended(0);
    text.says(&[
        "becomes the Application Load Balancer",
        "takes 2 listeners and 2 target groups",
        "becomes the Network Load Balancer",
        "lost: one DNS name for all ports",
        "differs: ",
        "cut-over:",
        &format!("1. clients reach all ports by one DNS name today, and a name leads to one load balancer: choose a name for each, one for \
                  {name} (80, 443) and one for {name}-nlb (9000)"),
        "255 and the new with 0",
    ]);
    // As one alone it loses more.
    let ran = person.run(&["migrate", &name, "--to", "alb", "-o", "json"]).ended(0);
    let lost = successors(&ran)[0]["lost"].to_string();
    assert!(lost.contains("listener 9000 (TCP): an ALB reads HTTP alone"), "{lost}");
    let ran = person.run(&["migrate", &name, "--to", "nlb", "-o", "yaml"]).ended(0);
    let lost = ran.yaml()["loadBalancers"][0]["successors"][0]["lost"].to_string();
    assert!(
        lost.contains("listener 80: cookies") && lost.contains("X-Forwarded-For"),
        "{lost}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_counterpart_is_named_one_by_one() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "mig-b");
    rich(person.stack, &name).await?;
    call(
        person.stack,
        &name,
        "DeleteLoadBalancerListeners",
        &[("LoadBalancerPorts.member.1", "9000")],
    )
    .await?;
    call(
        person.stack,
        &name,
        "CreateLBCookieStickinessPolicy",
        &[("PolicyName", "browser")],
    )
    .await?;
    call(
        person.stack,
        &name,
        "SetLoadBalancerPoliciesOfListener",
        &[("LoadBalancerPort", "80"), ("PolicyNames.member.1", "browser")],
    )
    .await?;
    let check = [
        ("HealthCheck.Target", "SSL:8080"),
        ("HealthCheck.Interval", "30"),
        ("HealthCheck.Timeout", "5"),
        ("HealthCheck.UnhealthyThreshold", "2"),
        ("HealthCheck.HealthyThreshold", "10"),
    ];
    call(person.stack, &name, "ConfigureHealthCheck", &check).await?;
    let ran = person.run(&["migrate", &name, "-o", "json"]).ended(0);
    let lost = successors(&ran)[0]["lost"].to_string();
    for words in [
        "a cookie for the browser's session",
        "the health check SSL:8080: an ALB asks by HTTP alone",
    ] {
        assert!(lost.contains(words), "{words}: {lost}");
    }
    // One subnet is not enough for an ALB.
    let one = unique(&person, "mig-c");
    make(person.stack, &one, &[]).await;
    let ran = person.run(&["migrate", &one, "--to", "alb", "-o", "json"]).ended(0);
    let lost = successors(&ran)[0]["lost"].to_string();
    assert!(lost.contains("one subnet only"), "{lost}");
    person
        .run(&["migrate", "not-there"])
        .ended(1)
        .complains(&["no Classic load balancer \"not-there\""]);
    person.run(&["migrate"]).ended(2).complains(&["NAME"]);
    person
        .with(&[("AWS_SECRET_ACCESS_KEY", "wrong")], &["migrate", &one])
        .fails(1, &["SignatureDoesNotMatch", "the credentials must be valid"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_ones_are_written_for_terraform_and_for_ack() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "mig-d");
    let made = rich(person.stack, &name).await?;
    let own = name.replace('-', "_");
    let ran = person.run(&["migrate", &name, "-o", "terraform"]).ended(0);
    ran.says(&[
        &format!("resource \"aws_lb\" \"{own}\" {{\n"),
        "load_balancer_type     = \"application\"",
        &format!("resource \"aws_lb_target_group\" \"{own}_8080_1\""),
        "type            = \"app_cookie\"",
        "matcher             = \"200\"",
        &format!("resource \"aws_lb_listener\" \"{own}_443\""),
        "proxy_protocol_v2    = true",
        &format!("toset([\"{}\"])", made.instance),
    ]);
    let ran = person.run(&["migrate", &name, "-o", "ack", "-n", "shop"]).ended(0);
    let documents: Vec<Value> = serde_saphyr::from_multiple(&ran.out).expect("YAML");
    let kinds: Vec<&str> = documents
        .iter()
        .map(|document| document["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(
        kinds,
        [
            "LoadBalancer",
            "TargetGroup",
            "TargetGroup",
            "Listener",
            "Listener",
            "LoadBalancer",
            "TargetGroup",
            "Listener"
        ]
    );
    assert!(
        documents
            .iter()
            .all(|document| document["metadata"]["namespace"] == "shop"),
        "{ran:#?}"
    );
    let names: Vec<&Value> = documents.iter().map(|document| &document["metadata"]["name"]).collect();
    for document in documents.iter().filter(|document| document["kind"] == "Listener") {
        let spec = &document["spec"];
        assert!(names.contains(&&spec["loadBalancerRef"]["from"]["name"]), "{spec:#}");
        assert!(
            names.contains(&&spec["defaultActions"][0]["targetGroupRef"]["from"]["name"]),
            "{spec:#}"
        );
    }
    ran.says(&["# Listener", "has no field for tcp.idle_timeout.seconds=120"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_taken_along_and_no_two_have_one_name() -> Result<()> {
    let person = Person::new().await?;
    let one = unique(&person, "mig-n");
    let other = one.to_ascii_uppercase();
    rich(person.stack, &one).await?;
    make(person.stack, &other, &[("team", "web")]).await;
    tag(person.stack, &one, "kubernetes.io/cluster/x", "owned").await?;
    let run = |output: &str| person.run(&["migrate", &one, &other, "-o", output]).ended(0);
    let json = run("json").json();
    let of_one = json["loadBalancers"]
        .as_array()
        .and_then(|all| all.iter().find(|lb| lb["name"] == one.as_str()))
        .expect("it is there");
    let alb = &of_one["successors"][0];
    assert_eq!(alb["tags"], json!({"team": "web"}));
    let lost = alb["lost"].to_string();
    assert!(lost.contains("take it for theirs: kubernetes.io/cluster/x"), "{lost}");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&run("ack").out).expect("YAML");
    let mut names = std::collections::BTreeSet::new();
    for document in &documents {
        let own = (document["kind"].to_string(), document["metadata"]["name"].to_string());
        assert!(names.insert(own.clone()), "{own:?} is there twice");
        if document["kind"] != "Listener" {
            assert_eq!(document["spec"]["tags"], json!([{"key": "team", "value": "web"}]));
        }
    }
    let ran = run("terraform");
    let mut headers: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("resource ")).collect();
    let total = headers.len();
    headers.sort_unstable();
    headers.dedup();
    assert_eq!(headers.len(), total, "{ran:#?}");
    // Two load balancers with three target groups, and one with one.
    assert_eq!(ran.out.matches("\"team\" = \"web\"").count(), 7, "{ran:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_alb_may_not_have_is_told_and_given_otherwise() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "internal-mig");
    rich(person.stack, &name).await?;
    let check = [
        ("HealthCheck.Target", "TCP:9000"),
        ("HealthCheck.Interval", "30"),
        ("HealthCheck.Timeout", "5"),
        ("HealthCheck.UnhealthyThreshold", "2"),
        ("HealthCheck.HealthyThreshold", "10"),
    ];
    call(person.stack, &name, "ConfigureHealthCheck", &check).await?;
    let ran = person.run(&["migrate", &name, "-o", "json"]).ended(0);
    let both = successors(&ran);
    for new in &both {
        let own = new["name"].as_str().expect("a name");
        assert!(own.starts_with("lb-internal-mig") && own.len() <= 32, "{own}");
        let differs = new["differs"].to_string();
        assert!(differs.contains(&format!("it is called {own}")), "{differs}");
    }
    let check = &both[0]["targetGroups"][0]["check"];
    assert!(check.get("port").is_none(), "nothing speaks HTTP on 9000: {check:#}");
    let lost = both[0]["lost"].to_string();
    assert!(lost.contains("on the port that gets the traffic"), "{lost}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_an_object_follows_are_not_written_down_as_if_they_stayed() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "mig-n");
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    let node = format!("{}-node", person.namespace.namespace());
    let provider = format!("aws:///us-east-1a/{}", ids[0]);
    person
        .namespace
        .node(&node, Some(&provider), &[("pool", &name)])
        .await?;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 80}]}});
    person.namespace.apply(&service.to_string()).await?;
    let object = |name: &str, port: Value| {
        let mut listener = json!({"port": 80, "protocol": "HTTP"});
        listener
            .as_object_mut()
            .expect("a map")
            .extend(port.as_object().expect("a map").clone());
        json!({"apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": "web"},
            "spec": {"loadBalancerName": name, "availabilityZones": ["us-east-1a"], "listeners": [listener],
                "targets": {"nodeSelector": {"matchLabels": {"pool": name}}}}})
    };
    let from = json!({"instancePortFrom": {"serviceName": "web", "portName": "http"}});
    person.namespace.apply(&object(&name, from).to_string()).await?;
    person.namespace.until_ready("web").await?;

    let said = format!("{}/web selects its Nodes by nodeSelector", person.namespace.namespace());
    let ran = person.run(&["migrate", &name, "--to", "nlb", "-o", "json"]).ended(0);
    let differs = successors(&ran)[0]["differs"].to_string();
    assert!(
        differs.contains(&said) && differs.contains("TargetGroupBinding"),
        "{differs}"
    );
    let ran = person
        .run(&["migrate", &name, "--to", "nlb", "-o", "terraform"])
        .ended(0);
    ran.complains(&[&said]).says(&[&ids[0]]);
    let ran = person.here(&["migrate", &name, "--to", "nlb", "-o", "ack"]).ended(0);
    ran.complains(&[&said]);
    assert!(!ran.out.contains(&ids[0]), "{ran:#?}");
    ran.says(&[
        "apply this with its ARN",
        "#   kind: TargetGroupBinding\n",
        "#       name: web\n",
        "#       port: http\n",
        &format!("#         pool: {name}\n"),
    ]);

    // Without the cluster that is not known, which is told once.
    let ran = person
        .with(
            &[("KUBECONFIG", "/nonexistent")],
            &["migrate", &name, "--to", "nlb", "-o", "ack"],
        )
        .ended(0);
    ran.complains(&["what objects follow is not known", "web could not be read"]);
    ran.says(&[&ids[0], "namespace: default"]);
    Ok(())
}
