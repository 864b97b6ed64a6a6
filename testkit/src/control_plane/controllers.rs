//! kube-controller-manager, for the tests that need what it does.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::{ControlPlane, START_LIMIT, flag};
use crate::process::{Launch, Process};
use crate::{Error, Result, port, tool};

/// What deletes what is in a namespace, and what is owned by what was deleted.
pub const DELETING: [&str; 2] = ["namespace-controller", "garbage-collector-controller"];

impl ControlPlane {
    /// Starts a kube-controller-manager with these controllers and no others, and waits until it listens. It ends when
    /// what is returned is dropped. The garbage collector knows the kinds that are there when it starts.
    pub async fn start_controllers(&self, names: &[&str]) -> Result<Process> {
        let port = port::free()?;
        let kubeconfig = &self.kubeconfig;
        let launch = Launch::new("kube-controller-manager", tool::built("kube-controller-manager").await?)
            .args([
                flag("kubeconfig", kubeconfig),
                flag("authentication-kubeconfig", kubeconfig),
                flag("authorization-kubeconfig", kubeconfig),
                flag("cert-dir", self.folder.path().join("controller-manager")),
                flag("secure-port", port.to_string()),
                flag("controllers", names.join(",")),
            ])
            .args(["--authentication-skip-lookup", "--bind-address=127.0.0.1"])
            // It is alone, and has the rights of whoever started it.
            .args(["--leader-elect=false", "--use-service-account-credentials=false"]);
        let mut process = Process::start(&launch, self.folder.path())?;
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let problem = match process.exit()? {
                Some(exit) => format!("ended at its start ({exit:?})"),
                None if started.elapsed() > START_LIMIT => format!("did not listen within {} s", START_LIMIT.as_secs()),
                None => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            return Err(Error::part(process.name(), problem, process.log()));
        }
        Ok(process)
    }
}
