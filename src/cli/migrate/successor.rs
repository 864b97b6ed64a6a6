//! Pure: what becomes of a Classic load balancer: an Application or a Network Load Balancer, or one of each.

use std::collections::{BTreeMap, BTreeSet};

use super::group;
use super::model::{Kind, NewListener, Successor, Taken, cut};
use super::tls;
use crate::cli::export::kept_tags;
use crate::elb::{AccessLog, Attributes, DesyncMitigationMode, Listener, LoadBalancer, PolicyKind};
use crate::plan::import::is_of_another_tool;
use clap::ValueEnum;

/// What the name of a load balancer may not begin with, unless it is a Classic one.
const RESERVED: &str = "internal-";
/// The longest name of a load balancer.
const NAME: usize = 32;
/// Listeners and target groups of one load balancer, which no quota raises.
const MOST: usize = 50;
/// The range of a Network Load Balancer's idle timeout for TCP, and its fixed one for TLS.
const NLB_IDLE: (i32, i32, i32) = (60, 6000, 350);

/// What is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Wish {
    /// As the listeners ask for.
    #[default]
    Auto,
    /// An Application Load Balancer.
    Alb,
    /// A Network Load Balancer.
    Nlb,
}

/// The successors of a load balancer. `taken` are the names of others.
pub(super) fn successors(lb: &LoadBalancer, wish: Wish, taken: &mut Taken) -> Vec<Successor> {
    let of = |http: bool| {
        lb.listeners
            .values()
            .filter(move |listener| listener.protocol.is_http() == http)
    };
    let (http, tcp) = (of(true).count(), of(false).count());
    let one_subnet = lb.subnets.len().max(lb.availability_zones.len()) < 2;
    let all = || lb.listeners.values().collect::<Vec<_>>();
    let mut make = |kind, listeners: &[&Listener], why: &str, second| make(lb, kind, listeners, (why, second), taken);
    match wish {
        Wish::Alb => vec![make(Kind::Alb, &all(), "it is asked for", false)],
        Wish::Nlb => vec![make(Kind::Nlb, &all(), "it is asked for", false)],
        Wish::Auto if tcp == 0 && one_subnet => {
            vec![make(
                Kind::Nlb,
                &all(),
                "it is in one subnet, and an ALB needs two zones: with a second subnet, \
                      use --to alb",
                false,
            )]
        }
        Wish::Auto if tcp == 0 => {
            vec![make(Kind::Alb, &all(), "all its listeners speak HTTP or HTTPS", false)]
        }
        Wish::Auto if http == 0 => vec![make(Kind::Nlb, &all(), "all its listeners speak TCP or SSL", false)],
        Wish::Auto => {
            let why = "its listeners speak both HTTP and TCP, which takes two load balancers; --to nlb makes one of it";
            let (http, tcp): (Vec<_>, Vec<_>) = (of(true).collect(), of(false).collect());
            let mut both = vec![make(Kind::Alb, &http, why, false), make(Kind::Nlb, &tcp, why, true)];
            for new in &mut both {
                new.lost
                    .insert("one DNS name for all ports: each of the two has a name of its own".to_owned());
            }
            both
        }
    }
}

/// A successor with these listeners. A `second` one cannot have the name of the Classic one.
fn make(
    lb: &LoadBalancer,
    kind: Kind,
    listeners: &[&Listener],
    (why, second): (&str, bool),
    taken: &mut Taken,
) -> Successor {
    let mut new = Successor {
        kind,
        name: String::new(),
        reasons: vec![why.to_owned()],
        listeners: Vec::new(),
        target_groups: Vec::new(),
        lost: BTreeSet::new(),
        differs: BTreeSet::new(),
        attributes: Vec::new(),
        tags: BTreeMap::new(),
    };
    name(lb, second, taken, &mut new);
    tags(lb, &mut new);
    for listener in listeners {
        add(lb, listener, taken, &mut new);
    }
    whole(lb, &mut new);
    if new.listeners.len() > MOST || new.target_groups.len() > MOST {
        new.lost.insert(format!(
            "{} listeners and {} target groups: one load balancer has at most {MOST} of each",
            new.listeners.len(),
            new.target_groups.len()
        ));
    }
    new
}

/// The name of the Classic one, as far as it can have that.
fn name(lb: &LoadBalancer, second: bool, taken: &mut Taken, new: &mut Successor) {
    let is_reserved = lb.name.to_ascii_lowercase().starts_with(RESERVED);
    let prefixed = format!("lb-{}", lb.name);
    let plain = if is_reserved { cut(&prefixed, NAME) } else { &lb.name };
    let mut wanted = plain.to_owned();
    if second {
        wanted = format!("{}-nlb", cut(&wanted, NAME - 4));
    }
    new.name = taken.balancer(&wanted, NAME);
    if is_reserved {
        new.differs.insert(format!(
            "its name: one that begins with {RESERVED} is refused, so it is called {}",
            new.name
        ));
    } else if new.name != wanted {
        new.differs.insert(format!(
            "its name: another new one is called {wanted}, so it is called {}",
            new.name
        ));
    }
}

/// The tags, but for those by which other tools would take it for theirs.
fn tags(lb: &LoadBalancer, new: &mut Successor) {
    let (theirs, kept): (Vec<_>, Vec<_>) = kept_tags(&lb.tags)
        .into_iter()
        .partition(|(key, _)| is_of_another_tool(key));
    if !theirs.is_empty() {
        let keys: Vec<&str> = theirs.into_iter().map(|(key, _)| key.as_str()).collect();
        new.lost.insert(format!(
            "tags by which other tools would take it for theirs: {}",
            keys.join(", ")
        ));
    }
    new.tags = kept
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
}

fn add(lb: &LoadBalancer, listener: &Listener, taken: &mut Taken, new: &mut Successor) {
    let port = listener.port;
    let protocol = match (new.kind, listener.protocol.is_http(), listener.protocol.is_secure()) {
        (Kind::Alb, false, _) => {
            new.lost.insert(format!(
                "listener {port} ({}): an ALB reads HTTP alone",
                listener.protocol
            ));
            return;
        }
        (Kind::Alb, true, secure) => {
            if secure {
                "HTTPS"
            } else {
                "HTTP"
            }
        }
        (Kind::Nlb, http, secure) => {
            if http {
                new.lost.insert(format!(
                    "listener {port} ({}): an NLB passes bytes on, without X-Forwarded-For, X-Forwarded-Proto and cookies",
                    listener.protocol
                ));
            }
            if secure { "TLS" } else { "TCP" }
        }
    };
    let ssl_policy = listener.protocol.is_secure().then(|| {
        let policy = tls::of(lb, listener);
        let (name, loss) = tls::successor(policy);
        new.lost.extend(loss.map(|loss| format!("listener {port}: {loss}")));
        name
    });
    let idle = lb.attributes.idle_timeout.unwrap_or(Attributes::IDLE_TIMEOUT);
    let tcp_idle_timeout = (protocol == "TCP").then(|| idle.clamp(NLB_IDLE.0, NLB_IDLE.1));
    if tcp_idle_timeout.is_some_and(|seconds| seconds != idle) {
        new.differs.insert(format!(
            "an idle timeout of {idle} s becomes {} s, the least of an NLB",
            NLB_IDLE.0
        ));
    }
    if protocol == "TLS" && idle != NLB_IDLE.2 {
        new.differs.insert(format!(
            "listener {port}: the idle timeout of TLS on an NLB is {} s and cannot be set; it was {idle} s",
            NLB_IDLE.2
        ));
    }
    let mut group = group::of(lb, listener, new);
    let known = new.target_groups.iter().find(|other| other.is_same(&group));
    let known = known.map(|other| other.name.clone());
    let target_group = known.unwrap_or_else(|| {
        let name = group::name(lb, &group, new.target_groups.len() + 1, taken);
        group.name.clone_from(&name);
        new.target_groups.push(group);
        name
    });
    new.listeners.push(NewListener {
        port,
        protocol,
        certificate: listener.certificate.clone(),
        ssl_policy,
        tcp_idle_timeout,
        target_group,
    });
}

/// What holds for the load balancer as a whole.
fn whole(lb: &LoadBalancer, new: &mut Successor) {
    let attributes = lb.attributes.over(&Attributes::at_creation());
    let cross_zone = attributes.cross_zone.unwrap_or_default();
    let log = attributes.access_log.clone().flatten();
    match new.kind {
        Kind::Alb => {
            if lb.subnets.len().max(lb.availability_zones.len()) < 2 {
                new.lost
                    .insert("one subnet only: an ALB needs subnets in two zones, so name a second one".to_owned());
            }
            let idle = attributes.idle_timeout.unwrap_or(Attributes::IDLE_TIMEOUT);
            new.attributes.push(("idle_timeout.timeout_seconds", idle.to_string()));
            let mode = attributes.desync_mitigation_mode.unwrap_or_default();
            new.attributes
                .push(("routing.http.desync_mitigation_mode", mode.as_str().to_owned()));
            if !cross_zone {
                new.differs
                    .insert("an ALB spreads requests over all zones; its target groups are told not to".to_owned());
            }
            new.differs.insert(
                "clients may speak HTTP/2, and header names that are not legal are dropped or refused".to_owned(),
            );
        }
        Kind::Nlb => {
            new.attributes
                .push(("load_balancing.cross_zone.enabled", cross_zone.to_string()));
            if cross_zone {
                new.differs
                    .insert("traffic between zones is billed with an NLB".to_owned());
            }
            if attributes
                .desync_mitigation_mode
                .is_some_and(|mode| mode != DesyncMitigationMode::default())
            {
                new.lost
                    .insert("the desync mitigation mode: an NLB does not read HTTP".to_owned());
            }
            new.differs.insert(
                "security groups must be given when an NLB is created, and can never be added later".to_owned(),
            );
        }
    }
    if let Some(log) = log {
        access_log(&log, new);
    }
    let keys = lb
        .backends
        .values()
        .flatten()
        .any(|name| lb.policy_kind(name) == PolicyKind::BackendAuthentication);
    if keys {
        new.lost
            .insert("backend authentication: the certificates of targets are not verified".to_owned());
    }
    let space = if new.kind == Kind::Alb {
        "AWS/ApplicationELB"
    } else {
        "AWS/NetworkELB"
    };
    new.differs.insert(format!(
        "metrics move from AWS/ELB to {space}: alarms and dashboards must follow"
    ));
}

fn access_log(log: &AccessLog, new: &mut Successor) {
    if new.kind == Kind::Nlb && new.listeners.iter().all(|listener| listener.protocol != "TLS") {
        new.lost.insert(format!(
            "access logs to {}: an NLB logs TLS listeners alone",
            log.bucket
        ));
    } else {
        new.attributes.push(("access_logs.s3.enabled", "true".to_owned()));
        new.attributes.push(("access_logs.s3.bucket", log.bucket.clone()));
        if !log.prefix.is_empty() {
            new.attributes.push(("access_logs.s3.prefix", log.prefix.clone()));
        }
        new.differs
            .insert("access logs come every 5 minutes, compressed, with other fields".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::Protocol;

    fn with(listeners: &[(u16, Protocol, Protocol)]) -> LoadBalancer {
        let mut lb = LoadBalancer::bare("web");
        lb.subnets = ["subnet-a", "subnet-b"].map(ToOwned::to_owned).into();
        lb.listeners = listeners
            .iter()
            .map(|&(port, protocol, instance_protocol)| {
                let listener = Listener {
                    port,
                    protocol,
                    instance_port: 8443,
                    instance_protocol,
                    certificate: None,
                    policies: BTreeSet::new(),
                };
                (port, listener)
            })
            .collect();
        lb
    }

    #[test]
    fn a_plain_listener_of_an_nlb_has_no_targets_by_tls() {
        let lb = with(&[
            (80, Protocol::Http, Protocol::Https),
            (81, Protocol::Tcp, Protocol::Ssl),
            (443, Protocol::Ssl, Protocol::Ssl),
        ]);
        let new = successors(&lb, Wish::Nlb, &mut Taken::default()).remove(0);
        let group = |listener: &NewListener| {
            let group = new
                .target_groups
                .iter()
                .find(|group| group.name == listener.target_group);
            group.expect("its group").protocol
        };
        let listeners: Vec<_> = new
            .listeners
            .iter()
            .map(|one| (one.port, one.protocol, group(one)))
            .collect();
        assert_eq!(listeners, [(80, "TCP", "TCP"), (81, "TCP", "TCP"), (443, "TLS", "TLS")]);
        let lost = |port: u16| {
            let told = format!("listener {port}: TLS to the targets from a plain listener");
            new.lost.iter().any(|line| line.starts_with(&told))
        };
        assert_eq!([80, 81, 443].map(lost), [true, true, false], "{:?}", new.lost);
        // An ALB can do it.
        let new = successors(
            &with(&[(80, Protocol::Http, Protocol::Https)]),
            Wish::Alb,
            &mut Taken::default(),
        )
        .remove(0);
        assert_eq!(new.target_groups[0].protocol, "HTTPS");
    }

    #[test]
    fn two_in_the_place_of_one_need_two_names() {
        let of = |lb: &LoadBalancer| successors(lb, Wish::Auto, &mut Taken::default());
        let loses = |new: &Successor| {
            new.lost
                .iter()
                .any(|line| line.starts_with("one DNS name for all ports"))
        };
        let both = of(&with(&[
            (80, Protocol::Http, Protocol::Http),
            (9000, Protocol::Tcp, Protocol::Tcp),
        ]));
        assert_eq!(both.iter().map(loses).collect::<Vec<_>>(), [true, true]);
        let one = of(&with(&[(80, Protocol::Http, Protocol::Http)]));
        assert_eq!(one.iter().map(loses).collect::<Vec<_>>(), [false]);
    }
}
