//! Credentials that belong to another account than the load balancer. What that account lacks, or has under the same name,
//! proves nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Calls, Options, Result, simulator};

use crate::bindings::Shared;
use crate::{MINIMAL, Test, error};

const OWN: &str = "123456789012";
const OTHER: &str = "210987654321";

/// Credentials that can be exchanged while the operator runs, as a role's are.
struct Credentials {
    folder: tempfile::TempDir,
}

impl Credentials {
    fn new() -> Self {
        let credentials = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let path = |name: &str| credentials.folder.path().join(name).display().to_string();
        let script = format!(
            "#!/bin/sh\nread -r id secret < {}\nprintf '{{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \
             \"%s\", \"Expiration\": \"%s\"}}' \"$id\" \"$secret\" \"$(date -u -d '+13 seconds' +%Y-%m-%dT%H:%M:%SZ)\"\n",
            path("key")
        );
        fs::write(path("process"), script).expect("written");
        fs::set_permissions(path("process"), fs::Permissions::from_mode(0o755)).expect("made executable");
        let config = format!("[default]\ncredential_process = {}\n", path("process"));
        fs::write(path("config"), config).expect("written");
        credentials
    }

    /// The operator has this key within seconds.
    fn set(&self, id: &str, secret: &str) {
        let (new, path) = (self.folder.path().join("new"), self.folder.path().join("key"));
        fs::write(&new, format!("{id} {secret}\n")).expect("written");
        fs::rename(new, path).expect("exchanged");
    }

    fn options(&self, other: &str) -> Options {
        let mut options = Options::default();
        let key = aws_simulator::AccessKey {
            secret: "other".into(),
            account: OTHER.into(),
        };
        options.aws.keys.insert(other.into(), key);
        options.operator.resync_period = "5s".into();
        options.operator.env = [
            ("AWS_ACCESS_KEY_ID", String::new()),
            ("AWS_SECRET_ACCESS_KEY", String::new()),
            (
                "AWS_CONFIG_FILE",
                self.folder.path().join("config").display().to_string(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        options
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_of_another_account_nothing_is_written_and_nothing_released() -> Result<()> {
    let credentials = Credentials::new();
    credentials.set(simulator::ACCESS_KEY_ID, simulator::SECRET_ACCESS_KEY);
    // Each would be made again, or be released, if the other account's answer were believed.
    let setup = Test::web().on(credentials.options("AKIDOTHER"));
    let test = setup.with("recreatePolicy: Always").ready().await?;
    let ready = test.get().await?;
    assert_eq!(ready.text("/accountId"), OWN);

    credentials.set("AKIDOTHER", "other");
    let web = test
        .until("AccountChanged", |web| web.says("Ready", "AccountChanged"))
        .await?;
    for (kind, status) in [("Ready", "False"), ("Programmed", "False"), ("Stalled", "True")] {
        assert!(web.has(kind, status) && web.says(kind, "AccountChanged"), "{kind}");
    }
    let message = web.message("Ready");
    assert!(message.contains(OWN) && message.contains(OTHER), "{message}");
    assert_eq!(web.text("/dnsName"), ready.text("/dnsName"));
    assert_eq!(web.text("/accountId"), OWN);

    let (mark, simulator) = (test.mark()?, test.simulator());
    test.namespace.delete(Kind::CLB, "web").await?;
    let looked = |calls: &Calls| calls.of("DescribeLoadBalancers").len() >= 3;
    let calls = simulator.until_calls(mark, "three looks", looked).await?;
    assert!(
        calls.writes().is_empty(),
        "nothing is written in either account: {calls:?}"
    );
    assert!(
        test.get().await?.says("Ready", "AccountChanged"),
        "it waits and says why"
    );

    let metrics = test.stack.operator().get("/metrics").await?.body;
    let series = "controller_runtime_reconcile_total{controller=\"classicloadbalancer\",result=\"error\"} ";
    let errors = metrics.lines().find_map(|line| line.strip_prefix(series));
    assert_eq!(
        errors.unwrap_or("0"),
        "0",
        "a deletion that waits for its owner wakes nobody"
    );

    credentials.set(simulator::ACCESS_KEY_ID, simulator::SECRET_ACCESS_KEY);
    test.namespace.until_gone(Kind::CLB, "web").await?;
    let left = simulator
        .elb()
        .describe_load_balancers()
        .send()
        .await
        .expect("described");
    assert!(
        left.load_balancer_descriptions().is_empty(),
        "the right account lets it go"
    );
    Ok(())
}

/// What is only looked at, and what is registered with a load balancer of others.
#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_of_another_account_nothing_is_looked_at_and_nothing_bound() -> Result<()> {
    let credentials = Credentials::new();
    credentials.set(simulator::ACCESS_KEY_ID, simulator::SECRET_ACCESS_KEY);
    let setup = Test::web().on(credentials.options("AKIDOTHER"));
    let shared = Shared::offered(setup.ready().await?).await?;
    let test = &shared.test;
    let ids = test.instances(&["us-east-1a", "us-east-1a"]).await?;
    let bound = shared.bound("bound", &ids).await?;
    assert_eq!(bound.text("/accountId"), OWN);
    test.apply(&test.spec("management: Observe")).await?;
    test.until_reason("Ready", "Observing").await?;
    let dns_name = test.get().await?.text("/dnsName").to_owned();

    credentials.set("AKIDOTHER", "other");
    let bound = shared
        .until("bound", "AccountChanged", |bound| bound.says("Ready", "AccountChanged"))
        .await?;
    let observed = test
        .until("AccountChanged", |web| web.says("Ready", "AccountChanged"))
        .await?;
    for object in [&bound, &observed] {
        assert!(object.has("Stalled", "True") && object.says("Stalled", "AccountChanged"));
        let message = object.message("Ready");
        assert!(message.contains(OWN) && message.contains(OTHER), "{message}");
        assert_eq!(object.text("/accountId"), OWN);
    }
    assert_eq!(observed.text("/dnsName"), dns_name);

    // Both change, and one of them goes.
    let mark = test.mark()?;
    shared
        .patch("bound", json!({"targets": {"instanceIds": [ids[0]]}}))
        .await?;
    test.namespace.delete(Kind::BINDING, "bound").await?;
    let looked = |calls: &Calls| calls.of("DescribeLoadBalancers").len() >= 3;
    let calls = test.simulator().until_calls(mark, "three looks", looked).await?;
    assert!(calls.writes().is_empty(), "{calls:?}");
    let bound = shared.until("bound", "to be kept", |bound| bound.says("Ready", "AccountChanged"));
    assert_eq!(bound.await?.text("/accountId"), OWN);

    credentials.set(simulator::ACCESS_KEY_ID, simulator::SECRET_ACCESS_KEY);
    test.namespace.until_gone(Kind::BINDING, "bound").await?;
    assert!(shared.registered().await.is_empty(), "the right account lets them go");
    test.until_reason("Ready", "Observing").await?;
    test.apply(&test.spec("management: Full")).await?;
    test.delete().await
}

/// Where AWS refused to make it, nothing is, so whoever answers next may.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_account_refused_to_make_another_may() -> Result<()> {
    let credentials = Credentials::new();
    credentials.set(simulator::ACCESS_KEY_ID, simulator::SECRET_ACCESS_KEY);
    let setup = Test::web().on(credentials.options("AKIDOTHER"));
    let test = setup.start().await?;
    let refused = error("TooManyLoadBalancers", 400, "the quota is used up");
    let rule = json!({"match": {"operation": "CreateLoadBalancer"}, "do": refused});
    test.simulator().fault(&rule).await?;
    test.apply(MINIMAL).await?;
    test.until_reason("Ready", "TooManyLoadBalancers").await?;
    let web = test.get().await?;
    assert_eq!((web.text("/accountId"), web.text("/creationPending")), ("", ""));

    test.stack.operator().kill();
    credentials.set("AKIDOTHER", "other");
    test.simulator().clear_faults().await?;
    test.stack.operator().start_ready().await?;
    test.until_ready().await?;
    assert_eq!(test.get().await?.text("/accountId"), OTHER);
    test.delete().await
}
