//! I/O: looks at subnets before they are attached, so that what AWS would refuse is told in words that name the field,
//! and a swap is planned in knowledge of the zones. Where EC2 may not be asked, AWS's own refusal tells.

use std::collections::BTreeSet;

use super::Pass;
use super::outcome::{self, Halt, Work};
use crate::api::message::{self, Message};
use crate::aws::{Class, Error};
use crate::controller::lookup::preflight::Preflight;
use crate::controller::lookup::{self, Subnets};
use crate::controller::memory::Memory;
use crate::elb::{Declared, LoadBalancer, Placement};
use crate::plan::desired::Missing;
use crate::plan::{Facts, Step, needs_spare, track};

/// Why a placement cannot be made.
enum Obstacle {
    Missing(Missing),
    Unread(Error),
}

impl From<Missing> for Obstacle {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl Pass<'_> {
    /// Before `CreateLoadBalancer`.
    pub(super) async fn survey_new(&self, memory: &Memory) -> Result<(), Halt> {
        let Some(Placement::Subnets(wanted)) = &self.declared.placement else {
            return Ok(());
        };
        match self.look_at(wanted, None, &memory.remote.subnets).await {
            Ok(_) => Ok(()),
            Err(Obstacle::Missing(missing)) => Err(outcome::not_found(&missing)),
            Err(Obstacle::Unread(error)) if error.class == Class::Denied => Ok(()),
            Err(Obstacle::Unread(error)) => Err(outcome::not_created(&error)),
        }
    }

    /// Before the subnets of a balancer change. On an obstacle they stay as they are in this pass.
    pub(super) async fn survey(
        &self,
        declared: &mut Declared,
        facts: &mut Facts,
        lb: &LoadBalancer,
        memory: &Memory,
        work: &mut Work,
    ) {
        let wanted = declared.over(lb).subnets;
        if wanted == lb.subnets {
            return;
        }
        match self.survey_change(&wanted, facts, lb, &memory.remote.subnets).await {
            Ok(()) => {}
            Err(Obstacle::Missing(missing)) => {
                declared.placement = None;
                work.missing.push(missing);
            }
            Err(Obstacle::Unread(error)) if error.class == Class::Denied => {
                tracing::info!(%error, "the subnets cannot be looked at; AWS will tell");
            }
            Err(Obstacle::Unread(error)) => {
                declared.placement = None;
                work.unread(track::PLACEMENT, &error);
            }
        }
    }

    async fn survey_change(
        &self,
        wanted: &BTreeSet<String>,
        facts: &mut Facts,
        lb: &LoadBalancer,
        known: &Subnets,
    ) -> Result<(), Obstacle> {
        let found = self.look_at(wanted, Some(lb), known).await?;
        if !lb.subnets.iter().all(|subnet| found.contains_key(subnet)) {
            return Ok(());
        }
        let zones = found.iter().map(|(id, subnet)| (id.clone(), subnet.zone.clone()));
        let zones = zones.collect();
        if needs_spare(&lb.subnets, wanted, &zones) {
            facts.spare = Some(self.spare(wanted, lb, &found).await?);
        }
        facts.zones = zones;
        Ok(())
    }

    /// The subnets wanted and attached, when AWS will take those that are wanted.
    async fn look_at(
        &self,
        wanted: &BTreeSet<String>,
        lb: Option<&LoadBalancer>,
        known: &Subnets,
    ) -> Result<Subnets, Obstacle> {
        let none = BTreeSet::new();
        let attached = lb.map_or(&none, |lb| &lb.subnets);
        let client = &self.subject.client;
        let all: BTreeSet<&String> = wanted.union(attached).collect();
        let found = lookup::subnets_of(client, all, known).await.map_err(Obstacle::Unread)?;
        let preflight = Preflight {
            field: self.placement_field(),
            region: &self.subject.region,
            wanted,
            attached,
            vpc: lb.and_then(|lb| lb.identity.vpc_id.as_deref()),
        };
        preflight.check(&found)?;
        Ok(found)
    }

    /// The subnet to borrow, where that is permitted.
    async fn spare(&self, wanted: &BTreeSet<String>, lb: &LoadBalancer, found: &Subnets) -> Result<String, Obstacle> {
        let field = self.placement_field();
        let (Some(old), Some(new)) = (lb.subnets.first().and_then(|id| found.get(id)), wanted.first()) else {
            return Err(needs_temporary(message::only_subnet_not_found(field)));
        };
        if self.object.spec.allow_temporary_subnet != Some(true) {
            return Err(needs_temporary(message::may_borrow(field, new, &old.id, &old.zone)));
        }
        let (client, region) = (&self.subject.client, &self.subject.region);
        match lookup::spare_subnet(client, region, lb.scheme, old).await {
            Ok(Some(spare)) => Ok(spare.id),
            Ok(None) => {
                let message = message::none_to_borrow(field, new, &old.id, &old.zone, &old.vpc_id);
                Err(needs_temporary(message))
            }
            Err(error) => Err(Obstacle::Unread(error)),
        }
    }

    fn placement_field(&self) -> &'static str {
        if self.object.spec.subnet_selector.is_some() {
            "spec.subnetSelector"
        } else {
            "spec.subnets"
        }
    }
}

fn needs_temporary(message: Message) -> Obstacle {
    Obstacle::Missing(Missing::new(track::PLACEMENT, message))
}

/// The zones that follow from the subnets, once these have changed: the description of the balancer was read before.
pub(super) fn follow_zones(lb: &mut LoadBalancer, facts: &Facts) {
    let zones: Option<BTreeSet<String>> = lb.subnets.iter().map(|id| facts.zones.get(id).cloned()).collect();
    if let Some(zones) = zones.filter(|zones| !zones.is_empty()) {
        lb.availability_zones = zones;
    }
}

/// Whether a step changes which instances get traffic by their zone.
pub(super) fn moves_zones(step: &Step) -> bool {
    matches!(
        step,
        Step::EnableZones(_) | Step::DisableZones(_) | Step::AttachSubnets(_) | Step::DetachSubnets(_)
    )
}
