//! The process: flags, logs, metrics.

use std::process::{Command, Output};

use testkit::{Result, Stack};

use crate::{MINIMAL, Test};

fn operator(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clb-operator"));
    command
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("CLB_CLUSTER_ID")
        .output()
        .expect("it starts")
}

#[test]
fn wrong_flags_are_one_clear_line_and_status_2() {
    for (arguments, words) in [
        (vec!["run"], "--cluster-id"),
        (vec!["run", "--cluster-id", ""], "1 to 63"),
        (vec!["run", "--cluster-id", "a b"], "1 to 63"),
        (vec!["run", "--cluster-id", "a", "--resync-period", "soon"], "duration"),
        (
            vec!["run", "--cluster-id", "a", "--health-interval", "0s"],
            "at least 1s",
        ),
        (vec!["run", "--cluster-id", "a", "--listen", "nowhere"], "--listen"),
        (vec!["run", "--cluster-id", "a", "--concurrency", "0"], "--concurrency"),
        (vec!["run", "--cluster-id", "a", "--log-level", "a=b=c"], "--log-level"),
        (vec!["run", "--cluster-id", "a", "--log-level", "verbose"], "verbose"),
        (vec!["run", "--cluster-id", "a", "--log-level", ""], "level"),
        (vec!["run", "--cluster-id", "a", "--unknown"], "--unknown"),
        (vec![], "a command is required"),
        (vec!["fly"], "fly"),
    ] {
        let output = operator(&arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
        assert!(text.matches("--help").count() <= 1, "{arguments:?}: {text}");
    }
    assert!(operator(&["--help"]).status.success());
    assert!(operator(&["run", "--help"]).status.success());
}

#[test]
fn the_definition_is_printed() {
    let output = operator(&["crd"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout) == include_str!("../../crds/classicloadbalancers.yaml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_was_done_and_logs_hold_no_credential() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let stack = Stack::shared().await?;
    let metrics = stack.operator().get("/metrics").await?.body;
    for name in [
        "controller_runtime_reconcile_total{controller=\"classicloadbalancer\",result=\"success\"}",
        "controller_runtime_reconcile_time_seconds_bucket",
        "clb_operator_aws_api_requests_total{operation=\"CreateLoadBalancer\",code=\"OK\"}",
        "clb_operator_plan_steps_total{operation=\"CreateLoadBalancer\"}",
    ] {
        assert!(metrics.contains(name), "no {name} in\n{metrics}");
    }
    let log = stack.operator().log();
    assert!(log.contains("CreateLoadBalancer"), "{log}");
    for secret in [testkit::simulator::SECRET_ACCESS_KEY, "Bearer", "Authorization"] {
        let leaks = log.lines().any(|line| {
            line.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| word == secret)
        });
        assert!(!leaks, "the log holds {secret:?}");
    }
    Ok(())
}
