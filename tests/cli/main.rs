//! `kubectl-clb` as a person runs it: the real binary, a real API server, the operator, and AWS over HTTP.
#![allow(clippy::expect_used, clippy::panic)] // tests may

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use aws_sdk_elasticloadbalancing::types::{Listener, Tag};
use serde_json::Value;
use testkit::cluster::Kind;
use testkit::{Namespace, Result, Stack, object, tool};

const BINARY: &str = env!("CARGO_BIN_EXE_kubectl-clb");

/// The least that a balancer needs.
const SPEC: &str = "spec:
  availabilityZones: [us-east-1a]
  listeners:
  - {port: 80, protocol: HTTP, instancePort: 8080}
";

struct Person {
    stack: &'static Stack,
    namespace: Namespace,
}

impl Person {
    async fn new() -> Result<Self> {
        let stack = Stack::shared().await?;
        let namespace = stack.namespace().await?;
        Ok(Self { stack, namespace })
    }

    /// Their shell, in the namespace of the test.
    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("KUBECONFIG", self.stack.control_plane().kubeconfig())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.stack.simulator().environment())
            .env_remove("CLB_CLUSTER_ID")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(Path::new(BINARY), arguments))
    }

    /// With `-n` of the test's namespace.
    fn here(&self, arguments: &[&str]) -> Ran {
        self.run(&[arguments, &["-n", self.namespace.namespace()]].concat())
    }

    fn plan(&self, arguments: &[&str]) -> Ran {
        self.here(&[&["plan", "--cluster-id", "test"], arguments].concat())
    }
}

/// What a command wrote and how it ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("it starts");
        Self {
            code: status.code(),
            out: String::from_utf8(stdout).expect("text"),
            err: String::from_utf8(stderr).expect("text"),
        }
    }

    /// Ended with this status; an error is one line that says who speaks.
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(
            !self.out.contains('\u{1b}') && !self.err.contains('\u{1b}'),
            "no colour in a pipe"
        );
        for line in self.err.lines() {
            assert!(line.starts_with("kubectl-clb: "), "{self:#?}");
        }
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.out.contains(word), "{word:?} is missing: {self:#?}");
        }
        self
    }

    fn complains(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing: {self:#?}");
        }
        self
    }
}

/// An object with instances.
fn manifest(name: &str, instances: &[String]) -> String {
    format!(
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: {name}}}\n{SPEC}  targets: \
         {{instanceIds: [{}]}}\n",
        instances.join(", ")
    )
}

async fn make(stack: &Stack, name: &str, tags: &[(&str, &str)]) {
    let listener = Listener::builder()
        .protocol("TCP")
        .load_balancer_port(443)
        .instance_port(8443)
        .build()
        .expect("a listener");
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(*key).value(*value).build().expect("a tag"));
    let request = stack.simulator().elb().create_load_balancer();
    let request = request
        .load_balancer_name(name)
        .listeners(listener)
        .availability_zones("us-east-1a");
    let tags: Vec<Tag> = tags.collect();
    let request = request.set_tags((!tags.is_empty()).then_some(tags));
    request.send().await.expect("created");
}

/// A file that is gone with the value.
fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(content.as_bytes()).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_come_from_ec2_and_without_credentials_from_the_table() -> Result<()> {
    let person = Person::new().await?;
    let asked = person.run(&["regions", "-o", "json"]).ended(0).json();
    assert_eq!(asked["source"], "ec2");
    let regions = asked["regions"].as_array().expect("a list");
    let ireland = regions
        .iter()
        .find(|region| region["name"] == "eu-west-1")
        .expect("eu-west-1");
    assert_eq!(ireland["endpoint"], "elasticloadbalancing.eu-west-1.amazonaws.com");
    assert_eq!(ireland["enabled"], true);
    person.run(&["regions", "--region", "cn-north-1"]).ended(0).says(&[
        "elasticloadbalancing.cn-northwest-1.amazonaws.com.cn",
        "China (Ningxia)",
    ]);

    let mut poor = person.command(Path::new(BINARY), &["regions"]);
    let poor = poor
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("HOME", "/nonexistent");
    let poor = Ran::of(poor).ended(0);
    poor.says(&[
        "us-gov-west-1",
        "elasticloadbalancing.us-iso-east-1.c2s.ic.gov",
        "US West (Oregon)",
    ]);
    poor.complains(&["no AWS credentials"]);
    assert_eq!(poor.err.lines().count(), 1);
    assert_eq!(poor.out, person.run(&["regions", "--offline"]).ended(0).out);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn list_shows_every_balancer_with_its_owner_and_its_health() -> Result<()> {
    let mut person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    person.namespace.apply(&manifest("web", &ids)).await?;
    let ready = person.namespace.until_ready("web").await?;
    let own = object::text(&ready, "/status/loadBalancerName");
    let namespace = person.namespace.namespace();
    let other = format!("cli-{}", &namespace[namespace.len() - 8..]);
    make(person.stack, &other, &[]).await;
    let service = format!("{other}-svc");
    let tags = [
        ("kubernetes.io/cluster/blue", "owned"),
        ("kubernetes.io/service-name", "shop/api"),
    ];
    make(person.stack, &service, &tags).await;

    let all = person.run(&["list", "-o", "json"]).ended(0).json();
    let balancers = all["loadBalancers"].as_array().expect("a list");
    let find = |name: &str| {
        balancers
            .iter()
            .find(|balancer| balancer["name"] == name)
            .expect("listed")
            .clone()
    };
    let web = find(own);
    assert_eq!(web["dnsName"], object::text(&ready, "/status/dnsName"));
    assert_eq!(web["owner"]["cluster"], "test");
    assert_eq!(web["owner"]["object"], format!("{namespace}/web"));
    assert_eq!(web["listeners"][0]["instancePort"], 8080);
    assert_eq!(web["instances"][0]["id"], ids[0].as_str());
    assert!(web["instances"][0]["state"].is_string(), "{web}");
    assert_eq!(find(&other)["owner"], Value::Null);

    let table = person.run(&["list", own, &format!("{other}*")]).ended(0);
    table.says(&[
        "NAME",
        "DNS-NAME",
        "HTTP:80->8080",
        "TCP:443->8443",
        "0/0",
        "blue",
        "service/shop/api",
    ]);
    assert_eq!(table.out.lines().count(), 4, "{table:#?}");
    assert!(!table.out.contains("CREATED"));
    person
        .run(&["list", own, "-o", "wide"])
        .ended(0)
        .says(&["CREATED", "internet-facing", "TCP:8080"]);
    person
        .run(&["list", own, "-o", "yaml"])
        .ended(0)
        .says(&["loadBalancers:", "uid:"]);
    person
        .run(&["list", "--region", "eu-west-3"])
        .ended(0)
        .complains(&["no Classic load balancers in eu-west-3"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn list_names_what_it_does_not_find_and_shows_the_rest() -> Result<()> {
    let person = Person::new().await?;
    let namespace = person.namespace.namespace();
    let name = format!("there-{}", &namespace[namespace.len() - 8..]);
    make(person.stack, &name, &[]).await;
    let ran = person.run(&["list", &name, "not-there", "nor-*"]).ended(1);
    ran.says(&[&name]);
    ran.complains(&["called \"not-there\" in us-east-1", "matches \"nor-*\""]);
    assert_eq!(ran.err.lines().count(), 2, "{ran:#?}");
    person
        .run(&["list", "--region", "mars-1"])
        .ended(1)
        .complains(&["mars-1 is no region", "kubectl clb regions"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn list_reads_page_by_page_and_tags_in_batches() -> Result<()> {
    let person = Person::new().await?;
    let elb = person.stack.simulator().elb_in("us-west-2");
    let balancers = 45;
    for number in 0..balancers {
        let listener = Listener::builder()
            .protocol("TCP")
            .load_balancer_port(80)
            .instance_port(80)
            .build();
        let request = elb
            .create_load_balancer()
            .load_balancer_name(format!("many-{number:03}"));
        let request = request
            .listeners(listener.expect("a listener"))
            .availability_zones("us-west-2a");
        // The default quota of a region is 20.
        if request.send().await.is_err() {
            break;
        }
    }
    let mark = person.stack.simulator().mark()?;
    let listed = person
        .run(&["list", "--region", "us-west-2", "-o", "json"])
        .ended(0)
        .json();
    let count = listed["loadBalancers"].as_array().expect("a list").len();
    let calls = person
        .stack
        .simulator()
        .calls(mark)?
        .elb()
        .only(|call| call.region == "us-west-2");
    assert!(count >= 20, "{count}");
    assert_eq!(calls.of("DescribeTags").len(), count.div_ceil(20), "{calls}");
    assert_eq!(calls.of("DescribeLoadBalancers").len(), 1, "{calls}");
    assert!(calls.of("DescribeInstanceHealth").is_empty(), "nobody to ask for");
    assert!(calls.writes().is_empty(), "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_object_in_full() -> Result<()> {
    let mut person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    person.namespace.apply(&manifest("web", &ids)).await?;
    let ready = person.namespace.until_ready("web").await?;
    let ran = person.here(&["status", "web"]).ended(0);
    ran.says(&[
        "Name:",
        "Conditions",
        "Ready",
        "True",
        "HTTP 80",
        "HTTP 8080",
        "Events",
        "Created",
    ]);
    ran.says(&[
        object::text(&ready, "/status/dnsName"),
        &ids[0],
        &ids[1],
        "us-east-1",
        "TCP:8080 every 30 s",
    ]);
    let given = person.here(&["status", "web", "-o", "json"]).ended(0).json();
    assert_eq!(given["kind"], "ClassicLoadBalancer");
    assert_eq!(given["status"]["dnsName"], object::text(&ready, "/status/dnsName"));
    assert!(given["metadata"].get("managedFields").is_none());
    person
        .here(&["status", "web", "-o", "yaml"])
        .ended(0)
        .says(&["kind: ClassicLoadBalancer", "listeners:"]);

    // A refusal is told to its last word.
    let missing = "i-00000000dead0000b";
    person.namespace.apply(&manifest("web", &[missing.to_owned()])).await?;
    let object = person
        .namespace
        .until(Kind::CLB, "web", "the refusal", |object| {
            object::has_reason(object, "Programmed", "InstanceNotFound")
        })
        .await?;
    let message = object::condition(&object, "Programmed").expect("the condition").message;
    let ran = person.here(&["status", "web"]).ended(0);
    ran.says(&["InstanceNotFound", message.lines().next().expect("a line")]);

    let ran = person.here(&["status", "nobody"]).ended(1);
    ran.complains(&["no ClassicLoadBalancer called \"nobody\" in namespace", "-A"]);
    assert!(ran.out.is_empty());
    let ran = person.run(&["status", "-A", "-o", "json"]).ended(0).json();
    assert!(ran["kind"] == "List" || ran["kind"] == "ClassicLoadBalancer");
    person
        .here(&["status", "web", "--as", "nobody"])
        .ended(1)
        .complains(&["forbidden", "--as"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_tells_the_calls_and_makes_none() -> Result<()> {
    let mut person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    let fresh = file(&manifest("web", &ids[..1]));
    let mark = person.stack.simulator().mark()?;
    let ran = person.plan(&["-f", path(&fresh)]).ended(3);
    ran.says(&["web in us-east-1", "1. CreateLoadBalancer"]);
    assert!(
        person.namespace.get(Kind::CLB, "web").await.is_err(),
        "nothing was stored"
    );

    person.namespace.apply(&manifest("web", &ids[..1])).await?;
    let ready = person.namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    person.plan(&["web"]).ended(0).says(&["nothing to do"]);
    person.plan(&["-f", path(&fresh)]).ended(0).says(&["nothing to do"]);

    let before = person.stack.simulator().calls(mark)?.writes().naming(&name).len();
    let more = file(&manifest("web", &ids).replace("port: 80,", "port: 81,"));
    let planned = person.plan(&["-f", path(&more), "-o", "json"]).ended(3).json();
    assert_eq!(planned["differences"], true);
    let steps = planned["objects"][0]["steps"].to_string();
    for word in [
        "CreateLoadBalancerListeners",
        "DeleteLoadBalancerListeners",
        "RegisterInstances",
    ] {
        assert!(steps.contains(word), "{steps}");
    }
    let after = person.stack.simulator().calls(mark)?.writes().naming(&name).len();
    assert_eq!(before, after, "a plan writes nothing");

    // The operator applies what was planned, and then there is nothing left.
    person
        .namespace
        .apply(&manifest("web", &ids).replace("port: 80,", "port: 81,"))
        .await?;
    person.namespace.until_ready("web").await?;
    person.plan(&["web"]).ended(0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_refuses_files_in_the_words_of_the_api_server() -> Result<()> {
    let person = Person::new().await?;
    let wrong = file(&manifest("web", &[]).replace("port: 80,", "port: 80, prot: x,"));
    person.plan(&["-f", path(&wrong)]).ended(1).complains(&["prot"]);
    let wrong = file(&manifest("web", &[]).replace("instancePort: 8080", "instancePort: 8080, instanceProtocol: TCP"));
    person
        .plan(&["-f", path(&wrong)])
        .ended(1)
        .complains(&["web", "listeners"]);
    let empty = file("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n");
    person
        .plan(&["-f", path(&empty)])
        .ended(1)
        .complains(&["no ClassicLoadBalancer"]);
    person
        .plan(&["-f", "/nonexistent.yaml"])
        .ended(1)
        .complains(&["/nonexistent.yaml"]);
    let ran = person.here(&["plan", "-f", path(&file(&manifest("web", &[])))]);
    ran.ended(2).complains(&["cluster id", "--cluster-id"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_one_line_and_status_2() -> Result<()> {
    let person = Person::new().await?;
    for (arguments, word) in [
        (&["lst"][..], "list"),
        (&["status"], "NAME"),
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
async fn a_reader_that_goes_away_is_no_failure() -> Result<()> {
    let person = Person::new().await?;
    let mut child = person.command(Path::new(BINARY), &["regions", "--offline", "-o", "json"]);
    let mut child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let status = child.wait().expect("it ends");
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut said)
        .expect("text");
    assert!(status.success() && said.is_empty(), "{status}: {said}");
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
