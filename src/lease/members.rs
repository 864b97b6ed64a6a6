//! The processes that share the work. Each has a Lease that says no more than that it lives.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use tokio::time::Instant;

use super::leaders::digest;
use super::sight::{Record, Sight};
use super::{LASTS, RENEWED_WITHIN, now};
use crate::api::FIELD_MANAGER;

/// The label of these Leases; its value is the name of the operator's Lease.
const REPLICA: &str = "classiclb.dev/replica";
/// How long a process that comes up looks who else lives before it joins in: as long as two renewals take.
const LOOK: Duration = Duration::from_secs(5);
/// When the Lease of a process that was not seen to live for so long is taken away.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// Another process, as far as this one has seen it.
#[derive(Debug, Default)]
struct Member {
    identity: String,
    sight: Sight,
    /// It was seen to come or to go on. One that was there from the start may be long dead.
    moves: bool,
    /// How long it has not gone on.
    rested: Duration,
}

/// Those that are known, and this process.
pub(super) struct Members {
    leases: Api<Lease>,
    /// The operator's Lease.
    operator: String,
    identity: String,
    others: BTreeMap<String, Member>,
    /// When they were listed first.
    since: Option<Instant>,
    /// When this process began to say last that it lives.
    renewed: Option<Instant>,
}

impl Members {
    pub(super) fn new(leases: Api<Lease>, operator: &str, identity: &str) -> Self {
        Self {
            leases,
            operator: operator.to_owned(),
            identity: identity.to_owned(),
            others: BTreeMap::new(),
            since: None,
            renewed: None,
        }
    }

    /// The name of the Lease of this process.
    fn name(&self) -> String {
        format!("{}-replica-{:016x}", self.operator, digest([&self.identity]))
    }

    /// Looks who lives, and says that this process does, if it can work. Before it joins in it looks for a while, unless it is alone.
    pub(super) async fn meet(&mut self, works: bool) -> kube::Result<()> {
        let began = Instant::now();
        let labelled = ListParams::default().labels(&format!("{REPLICA}={}", self.operator));
        let mut listed = self.leases.list(&labelled).await?.items;
        let name = self.name();
        let own = listed.iter().position(|lease| lease.name_any() == name);
        let own = own.map(|own| listed.swap_remove(own));
        self.take(&listed);
        self.forget_dead(&listed).await?;
        let looked = *self.since.get_or_insert(began);
        let joins = self.renewed.is_some() || self.others.is_empty() || looked.elapsed() >= LOOK;
        if works && joins && self.renew(own, &name).await? {
            self.renewed = Some(began);
        }
        Ok(())
    }

    fn take(&mut self, listed: &[Lease]) {
        let first = self.since.is_none();
        let names: Vec<String> = listed.iter().map(ResourceExt::name_any).collect();
        self.others.retain(|name, _| names.contains(name));
        for (name, lease) in names.into_iter().zip(listed) {
            let record = Record::of(Some(lease));
            let is_new = !self.others.contains_key(&name);
            let member = self.others.entry(name).or_default();
            member.moves |= if is_new { !first } else { member.sight.changes(&record) };
            member.rested = member.sight.take(&record);
            member.identity = record.holder.unwrap_or_default();
        }
    }

    /// A process that died leaves its Lease behind.
    async fn forget_dead(&self, listed: &[Lease]) -> kube::Result<()> {
        for lease in listed {
            let name = lease.name_any();
            if self.others.get(&name).is_some_and(|member| member.rested >= FORGOTTEN) {
                let as_seen = Preconditions {
                    resource_version: lease.resource_version(),
                    uid: lease.uid(),
                };
                let gone = DeleteParams {
                    preconditions: Some(as_seen),
                    ..DeleteParams::default()
                };
                ignored(self.leases.delete(&name, &gone).await, &[404, 409])?;
            }
        }
        Ok(())
    }

    /// `false`: somebody changed it at the same time.
    async fn renew(&self, own: Option<Lease>, name: &str) -> kube::Result<bool> {
        let exists = own.is_some();
        let mut lease = own.unwrap_or_default();
        let labels = lease.labels_mut();
        labels.insert(REPLICA.to_owned(), self.operator.clone());
        labels.insert("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned());
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = i32::try_from(LASTS.as_secs()).ok();
        spec.renew_time = Some(now());
        let written = if exists {
            self.leases.replace(name, &PostParams::default(), &lease).await
        } else {
            lease.metadata.name = Some(name.to_owned());
            self.leases.create(&PostParams::default(), &lease).await
        };
        ignored(written, &[404, 409])
    }

    /// The identities of those that live; without this process, where it has not said so for long enough that others may doubt it.
    pub(super) fn living(&self) -> Vec<&str> {
        let others = self.others.values();
        let living = others.filter(|member| member.moves && member.rested < LASTS && !member.identity.is_empty());
        let own = self.renewed.filter(|renewed| renewed.elapsed() < RENEWED_WITHIN);
        let own = own.map(|_| self.identity.as_str());
        living.map(|member| member.identity.as_str()).chain(own).collect()
    }

    /// Whether this process said that it lives.
    pub(super) fn joined(&self) -> bool {
        self.renewed.is_some()
    }

    /// This process says no more that it lives.
    pub(super) async fn leave(&self) -> kube::Result<()> {
        let gone = self.leases.delete(&self.name(), &DeleteParams::default()).await;
        ignored(gone, &[404]).map(drop)
    }
}

/// `false`: the API server refused it with one of these codes.
fn ignored<T>(answer: kube::Result<T>, codes: &[u16]) -> kube::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(error)) if codes.contains(&error.code) => Ok(false),
        Err(error) => Err(error),
    }
}
