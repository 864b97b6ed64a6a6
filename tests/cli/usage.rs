//! Arguments, pipes and kubectl itself.

use std::path::Path;

use testkit::{Result, tool};

use crate::{BINARY, Person, Ran, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_one_line_and_status_2() -> Result<()> {
    let person = Person::new().await?;
    for (arguments, word) in [
        (&["lst"][..], "list"),
        (&["plan"], "NAME"),
        (&["status", "svc/web"], "clb/NAME"),
        (&["plan", "-R"], "--filename"),
        (&["list", "-o", "xml"], "xml"),
        (&["list", "--region", "US"], "region"),
        (&["plan", "a", "-f", "b"], "cannot be used with"),
        (&["status", "x", "--request-timeout", "soon"], "10s"),
    ] {
        let ran = person.run(arguments).ended(2);
        assert_eq!(ran.err.lines().count(), 1, "{ran:#?}");
        ran.complains(&[word]);
    }
    let mut nowhere = person.command(Path::new(BINARY), &["list"]);
    let nowhere = nowhere.env_remove("AWS_REGION").env("HOME", "/nonexistent");
    Ran::of(nowhere).ended(2).complains(&["--region", "AWS_REGION"]);
    person
        .run(&["list", "--help"])
        .ended(0)
        .says(&["Examples:", "kubectl clb list"]);
    let no_cluster = person.run(&["status", "x", "--kubeconfig", "/nonexistent"]).ended(1);
    no_cluster.complains(&["/nonexistent"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_stand_where_kubectl_takes_them() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let namespace = person.namespace.namespace();
    for arguments in [
        &["-n", namespace, "status", "web", "-o", "json"][..],
        &["-n", namespace, "-o", "json", "status", "clb/web"],
        &["status", "classicloadbalancer/web", "-n", namespace, "-ojson"],
    ] {
        let object = person.run(arguments).ended(0).json();
        assert_eq!(object["metadata"]["name"], "web", "{arguments:?}");
    }
    // -A wins over -n, and every balancer has somebody who looks at it alone.
    let all = person
        .run(&["status", "-A", "-n", "nowhere", "-o", "json"])
        .ended(0)
        .json();
    assert!(all["kind"] == "List" || all["metadata"]["name"] == "web", "{all}");
    let list = person
        .run(&["list", "-n", namespace, "-o", "json", "--no-health"])
        .ended(0)
        .json();
    let listed = list["loadBalancers"].as_array().expect("a list");
    assert_eq!(listed.len(), 1, "{list}");
    assert_eq!(listed[0]["owner"]["object"], format!("{namespace}/web"));
    let list = person
        .run(&["list", "-A", "-n", namespace, "-o", "json", "--no-health"])
        .ended(0)
        .json();
    assert!(!list["loadBalancers"].as_array().expect("a list").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_finds_it_on_the_path() -> Result<()> {
    let person = Person::new().await?;
    let folder = Path::new(BINARY).parent().expect("a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path)));
    let kubectl = tool::kubectl().await?;
    let mut command = person.command(&kubectl, &["clb", "regions", "--offline", "-o", "wide"]);
    let ran = Ran::of(command.env("PATH", path.expect("a path"))).ended(0);
    ran.says(&["PARTITION", "aws-us-gov"]);
    Ok(())
}
