//! I/O that only reads: where the instances are, for what the status tells of zones.

use std::collections::BTreeSet;

use super::{Memory, Pass};
use crate::elb::InstanceId;
use crate::plan::targets::Members;

impl Pass<'_> {
    /// Finds the zones of the targets that neither their Node nor their source tells of. An instance never leaves its
    /// zone, so EC2 is asked once; of those it does not know, again at the next resync.
    pub(super) async fn find_zones(&self, memory: &mut Memory, members: &mut Members) {
        for (id, member) in members.iter_mut().filter(|(_, member)| member.zone.is_none()) {
            member.zone = memory.members.get(id).and_then(|known| known.zone.clone());
        }
        let zoneless = members.iter().filter(|(_, member)| member.zone.is_none());
        let mut unknown: BTreeSet<InstanceId> = zoneless.map(|(id, _)| id.clone()).collect();
        unknown.retain(|id| !memory.unplaced.contains(id));
        if unknown.is_empty() {
            return;
        }
        memory.unplaced.extend(unknown.iter().cloned());
        match self.subject.client.zones_of(&unknown).await {
            Ok(zones) => {
                for (id, zone) in zones {
                    memory.unplaced.remove(&id);
                    if let Some(member) = members.get_mut(&id) {
                        member.zone = Some(zone);
                    }
                }
            }
            // Without them the status says less, and nothing else depends on it.
            Err(error) => tracing::debug!(%error, "the zones of the instances could not be read"),
        }
    }
}
