//! The operator's real binary as a child process.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Doing;
use crate::http::{Reply, get};
use crate::process::{Exit, Folder, Launch, Process};
use crate::{Error, Result, port, tool};

/// How long the operator may take to be ready, and to stop.
const LIMIT: Duration = Duration::from_secs(90);

/// What the operator is started with.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// `--cluster-id`.
    pub cluster_id: String,
    /// `--resync-period`.
    pub resync_period: String,
    /// `--health-interval`.
    pub health_interval: String,
    /// `--log-format`.
    pub log_format: String,
    /// `--log-level`.
    pub log_level: String,
    /// Further arguments.
    pub args: Vec<String>,
    /// Further environment, set after the rest.
    pub env: Vec<(String, String)>,
}

impl Default for OperatorOptions {
    /// As the operator's own defaults, for a cluster called `test`, with a log for people.
    fn default() -> Self {
        Self {
            cluster_id: "test".into(),
            resync_period: "10m".into(),
            health_interval: "60s".into(),
            log_format: "text".into(),
            // With the end of each full reconcile.
            log_level: "info,classic_lb_operator::controller::guard=debug".into(),
            args: Vec::new(),
            env: Vec::new(),
        }
    }
}

/// The operator, which can be stopped, killed and started again. Dropping it kills the process.
#[derive(Debug)]
pub struct Operator {
    launch: Launch,
    process: Mutex<Option<Process>>,
    url: String,
    folder: Arc<Folder>,
}

impl Operator {
    /// Prepares an operator without starting it.
    pub fn prepare(
        options: &OperatorOptions,
        kubeconfig: &Path,
        aws: impl IntoIterator<Item = (&'static str, String)>,
        folder: Arc<Folder>,
    ) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", port::free()?);
        let flags = [
            ("--cluster-id", options.cluster_id.as_str()),
            ("--listen", &listen),
            ("--resync-period", &options.resync_period),
            ("--health-interval", &options.health_interval),
            ("--log-format", &options.log_format),
            ("--log-level", &options.log_level),
        ];
        let mut launch = Launch::new("clb-operator", tool::operator()?)
            .args(["run"])
            .args(flags.iter().flat_map(|(flag, value)| [*flag, *value]))
            .args(&options.args)
            .env("KUBECONFIG", kubeconfig)
            // Off AWS nothing answers there, and looking takes seconds.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // The simulator counts no calls unless it is told to.
            .env("CLB_RATE_LIMITS", "none")
            .env("RUST_BACKTRACE", "1");
        for (name, value) in aws {
            launch = launch.env(name, value);
        }
        for (name, value) in &options.env {
            launch = launch.env(name, value);
        }
        Ok(Self {
            launch,
            process: Mutex::new(None),
            url: format!("http://{listen}"),
            folder,
        })
    }

    /// Starts it; one that runs already is killed first.
    pub fn start(&self) -> Result<()> {
        self.kill();
        let process = Process::start(&self.launch, self.folder.path())?;
        *self.process() = Some(process);
        Ok(())
    }

    /// Starts it and waits until it is ready.
    pub async fn start_ready(&self) -> Result<()> {
        self.start()?;
        self.until_ready().await
    }

    /// Kills it with SIGKILL.
    pub fn kill(&self) {
        drop(self.process().take());
    }

    /// Asks it to stop with SIGTERM, and returns how it ended.
    pub async fn stop(&self) -> Result<Exit> {
        let Some(mut process) = self.process().take() else {
            return Err(Error::Setup("the operator is not running".into()));
        };
        // A signal to a process that is being started is lost with it.
        process.pid().await?;
        process.signal("TERM")?;
        process.ended(LIMIT).await
    }

    /// Sends it a signal: after `STOP` it does nothing, until `CONT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        match &mut *self.process() {
            Some(process) => process.signal(name),
            None => Err(Error::Setup("the operator is not running".into())),
        }
    }

    /// The memory of it that is resident, in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid()?);
        let status = std::fs::read_to_string(&path).doing(format!("reading {path}"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        resident
            .and_then(|kib| kib.parse().ok())
            .ok_or_else(|| Error::Setup(format!("{path} tells no VmRSS")))
    }

    /// Waits until it has ended by itself, and returns how.
    pub async fn ended(&self) -> Result<Exit> {
        let Some(mut process) = self.process().take() else {
            return Err(Error::Setup("the operator is not running".into()));
        };
        process.ended(LIMIT).await
    }

    /// Waits until `/readyz` answers 200.
    pub async fn until_ready(&self) -> Result<()> {
        self.until("/readyz", "200", |reply| reply.status == 200)
            .await
            .map(drop)
    }

    /// Waits until an address of its HTTP server answers as wanted, and returns the answer.
    pub async fn until(&self, path: &str, what: &str, mut condition: impl FnMut(&Reply) -> bool) -> Result<Reply> {
        let started = Instant::now();
        loop {
            let answer = self.get(path).await;
            if let Ok(reply) = &answer
                && condition(reply)
            {
                return answer;
            }
            self.still_running()?;
            if started.elapsed() > LIMIT {
                let last = match answer {
                    Ok(reply) => format!("HTTP {}: {}", reply.status, reply.body),
                    Err(error) => error.to_string(),
                };
                let problem = format!(
                    "did not answer {what} on {path} within {} s; last answer: {last}",
                    LIMIT.as_secs()
                );
                return Err(Error::part("clb-operator", problem, &self.log_file()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Gets an address of its HTTP server: `/metrics`.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        get(&format!("{}{path}", self.url)).await
    }

    /// Where its HTTP server listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id, once it has answered.
    pub fn pid(&self) -> Result<u32> {
        let path = self.folder.path().join("clb-operator.pid");
        self.still_running()?;
        let text = std::fs::read_to_string(&path).doing(format!("reading {}", path.display()))?;
        text.trim()
            .parse()
            .map_err(|_| Error::Setup(format!("{} holds no process id", path.display())))
    }

    /// All it has written so far, over all its starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// How long its log is.
    pub fn mark(&self) -> Result<usize> {
        let path = self.log_file();
        let length = std::fs::metadata(&path)
            .doing(format!("reading {}", path.display()))?
            .len();
        usize::try_from(length).map_err(|_| Error::Setup("the log is too long".into()))
    }

    /// Waits until it has logged a line like this since a mark.
    pub async fn until_logged(&self, mark: usize, what: &str, like: impl Fn(&str) -> bool) -> Result<()> {
        let started = Instant::now();
        loop {
            let log = self.log();
            if log.get(mark..).unwrap_or_default().lines().any(&like) {
                return Ok(());
            }
            self.still_running()?;
            if started.elapsed() > LIMIT {
                let problem = format!("did not log {what} within {} s", LIMIT.as_secs());
                return Err(Error::part("clb-operator", problem, &self.log_file()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where it writes it.
    pub fn log_file(&self) -> std::path::PathBuf {
        self.folder.path().join("clb-operator.log")
    }

    fn still_running(&self) -> Result<()> {
        let mut process = self.process();
        let Some(running) = process.as_mut() else {
            return Err(Error::Setup("the operator is not running".into()));
        };
        match running.exit()? {
            None => Ok(()),
            Some(exit) => Err(Error::part(
                "clb-operator",
                format!("ended by itself ({exit:?})"),
                running.log(),
            )),
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
