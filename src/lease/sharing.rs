//! Replicas share the work: each share of the objects has a Lease, and the one of those that live which is best for the place
//! holds it.
//!
//! Who is best decides only who shall lead. Who may write decides the Lease, by the same rules as that of the operator: two that
//! do not agree on who lives leave a Lease lying or want the same one, and never both write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{AbortHandle, AbortRegistration, Abortable, join_all};
use futures::stream::{FuturesUnordered, StreamExt as _};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tracing::warn;

use super::leaders::{Leaders, Share, best};
use super::members::Members;
use super::{ANSWER, Election, Leader, RETRY};
use crate::api::message;
use crate::metrics::Metrics;
use crate::readiness::{Readiness, Resource};

/// The shares that objects are in, and where each is: shares of one place are one process's.
pub type Used = BTreeMap<Share, String>;

/// How the identity ends of a process that shares.
const SHARES: &str = "_shares";

/// Has a part in the work.
pub struct Sharing {
    client: Client,
    namespace: String,
    /// The operator's Lease: who holds it leads everywhere, unless it shares.
    operator: Arc<Election>,
    leaders: Leaders,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    elections: Mutex<Elections>,
}

/// Those for the shares that objects are in, and what ends each.
type Elections = BTreeMap<Share, (Arc<Election>, AbortHandle)>;

impl Sharing {
    /// For the operator's Lease in this namespace, which is held or waited for as a process that [shares](Self::identity).
    pub fn new(
        client: Client,
        namespace: &str,
        operator: Arc<Election>,
        leaders: Leaders,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
    ) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            operator,
            leaders,
            metrics,
            readiness,
            elections: Mutex::default(),
        }
    }

    /// Who a process is that shares: it is told by that from one that does not.
    pub fn identity(process: &str) -> String {
        format!("{process}{SHARES}")
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn elections(&self) -> MutexGuard<'_, Elections> {
        self.elections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims the shares that are this process's again and again, and gives back those that are another's, until the future is
    /// dropped. Then the claims run out, unless they are [released](Self::release).
    pub async fn run(&self, used: impl Fn() -> Used) {
        let (new, mut elections) = mpsc::unbounded_channel();
        let meeting = async {
            let mut members = self.members();
            loop {
                if self.leads_everywhere() {
                    self.give_up().await;
                    members = self.members();
                } else if self.meet(&mut members).await && members.joined() {
                    for election in self.divide(&used(), &members.living()) {
                        // Whoever receives it ends with this.
                        let _ = new.send(election);
                    }
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        // A renewal waits for nothing else.
        let electing = async {
            let mut running = FuturesUnordered::new();
            loop {
                tokio::select! {
                    biased;
                    Some((election, ends)) = elections.recv() => running.push(Abortable::new(
                        async move { election.run().await },
                        ends,
                    )),
                    Some(_) = running.next() => {}
                }
            }
        };
        tokio::join!(meeting, electing);
    }

    fn members(&self) -> Members {
        Members::new(self.leases(), &self.operator.name, &self.operator.identity)
    }

    /// Whether another process leads everywhere, since it does not share: replicas are exchanged for such that do, or do not.
    fn leads_everywhere(&self) -> bool {
        matches!(self.operator.leader(), Leader::Other(other) if !other.ends_with(SHARES))
    }

    /// Whether this process knows who lives.
    async fn meet(&self, members: &mut Members) -> bool {
        // One that does not know the objects cannot work on them; and who joins in knows that nobody leads everywhere.
        let works = self.readiness.is_listed(Resource::Objects)
            && (members.joined() || self.operator.leader() != Leader::Unknown);
        match tokio::time::timeout(ANSWER, members.meet(works)).await {
            Ok(Ok(())) => {
                self.readiness.listed(Resource::Replicas);
                return true;
            }
            Ok(Err(error)) => {
                warn!(lease = self.operator.name, %error, "the Leases of the replicas cannot be read or written");
                self.readiness.failing(Resource::Replicas, &super::in_words(&error));
            }
            Err(_) => {
                let silent = message::api_server_silent(ANSWER.as_secs());
                warn!(
                    lease = self.operator.name,
                    "the API server did not answer about the Leases of the replicas"
                );
                self.readiness.failing(Resource::Replicas, &silent);
            }
        }
        false
    }

    /// Says which shares this process shall lead in. Returns the elections that are new.
    fn divide(&self, used: &Used, living: &[&str]) -> Vec<(Arc<Election>, AbortRegistration)> {
        let mut elections = self.elections();
        elections.retain(|share, (election, ending)| {
            let is_used = used.contains_key(share);
            if !is_used {
                election.want(false);
                if election.leader() != Leader::Us {
                    ending.abort();
                    self.metrics.no_lease(&election.name);
                    return false;
                }
            }
            true
        });
        let mut begun = Vec::new();
        for (share, place) in used {
            let wanted = best(living.iter().copied(), place) == Some(&*self.operator.identity);
            if let Some((election, _)) = elections.get(share) {
                election.want(wanted);
                continue;
            }
            let Some(lease) = self.leaders.lease(share) else {
                continue;
            };
            let election = Election::new(
                self.client.clone(),
                (&self.namespace, lease),
                self.operator.identity.clone(),
                self.leaders.of(Some(share)),
                Arc::clone(&self.metrics),
                Arc::clone(&self.readiness),
            );
            let election = Arc::new(election);
            election.want(wanted);
            let (ending, ends) = AbortHandle::new_pair();
            elections.insert(share.clone(), (Arc::clone(&election), ending));
            begun.push((election, ends));
        }
        begun
    }

    /// Gives everything back, so that nobody has to wait until it runs out. Nothing is written after that.
    pub async fn release(&self) {
        // The others must know first whom they need not wait for.
        match tokio::time::timeout(ANSWER, self.members().leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the Lease of this replica could not be taken away"),
            Err(_) => warn!("the API server did not answer about the Lease of this replica"),
        }
        self.give_up().await;
    }

    /// Gives back every share, whatever is under way.
    async fn give_up(&self) {
        let elections = std::mem::take(&mut *self.elections());
        let releasing = elections.values().map(|(election, ending)| {
            ending.abort();
            election.release()
        });
        join_all(releasing).await;
        for (election, _) in elections.values() {
            self.metrics.no_lease(&election.name);
        }
    }
}
