//! `kubectl clb adopt`.

use serde_json::json;
use testkit::Result;
use testkit::cluster::Kind;

use crate::fleet_by_hand::{call, rich, tags};
use crate::list::make;
use crate::{Person, file, path};

fn unique(person: &Person<'_>, word: &str) -> String {
    let namespace = person.namespace.namespace();
    format!("{word}-{}", &namespace[namespace.len() - 8..])
}

/// The manifests of these load balancers in a folder.
fn imported(person: &Person<'_>, names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().to_str().expect("text").to_owned();
    let arguments = [&["import", "--cluster-id", "test", "--output-dir", &to], names].concat();
    person.here(&arguments).ended(0);
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_adopted_in_turn_with_no_write_but_tags() -> Result<()> {
    let person = Person::new().await?;
    let (one, two) = (unique(&person, "ado-a"), unique(&person, "ado-b"));
    rich(person.stack, &one).await?;
    make(person.stack, &two, &[]).await;
    let folder = imported(&person, &[&one, &two]);
    let from = folder.path().to_str().expect("text");
    let mark = person.stack.simulator().mark()?;
    let ran = person.here(&["adopt", "-f", from, "--cluster-id", "test"]).ended(0);
    let namespace = person.namespace.namespace();
    assert_eq!(
        ran.out,
        format!("{namespace}/{one}: {one} is adopted\n{namespace}/{two}: {two} is adopted\n"),
        "{ran:#?}"
    );
    for name in [&one, &two] {
        person.namespace.until_ready(name).await?;
        let writes = person.stack.simulator().calls(mark)?.elb().writes().naming(name);
        assert!(writes.iter().all(|call| call.operation == "AddTags"), "{writes}");
    }
    // Run again, there is nothing left to do.
    let mark = person.stack.simulator().mark()?;
    person
        .here(&["adopt", "-f", from, "--cluster-id", "test"])
        .ended(0)
        .says(&["is adopted"]);
    let writes = person.stack.simulator().calls(mark)?.elb().writes().naming(&one);
    assert!(writes.is_empty(), "{writes}");
    let ran = person
        .here(&["adopt", "-f", from, "--cluster-id", "test", "--offer-only"])
        .ended(0);
    ran.says(&["is adopted already"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_begun_where_one_would_change() -> Result<()> {
    let person = Person::new().await?;
    let (one, two) = (unique(&person, "ado-c"), unique(&person, "ado-d"));
    make(person.stack, &one, &[]).await;
    make(person.stack, &two, &[]).await;
    let folder = imported(&person, &[&one, &two]);
    let from = folder.path().to_str().expect("text");
    let members = [("LoadBalancerPorts.member.1", "443")];
    call(person.stack, &two, "DeleteLoadBalancerListeners", &members).await?;
    let ran = person.here(&["adopt", "-f", from, "--cluster-id", "test"]).ended(3);
    ran.complains(&[
        &format!("it would change {two}: CreateLoadBalancerListeners"),
        "nothing was begun",
    ]);
    assert!(person.namespace.find(Kind::CLB, &one).await?.is_none());
    assert!(!tags(person.stack, &one).await?.contains_key("classiclb.dev/adopt-by"));
    // What is to be offered alone is left to whoever applies it.
    std::fs::remove_file(folder.path().join(format!("{two}.yaml"))).expect("removed");
    let ran = person
        .here(&["adopt", "-f", from, "--cluster-id", "test", "--offer-only"])
        .ended(0);
    ran.says(&["is offered"]);
    assert!(person.namespace.find(Kind::CLB, &one).await?.is_none());
    assert!(tags(person.stack, &one).await?.contains_key("classiclb.dev/adopt-by"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_surprise_ends_it_and_it_goes_on_later() -> Result<()> {
    for parallel in ["1", "2"] {
        a_surprise_among(parallel).await?;
    }
    Ok(())
}

/// With several at once, what was begun beside it is seen to its end.
async fn a_surprise_among(parallel: &str) -> Result<()> {
    let person = Person::new().await?;
    let (one, two) = (unique(&person, "ado-e"), unique(&person, "ado-f"));
    make(person.stack, &one, &[]).await;
    make(person.stack, &two, &[]).await;
    let folder = imported(&person, &[&one, &two]);
    let from = folder.path().to_str().expect("text");
    let error = json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized"});
    let scope = json!({"operation": "AddTags", "loadBalancer": two});
    person
        .stack
        .simulator()
        .fault(&json!({"match": scope, "do": {"error": error}}))
        .await?;
    let arguments = ["adopt", "-f", from, "--cluster-id", "test", "--parallel", parallel];
    let ran = person.here(&arguments).ended(1);
    ran.says(&[&format!("{one} is adopted")]);
    ran.complains(&[
        &format!("/{two}: "),
        "AccessDenied",
        "1 of 2 are done, run it again to go on",
    ]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_adopted_is_told_in_one_line() -> Result<()> {
    let person = Person::new().await?;
    let name = unique(&person, "ado-g");
    make(person.stack, &name, &[]).await;
    let folder = imported(&person, &[&name]);
    let text = std::fs::read_to_string(folder.path().join(format!("{name}.yaml"))).expect("read");
    let adopt = |text: &str, more: &[&str]| {
        let file = file(text);
        person.here(&[&["adopt", "-f", path(&file), "--cluster-id", "test"], more].concat())
    };
    adopt(&text.replace("  adopt: true\n", ""), &[])
        .ended(1)
        .complains(&["has no spec.adopt: true"]);
    let missing = text.replace(&format!("loadBalancerName: {name}"), "loadBalancerName: not-there");
    adopt(&missing, &[])
        .ended(1)
        .complains(&["AWS has no load balancer not-there"]);
    adopt("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n", &[])
        .ended(1)
        .complains(&["holds no ClassicLoadBalancer"]);
    adopt(&text, &["--parallel", "0"]).ended(2).complains(&["from 1 to 50"]);
    adopt(&text, &["--wait-timeout", "soon"])
        .ended(2)
        .complains(&["must be a time"]);
    let mark = person.stack.simulator().mark()?;
    let ran = adopt(&text, &["--as", "nobody"]).ended(1);
    ran.complains(&["forbidden", "nothing was begun"]);
    let calls = person.stack.simulator().calls(mark)?.naming(&name);
    assert!(
        calls.writes().is_empty(),
        "what cannot be applied is not offered: {calls}"
    );
    person
        .here(&["adopt", "-f", "/nonexistent", "--cluster-id", "test"])
        .ended(1)
        .complains(&["/nonexistent"]);
    person.here(&["adopt"]).ended(2).complains(&["--filename"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_only_looks_at_is_not_called_adopted() -> Result<()> {
    let person = Person::new().await?;
    for (word, management) in [("ado-h", "Observe"), ("ado-i", "Suspended")] {
        let name = unique(&person, word);
        make(person.stack, &name, &[]).await;
        let folder = imported(&person, &[&name]);
        let text = std::fs::read_to_string(folder.path().join(format!("{name}.yaml"))).expect("read");
        let text = text.replace("spec:\n", &format!("spec:\n  management: {management}\n"));
        let ran = person
            .here(&["adopt", "-f", path(&file(&text)), "--cluster-id", "test"])
            .ended(1);
        assert!(!ran.out.contains("is adopted"), "{ran:#?}");
        ran.complains(&[
            "nothing was taken over",
            "take spec.management out of its manifest",
            "0 of 1",
        ]);
        let there = tags(person.stack, &name).await?;
        assert!(!there.contains_key("classiclb.dev/owner"), "{there:?}");
    }
    // So it is where nothing is written at all.
    let mut options = testkit::Options::default();
    options.operator.args.push("--read-only".into());
    let stack = testkit::Stack::variant(options).await?;
    let person = Person::at(&stack).await?;
    let name = unique(&person, "ado-j");
    make(person.stack, &name, &[]).await;
    let folder = imported(&person, &[&name]);
    let from = folder.path().to_str().expect("text");
    let ran = person.here(&["adopt", "-f", from, "--cluster-id", "test"]).ended(1);
    ran.complains(&["nothing was taken over", "run the operator without --read-only"]);
    Ok(())
}
