//! The stack in the background, for kubectl and AWS clients: `.local/` says how to reach it.
//!
//! A lock that the background process holds says whether it lives, so neither a crash nor a reused process id can
//! mislead the next `up` or `down`.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use testkit::{OperatorOptions, Options, Stack, tool};
use tokio::signal::unix::{SignalKind, signal};

use crate::screen::say;
use crate::site;

/// How long the stack may take to start, and to end.
const LIMIT: Duration = Duration::from_mins(5);

/// The operator's log.
const OPERATOR_LOG: &str = "operator.log";
/// Whose load balancers they are.
const CLUSTER_ID: &str = "local";

/// The files in `.local/`.
struct Local {
    folder: PathBuf,
}

impl Local {
    /// Where `make` has it.
    fn usual() -> PathBuf {
        tool::root().join(".local")
    }

    fn open(folder: Option<PathBuf>) -> anyhow::Result<Self> {
        let folder = folder.unwrap_or_else(Self::usual);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        // What stands in `env` has to hold wherever it is read.
        let folder = folder
            .canonicalize()
            .with_context(|| format!("looking at {}", folder.display()))?;
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn file(&self, name: &str) -> anyhow::Result<File> {
        let path = self.path(name);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        opened.with_context(|| format!("opening {}", path.display()))
    }

    /// The lock of the living stack, or `None` while a stack lives.
    fn claim(&self) -> anyhow::Result<Option<File>> {
        let file = self.file("lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("locking the file lock"),
        }
    }

    /// Removes what tells others about a stack.
    fn clear(&self) {
        for name in ["env", "pid", "kubeconfig", OPERATOR_LOG] {
            let _ = std::fs::remove_file(self.path(name));
        }
    }

    /// A variable of the living stack.
    fn exported(&self, name: &str) -> Option<String> {
        let env = read(&self.path("env"));
        let start = format!("export {name}='");
        let line = env.lines().find_map(|line| line.strip_prefix(&start));
        Some(line?.trim_end_matches('\'').to_owned())
    }

    fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(self.path("pid")).ok()?.trim().parse().ok()
    }
}

/// Starts the stack unless it runs.
pub(crate) async fn up(folder: Option<PathBuf>) -> anyhow::Result<()> {
    let local = Local::open(folder)?;
    // One `up` or `down` at a time.
    let turn = local.file("turn")?;
    turn.lock().context("waiting for another testkit to finish")?;
    let Some(claim) = local.claim()? else {
        let pid = local
            .pid()
            .context("a stack is running, but the file pid does not say which process holds it")?;
        say(&format!("The stack is running already (process {pid})."));
        revive(&local, pid).await?;
        tell(&local);
        return Ok(());
    };
    // Built here, where their progress is seen.
    for name in ["etcd", "kube-apiserver"] {
        tool::built(name).await?;
    }
    tool::kubectl().await?;
    local.clear();
    drop(claim);
    say("Starting etcd, kube-apiserver, the AWS simulator and the operator...");
    start_holder(&local).await?;
    say(&format!(
        "The stack is running (process {}).",
        local.pid().unwrap_or_default()
    ));
    tell(&local);
    Ok(())
}

/// Has the operator of the running stack started again if it ended, as after `kill -9`.
async fn revive(local: &Local, pid: u32) -> anyhow::Result<()> {
    let url = local
        .exported("CLB_OPERATOR_URL")
        .context("the file env does not say where the operator listens")?;
    // A process that lives answers this even where it is not ready; one that is stopped keeps its port.
    if testkit::get(&format!("{url}/healthz")).await.is_ok() {
        return Ok(());
    }
    send("USR1", pid)?;
    let asked = Instant::now();
    while testkit::get(&format!("{url}/readyz"))
        .await
        .map_or(0, |reply| reply.status)
        != 200
    {
        ensure!(
            asked.elapsed() < LIMIT,
            "the operator had ended and was not ready again within {} s:\n{}",
            LIMIT.as_secs(),
            read(&local.path("log"))
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    say("The operator had ended; it was started again.");
    Ok(())
}

fn tell(local: &Local) {
    let env = local.path("env");
    say(&format!(
        "Point kubectl and AWS clients at it with:\n  . {}",
        env.display()
    ));
    say("Then try three things:");
    say(
        "  kubectl apply -f examples/tutorial.yaml && kubectl get clb --watch    # a load balancer appears, with its DNS name",
    );
    say(
        "  kubectl label node web-c role=web                                     # the instance behind it is registered",
    );
    say("  kubectl clb plan -f examples                                          # what each example would do in AWS");
    if let Some(url) = local.exported("AWS_ENDPOINT_URL") {
        say(&format!(
            "See the simulated AWS at {url}: load balancers, the health of instances, requests as they come."
        ));
    }
    say(&format!("The operator's log is {}", local.path(OPERATOR_LOG).display()));
    if local.folder == Local::usual() {
        say("End it with: make down");
    } else {
        say(&format!(
            "End it with: testkit down --folder {}",
            local.folder.display()
        ));
    }
}

/// Starts the background process, outside the terminal's reach, and waits until it has written `.local/env`.
async fn start_holder(local: &Local) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let log = File::create(local.path("log")).context("making the file log")?;
    let mut holder = Command::new(std::env::current_exe()?)
        .args(["hold", "--folder"])
        .arg(&local.folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("starting the background process")?;
    let started = Instant::now();
    while !local.path("env").exists() {
        if let Some(status) = holder.try_wait()? {
            bail!("the stack did not start ({status}):\n{}", read(&local.path("log")));
        }
        if started.elapsed() > LIMIT {
            holder.kill()?;
            bail!(
                "the stack did not start within {} s:\n{}",
                LIMIT.as_secs(),
                read(&local.path("log"))
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Ends the stack if it runs.
pub(crate) async fn down(folder: Option<PathBuf>) -> anyhow::Result<()> {
    let local = Local::open(folder)?;
    let turn = local.file("turn")?;
    turn.lock().context("waiting for another testkit to finish")?;
    if local.claim()?.is_some() {
        local.clear();
        say("No stack is running.");
        return Ok(());
    }
    let pid = local
        .pid()
        .context("a stack is running, but the file pid does not say which process holds it")?;
    send("TERM", pid)?;
    let asked = Instant::now();
    while local.claim()?.is_none() {
        ensure!(
            asked.elapsed() < LIMIT,
            "process {pid} did not end within {} s",
            LIMIT.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    local.clear();
    say("The stack is down.");
    Ok(())
}

fn send(signal: &str, pid: u32) -> anyhow::Result<()> {
    let script = r#"kill -s "$1" "$2""#;
    let status = Command::new("sh")
        .args(["-c", script, "sh", signal, &pid.to_string()])
        .status()?;
    ensure!(status.success(), "could not send {signal} to process {pid}");
    Ok(())
}

/// The background process: holds the stack until it is told to end.
pub(crate) async fn hold(folder: Option<PathBuf>) -> anyhow::Result<()> {
    let local = Local::open(folder)?;
    let Some(_claim) = local.claim()? else {
        bail!("a stack is running already")
    };
    std::fs::write(local.path("pid"), format!("{}\n", std::process::id())).context("writing the file pid")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut revive = signal(SignalKind::user_defined1())?;
    // The terminal that it was started from may close.
    let _hangup = signal(SignalKind::hangup())?;

    let operator = OperatorOptions {
        cluster_id: CLUSTER_ID.into(),
        ..OperatorOptions::default()
    };
    let stack = Stack::start(Options {
        operator,
        ..Options::default()
    })
    .await?;
    let cluster = stack.control_plane().cluster("default").await?;
    site::prepare(&stack, &cluster, 2).await?;
    site::prepare_examples(&stack, &cluster).await?;
    publish(&local, &stack, &programs().await?)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            // One that cannot be started is told by whoever waits for it.
            _ = revive.recv() => if let Err(error) = stack.operator().start() {
                eprintln!("the operator could not be started again: {error}");
            },
        }
    }
    local.clear();
    Ok(())
}

/// The folders of what a shell is to find: the operator, the simulator and `kubectl clb`, which lie where this program does, and
/// kubectl, where it had to be built.
async fn programs() -> anyhow::Result<Vec<PathBuf>> {
    let mut programs = vec![std::env::current_exe()?];
    if tool::on_path("kubectl").is_none() {
        programs.push(tool::kubectl().await?);
    }
    Ok(programs
        .iter()
        .filter_map(|program| program.parent())
        .map(Path::to_owned)
        .collect())
}

/// A line for the shell that puts a folder before those of its `PATH`, unless it is there already.
fn before_path(folder: &Path) -> String {
    let folder = folder.display().to_string().replace('\'', r"'\''");
    format!("case \":$PATH:\" in *':{folder}:'*) ;; *) export PATH='{folder}'\":$PATH\" ;; esac\n")
}

/// Writes the kubeconfig, shows the operator's log and, last and at once, the file that says that all is ready.
fn publish(local: &Local, stack: &Stack, programs: &[PathBuf]) -> anyhow::Result<()> {
    let kubeconfig = local.path("kubeconfig");
    std::fs::copy(stack.control_plane().kubeconfig(), &kubeconfig).context("writing the file kubeconfig")?;
    let log = local.path(OPERATOR_LOG);
    std::os::unix::fs::symlink(stack.operator().log_file(), &log)
        .with_context(|| format!("linking {}", log.display()))?;
    let mut variables = vec![("KUBECONFIG", kubeconfig.display().to_string())];
    variables.extend(stack.simulator().environment());
    // boto3 and version 1 of the AWS CLI know the region by this name alone.
    variables.push(("AWS_DEFAULT_REGION", testkit::simulator::REGION.to_owned()));
    variables.push(("CLB_OPERATOR_URL", stack.operator().url().to_owned()));
    // No Deployment tells `kubectl clb plan` under which flags the operator runs.
    for (name, value) in [
        ("CLB_CLUSTER_ID", CLUSTER_ID),
        ("CLB_ADOPTION", "tagged"),
        ("CLB_DEFAULT_ACCOUNT", "on"),
        ("CLB_DEFAULT_TAGS", ""),
        ("CLB_NODE_DRAINING", "none"),
        ("CLB_READ_ONLY", "false"),
        ("CLB_WATCH_NAMESPACES", ""),
    ] {
        variables.push((name, value.to_owned()));
    }
    let line = |(name, value): &(&str, String)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"));
    let found = programs.iter().map(|folder| before_path(folder));
    let text: String = variables.iter().map(line).chain(found).collect();
    let part = local.path("env.part");
    std::fs::write(&part, text).context("writing the file env")?;
    std::fs::rename(&part, local.path("env")).context("writing the file env")
}
