//! What metrics tell of all objects when they are asked, and of one when its reconcile has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;
use tokio::time::Instant;

use super::Reconciler;
use crate::api::condition::READY;
use crate::controller::memory::Memory;
use crate::controller::object::Object;
use crate::metrics::{Endpoint, QueueSample, Told};

impl Reconciler {
    /// From now on the metrics ask it, at each scrape, which objects wait.
    pub fn answers_metrics(self: &Arc<Self>) {
        // It has the metrics, too.
        let reconciler = Arc::downgrade(self);
        let sample = move || reconciler.upgrade().map(|reconciler| reconciler.queue());
        self.cx.metrics.queue_from(move || sample().unwrap_or_default());
    }

    fn queue(&self) -> QueueSample {
        let places = self.cx.accounts.endpoints();
        let mut for_rate: BTreeMap<Endpoint, usize> = places.iter().map(|at| (at.clone(), 0)).collect();
        // What is remembered of a term that has ended says nothing.
        let mut waiting = self.memories.waiting_for_rate(Instant::now());
        waiting.retain(|uid| self.cx.leaders().of(self.shares.of(uid).as_ref()).is_current());
        for at in self.cx.accounts.endpoints_of(&waiting) {
            *for_rate.entry(at).or_default() += 1;
        }
        QueueSample {
            depths: self.admission.waiting(),
            waiting: self.admission.places(places),
            at_work: self.admission.at_work(),
            for_rate: for_rate.into_iter().collect(),
        }
    }

    pub(super) fn count_undecodable(&self) {
        let undecodable = i64::try_from(self.memories.undecodable()).unwrap_or(i64::MAX);
        self.cx.metrics.undecodable.set(undecodable);
    }

    /// Where an object is, as metrics tell it, by the name of its account.
    pub(super) fn at(&self, account: &str, region: &str) -> Endpoint {
        let account = if account.is_empty() {
            String::new()
        } else {
            self.cx.account_view.place(account)
        };
        Endpoint {
            account: account.into(),
            region: region.into(),
        }
    }
}

/// What the metrics tell of an object: what its status says. Without a status there is nothing to tell.
pub(super) fn told(object: &Object, memory: &Memory) -> Option<Told> {
    let status = memory.published.written(object);
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY)?;
    let instances = status.instances.unwrap_or_default();
    let certificates = status.listeners.into_iter().filter_map(|listener| {
        let certificate = listener.certificate?;
        let end: jiff::Timestamp = certificate.not_after?.parse().ok()?;
        Some((certificate.arn, end.as_second()))
    });
    Some(Told {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        binding: object.is_binding(),
        ready: ready.status == "True",
        reason: ready.reason.clone(),
        desired: instances.desired,
        in_service: instances.in_service,
        out_of_service: instances.out_of_service,
        draining: instances.draining,
        held: memory.brake.waiting(),
        certificates: certificates.collect(),
        deleted_at: object.metadata.deletion_timestamp.as_ref().map(|at| at.0.as_second()),
        lease: None,
    })
}
