//! Pure: the target groups of a successor.

use super::model::{Check, Cookie, Kind, Successor, Taken, TargetGroup, cut};
use crate::elb::{Attributes, Listener, LoadBalancer, Policy, Port, Stickiness};

/// The longest cookie, in seconds, and the one that AWS gives where none is said.
const COOKIE: (i64, i64) = (604_800, 86_400);
/// The most characters of the load balancer's name in that of a group.
const NAME: usize = 20;

/// The group behind a listener; what it cannot have is told.
pub(super) fn of(lb: &LoadBalancer, listener: &Listener, new: &mut Successor) -> TargetGroup {
    let port = listener.port;
    let secure = listener.instance_protocol.is_secure();
    let protocol = match (new.kind, secure) {
        (Kind::Alb, false) => "HTTP",
        (Kind::Alb, true) => "HTTPS",
        (Kind::Nlb, true) if listener.protocol.is_secure() => "TLS",
        (Kind::Nlb, _) => "TCP",
    };
    if new.kind == Kind::Nlb && secure && !listener.protocol.is_secure() {
        new.lost.insert(format!(
            "listener {port}: TLS to the targets from a plain listener; an NLB encrypts only what it has decrypted"
        ));
    }
    let (mut cookie, mut proxy_protocol) = (None, false);
    for policy in policies(lb, listener) {
        match policy {
            Policy::Stickiness(stickiness) if new.kind == Kind::Alb => {
                cookie = self::cookie(stickiness, port, new);
            }
            Policy::Stickiness(_) => {
                new.lost.insert(format!(
                    "listener {port}: cookies; an NLB can stick to the client's address alone"
                ));
            }
            Policy::ProxyProtocol(true) if new.kind == Kind::Nlb => {
                proxy_protocol = true;
                new.differs.insert(format!(
                    "instance port {}: proxy protocol comes as version 2, which is binary, and no more as version 1",
                    listener.instance_port
                ));
            }
            _ => {}
        }
    }
    if new.kind == Kind::Nlb {
        new.differs.insert(
            "packets could come from the clients themselves: preserve_client_ip is off, so that they come from the load \
             balancer as before; where it is turned on, groups of the instances must admit the clients"
                .to_owned(),
        );
    }
    let attributes = lb.attributes.over(&Attributes::at_creation());
    TargetGroup {
        // Whether it needs one is not known yet.
        name: String::new(),
        port: listener.instance_port,
        protocol,
        check: check(lb, listener, new),
        cookie,
        proxy_protocol,
        // Off means at once; left out it would be 300.
        deregistration_delay: attributes.connection_draining.flatten().unwrap_or(0),
        cross_zone: (new.kind == Kind::Alb && attributes.cross_zone == Some(false)).then_some(false),
    }
}

fn cookie(stickiness: &Stickiness, port: Port, new: &mut Successor) -> Option<Cookie> {
    match stickiness {
        Stickiness::LoadBalancerCookie(None) => {
            new.lost.insert(format!(
                "listener {port}: a cookie for the browser's session; an ALB's lasts {} s",
                COOKIE.1
            ));
            Some(Cookie {
                name: None,
                seconds: COOKIE.1,
            })
        }
        Stickiness::LoadBalancerCookie(Some(seconds)) => {
            if *seconds > COOKIE.0 {
                new.differs.insert(format!(
                    "listener {port}: a cookie for {seconds} s becomes one for {} s",
                    COOKIE.0
                ));
            }
            Some(Cookie {
                name: None,
                seconds: (*seconds).clamp(1, COOKIE.0),
            })
        }
        Stickiness::ApplicationCookie(name) if name.starts_with("AWSALB") => {
            new.lost.insert(format!(
                "listener {port}: the application's cookie {name}, a name that an ALB refuses"
            ));
            None
        }
        Stickiness::ApplicationCookie(name) => {
            new.differs.insert(format!(
                "listener {port}: stickiness by the application's cookie {name} lasts {} s, and not as long as that cookie",
                COOKIE.1
            ));
            Some(Cookie {
                name: Some(name.clone()),
                seconds: COOKIE.1,
            })
        }
    }
}

fn check(lb: &LoadBalancer, listener: &Listener, new: &mut Successor) -> Check {
    let classic = &lb.health_check;
    let (protocol, rest) = classic.target.split_once(':').unwrap_or((classic.target.as_str(), ""));
    let path = rest.find('/').map(|at| rest[at..].to_owned());
    let mut port = classic.port();
    let (protocol, path) = match (new.kind, protocol) {
        (_, "HTTP") => ("HTTP", path),
        (_, "HTTPS") => ("HTTPS", path),
        (Kind::Alb, _) => {
            // What listens there may well not speak HTTP.
            let speaks = |listener: &Listener| listener.protocol.is_http() && Some(listener.instance_port) == port;
            port = port.filter(|_| lb.listeners.values().any(speaks));
            let place = if port.is_some() {
                ""
            } else {
                ", on the port that gets the traffic"
            };
            new.lost.insert(format!(
                "the health check {}: an ALB asks by HTTP alone; / is asked for{place}, so give a path that answers 200",
                classic.target
            ));
            let secure = listener.instance_protocol.is_secure();
            (if secure { "HTTPS" } else { "HTTP" }, Some("/".to_owned()))
        }
        (Kind::Nlb, "SSL") => {
            new.lost.insert(format!(
                "the health check {}: an NLB has none by TLS; it asks by TCP",
                classic.target
            ));
            ("TCP", None)
        }
        (Kind::Nlb, _) => ("TCP", None),
    };
    Check {
        protocol,
        port: port.filter(|port| *port != listener.instance_port),
        path,
        interval: classic.interval,
        timeout: classic.timeout,
        healthy: classic.healthy_threshold,
        unhealthy: classic.unhealthy_threshold,
    }
}

/// A name for a group, which no other has.
pub(super) fn name(lb: &LoadBalancer, group: &TargetGroup, number: usize, taken: &mut Taken) -> String {
    taken.group(&format!("{}-{}", cut(&lb.name, NAME), group.port), number)
}

/// The cookies and the proxy protocol of a listener, by their policies.
fn policies<'a>(lb: &'a LoadBalancer, listener: &'a Listener) -> impl Iterator<Item = &'a Policy> {
    let backends = lb.backends.get(&listener.instance_port).into_iter().flatten();
    listener
        .policies
        .iter()
        .chain(backends)
        .filter_map(|name| lb.policies.get(name))
}
