//! `kubectl clb events`.

use serde_json::{Value, json};
use testkit::Result;
use testkit::cluster::Kind;

use crate::watch::{Running, ended};
use crate::{Person, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn events_and_conditions_stand_in_the_order_of_time() -> Result<()> {
    let person = Person::new().await?;
    person.here(&["events"]).ended(0).complains(&["no events"]);
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.apply(&manifest("other", &[])).await?;
    person.namespace.until_ready("web").await?;
    person.namespace.until_ready("other").await?;
    let told = |arguments: &[&str]| -> Vec<Value> {
        let ran = person.here(&[&["events", "-o", "json"], arguments].concat()).ended(0);
        let lines = ran.out.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("an object on each line"))
            .collect()
    };
    let all = told(&[]);
    let has = |lines: &[Value], object: &str, what: &str| {
        lines
            .iter()
            .any(|line| line["object"] == object && line["type"] == what)
    };
    assert!(
        has(&all, "web", "Ready=True") && has(&all, "other", "Ready=True"),
        "{all:#?}"
    );
    let web = told(&["web"]);
    assert!(
        has(&web, "web", "Ready=True") && !has(&web, "other", "Ready=True"),
        "{web:#?}"
    );
    assert_eq!(told(&["clb/web"]), web);
    let times: Vec<&str> = all.iter().filter_map(|line| line["time"].as_str()).collect();
    assert!(times.is_sorted() && times.len() == all.len(), "{times:?}");
    // What happened stands there too, once it has been recorded.
    let mut until = Vec::new();
    let recorded = std::time::Instant::now();
    while !has(&until, "web", "Normal") {
        assert!(recorded.elapsed() < testkit::cluster::PATIENCE, "{until:#?}");
        until = told(&["web"]);
    }
    person
        .here(&["events", "web", "gone"])
        .ended(1)
        .complains(&["no ClassicLoadBalancer called \"gone\""]);
    person.here(&["events", "--timeout", "1s"]).fails(2, &["--watch"]);
    person
        .here(&["events", "--as", "nobody"])
        .fails(1, &["forbidden", "ask for that right"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_a_line_with_its_time() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let running = Running::start(&person, &["events", "web", "late", "--watch"]);
    running.line(&["TIME", "OBJECT", "TYPE", "REASON", "MESSAGE"]);
    running.line(&["Z ", "web", "Ready=True"]);
    let suspend = json!({"spec": {"management": "Suspended"}});
    person.namespace.patch(Kind::CLB, "web", suspend).await?;
    running.line(&["Z ", "web", "Suspended"]);
    // One that is waited for.
    person.namespace.apply(&manifest("late", &[])).await?;
    running.line(&["late", "Ready=True"]);
    person.namespace.delete_and_wait(Kind::CLB, "late").await?;
    running.line(&["late", "Deleted"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_after_its_time_and_on_ctrl_c() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    for command in ["events", "status"] {
        person
            .here(&[command, "web", "--watch", "--timeout", "1s"])
            .ended(0)
            .says(&["web"]);
        let mut running = Running::start(&person, &[command, "-w"]);
        running.line(&["web"]);
        let pid = running.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("sent");
        assert!(sent.success());
        let status = ended(&mut running.child);
        // As kubectl: the shell makes 130 of it.
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(2),
            "{status}"
        );
    }
    Ok(())
}
