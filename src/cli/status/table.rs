//! Objects as `status` shows many: a line for each.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::condition::READY;
use crate::cli::age::age;
use crate::cli::find::Read;
use crate::cli::table::Table;

/// A line for each object, with what one looks for first.
pub(super) fn render(objects: &[Read], all_namespaces: bool, now: Timestamp) -> String {
    let mut table = header(all_namespaces);
    for object in objects {
        table.row(cells(object, all_namespaces, now));
    }
    table.render(0)
}

/// The table without a line.
pub(super) fn header(all_namespaces: bool) -> Table {
    let mut header = vec!["NAME", "READY", "REASON", "INSTANCES", "REGION", "DNS-NAME", "AGE"];
    if all_namespaces {
        header.insert(0, "NAMESPACE");
    }
    Table::new(&header)
}

/// The line of an object. The last cell is its age.
pub(super) fn cells(read: &Read, all_namespaces: bool, now: Timestamp) -> Vec<String> {
    let object = &read.object;
    let status = object.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY);
    let created = object.creation_timestamp();
    let mut cells = vec![
        read.named().to_string(),
        ready.map(|ready| ready.status.clone()).unwrap_or_default(),
        ready.map(|ready| ready.reason.clone()).unwrap_or_default(),
        status.instances.map(|instances| instances.summary).unwrap_or_default(),
        status.region.unwrap_or_default(),
        status.dns_name.unwrap_or_default(),
        created.map(|created| age(created.0, now)).unwrap_or_default(),
    ];
    if all_namespaces {
        cells.insert(0, object.namespace().unwrap_or_default());
    }
    cells
}
