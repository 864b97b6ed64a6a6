//! Every command there is, in every trouble that it can meet: the right exit status, and one line or the page.
//!
//! The commands come from the program's own definition, so that none is forgotten.

use std::fs::File;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_simulator::{AccessKey, DEFAULT_ACCOUNT, Policy};
use classic_lb_operator::cli;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;
use testkit::cluster::PATIENCE;
use testkit::{Options, Result, Stack};

use crate::rights::reader;
use crate::trouble::{kubeconfig, server};
use crate::{BINARY, Person, Ran, file, manifest, path};

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

/// The arguments that make a command ask all that it asks, whether it writes for people, and how it ends in each trouble.
fn case<'a>(command: &str, there: &'a There) -> (Vec<&'a str>, bool, [Ends; TROUBLES.len()]) {
    let id = ["--cluster-id", "test"];
    let name = ["web"].as_slice();
    let with_id = |more: &[&'a str]| [more, &id].concat();
    match command {
        "regions" => (
            vec![],
            true,
            [
                AsEver,
                AsEver,
                AsEver,
                AsEver,
                Fails,
                Shows(0),
                Shows(0),
                Shows(0),
                Fails,
            ],
        ),
        "list" => (
            vec![&there.load_balancer],
            true,
            [AsEver, AsEver, AsEver, AsEver, Fails, Fails, Fails, Shows(1), Fails],
        ),
        "inventory" => (
            with_id(&[]),
            true,
            [
                Shows(0),
                Shows(0),
                Shows(0),
                Shows(0),
                Fails,
                Fails,
                Fails,
                Shows(1),
                Fails,
            ],
        ),
        "status" => (
            name.to_vec(),
            true,
            [Fails, Fails, Fails, Shows(0), AsEver, AsEver, AsEver, AsEver, AsEver],
        ),
        "events" => (
            name.to_vec(),
            true,
            [Fails, Fails, Fails, Fails, AsEver, AsEver, AsEver, AsEver, AsEver],
        ),
        "plan" | "diff" => (
            with_id(name),
            true,
            [Fails, Fails, Fails, Shows(0), Fails, Fails, Fails, AsEver, Fails],
        ),
        "import" => (
            with_id(&[&there.free]),
            false,
            [
                Shows(0),
                Shows(0),
                Shows(0),
                Shows(0),
                Fails,
                Fails,
                Fails,
                Fails,
                Fails,
            ],
        ),
        "adopt" => (
            with_id(&["-f", path(&there.manifest)]),
            false,
            [Fails, Fails, Fails, Fails, Fails, Fails, Fails, Fails, Fails],
        ),
        "export" => (
            vec!["web", "--to", "terraform"],
            false,
            [Fails, Fails, Fails, AsEver, Fails, Fails, Fails, Fails, Fails],
        ),
        "migrate" => (
            vec![&there.load_balancer],
            true,
            [Shows(0), Shows(0), Shows(0), AsEver, Fails, Fails, Fails, Fails, Fails],
        ),
        "why" => (
            name.to_vec(),
            true,
            [
                Fails,
                Fails,
                Fails,
                Shows(0),
                Shows(0),
                Shows(0),
                Shows(0),
                Shows(0),
                Shows(0),
            ],
        ),
        // Without it, that there is no Deployment of the operator here would be an error of its own.
        "check" => (
            vec!["--pre"],
            true,
            [
                Shows(1),
                Shows(1),
                Shows(1),
                Shows(1),
                Shows(1),
                Shows(0),
                Shows(0),
                Shows(0),
                Shows(1),
            ],
        ),
        "iam-policy" => (
            with_id(&[]),
            false,
            [Fails, Fails, Fails, Fails, AsEver, AsEver, AsEver, AsEver, AsEver],
        ),
        "completion" => (vec!["bash"], false, [AsEver; TROUBLES.len()]),
        new => panic!("say of the command {new} what it is run with here, and how it ends in each trouble"),
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
        let (arguments, _, ends) = case(&command, &there);
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
        let asked = TROUBLES.into_iter().zip(ends);
        let run = &run;
        let asked: Vec<_> = asked
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

#[tokio::test(flavor = "multi_thread")]
async fn every_command_minds_no_reader_that_goes_away() -> Result<()> {
    let stack = stack().await?;
    let person = Person::at(&stack).await?;
    let there = there(&person).await?;
    for (command, kubernetes) in commands() {
        let (arguments, ..) = case(&command, &there);
        let arguments = line(&person, &command, kubernetes, &arguments);
        let ever = person.run(&arguments);
        assert!(ever.code.is_some_and(|code| code < 2), "{command}: {ever:#?}");
        let mut shell = person.command(Path::new(BINARY), &arguments);
        let mut child = shell
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let ran = Ran::of_output(child.wait_with_output().expect("it ends"));
        assert_eq!(
            (ran.code, ran.err.contains("panicked")),
            (ever.code, false),
            "{command}: {ran:#?}"
        );
        let mut child = shell.spawn().expect("it starts");
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(
            child.wait().expect("it ends").code(),
            ever.code,
            "{command}, where nobody reads either"
        );
    }
    Ok(())
}

/// Columns of a narrow terminal.
const NARROW: u16 = 40;

/// What a command writes on such a terminal.
fn on_a_terminal(mut command: Command) -> (Option<i32>, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("ours");
    let size = Winsize {
        ws_row: 24,
        ws_col: NARROW,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&master, size).expect("narrow");
    let name = ptsname(&master, Vec::new()).expect("a name");
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().expect("text"))
        .expect("the other end");
    let mut child = command.stdout(terminal).spawn().expect("it starts");
    // It holds the other end open.
    drop(command);
    let (mut screen, mut text) = (File::from(master), Vec::new());
    // The end is told as an error.
    let _ = screen.read_to_end(&mut text);
    let code = child.wait().expect("it ends").code();
    (code, String::from_utf8(text).expect("text").replace('\r', ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_keeps_to_a_narrow_terminal_and_to_no_color() -> Result<()> {
    let stack = stack().await?;
    let person = Person::at(&stack).await?;
    let there = there(&person).await?;
    let mut coloured = 0;
    for (command, kubernetes) in commands() {
        let (arguments, for_people, _) = case(&command, &there);
        let arguments = line(&person, &command, kubernetes, &arguments);
        let ever = person.run(&arguments);
        let on_one = |no_color: &str| {
            let mut shell = person.command(Path::new(BINARY), &arguments);
            shell
                .env("TERM", "xterm")
                .env("NO_COLOR", no_color)
                .stderr(Stdio::null());
            on_a_terminal(shell)
        };
        let (code, page) = on_one("1");
        assert_eq!(code, ever.code, "{command}: {page}");
        assert!(!page.contains('\u{1b}'), "{command}: {page:?}");
        coloured += usize::from(on_one("").1.contains('\u{1b}'));
        // A word that is longer stays whole.
        let is_too_wide =
            |line: &&str| line.chars().count() > usize::from(NARROW) && line.split_whitespace().count() > 1;
        let too_wide: Vec<&str> = page.lines().filter(is_too_wide).collect();
        assert!(!for_people || too_wide.is_empty(), "{command}: {too_wide:#?}");
    }
    assert!(coloured > 3, "{coloured} pages have colours where they may");
    Ok(())
}

/// Waits for the end, and ends what does not.
fn end(mut child: Child, command: &str) -> (std::process::ExitStatus, Ran) {
    let begun = Instant::now();
    while child.try_wait().expect("asked").is_none() {
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{command} does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("it ended");
    (output.status, Ran::of_output(output))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_waits_ends_with_an_interrupt_and_without_data() -> Result<()> {
    let person = Person::new().await?;
    // Takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let silent = kubeconfig(&person, server(url.clone()));
    let there = There {
        load_balancer: "web".to_owned(),
        manifest: file(&manifest("web", &[]).replace("spec:\n", "spec:\n  adopt: true\n  loadBalancerName: web\n")),
        free: "web".to_owned(),
    };
    for (command, kubernetes) in commands() {
        if command == "completion" {
            continue;
        }
        let (arguments, ..) = case(&command, &there);
        let arguments = line(&person, &command, kubernetes, &arguments);
        // Where tests run in the background, a shell has them ignore the signal, and so would what they start.
        let arguments = [&["--default-signal=INT", BINARY], &arguments[..]].concat();
        let mut child = person
            .command(Path::new("env"), &arguments)
            .env("AWS_ENDPOINT_URL", &url)
            .env("KUBECONFIG", path(&silent))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let begun = Instant::now();
        let asked = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) if child.try_wait().expect("asked").is_some() => {
                    panic!("{command} asks nobody: {:#?}", end(child, &command));
                }
                Err(_) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => panic!("{command} asks nobody: {error}"),
            }
        };
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .expect("sent")
                .success()
        );
        let (status, ran) = end(child, &command);
        drop(asked);
        assert_eq!(
            (status.signal(), ran.out.as_str()),
            (Some(2), ""),
            "{command}: {ran:#?}"
        );
        assert!(!ran.err.contains("panicked"), "{command}: {ran:#?}");
    }
    Ok(())
}
