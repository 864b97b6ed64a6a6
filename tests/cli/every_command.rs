//! Every command there is, in every trouble that it can meet: the right exit status, and one line or the page.
//!
//! The commands come from the program's own definition, so that none is forgotten.

mod interrupt;
mod terminal;

use aws_simulator::{AccessKey, DEFAULT_ACCOUNT, Policy};
use classic_lb_operator::cli;
use serde_json::json;
use testkit::{Options, Result, Stack};

use crate::rights::reader;
use crate::trouble::{kubeconfig, server};
use crate::{Person, Ran, file, manifest, path};

/// What can be the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    NoKubeconfig,
    NoServer,
    /// Somebody who may do nothing in the cluster.
    Stranger,
    /// Somebody who may read load balancers there, and nothing else.
    Reader,
    NoAws,
    NoCredentials,
    /// Credentials that may do nothing.
    NoRights,
    /// Credentials that may see load balancers and their tags, and nothing else.
    HalfRights,
    /// A session that is over.
    Expired,
}

const TROUBLES: [Trouble; 9] = [
    Trouble::NoKubeconfig,
    Trouble::NoServer,
    Trouble::Stranger,
    Trouble::Reader,
    Trouble::NoAws,
    Trouble::NoCredentials,
    Trouble::NoRights,
    Trouble::HalfRights,
    Trouble::Expired,
];

impl Trouble {
    fn is_of_the_cluster(self) -> bool {
        matches!(
            self,
            Self::NoKubeconfig | Self::NoServer | Self::Stranger | Self::Reader
        )
    }

    /// What names the cause.
    fn words(self) -> &'static str {
        match self {
            Self::NoKubeconfig => "/nonexistent",
            Self::NoServer | Self::NoAws => "refused",
            Self::Stranger => "\"nobody\"",
            Self::Reader => "\"reader-of-",
            Self::NoCredentials => "no AWS credentials were found",
            Self::NoRights | Self::HalfRights => "not authorized",
            Self::Expired => "expired",
        }
    }
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// As ever: it has nothing to do with the trouble.
    AsEver,
    /// With status 1, and nothing but its error.
    Fails,
    /// With what it knows and with this status; what it does not know it tells.
    Shows(i32),
}
use Ends::{AsEver, Fails, Shows};

/// What commands are run on.
struct There {
    load_balancer: String,
    /// A manifest for a load balancer that nobody has.
    manifest: tempfile::NamedTempFile,
    free: String,
}

/// How every command ends in each trouble, in the order of these: `-` as ever, `F` with nothing but its error, a number with
/// what it knows and that status.
const ENDS: [(&str, &str); 15] = [
    ("regions", "----F000F"),
    ("list", "----FFF1F"),
    ("inventory", "0000FFF1F"),
    ("status", "FFF0-----"),
    ("events", "FFFF-----"),
    ("plan", "FFF0FFF-F"),
    ("import", "0000FFFFF"),
    ("adopt", "FFFFFFFFF"),
    ("export", "FFF-FFFFF"),
    ("migrate", "000-FFFFF"),
    ("why", "FFF000000"),
    ("check", "111110001"),
    ("iam-policy", "FFFF-----"),
    ("diff", "FFF0FFF-F"),
    ("completion", "---------"),
];

fn ends(command: &str) -> impl Iterator<Item = (Trouble, Ends)> {
    let found = ENDS.iter().find(|(name, _)| *name == command);
    let (_, ends) = found.unwrap_or_else(|| panic!("say of the new command {command} how it ends in each trouble"));
    let ends = ends.chars().map(|end| match end {
        '-' => AsEver,
        'F' => Fails,
        code => Shows(
            code.to_digit(10)
                .and_then(|code| code.try_into().ok())
                .expect("a status"),
        ),
    });
    TROUBLES.into_iter().zip(ends)
}

/// The arguments that make a command ask all that it asks.
fn arguments<'a>(command: &str, there: &'a There) -> Vec<&'a str> {
    let id = ["--cluster-id", "test"];
    let with_id = |more: &[&'a str]| [more, &id].concat();
    match command {
        "regions" => vec![],
        "inventory" | "iam-policy" => with_id(&[]),
        "list" | "migrate" => vec![&there.load_balancer],
        "plan" | "diff" => with_id(&["web"]),
        "import" => with_id(&[&there.free]),
        "adopt" => with_id(&["-f", path(&there.manifest)]),
        "export" => vec!["web", "--to", "terraform"],
        // Without it, that there is no Deployment of the operator here would be an error of its own.
        "check" => vec!["--pre"],
        "completion" => vec!["bash"],
        _ => vec!["web"],
    }
}

/// The commands, and whether they take the flags of kubectl.
fn commands() -> Vec<(String, bool)> {
    let definition = cli::command();
    let has_kubeconfig = |command: &clap::Command| {
        command
            .get_arguments()
            .any(|argument| argument.get_id() == "kubeconfig")
    };
    let all = definition.get_subcommands();
    all.map(|command| (command.get_name().to_owned(), has_kubeconfig(command)))
        .collect()
}

/// The key that may do nothing, and the one that may do half.
const NO_RIGHTS: &str = "AKIDNOTHING";
const HALF_RIGHTS: &str = "AKIDHALF";
const SECRET: &str = "of-both";

async fn stack() -> Result<Stack> {
    let mut options = Options::default();
    for (key, actions) in [
        (NO_RIGHTS, vec!["sts:GetCallerIdentity"]),
        (
            HALF_RIGHTS,
            vec![
                "sts:GetCallerIdentity",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeTags",
            ],
        ),
    ] {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": "*"},
        ]});
        let secret = AccessKey {
            secret: SECRET.to_owned(),
            account: DEFAULT_ACCOUNT.to_owned(),
        };
        options.aws.keys.insert(key.to_owned(), secret);
        let policy = Policy::from_json(&policy.to_string()).expect("a policy");
        options.aws.access.bind(key, policy);
    }
    Stack::variant(options).await
}

async fn there(person: &Person<'_>) -> Result<There> {
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    person.namespace.apply(&manifest("web", &ids)).await?;
    let ready = person.namespace.until_ready("web").await?;
    let free = format!("free-{}", person.namespace.namespace());
    let seed = json!({"regions": [{"region": "us-east-1", "loadBalancers": [{
        "name": free, "availabilityZones": ["us-east-1a"],
        "listeners": [{"protocol": "HTTP", "port": 80, "instancePort": 8080}],
    }]}]});
    person.stack.simulator().seed(&seed).await?;
    let imported = person.here(&["import", &free, "--cluster-id", "test"]).ended(0);
    Ok(There {
        load_balancer: testkit::object::text(&ready, "/status/loadBalancerName").to_owned(),
        manifest: file(&imported.out),
        free,
    })
}

/// A command with its arguments, in the namespace of the test.
fn line<'a>(person: &'a Person<'_>, command: &'a str, kubernetes: bool, arguments: &[&'a str]) -> Vec<&'a str> {
    let here = ["-n", person.namespace.namespace()];
    let here = if kubernetes { &here[..] } else { &[] };
    [&[command], arguments, here].concat()
}

/// The session of a role that is over: its key, its secret and its token.
async fn ended_session(person: &Person<'_>) -> Result<[String; 3]> {
    let simulator = person.stack.simulator();
    let role = [
        ("RoleArn", "arn:aws:iam::123456789012:role/desk"),
        ("RoleSessionName", "desk"),
        ("DurationSeconds", "900"),
    ];
    let answer = simulator.query("sts", "2011-06-15", "AssumeRole", &role).await?;
    let member = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>")).expect("a member");
        rest.split('<').next().unwrap_or_default().to_owned()
    };
    let session = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(member);
    let later = json!({"advanceSeconds": 1000});
    simulator
        .control(http::Method::POST, "clock", later.to_string())
        .await?;
    Ok(session)
}

/// What a dump of the program's own values, or of itself, looks like.
const DUMPS: [&str; 8] = [
    "panicked",
    "backtrace",
    "Error {",
    "Error(",
    "Some(",
    "Err(",
    "Failure {",
    " source: ",
];

/// Lines on standard error that somebody reads before a prompt.
const FEW: usize = 3;

fn judge(command: &str, trouble: Trouble, ran: &Ran, ends: Ends) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{command}, {trouble:?}: {what}: {ran:#?}"));
    if ends != AsEver && !ran.out.contains(trouble.words()) && !ran.err.contains(trouble.words()) {
        return wrong("the cause is not named");
    }
    if let Some(dump) = DUMPS.iter().find(|dump| ran.err.contains(**dump)) {
        return wrong(dump);
    }
    if ran.err.lines().any(|line| !line.starts_with("kubectl-clb: ")) || ran.err.lines().count() > FEW {
        return wrong("it does not say it in a line");
    }
    match ends {
        Fails if ran.code != Some(1) || !ran.out.is_empty() => wrong("it should fail"),
        Shows(code) if ran.code != Some(code) || ran.out.is_empty() => wrong("it should show what it knows"),
        AsEver if ran.code.is_none_or(|code| code > 1) => wrong("it has nothing to do with it"),
        _ => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_says_in_a_line_what_is_wrong() -> Result<()> {
    let stack = stack().await?;
    let person = Person::at(&stack).await?;
    let (there, reader) = (there(&person).await?, reader(&person).await?);
    // Nothing listens there.
    let closed = "127.0.0.1:1";
    let gone = kubeconfig(&person, server(format!("https://{closed}")));
    let closed = format!("http://{closed}");
    let session = ended_session(&person).await?;
    let mut wrong = Vec::new();
    for (command, kubernetes) in commands() {
        let arguments = arguments(&command, &there);
        let arguments = line(&person, &command, kubernetes, &arguments);
        let run = |trouble: Trouble| {
            let (mut more, mut variables) = (Vec::new(), Vec::new());
            match trouble {
                Trouble::NoKubeconfig => variables.push(("KUBECONFIG", "/nonexistent")),
                Trouble::NoServer => more.extend(["--kubeconfig", path(&gone)]),
                Trouble::Stranger => more.extend(["--as", "nobody"]),
                Trouble::Reader => more.extend(["--as", reader.as_str()]),
                Trouble::NoAws => variables.push(("AWS_ENDPOINT_URL", closed.as_str())),
                Trouble::NoCredentials => variables.push(("AWS_ACCESS_KEY_ID", "")),
                Trouble::NoRights => variables.push(("AWS_ACCESS_KEY_ID", NO_RIGHTS)),
                Trouble::HalfRights => variables.push(("AWS_ACCESS_KEY_ID", HALF_RIGHTS)),
                Trouble::Expired => variables.extend([
                    ("AWS_ACCESS_KEY_ID", session[0].as_str()),
                    ("AWS_SECRET_ACCESS_KEY", session[1].as_str()),
                    ("AWS_SESSION_TOKEN", session[2].as_str()),
                ]),
            }
            if matches!(trouble, Trouble::NoRights | Trouble::HalfRights) {
                variables.push(("AWS_SECRET_ACCESS_KEY", SECRET));
            }
            person.with(&variables, &[&arguments[..], &more].concat())
        };
        let run = &run;
        let asked: Vec<_> = ends(&command)
            .filter(|(trouble, _)| kubernetes || !trouble.is_of_the_cluster())
            .collect();
        std::thread::scope(|scope| {
            let runs: Vec<_> = asked
                .into_iter()
                .map(|(trouble, ends)| (trouble, ends, scope.spawn(move || run(trouble))))
                .collect();
            for (trouble, ends, run) in runs {
                let ran = run.join().expect("it ends");
                wrong.extend(judge(&command, trouble, &ran, ends).err());
            }
        });
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
