//! `kubectl clb import`.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::fleet_by_hand::{self, rich};
use crate::list::make;
use crate::{BINARY, Person, manifest};

/// A name that no other test has.
pub(crate) fn unique(person: &Person<'_>, word: &str) -> String {
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

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_leave_no_room_are_told_before_anything_is_written() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "imp-48");
    make(person.stack, &name, &[]).await;
    for number in 0..48 {
        fleet_by_hand::tag(person.stack, &name, &format!("tag-{number}"), "x").await?;
    }
    let mark = person.stack.simulator().mark()?;
    let ran = person
        .here(&["import", &name, "--cluster-id", "test", "--offer"])
        .ended(1);
    ran.complains(&[
        "it has 48 tags",
        "it would have 53, where AWS takes 50: take 3 off first",
        "is not offered",
    ]);
    let file = crate::file(&ran.out);
    person
        .here(&["adopt", "-f", crate::path(&file), "--cluster-id", "test"])
        .ended(1)
        .complains(&["take 3 off first", "nothing was begun"]);
    assert!(person.stack.simulator().calls(mark)?.naming(&name).writes().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_missing_leaves_the_check_of_the_others() -> Result<()> {
    let person = Person::new().await?;
    let (one, two) = (unique(&person, "imp-x"), unique(&person, "imp-y"));
    make(person.stack, &one, &[("team", "not-there")]).await;
    make(person.stack, &two, &[("team", person.namespace.namespace())]).await;
    let ran = person
        .here(&[
            "import",
            &one,
            &two,
            "--cluster-id",
            "test",
            "--namespace-from-tag",
            "team",
        ])
        .ended(0);
    ran.complains(&["the manifests of namespace not-there are planned without the API server's check of them"]);
    assert!(!ran.err.contains(": the manifests are planned"), "{ran:#?}");
    Ok(())
}
