//! What metrics tell of all objects when they are asked, and of one when its reconcile has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;
use tokio::time::Instant;

use super::Reconciler;
use crate::api::condition::READY;
use crate::controller::memory::Memory;
use crate::controller::object::Object;
use crate::controller::orphans::Look;
use crate::metrics::{Endpoint, QueueSample, RegionSample, Told};

impl Reconciler {
    /// From now on the metrics ask it, at each scrape, which objects wait, and how the regions stand.
    pub fn answers_metrics(self: &Arc<Self>) {
        // It has the metrics, too.
        let reconciler = Arc::downgrade(self);
        self.cx.metrics.queue_from({
            let reconciler = reconciler.clone();
            move || reconciler.upgrade().map(|it| it.queue()).unwrap_or_default()
        });
        let regions = move || reconciler.upgrade().map(|it| it.regions());
        self.cx.metrics.regions_from(move || regions().unwrap_or_default());
    }

    /// Where this process works on objects of these UIDs, and on how many. What it remembers of a term that has ended says nothing.
    fn works_on(&self, mut uids: Vec<String>) -> BTreeMap<Endpoint, usize> {
        uids.retain(|uid| self.cx.leaders().of(self.shares.of(uid).as_ref()).is_current());
        self.cx.accounts.endpoints_of(&uids)
    }

    /// Looks for load balancers that have no object any more, where it is time and AWS is asked for nothing else. An operator of single
    /// namespaces cannot tell: others have objects, too.
    pub async fn look_for_orphans(&self) {
        if self.cx.namespaces().named().next().is_some() {
            return;
        }
        let now = self.cx.clock.now().at;
        let led = self.works_on(self.memories.owners());
        let lives = |uid: &str| self.memories.has_owner(uid);
        for at in self.orphans.due(led.keys(), now) {
            let Some(region) = self.cx.accounts.region_at(&at) else {
                continue;
            };
            let look = Look {
                at: &at,
                region: &region,
                cluster: &self.cx.cluster_id,
                owned: self.memories.load_balancers(&self.cx.accounts.users_at(&at)),
                lives: &lives,
            };
            self.orphans.look(look, now).await;
        }
    }

    /// Nobody's view is too old where no object has AWS looked at.
    fn regions(&self) -> Vec<RegionSample> {
        let read = self.works_on(self.memories.looking());
        let led = self.works_on(self.memories.owners());
        let orphans = self.orphans.counts();
        let mut samples = self.cx.accounts.samples();
        for sample in &mut samples {
            sample.view_age = sample.view_age.filter(|_| read.contains_key(&sample.at));
            let orphans = orphans.get(&sample.at).copied();
            sample.orphans = orphans.filter(|_| led.contains_key(&sample.at));
        }
        samples
    }

    fn queue(&self) -> QueueSample {
        let places = self.cx.accounts.endpoints();
        let mut for_rate: BTreeMap<Endpoint, usize> = places.iter().map(|at| (at.clone(), 0)).collect();
        for_rate.extend(self.works_on(self.memories.waiting_for_rate(Instant::now())));
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
