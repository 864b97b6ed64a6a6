//! Another control plane from a copy of what one has stored.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{ControlPlane, ETCD_DATA, START_LIMIT};
use crate::error::Doing;
use crate::process::Folder;
use crate::{Error, Result};

impl ControlPlane {
    /// Starts another control plane from a copy of what etcd has stored: every object is there again, with its UID and its
    /// status. This one goes on.
    pub async fn restored(&self) -> Result<Self> {
        let folder = Arc::new(Folder::new()?);
        // What a process that stands still has written is what a crash would leave, and etcd survives one.
        self.signal_etcd("STOP")?;
        self.until_etcd_stands().await?;
        let copied = copy(&self.folder.path().join(ETCD_DATA), &folder.path().join(ETCD_DATA));
        self.signal_etcd("CONT")?;
        copied?;
        // It is another cluster of etcd from now on, with an address of its own.
        Self::start_on(folder, &["--force-new-cluster"]).await
    }

    async fn until_etcd_stands(&self) -> Result<()> {
        let started = Instant::now();
        let path = format!("/proc/{}/status", self.etcd_pid);
        while !fs::read_to_string(&path)
            .doing(format!("reading {path}"))?
            .contains("\nState:\tT")
        {
            if started.elapsed() > START_LIMIT {
                return Err(Error::Setup("etcd does not stand still".into()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn signal_etcd(&self, name: &str) -> Result<()> {
        self.etcd.lock().unwrap_or_else(PoisonError::into_inner).signal(name)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let doing = || format!("copying {}", from.display());
    fs::create_dir_all(to).doing(doing())?;
    for entry in fs::read_dir(from).doing(doing())? {
        let entry = entry.doing(doing())?;
        let target = to.join(entry.file_name());
        if entry.file_type().doing(doing())?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).doing(doing())?;
        }
    }
    Ok(())
}
