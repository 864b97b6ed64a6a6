//! I/O that only reads: where the instances are, for what the status tells of zones.

use std::collections::BTreeSet;

use super::subject::Subject;
use crate::controller::memory::Memory;
use crate::elb::InstanceId;
use crate::plan::targets::Members;

/// Finds the zones of the targets that neither their Node nor their source tells of. An instance never leaves its zone,
/// so EC2 is asked once; of those it does not know, again when somebody asks or at the next resync.
pub(super) async fn find_zones(subject: &Subject<'_>, memory: &mut Memory, members: &mut Members) {
    let known = memory.known.members(Members::new);
    for (id, member) in members.iter_mut().filter(|(_, member)| member.zone.is_none()) {
        member.zone = known.get(id).and_then(|known| known.zone.clone());
    }
    let zoneless = members.iter().filter(|(_, member)| member.zone.is_none());
    let zoneless: BTreeSet<InstanceId> = zoneless.map(|(id, _)| id.clone()).collect();
    let unknown = memory.known.ask_zones_of(&zoneless);
    if unknown.is_empty() {
        return;
    }
    match subject.region.client.zones_of(&unknown).await {
        Ok(zones) => {
            for (id, zone) in zones {
                memory.known.placed(&id);
                if let Some(member) = members.get_mut(&id) {
                    member.zone = Some(zone);
                }
            }
        }
        // Without them the status says less, and nothing else depends on it.
        Err(error) => tracing::debug!(%error, "the zones of the instances could not be read"),
    }
}
