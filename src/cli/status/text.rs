//! An object as a person reads it. Nothing is cut.

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::condition::{RECONCILING, STALLED};
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus, InstancesStatus, ListenerStatus};
use crate::cli::age::age;
use crate::cli::events::{Known, time};
use crate::cli::find::Read;
use crate::cli::screen::{Colour, Paint};
use crate::cli::table::{NOTHING, Table};

/// All of it.
pub(super) fn render(read: &Read, events: &Known, now: Timestamp, paint: Paint) -> String {
    let object = &read.object;
    let nothing = ClassicLoadBalancerStatus::default();
    let status = object.status.as_ref().unwrap_or(&nothing);
    let mut text = head(read, status, now);
    let mut section = |title: &str, content: String| {
        if !content.is_empty() {
            text.push_str(&format!("\n{}\n{content}", paint.paint(Colour::Bold, title)));
        }
    };
    section("Conditions", conditions(object, status, now, paint));
    section("Listeners", listeners(&status.listeners));
    match &status.instances {
        Some(found) => section(&instances_title(found), instances(found)),
        None => section("Instances", "  not read yet\n".to_owned()),
    }
    section("Auto Scaling groups", groups(status));
    section("What is not as declared", errors(status));
    section("Calls that would be made", plan(status));
    match events {
        Ok(list) => section("Events", events_table(list, now)),
        Err(why) => section("Events", format!("  {why}\n")),
    }
    text
}

fn head(read: &Read, status: &ClassicLoadBalancerStatus, now: Timestamp) -> String {
    let object = &read.object;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{:<24}{value}\n", format!("{name}:")));
        }
    };
    let or_nothing = |value: &Option<String>| value.clone().unwrap_or_default();
    line("Name", read.named().to_string());
    line("Namespace", object.namespace().unwrap_or_default());
    if let Some(created) = object.creation_timestamp() {
        line("Age", age(created.0, now));
    }
    if object.metadata.deletion_timestamp.is_some() {
        line("Deletion", "asked for, under way".to_owned());
    }
    line("AWS name", or_nothing(&status.load_balancer_name));
    if let Some(other) = &status.replacement {
        let message = or_nothing(&other.message);
        line(
            "Replacement",
            format!("{:?}, {}: {message}", other.phase, other.load_balancer_name),
        );
    }
    line("Region", or_nothing(&status.region));
    line("Account", or_nothing(&status.account_id));
    let dns = status.dns_name.clone().unwrap_or_else(|| "none yet".to_owned());
    line("DNS name", dns);
    line("Hosted zone", or_nothing(&status.canonical_hosted_zone_id));
    line("Scheme", or_nothing(&status.scheme));
    line("Created in AWS", or_nothing(&status.created_time));
    line("VPC", or_nothing(&status.vpc_id));
    line("Zones", status.availability_zones.join(", "));
    line("Subnets", status.subnets.join(", "));
    line("Security groups", status.security_groups.join(", "));
    if let Some(group) = &status.source_security_group {
        line(
            "Source security group",
            format!("{}/{}", group.owner_alias, group.group_name),
        );
    }
    if let Some(check) = &status.health_check {
        line(
            "Health check",
            format!(
                "{} every {} s, {} s to answer, out after {} failures, in after {} successes",
                check.target,
                check.interval_seconds,
                check.timeout_seconds,
                check.unhealthy_threshold,
                check.healthy_threshold
            ),
        );
    }
    text
}

/// Each condition with its whole message below it.
fn conditions(
    object: &ClassicLoadBalancer,
    status: &ClassicLoadBalancerStatus,
    now: Timestamp,
    paint: Paint,
) -> String {
    if status.conditions.is_empty() {
        return "  none: the operator has not seen the object yet. Is it running, and does it watch this namespace?\n"
            .to_owned();
    }
    let mut text = String::new();
    // What several conditions say is read once.
    let mut said: Vec<&str> = Vec::new();
    for condition in &status.conditions {
        let colour = match (condition.type_.as_str(), condition.status.as_str()) {
            (STALLED, "True") | (_, "False") => Colour::Red,
            (RECONCILING, "True") | (_, "Unknown") => Colour::Yellow,
            _ => Colour::Green,
        };
        let value = paint.paint(colour, &format!("{:<9}", condition.status));
        let since = age(condition.last_transition_time.0, now);
        text.push_str(&format!(
            "  {:<16}{value}{} (for {since})\n",
            condition.type_, condition.reason
        ));
        if said.contains(&condition.message.as_str()) {
            text.push_str("      the same\n");
            continue;
        }
        said.push(&condition.message);
        for line in condition.message.lines().filter(|line| !line.is_empty()) {
            text.push_str(&format!("      {line}\n"));
        }
    }
    let seen = status.observed_generation.unwrap_or(-1);
    if object.metadata.generation.is_some_and(|generation| generation != seen) {
        text.push_str("  The spec has changed since: this is what was said of an earlier one.\n");
    }
    text
}

fn listeners(list: &[ListenerStatus]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["PORT", "TO", "CERTIFICATE", "EXPIRES", "POLICIES"]);
    for listener in list {
        let certificate = listener.certificate.as_ref();
        table.row(vec![
            format!("{} {}", listener.protocol, listener.port),
            format!("{} {}", listener.instance_protocol, listener.instance_port),
            certificate
                .map(|certificate| certificate.arn.clone())
                .unwrap_or_default(),
            certificate
                .and_then(|certificate| certificate.not_after.clone())
                .unwrap_or_default(),
            listener.policies.join(","),
        ]);
    }
    table.render(2)
}

fn instances_title(instances: &InstancesStatus) -> String {
    let mut title = format!(
        "Instances: {} in service, {} out of service, {} draining, {} registered, {} wanted",
        instances.in_service, instances.out_of_service, instances.draining, instances.registered, instances.desired
    );
    let zones = instances
        .by_zone
        .iter()
        .map(|zone| format!("{} {}/{}", zone.zone, zone.in_service, zone.registered));
    let zones: Vec<String> = zones.collect();
    if !zones.is_empty() {
        title.push_str(&format!(" ({})", zones.join(", ")));
    }
    title
}

fn instances(instances: &InstancesStatus) -> String {
    let mut text = String::new();
    if instances.items.is_empty() {
        text.push_str("  none\n");
    } else {
        let mut table = Table::new(&["INSTANCE", "NODE", "ZONE", "STATE", "REASON", "SOURCES", "DESCRIPTION"]);
        for instance in instances.items.iter() {
            let meaningful = |text: &String| text != "N/A";
            table.row(vec![
                instance.id.clone(),
                instance.node.clone().unwrap_or_default(),
                instance.zone.clone().unwrap_or_default(),
                instance.state.clone(),
                instance.reason.clone().filter(meaningful).unwrap_or_default(),
                instance.sources.join(","),
                instance.description.clone().filter(meaningful).unwrap_or_default(),
            ]);
        }
        text.push_str(&table.render(2));
    }
    let total = usize::try_from(instances.registered.max(instances.desired)).unwrap_or_default();
    if total > instances.items.len() {
        let shown = instances.items.len();
        text.push_str(&format!(
            "  {shown} of {total} are kept in the status, those out of service first\n"
        ));
    }
    if !instances.stale.is_empty() {
        text.push_str(&format!(
            "  Unknown to EC2 or terminated: {}\n",
            instances.stale.join(", ")
        ));
    }
    text
}

fn groups(status: &ClassicLoadBalancerStatus) -> String {
    let line = |group: &crate::api::AutoScalingGroupStatus| {
        let attached = if group.attached { "attached" } else { "not attached" };
        format!("  {} ({attached})\n", group.name)
    };
    status.auto_scaling_groups.iter().map(line).collect()
}

fn errors(status: &ClassicLoadBalancerStatus) -> String {
    let errors = status.errors.iter();
    errors
        .map(|error| {
            let words = [&error.track, &error.operation, &error.code, &error.message];
            let told: Vec<&str> = words
                .into_iter()
                .map(String::as_str)
                .filter(|word| !word.is_empty())
                .collect();
            format!("  {}\n", told.join(": "))
        })
        .collect()
}

fn plan(status: &ClassicLoadBalancerStatus) -> String {
    let steps = status.plan.iter().enumerate();
    steps.map(|(at, step)| format!("  {}. {step}\n", at + 1)).collect()
}

fn events_table(events: &[Event], now: Timestamp) -> String {
    if events.is_empty() {
        return "  none\n".to_owned();
    }
    let mut table = Table::new(&["AGE", "TYPE", "REASON", "NOTE"]);
    for event in events {
        let count = event
            .series
            .as_ref()
            .map(|series| series.count)
            .filter(|&count| count > 1);
        let times = count.map(|count| format!(" (x{count})")).unwrap_or_default();
        let note = event.note.clone().unwrap_or_default();
        table.row(vec![
            time(event).map_or_else(|| NOTHING.to_owned(), |at| age(at, now)) + &times,
            event.type_.clone().unwrap_or_default(),
            event.reason.clone().unwrap_or_default(),
            note.lines().collect::<Vec<_>>().join(" "),
        ]);
    }
    table.render(2)
}
