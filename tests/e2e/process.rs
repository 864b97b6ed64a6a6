//! The process: flags, logs, metrics.

use std::io::{Read as _, Write as _};
use std::process::{Command, Output};

use testkit::Result;

use crate::Test;

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
    let run = ["run", "--cluster-id"];
    for (arguments, words) in [
        (&["run"][..], "--cluster-id"),
        (&[&run[..], &[""]].concat(), "1 to 63"),
        (&[&run[..], &["a b"]].concat(), "1 to 63"),
        (&[&run[..], &["a", "--resync-period", "soon"]].concat(), "duration"),
        (&[&run[..], &["a", "--health-interval", "0s"]].concat(), "at least 1s"),
        (&[&run[..], &["a", "--listen", "nowhere"]].concat(), "--listen"),
        (&[&run[..], &["a", "--concurrency", "0"]].concat(), "--concurrency"),
        (&[&run[..], &["a", "--log-level", "a=b=c"]].concat(), "--log-level"),
        (&[&run[..], &["a", "--default-tags", "a"]].concat(), "KEY=VALUE"),
        (&[&run[..], &["a", "--default-tags", "aws:a=b"]].concat(), "reserved"),
        (
            &[&run[..], &["a", "--default-tags", "classiclb.dev/uid=b"]].concat(),
            "reserved",
        ),
        (&[&run[..], &["a", "--default-tags", "a=b,a=c"]].concat(), "twice"),
        (&[&run[..], &["a", "--adoption", "often"]].concat(), "--adoption"),
        (
            &[&run[..], &["a", "--watch-namespaces", "a,B"]].concat(),
            "name of a namespace",
        ),
        (&[&run[..], &["a", "--log-level", "verbose"]].concat(), "verbose"),
        (&[&run[..], &["a", "--log-level", ""]].concat(), "level"),
        (&[&run[..], &["a", "--unknown"]].concat(), "--unknown"),
        (&[], "a command is required"),
        (&["fly"], "fly"),
    ] {
        let output = operator(arguments);
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
fn the_definitions_are_printed() {
    let printed = |arguments: &[&str]| {
        let output = operator(arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (balancers, bindings, accounts) = (
        include_str!("../../crds/classicloadbalancers.yaml"),
        include_str!("../../crds/classicloadbalancerbindings.yaml"),
        include_str!("../../crds/awsaccounts.yaml"),
    );
    assert!(printed(&["crd"]) == format!("{balancers}---\n{bindings}---\n{accounts}"));
    assert!(printed(&["crd", "classicloadbalancers"]) == balancers);
    assert!(printed(&["crd", "classicloadbalancerbindings"]) == bindings);
    assert!(printed(&["crd", "awsaccounts"]) == accounts);
}

/// The value of a series, or none.
fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

/// The API server as its clients call it.
fn kube_host(test: &Test) -> String {
    let kubeconfig = std::fs::read_to_string(test.stack.control_plane().kubeconfig()).expect("a kubeconfig");
    let server = kubeconfig.split("https://").nth(1).expect("a server");
    server
        .split(|c: char| c.is_whitespace() || c == '"')
        .next()
        .expect("a host")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_was_done_and_logs_hold_no_credential() -> Result<()> {
    let test = Test::web().ready().await?;
    // What counts reconciles counts those that have ended.
    test.pass().await?;
    let operator = test.stack.operator();
    let metrics = operator.get("/metrics").await?.body;
    for name in [
        "controller_runtime_reconcile_total{controller=\"classicloadbalancer\",result=\"success\"}",
        "controller_runtime_reconcile_time_seconds_bucket",
        "clb_operator_aws_api_requests_total{operation=\"CreateLoadBalancer\",code=\"OK\",lane=\"change\",account=\"\",\
         region=\"us-east-1\"}",
        "clb_operator_view_age_seconds{account=\"\",region=\"us-east-1\"}",
        "clb_operator_plan_steps_total{operation=\"CreateLoadBalancer\"}",
        "controller_runtime_max_concurrent_reconciles{controller=\"classicloadbalancer\"} 64",
        "leader_election_master_status{name=\"classic-lb-operator\"} 1",
    ] {
        assert!(metrics.contains(name), "no {name} in\n{metrics}");
    }
    // What dashboards for any controller ask, and that it counts.
    let server = kube_host(&test);
    let queue = "name=\"classicloadbalancer\",controller=\"classicloadbalancer\"";
    for series in [
        format!("workqueue_adds_total{{{queue}}}"),
        format!("workqueue_queue_duration_seconds_count{{{queue}}}"),
        format!("workqueue_work_duration_seconds_count{{{queue}}}"),
        format!("rest_client_requests_total{{code=\"200\",method=\"GET\",host=\"{server}\"}}"),
        format!("rest_client_requests_total{{code=\"200\",method=\"PATCH\",host=\"{server}\"}}"),
        "process_cpu_seconds_total".to_owned(),
        "process_resident_memory_bytes".to_owned(),
        "process_virtual_memory_bytes".to_owned(),
        "process_open_fds".to_owned(),
        "process_max_fds".to_owned(),
        "process_threads".to_owned(),
    ] {
        assert!(value(&metrics, &series) > 0.0, "{series}:\n{metrics}");
    }
    let place = "account=\"\",region=\"us-east-1\"";
    for series in [
        format!("workqueue_retries_total{{{queue}}}"),
        format!("workqueue_unfinished_work_seconds{{{queue}}}"),
        format!("workqueue_longest_running_processor_seconds{{{queue}}}"),
        format!("clb_operator_queue_depth{{priority=\"change\",{place}}}"),
        format!("clb_operator_queue_age_seconds{{priority=\"change\",{place}}}"),
        format!("clb_operator_objects_waiting_for_rate{{{place}}}"),
    ] {
        assert!(value(&metrics, &series) >= 0.0, "{series}:\n{metrics}");
    }
    let began = value(&metrics, "process_start_time_seconds");
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock")
        .as_secs_f64();
    assert!(began <= now + 1.0 && began > now - 86400.0, "{began} of {now}");
    let log = operator.log();
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

#[tokio::test(flavor = "multi_thread")]
async fn ready_asks_a_running_operator_and_tells_what_it_says() -> Result<()> {
    let test = Test::new().await?;
    let ready = |url: &str| operator(&["ready", "--url", url, "--wait=1s"]);
    let url = test.stack.operator().url();
    let output = ready(url);
    assert!(output.status.success(), "{output:?}");
    let simulator = test.stack.simulator();
    let asking_aws = |environment: &[(&str, String)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clb-operator"));
        command.args(["ready", "--url", url, "--aws"]).env_clear();
        let output = command
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .output();
        output.expect("it runs")
    };
    let output = asking_aws(&simulator.environment());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("AWS: "), "{output:?}");
    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned())];
    let output = asking_aws(&[simulator.environment().to_vec(), nowhere.to_vec()].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && told.contains("AWS does not answer in "),
        "{output:?}"
    );

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let answer =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 24\r\nconnection: close\r\n\r\nnot ready: no CRD at all\n";
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 1024];
            let _ = stream
                .read(&mut request)
                .and_then(|_| stream.write_all(answer.as_bytes()));
        }
    });
    for (url, words) in [
        (url.as_str(), "not ready: no CRD at all"),
        ("http://127.0.0.1:1", "not ready: "),
    ] {
        let output = ready(url);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(words) && told.lines().count() == 1, "{told}");
    }
    let output = operator(&["ready", "--url", "nowhere at all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("no address such as"),
        "{output:?}"
    );
    Ok(())
}

/// Half-sent requests, as a careless or a hostile client leaves them, are nobody's memory, and keep nobody else out.
#[tokio::test(flavor = "multi_thread")]
async fn half_sent_requests_hold_nothing() -> Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let test = Test::web().ready().await?;
    let operator = test.stack.operator();
    let address = operator.url().trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for _ in 0..600 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.expect("a connection");
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Half")
            .await
            .expect("sent");
        held.push(stream);
        if held.len() % 200 == 0 {
            assert_eq!(
                operator.get("/healthz").await?.status,
                200,
                "others are served meanwhile"
            );
        }
    }
    let fds = value(&operator.get("/metrics").await?.body, "process_open_fds");
    assert!(fds < 250.0, "{fds} files are open");
    // All are ended by the operator, the last ones by their deadline.
    for mut stream in held {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(std::time::Duration::from_mins(1), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a connection is held");
    }
    assert_eq!(operator.get("/readyz").await?.status, 200);
    Ok(())
}

/// What `/metrics` answers to a request with these lines: its head and its body.
async fn scraped(url: &str, lines: &str) -> (String, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_come_in_the_format_that_is_asked_for() -> Result<()> {
    let test = Test::web().ready().await?;
    let url = test.stack.operator().url();
    for lines in [
        "",
        "Accept: text/plain\r\n",
        "Accept: application/openmetrics-text;q=0\r\n",
    ] {
        let (head, text) = scraped(url, lines).await;
        assert!(
            head.contains("content-type: text/plain; version=0.0.4"),
            "{lines}: {head}"
        );
        assert!(
            text.contains("\n# TYPE clb_operator_plan_steps_total counter\n"),
            "{text}"
        );
        assert!(!text.contains("# EOF"), "{text}");
    }
    let (_, text) = scraped(url, "").await;
    let mut promtool = Command::new(testkit::tool::built("promtool").await?)
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = promtool.stdin.take().expect("its input");
    input.write_all(text.as_bytes()).expect("written");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");

    let asked = "Accept: text/plain;q=0.3, application/openmetrics-text;version=1.0.0;q=0.5\r\n";
    let (head, text) = scraped(url, asked).await;
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert!(text.contains("\n# TYPE clb_operator_plan_steps counter\n"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    Ok(())
}
