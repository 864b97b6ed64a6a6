//! `DescribeAccountLimits`.

use super::paging::{page_size, read_marker, write_marker, wrong_marker};
use crate::call::Call;
use crate::wire::{ApiError, Xml};

/// Quotas of a new account; `DescribeAccountLimits` reports them always.
pub(super) const MAX_LOAD_BALANCERS: usize = 20;
pub(super) const MAX_LISTENERS: usize = 100;
pub(super) const MAX_INSTANCES: usize = 1000;

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let limits = [
        ("classic-load-balancers", MAX_LOAD_BALANCERS),
        ("classic-listeners", MAX_LISTENERS),
        ("classic-registered-instances", MAX_INSTANCES),
    ];
    let size = page_size(call)?;
    let first = match call.params.non_empty("Marker") {
        Some(marker) => {
            let last = read_marker(marker)?;
            1 + limits
                .iter()
                .position(|(name, _)| *name == last)
                .ok_or_else(wrong_marker)?
        }
        None => 0,
    };
    let page = limits.iter().skip(first).take(size);
    xml.members("Limits", page, |xml, (name, max)| {
        xml.text("Name", name).show("Max", max);
    });
    let next = first.saturating_add(size);
    if let Some((last, _)) = limits.get(next.saturating_sub(1)).filter(|_| next < limits.len()) {
        xml.text("NextMarker", &write_marker(last));
    }
    Ok(())
}
