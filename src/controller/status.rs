//! Pure: what a reconcile found → status.
//!
//! Status is derived from the previous one and what this reconcile knows. What it could not read stays as it was: above
//! all the DNS name, which other tools turn into records.

mod instances;
mod verdict;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::condition::{Statement, TARGETS_HEALTHY};
use crate::api::message::{self, Message};
use crate::api::{
    Applied, AutoScalingGroupStatus, CertificateStatus, ClassicLoadBalancerStatus, HealthCheckStatus, InstancesStatus,
    ListenerStatus, SourceSecurityGroup, TrackError, condition,
};
use crate::elb::{Account, InstanceHealth, InstanceId, LoadBalancer, Port};
use crate::plan::targets::Members;
use k8s_openapi::jiff::Timestamp;

pub(super) use verdict::Verdict;

/// The most Nodes that a status names which are no targets.
const SKIPPED: usize = 25;
/// The most refused calls that a status tells of.
const ERRORS: usize = 9;

/// What a reconcile found.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each says what was found, and most are never set together
pub(super) struct Report<'a> {
    pub(super) generation: i64,
    /// Everything was read, so that a status which somebody else overwrote can be mended.
    pub(super) full: bool,
    pub(super) name: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) account: Option<&'a Account>,
    pub(super) verdict: Verdict,
    /// What the verdict waits for should have come.
    pub(super) overdue: bool,
    /// AWS says that there is no load balancer, so nothing is known of its instances any more.
    pub(super) gone: bool,
    /// AWS refused to make one, so none comes into being, in whatever account.
    pub(super) not_made: bool,
    /// The load balancer; `None`: it was not read.
    pub(super) load_balancer: Option<&'a LoadBalancer>,
    /// When certificates expire, by ARN; `None`: it was not read.
    pub(super) not_after: Option<BTreeMap<String, String>>,
    pub(super) targets: Option<instances::Targets<'a>>,
    /// The load balancer is somebody else's and has instances of others, too.
    pub(super) shared: bool,
    /// Why there are no targets, where more is known than that.
    pub(super) no_targets: Option<Message>,
    /// How many Nodes are selected, and of them those that can be no targets, with the reason.
    pub(super) selected: usize,
    pub(super) skipped: BTreeMap<String, String>,
    /// Why the health of the instances is not known, where it should be.
    pub(super) unread: Option<Message>,
    /// The health is read less often than it should be.
    pub(super) seldom_read: bool,
    pub(super) groups: Option<Vec<AutoScalingGroupStatus>>,
    pub(super) applied: Option<Applied>,
    /// Where nothing is written to AWS, the calls that would be made.
    pub(super) plan: Vec<String>,
    /// How many calls that are.
    pub(super) planned_calls: usize,
    pub(super) errors: Vec<TrackError>,
}

pub(super) use instances::Targets;
pub(super) use zones::news as zone_news;

impl<'a> Report<'a> {
    /// A report that says nothing but the verdict.
    pub(super) fn new(generation: i64, verdict: Verdict) -> Self {
        Self {
            generation,
            full: false,
            name: None,
            region: None,
            account: None,
            verdict,
            overdue: false,
            gone: false,
            not_made: false,
            load_balancer: None,
            not_after: None,
            targets: None,
            shared: false,
            no_targets: None,
            selected: 0,
            skipped: BTreeMap::new(),
            unread: None,
            seldom_read: false,
            groups: None,
            applied: None,
            plan: Vec::new(),
            planned_calls: 0,
            errors: Vec::new(),
        }
    }

    /// Adds the instances.
    pub(super) fn with_targets(
        mut self,
        members: &'a Members,
        declared: bool,
        health: Option<(&'a [InstanceHealth], &'a BTreeSet<InstanceId>)>,
        stale: Vec<String>,
    ) -> Self {
        let (health, read_for) = health.unzip();
        // By id: a thousand instances are looked up several times each.
        let by_id = |health: &'a [InstanceHealth]| health.iter().map(|instance| (instance.id.as_str(), instance));
        let health = health.map(|health| by_id(health).collect());
        self.targets = Some(Targets {
            members,
            declared,
            health,
            read_for,
            stale,
            refused: BTreeSet::new(),
        });
        self
    }
}

/// The status that follows from the previous one and a report.
pub(super) fn derive(
    previous: &ClassicLoadBalancerStatus,
    report: &Report<'_>,
    now: Timestamp,
) -> ClassicLoadBalancerStatus {
    let mut status = previous.clone();
    status.observed_generation = Some(report.generation);
    let set = |field: &mut Option<String>, value: Option<String>| {
        if value.is_some() {
            *field = value;
        }
    };
    set(&mut status.load_balancer_name, report.name.map(ToOwned::to_owned));
    set(&mut status.region, report.region.map(ToOwned::to_owned));
    set(&mut status.account_id, report.account.map(|account| account.id.clone()));
    // One that is to follow another keeps what is known of that.
    if report.not_made && status.created_time.is_none() && status.dns_name.is_none() {
        (status.creation_pending, status.account_id) = (None, None);
    }
    if let Some(lb) = report.load_balancer {
        observed(&mut status, lb, report.not_after.as_ref());
        if let (Some(account), Some(region)) = (report.account, report.region) {
            status.arn = Some(account.load_balancer_arn(region, &lb.name));
        }
    }
    if let Some(groups) = &report.groups {
        status.auto_scaling_groups.clone_from(groups);
    }
    if let Some(applied) = &report.applied {
        status.applied = (*applied != Applied::default()).then(|| applied.clone());
    }
    let none = || Statement::new(TARGETS_HEALTHY, "Unknown", message::no_balancer());
    let mut healthy = report.gone.then(none);
    if report.gone {
        // A script that counts must not go on counting what is gone.
        status.instances = previous.instances.as_ref().map(instances::none_left);
    }
    if let (Some(targets), Some(lb)) = (&report.targets, report.load_balancer) {
        let same = previous.created_time == status.created_time && report.unread.is_none();
        let known = previous.instances.as_ref().filter(|_| same);
        // What stands there is as good as what nobody has read yet in this process.
        if !known.is_some_and(|known| targets.are_as_told(known, &lb.instances)) {
            let (summary, statement) = of_targets(report, targets, lb, status.source_security_group.as_ref());
            healthy = Some(statement);
            status.instances = Some(summary);
        }
    }
    status.plan.clone_from(&report.plan);
    status.planned_calls = i32::try_from(report.planned_calls).ok().filter(|calls| *calls > 0);
    status.errors = report
        .errors
        .iter()
        .take(ERRORS)
        .map(|error| as_it_stands(error, &previous.errors))
        .collect();
    let statements = verdict::statements(
        &report.verdict,
        healthy,
        &previous.conditions,
        !previous.plan.is_empty(),
        report.overdue,
    );
    status.conditions = condition::list(statements, report.generation, &previous.conditions, now);
    status
}

/// A refused call, in the words that stand where it differs from them in the id of the try alone.
fn as_it_stands(error: &TrackError, before: &[TrackError]) -> TrackError {
    let same = |stands: &&TrackError| {
        let of = |error: &TrackError| (error.track.clone(), error.operation.clone(), error.code.clone());
        of(stands) == of(error) && condition::says_the_same(&stands.code, &stands.message, &error.message)
    };
    before.iter().find(same).unwrap_or(error).clone()
}

/// What is told of the instances.
fn of_targets(
    report: &Report<'_>,
    targets: &Targets<'_>,
    lb: &LoadBalancer,
    source: Option<&SourceSecurityGroup>,
) -> (InstancesStatus, Statement) {
    let mut summary = targets.summarise(&lb.instances, &lb.availability_zones, report.shared);
    summary.skipped_nodes = report
        .skipped
        .iter()
        .take(SKIPPED)
        .map(|(node, why)| format!("{node}: {why}"))
        .collect();
    let ports: Vec<Port> = lb
        .listeners
        .values()
        .map(|listener| listener.instance_port)
        .chain(lb.health_check.port())
        .collect();
    let mut statement = match &report.unread {
        Some(message) if !lb.instances.is_empty() => Statement::new(TARGETS_HEALTHY, "Unknown", message.clone()),
        _ => targets.judge(&lb.instances, &ports, source, &lb.availability_zones, report.region),
    };
    if let Some(message) = report.no_targets.as_ref().filter(|_| targets.has_none(&lb.instances)) {
        statement.message = message.clone();
    }
    if let Some(advice) = skipped(report) {
        let reason = statement.message.reason().to_owned();
        statement.message = message::advised(reason, statement.message, advice);
    }
    if report.seldom_read && report.unread.is_none() && !targets.has_none(&lb.instances) {
        let reason = statement.message.reason().to_owned();
        statement.message = message::advised(reason, statement.message, message::seldom_read());
    }
    for advice in zones::advice(
        &summary.by_zone,
        lb.instances.len(),
        lb.attributes.cross_zone,
        report.shared,
    ) {
        let reason = statement.message.reason().to_owned();
        statement.message = message::advised(reason, statement.message, advice);
    }
    (summary, statement)
}

/// The Nodes that are selected and can be no targets, in words.
fn skipped(report: &Report<'_>) -> Option<String> {
    const NAMED: usize = 3;
    let some = report
        .skipped
        .iter()
        .take(NAMED)
        .map(|(node, why)| format!("{node} ({why})"));
    let mut names = some.collect::<Vec<_>>().join(", ");
    let count = report.skipped.len();
    if count > NAMED {
        names = message::and_others(names, count - NAMED);
    }
    (count > 0).then(|| message::skipped_nodes(count, report.selected, names))
}

/// Whether a stored status says what was derived. Others may add conditions of their own; and server-side apply removes
/// the members that it owned but not what held them, so that an `applied` which lost its last one stays behind empty.
/// Neither is a reason to write.
pub(super) fn says(stored: &ClassicLoadBalancerStatus, derived: &ClassicLoadBalancerStatus) -> bool {
    let mut stored = stored.clone();
    stored.applied = stored.applied.filter(|applied| *applied != Applied::default());
    stored
        .conditions
        .retain(|condition| condition::ALL.contains(&condition.type_.as_str()));
    stored == *derived
}

/// What AWS answered.
fn observed(status: &mut ClassicLoadBalancerStatus, lb: &LoadBalancer, not_after: Option<&BTreeMap<String, String>>) {
    let identity = &lb.identity;
    status.created_time.clone_from(&identity.created_time);
    if status.created_time.is_some() {
        status.creation_pending = None;
    }
    status.dns_name.clone_from(&identity.dns_name);
    status
        .canonical_hosted_zone_id
        .clone_from(&identity.canonical_hosted_zone_id);
    status.vpc_id.clone_from(&identity.vpc_id);
    status.source_security_group =
        identity
            .source_security_group
            .clone()
            .map(|(owner_alias, group_name)| SourceSecurityGroup {
                owner_alias,
                group_name,
            });
    status.scheme = Some(lb.scheme.as_str().to_owned());
    status.availability_zones = lb.availability_zones.iter().cloned().collect();
    status.subnets = lb.subnets.iter().cloned().collect();
    status.security_groups = lb.security_groups.iter().cloned().collect();
    status.listeners = lb
        .listeners
        .values()
        .map(|listener| ListenerStatus {
            port: i32::from(listener.port),
            protocol: listener.protocol.to_string(),
            instance_port: i32::from(listener.instance_port),
            instance_protocol: listener.instance_protocol.to_string(),
            certificate: listener.certificate.clone().map(|arn| CertificateStatus {
                not_after: not_after.and_then(|all| all.get(&arn).cloned()),
                arn,
            }),
            policies: listener.policies.iter().cloned().collect(),
        })
        .collect();
    let check = &lb.health_check;
    status.health_check = Some(HealthCheckStatus {
        target: check.target.clone(),
        interval_seconds: check.interval,
        timeout_seconds: check.timeout,
        unhealthy_threshold: check.unhealthy_threshold,
        healthy_threshold: check.healthy_threshold,
    });
}

#[cfg(test)]
mod tests;
