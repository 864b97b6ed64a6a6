//! Child processes that cannot outlive this one.
//!
//! Every child runs under a small shell that holds the read end of a pipe from this process. A line on the pipe is
//! the name of a signal to pass on; the end of the pipe means that the handle was dropped, or that this process is
//! gone, however it went: the shell then kills the child. So nothing stays behind after a panic, a Ctrl-C or a
//! SIGKILL, and no process id has to be signalled from here.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::Doing;
use crate::{Error, Result};

/// `sh -c WATCHDOG sh PIDFILE PROGRAM ARGS…`. The child gets neither the pipe nor a terminal.
const WATCHDOG: &str = r#"
exec 3<&0 </dev/null
pidfile=$1
shift
"$@" 3<&- &
child=$!
echo "$child" >"$pidfile.part" && mv "$pidfile.part" "$pidfile"
{
  while read -r signal; do kill -s "$signal" "$child"; done
  kill -s KILL "$child"
} <&3 2>/dev/null &
guard=$!
exec 3<&-
wait "$child"
status=$?
kill -s KILL "$guard" 2>/dev/null
exit "$status"
"#;

/// `sh -c SWEEPER sh FOLDER`. Tried again for a while, because processes that write there may be ending just now.
const SWEEPER: &str = r#"
read -r _
tries=0
while [ -e "$1" ] && [ "$tries" -lt 100 ]; do
  rm -rf "$1" 2>/dev/null
  tries=$((tries + 1))
  [ ! -e "$1" ] || sleep 0.1
done
"#;

/// What to run: the program, its arguments, and its whole environment but for `PATH`, `HOME` and `TMPDIR`.
#[derive(Clone, Debug)]
pub struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
}

impl Launch {
    /// `name` is used in messages and names the log file.
    pub fn new(name: &str, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    /// The watchdog reports a signalled child as a shell does: 128 and the signal's number.
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) if code > 128 => Self::Signal(code - 128),
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

/// A running child. Dropping it kills the child and waits until it is gone.
#[derive(Debug)]
pub struct Process {
    name: String,
    watchdog: Child,
    orders: Option<ChildStdin>,
    log: PathBuf,
    pidfile: PathBuf,
}

impl Process {
    /// Starts a child whose output is appended to `<name>.log` in `folder`.
    pub fn start(launch: &Launch, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{}.log", launch.name));
        let pidfile = folder.join(format!("{}.pid", launch.name));
        // Gone before the watchdog starts, so that a process started again never shows the old one's id.
        let _ = std::fs::remove_file(&pidfile);
        let doing = || format!("starting {}", launch.name);
        let output = OpenOptions::new().create(true).append(true).open(&log).doing(doing())?;
        let mut command = shell(WATCHDOG);
        command.arg(&pidfile).arg(&launch.program).args(&launch.args);
        command.envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.stdout(output.try_clone().doing(doing())?).stderr(output);
        let mut watchdog = command.spawn().doing(doing())?;
        let orders = watchdog.stdin.take();
        Ok(Self {
            name: launch.name.clone(),
            watchdog,
            orders,
            log,
            pidfile,
        })
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its process id, once the watchdog has started it.
    pub async fn pid(&self) -> Result<u32> {
        let started = Instant::now();
        loop {
            if let Some(pid) = std::fs::read_to_string(&self.pidfile)
                .ok()
                .and_then(|text| text.trim().parse().ok())
            {
                return Ok(pid);
            }
            if started.elapsed() > Duration::from_secs(30) {
                return Err(Error::part(&self.name, "was not started by its watchdog", &self.log));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends a signal, named as `kill -s` names it: `TERM`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&mut self, name: &str) -> Result<()> {
        let Some(orders) = &mut self.orders else { return Ok(()) };
        match writeln!(orders, "{name}") {
            // The child is gone already, and its watchdog with it.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.doing(format!("sending {name} to {}", self.name)),
        }
    }

    /// How it ended, if it has.
    pub fn exit(&mut self) -> Result<Option<Exit>> {
        Ok(self
            .watchdog
            .try_wait()
            .doing(format!("waiting for {}", self.name))?
            .map(Exit::from))
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self, limit: Duration) -> Result<Exit> {
        let started = Instant::now();
        loop {
            if let Some(exit) = self.exit()? {
                return Ok(exit);
            }
            if started.elapsed() > limit {
                let problem = format!("was still running {} s after it should have ended", limit.as_secs());
                return Err(Error::part(&self.name, problem, &self.log));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.watchdog.wait();
    }
}

/// A temporary folder that is removed when it is dropped, or when this process ends in whatever way.
///
/// With `TESTKIT_KEEP` set in the environment it stays, for a look at the logs.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    sweeper: Option<Child>,
}

impl Folder {
    /// Makes a new one.
    pub fn new() -> Result<Self> {
        let doing = "making a temporary folder";
        let path = tempfile::Builder::new()
            .prefix("clb-testkit-")
            .tempdir()
            .doing(doing)?
            .keep();
        let sweeper = match std::env::var_os("TESTKIT_KEEP") {
            Some(_) => None,
            None => Some(
                shell(SWEEPER)
                    .arg(&path)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .doing(doing)?,
            ),
        };
        Ok(Self { path, sweeper })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only its owner may read, and returns where it is.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.path.join(name);
        let doing = || format!("writing {}", path.display());
        let mut file: File = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .doing(doing())?;
        file.write_all(content.as_bytes()).doing(doing())?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(sweeper) = &mut self.sweeper {
            drop(sweeper.stdin.take());
            let _ = sweeper.wait();
        }
    }
}

/// A shell with a pipe for its standard input, out of reach of the terminal's Ctrl-C: the pipe alone decides.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .stdin(Stdio::piped())
        .process_group(0)
        .env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}
