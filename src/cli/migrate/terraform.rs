//! Pure: successors as a configuration of Terraform.

use std::collections::BTreeMap;

use super::Migration;
use super::model::{Kind, NewListener, Successor, TargetGroup};
use crate::cli::export::hcl::{Body, Labels, quoted};
use crate::elb::Scheme;

/// Everything that a load balancer needs. `labels` are those of the others in the configuration.
pub(super) fn terraform(migration: &Migration, labels: &mut Labels) -> String {
    let mut file = Body::default();
    for new in &migration.successors {
        let own = labels.free("aws_lb", &new.name);
        file.block(
            &format!("resource \"aws_lb\" {}", quoted(&own)),
            load_balancer(migration, new),
        );
        let mut groups = BTreeMap::new();
        for group in &new.target_groups {
            let label = labels.free("aws_lb_target_group", &group.name);
            target_group(migration, (new, group), &label, labels, &mut file);
            groups.insert(group.name.as_str(), label);
        }
        for listener in &new.listeners {
            let label = quoted(&labels.free("aws_lb_listener", &format!("{own}_{}", listener.port)));
            let group = groups.get(listener.target_group.as_str()).map_or("", String::as_str);
            file.block(
                &format!("resource \"aws_lb_listener\" {label}"),
                self::listener(&own, group, listener),
            );
        }
    }
    file.render(0)
}

fn load_balancer(migration: &Migration, new: &Successor) -> Body {
    let lb = &migration.lb;
    let attribute = |name: &str| {
        new.attributes
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    };
    let mut body = Body::default();
    body.text("name", &new.name)
        .text("load_balancer_type", new.kind.type_name())
        .raw("internal", (lb.scheme == Scheme::Internal).to_string())
        .list("subnets", &lb.subnets)
        .list("security_groups", &lb.security_groups);
    match new.kind {
        Kind::Alb => {
            body.raw(
                "idle_timeout",
                attribute("idle_timeout.timeout_seconds").unwrap_or("60"),
            );
            body.text(
                "desync_mitigation_mode",
                attribute("routing.http.desync_mitigation_mode").unwrap_or("defensive"),
            );
        }
        Kind::Nlb => {
            body.raw(
                "enable_cross_zone_load_balancing",
                attribute("load_balancing.cross_zone.enabled").unwrap_or("false"),
            );
        }
    }
    if let Some(bucket) = attribute("access_logs.s3.bucket") {
        let mut block = Body::default();
        block.text("bucket", bucket);
        if let Some(prefix) = attribute("access_logs.s3.prefix") {
            block.text("prefix", prefix);
        }
        // Terraform's own default is false.
        block.raw("enabled", "true");
        body.block("access_logs", block);
    }
    tags(new, &mut body);
    body
}

fn tags(new: &Successor, body: &mut Body) {
    body.map("tags", &new.tags.iter().collect::<Vec<_>>());
}

fn target_group(
    migration: &Migration,
    (new, group): (&Successor, &TargetGroup),
    label: &str,
    labels: &mut Labels,
    file: &mut Body,
) {
    let mut body = Body::default();
    body.text("name", &group.name)
        .raw("port", group.port.to_string())
        .text("protocol", group.protocol)
        .text("vpc_id", migration.vpc())
        .raw("deregistration_delay", group.deregistration_delay.to_string());
    if group.protocol == "TCP" || group.protocol == "TLS" {
        body.raw("preserve_client_ip", "false")
            .raw("proxy_protocol_v2", group.proxy_protocol.to_string());
    }
    if let Some(on) = group.cross_zone {
        body.text("load_balancing_cross_zone_enabled", &on.to_string());
    }
    if let Some(cookie) = &group.cookie {
        let mut block = Body::default();
        match &cookie.name {
            Some(name) => block.text("type", "app_cookie").text("cookie_name", name),
            None => block.text("type", "lb_cookie"),
        };
        block.raw("cookie_duration", cookie.seconds.to_string());
        body.block("stickiness", block);
    }
    let check = &group.check;
    let mut block = Body::default();
    block.text("protocol", check.protocol);
    block.text(
        "port",
        &check
            .port
            .map_or_else(|| "traffic-port".to_owned(), |port| port.to_string()),
    );
    if let Some(path) = &check.path {
        // The one answer that a Classic load balancer takes for a good one.
        block.text("path", path).text("matcher", "200");
    }
    block
        .raw("interval", check.interval.to_string())
        .raw("timeout", check.timeout.to_string())
        .raw("healthy_threshold", check.healthy.to_string())
        .raw("unhealthy_threshold", check.unhealthy.to_string());
    body.block("health_check", block);
    tags(new, &mut body);
    file.block(&format!("resource \"aws_lb_target_group\" {}", quoted(label)), body);
    let single = &migration.single;
    if !single.is_empty() {
        let ids: Vec<String> = single.iter().map(|id| quoted(id)).collect();
        let mut body = Body::default();
        body.raw("for_each", format!("toset([{}])", ids.join(", ")))
            .raw("target_group_arn", format!("aws_lb_target_group.{label}.arn"))
            .raw("target_id", "each.value");
        file.block(
            &format!("resource \"aws_lb_target_group_attachment\" {}", quoted(label)),
            body,
        );
    }
    for asg in &migration.lb.auto_scaling_groups {
        let mut body = Body::default();
        body.text("autoscaling_group_name", asg)
            .raw("lb_target_group_arn", format!("aws_lb_target_group.{label}.arn"));
        let label = quoted(&labels.free("aws_autoscaling_attachment", &format!("{label}_{asg}")));
        file.block(&format!("resource \"aws_autoscaling_attachment\" {label}"), body);
    }
}

fn listener(own: &str, group: &str, listener: &NewListener) -> Body {
    let mut body = Body::default();
    body.raw("load_balancer_arn", format!("aws_lb.{own}.arn"))
        .raw("port", listener.port.to_string())
        .text("protocol", listener.protocol);
    if let Some(policy) = listener.ssl_policy {
        body.text("ssl_policy", policy);
    }
    if let Some(arn) = &listener.certificate {
        body.text("certificate_arn", arn);
    }
    if let Some(seconds) = listener.tcp_idle_timeout {
        body.raw("tcp_idle_timeout_seconds", seconds.to_string());
    }
    let mut action = Body::default();
    action
        .text("type", "forward")
        .raw("target_group_arn", format!("aws_lb_target_group.{group}.arn"));
    body.block("default_action", action);
    body
}
