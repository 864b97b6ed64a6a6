//! Pure: the report on a migration.

use super::Migration;
use super::model::{Kind, Successor};
use crate::cli::screen::{Colour, Paint};

/// What becomes of a load balancer, and how to get there.
pub(super) fn report(migration: &Migration, paint: Paint) -> String {
    let title = format!("{} in {}", migration.lb.name, migration.region);
    let mut text = format!("{}\n", paint.paint(Colour::Bold, &title));
    for new in &migration.successors {
        text.push_str(&successor(new, paint));
    }
    text.push_str("  cut-over:\n");
    for (at, step) in steps(migration).iter().enumerate() {
        text.push_str(&format!("    {}. {step}\n", at + 1));
    }
    text
}

fn successor(new: &Successor, paint: Paint) -> String {
    let kind = match new.kind {
        Kind::Alb => "Application Load Balancer",
        Kind::Nlb => "Network Load Balancer",
    };
    let mut text = format!("  becomes the {kind} {}, since {}\n", new.name, new.reasons.join("; "));
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    text.push_str(&format!(
        "    takes {} and {}\n",
        count(new.listeners.len(), "listener"),
        count(new.target_groups.len(), "target group")
    ));
    for listener in &new.listeners {
        let policy = listener
            .ssl_policy
            .map(|policy| format!(", {policy}"))
            .unwrap_or_default();
        text.push_str(&format!(
            "      {} {} to {}{policy}\n",
            listener.protocol, listener.port, listener.target_group
        ));
    }
    for line in &new.lost {
        text.push_str(&format!("    {} {line}\n", paint.paint(Colour::Red, "lost:")));
    }
    for line in &new.differs {
        text.push_str(&format!("    {} {line}\n", paint.paint(Colour::Yellow, "differs:")));
    }
    text
}

/// The steps of a change of DNS by weights. The Classic one stays as it is until nobody uses it.
fn steps(migration: &Migration) -> Vec<String> {
    let lb = &migration.lb;
    let names: Vec<&str> = migration.successors.iter().map(|new| new.name.as_str()).collect();
    let names = names.join(" and ");
    let zone = lb
        .identity
        .canonical_hosted_zone_id
        .as_deref()
        .unwrap_or("that of the load balancer");
    let mut steps = Vec::new();
    if migration.successors.len() > 1 {
        let each = migration.successors.iter().map(|new| {
            let ports: Vec<String> = new.listeners.iter().map(|listener| listener.port.to_string()).collect();
            format!("one for {} ({})", new.name, ports.join(", "))
        });
        steps.push(format!(
            "clients reach all ports by one DNS name today, and a name leads to one load balancer: choose a name for each, {}, \
             and have clients use these first, while both still lead to {}",
            each.collect::<Vec<_>>().join(" and "),
            lb.name
        ));
    }
    steps.push(format!(
        "create {names} beside {} (-o terraform, -o ack); let the groups of the instances admit it",
        lb.name
    ));
    if !lb.auto_scaling_groups.is_empty() {
        let groups: Vec<&str> = lb.auto_scaling_groups.iter().map(String::as_str).collect();
        steps.push(format!(
            "attach the target groups to {} as well: a group can have both at once",
            groups.join(", ")
        ));
    }
    steps.push(
        "wait until all targets are healthy, and test the new DNS name with the Host header and SNI of the old"
            .to_owned(),
    );
    steps.push(
        "for a CNAME, lower its TTL a day before; in one change batch turn the simple record into two weighted ones, the \
         old with 255 and the new with 0, since AWS refuses a mix"
            .to_owned(),
    );
    steps.push(format!(
        "move 1, 10, 50 and 100 % of the weight, each time looking at 5xx, latency and requests of both; alias records of \
         the old have the zone {zone}, those of the new have another; cookies of sessions are lost once"
    ));
    steps.push(format!(
        "keep {} until its RequestCount has been 0 for days, then detach groups from it before it is deleted",
        lb.name
    ));
    steps
}
