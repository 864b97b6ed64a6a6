//! What groups did.

use super::filter::Filters;
use super::state::Activity;
use crate::call::Call;
use crate::clock::Timestamp;
use crate::wire::{ApiError, Xml};

/// All of them have succeeded: what fails here does not begin.
const STATUS: &str = "Successful";

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, group) = (
        call.params.strings("ActivityIds"),
        call.params.non_empty("AutoScalingGroupName"),
    );
    if let Some(name) = group {
        call.region.autoscaling.get(name)?;
    }
    let kinds = ["StartTimeLowerBound", "StartTimeUpperBound", "Status"];
    let filters = Filters::read(call.params, &kinds)?;
    let (mut from, mut until) = (Timestamp::default(), Timestamp::LATEST);
    for (kind, value) in filters.values().filter(|(kind, _)| *kind != "Status") {
        let bound = value
            .parse()
            .map_err(|_| ApiError::constraint(value, kind, "Member must be a time"))?;
        if kind == "StartTimeLowerBound" {
            from = bound;
        } else {
            until = bound;
        }
    }
    let groups = call.region.autoscaling.by_name.iter();
    let all = groups
        .filter(|(name, _)| group.is_none_or(|group| group == name.as_str()))
        .flat_map(|(name, group)| group.activities.iter().rev().map(move |activity| (name, activity)));
    let listed = all
        .filter(|(_, activity)| ids.is_empty() || ids.contains(&activity.id))
        .filter(|(_, activity)| (from..=until).contains(&activity.at))
        .filter(|_| filters.admit(|kind, values| kind != "Status" || values.iter().any(|value| value == STATUS)));
    xml.members("Activities", listed, |xml, (name, activity)| write(xml, name, activity));
    Ok(())
}

pub(super) fn write(xml: &mut Xml, group: &str, activity: &Activity) {
    xml.text("ActivityId", &activity.id).text("AutoScalingGroupName", group);
    xml.text("Description", &activity.description)
        .text("Cause", &activity.description);
    xml.show("StartTime", activity.at).show("EndTime", activity.at);
    xml.text("StatusCode", STATUS)
        .show("Progress", 100)
        .text("Details", "{}");
}
