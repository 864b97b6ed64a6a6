//! Classic Elastic Load Balancing.

use super::super::ask::Ask;
use super::{Subject, tags_of};

const RESOURCE_TAG: &str = "elasticloadbalancing:ResourceTag";

/// Reads know no resources. A creation with tags has to be allowed as such and as `AddTags`.
pub(super) fn asks(subject: &Subject<'_>) -> Vec<Ask> {
    if subject.describes() {
        return vec![subject.ask(subject.operation, None)];
    }
    let params = subject.params;
    let listed = params.strings("LoadBalancerNames");
    let named = params.str("LoadBalancerName").into_iter();
    let mut asks = Vec::new();
    for name in named.chain(listed.iter().map(String::as_str)) {
        let arn = subject.arn("elasticloadbalancing", &format!("loadbalancer/{name}"));
        let ask = subject.ask(subject.operation, Some(arn.clone()));
        let tags = tags_of(params, "Tags");
        if subject.operation == "CreateLoadBalancer" {
            asks.push(settings(subject, ask).bringing(&tags));
            if !tags.is_empty() {
                let ask = subject.ask("AddTags", Some(arn)).bringing(&tags);
                asks.push(ask.with("elasticloadbalancing:CreateAction", [subject.operation.to_owned()]));
            }
            continue;
        }
        let existing = subject.region().and_then(|region| region.elb.get(name));
        let ask = settings(subject, ask).on_tags(RESOURCE_TAG, existing.map(|balancer| &balancer.tags));
        asks.push(match subject.operation {
            "AddTags" => ask.bringing(&tags),
            // Keys alone: what is taken off has no value.
            "RemoveTags" => ask.naming(tags.keys()),
            _ => ask,
        });
    }
    asks
}

/// What the request is to change, under the keys that some of its operations have.
fn settings(subject: &Subject<'_>, ask: Ask) -> Ask {
    let params = subject.params;
    let creates = subject.operation == "CreateLoadBalancer";
    let listeners = params.list("Listeners").into_iter();
    let protocols = listeners.filter_map(|listener| listener.str("Protocol").map(str::to_ascii_uppercase));
    let scheme = params.non_empty("Scheme").unwrap_or("internet-facing").to_owned();
    ask.with("elasticloadbalancing:ListenerProtocol", protocols)
        .with("elasticloadbalancing:Scheme", creates.then_some(scheme))
        .with("elasticloadbalancing:SecurityGroup", params.strings("SecurityGroups"))
        .with("elasticloadbalancing:Subnet", params.strings("Subnets"))
}
