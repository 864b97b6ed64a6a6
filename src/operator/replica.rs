//! This process among those that lead or follow, or share the work.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::controller::Reconciler;
use crate::lease::{Election, Leaders, Leadership, Sharing};
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// What it holds or waits for.
pub(super) struct Replica {
    pub(super) leaders: Leaders,
    /// The operator's Lease.
    lease: Arc<Election>,
    /// What it has a part in, where replicas share the work.
    sharing: Option<Arc<Sharing>>,
    tasks: JoinSet<()>,
}

impl Replica {
    /// Begins to claim the operator's Lease of this name in this namespace.
    pub(super) fn start(
        client: &kube::Client,
        (namespace, name): (&str, String),
        process: String,
        shares: bool,
        (metrics, readiness): (&Arc<Metrics>, &Arc<Readiness>),
    ) -> Self {
        let leadership = Leadership::none();
        let election = |identity| {
            Election::new(
                client.clone(),
                (namespace, name.clone()),
                identity,
                leadership.clone(),
                Arc::clone(metrics),
                Arc::clone(readiness),
            )
        };
        let (lease, leaders, sharing) = if shares {
            let lease = Arc::new(election(Sharing::identity(&process)));
            let leaders = Leaders::by_share(leadership.clone(), &name);
            let sharing = Sharing::new(
                client.clone(),
                namespace,
                Arc::clone(&lease),
                leaders.clone(),
                Arc::clone(metrics),
                Arc::clone(readiness),
            );
            (lease, leaders, Some(Arc::new(sharing)))
        } else {
            (Arc::new(election(process)), leadership.clone().into(), None)
        };
        let mut tasks = JoinSet::new();
        let electing = Arc::clone(&lease);
        tasks.spawn(async move { electing.run().await });
        Self {
            leaders,
            lease,
            sharing,
            tasks,
        }
    }

    /// Takes its part in the work on these objects, where replicas share it.
    pub(super) fn take_part(&mut self, reconciler: &Arc<Reconciler>) {
        if let Some(sharing) = self.sharing.clone() {
            let reconciler = Arc::clone(reconciler);
            self.tasks.spawn(async move { sharing.run(|| reconciler.used()).await });
        }
    }

    /// Gives back what it holds, so that nobody has to wait. Nothing is written after that.
    pub(super) async fn release(mut self) {
        self.tasks.shutdown().await;
        if let Some(sharing) = &self.sharing {
            sharing.release().await;
        }
        self.lease.release().await;
    }
}
