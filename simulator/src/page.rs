//! The page for people who would rather look.

use crate::autoscaling::state::{Attachment, Group, Member};
use crate::elb::health::health_of;
use crate::elb::state::LoadBalancer;
use crate::log::RequestRecord;
use crate::reply::Reply;
use crate::simulator::Simulator;
use crate::simulator::control::View;
use crate::wire::Xml;
use crate::world::Region;

const STYLE: &str = include_str!("page.css");

/// More would be no use to a person and slow to draw.
const MAX_BALANCERS: usize = 50;
const MAX_MEMBERS: usize = 25;

/// The page at `/`.
pub(crate) fn render(simulator: &Simulator) -> Reply {
    let kind = simulator.clock().kind();
    Reply::html(200, simulator.view(|view| document(view, kind)))
}

fn document(view: &View<'_>, clock: &str) -> String {
    let mut html = Xml::new();
    html.raw("<!doctype html>").open("html lang=\"en\"").open("head");
    html.raw("<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta http-equiv=\"refresh\" content=\"2\">");
    html.text("title", "AWS simulator")
        .open("style")
        .raw(STYLE)
        .close("style")
        .close("head");
    html.element("body", |html| {
        html.text("h1", "AWS simulator");
        html.open("p class=\"quiet\"");
        html.escaped(&format!(
            "{} by the {clock} clock · {} requests · ",
            view.now, view.requests
        ));
        html.escaped(&format!("{} of them broke the service model", view.violations))
            .close("p");
        html.open("p class=\"quiet\"").escaped("As data: ");
        for path in ["/_simulator/requests", "/_simulator/snapshot"] {
            html.open(&format!("a href=\"{path}\""))
                .escaped(path)
                .close("a")
                .escaped(" ");
        }
        html.close("p");
        regions(html, view);
        requests(html, &view.latest);
    });
    html.close("html");
    html.finish()
}

fn regions(html: &mut Xml, view: &View<'_>) {
    let mut empty = true;
    for (account, state) in &view.world.accounts {
        for (name, region) in &state.regions {
            if region.elb.len() == 0 && region.autoscaling.by_name.is_empty() {
                continue;
            }
            empty = false;
            html.text("h2", &format!("{name} · account {account}"));
            for balancer in region.elb.iter().take(MAX_BALANCERS) {
                self::balancer(html, view, region, balancer);
            }
            if let Some(more) = region.elb.len().checked_sub(MAX_BALANCERS).filter(|more| *more > 0) {
                html.open("p class=\"quiet\"")
                    .escaped(&format!("and {more} more load balancers"))
                    .close("p");
            }
            groups(html, region);
        }
    }
    if empty {
        html.open("p")
            .escaped("There is no load balancer yet. Make one with any AWS client, for example:")
            .close("p");
        html.text(
            "pre",
            "aws --endpoint-url http://127.0.0.1:4566 --region us-east-1 elb create-load-balancer \\\n  --load-balancer-name my-lb --availability-zones us-east-1a \\\n  --listeners Protocol=HTTP,LoadBalancerPort=80,InstancePort=8080",
        );
    }
}

fn balancer(html: &mut Xml, view: &View<'_>, region: &Region, balancer: &LoadBalancer) {
    html.open("section class=\"card\"")
        .open("header")
        .text("b", &balancer.name);
    html.escaped(" ").open("span class=\"quiet\"");
    let zones: Vec<&str> = balancer.zones().collect();
    html.escaped(&format!(
        "{} · {} · since {}",
        balancer.scheme.as_str(),
        zones.join(", "),
        balancer.created
    ));
    html.close("span");
    let (in_service, registered) = (in_service(view, region, balancer), balancer.instances.len());
    let class = if in_service == registered { "good" } else { "bad" };
    html.open(&format!("span class=\"count {class}\""))
        .escaped(&format!("{in_service} of {registered} in service"))
        .close("span");
    html.raw("<br>")
        .text("code", &balancer.dns_name)
        .close("header")
        .open("div");
    html.open("div class=\"wide\"");
    let listeners = balancer.listeners.iter().map(|(port, it)| {
        let behind = format!("{} {}", it.instance_protocol, it.instance_port);
        vec![format!("{} {port}", it.protocol), behind, it.policies.join(", ")]
    });
    table(html, "Listeners", &["listens", "sends to", "policies"], listeners);
    html.close("div").open("div class=\"wide\"");
    let check = &balancer.health_check;
    let details = [
        ("health check", format!("{} every {} s", check.target, check.interval)),
        ("security groups", balancer.security_groups.join(", ")),
        ("subnets", balancer.subnets().collect::<Vec<_>>().join(", ")),
    ];
    let tags = balancer
        .tags
        .iter()
        .map(|(key, value)| vec![key.clone(), value.clone()]);
    let rows = details
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .chain(tags);
    table(html, "Settings and tags", &[], rows);
    html.close("div").open("div class=\"wide whole\"");
    members(html, view, region, balancer);
    html.close("div").close("div").close("section");
}

/// How many of the registered instances serve.
fn in_service(view: &View<'_>, region: &Region, balancer: &LoadBalancer) -> usize {
    let serves = |id: &&_| {
        let health = health_of(balancer, region, id, view.now, view.timing);
        health.is_some_and(|health| health.state == "InService")
    };
    balancer.instances.keys().filter(serves).count()
}

fn members(html: &mut Xml, view: &View<'_>, region: &Region, balancer: &LoadBalancer) {
    html.open("table")
        .text("caption", &format!("Instances: {}", balancer.instances.len()));
    let draining = balancer
        .deregistered
        .iter()
        .filter(|(_, until)| **until > view.now)
        .map(|(id, _)| id);
    for id in balancer.instances.keys().chain(draining).take(MAX_MEMBERS) {
        let zone = region
            .ec2
            .instances
            .get(id)
            .map_or("", |instance| instance.zone.as_str());
        html.open("tr").open("td").text("code", id).close("td").text("td", zone);
        match health_of(balancer, region, id, view.now, view.timing) {
            Some(health) => {
                let class = if health.state == "InService" {
                    "td class=\"good\""
                } else {
                    "td class=\"bad\""
                };
                html.open(class).escaped(health.state).close("td");
                html.text(
                    "td",
                    if health.description == "N/A" {
                        ""
                    } else {
                        health.description
                    },
                );
            }
            None => {
                html.open("td class=\"quiet\"")
                    .escaped("terminated")
                    .close("td")
                    .text("td", "");
            }
        }
        html.close("tr");
    }
    html.close("table");
}

fn groups(html: &mut Xml, region: &Region) {
    if region.autoscaling.by_name.is_empty() {
        return;
    }
    let rows = region.autoscaling.by_name.iter().map(|(name, group)| {
        let capacity = format!("{} of {} to {}", group.desired, group.min, group.max);
        vec![name.clone(), capacity, states(group), attached(group)]
    });
    html.open("div class=\"wide\"");
    table(
        html,
        "Auto Scaling groups",
        &["name", "desired", "members", "load balancers"],
        rows,
    );
    html.close("div");
}

fn states(group: &Group) -> String {
    let member = |(id, member): (&smol_str::SmolStr, &Member)| format!("{id} {}", member.lifecycle.name());
    group
        .members
        .iter()
        .take(MAX_MEMBERS)
        .map(member)
        .collect::<Vec<_>>()
        .join(", ")
}

fn attached(group: &Group) -> String {
    let state = |(name, state): (&String, &Attachment)| match state {
        Attachment::Adding(_) => format!("{name} (adding)"),
        Attachment::Added => name.clone(),
        Attachment::Removing(_) => format!("{name} (removing)"),
    };
    group.balancers.iter().map(state).collect::<Vec<_>>().join(", ")
}

fn requests(html: &mut Xml, latest: &[RequestRecord]) {
    html.text("h2", "Latest requests")
        .open("div class=\"wide\"")
        .open("table")
        .open("tr");
    for name in ["", "time", "service", "operation", "about", "status"] {
        html.text("th", name);
    }
    html.close("tr");
    for record in latest.iter().rev() {
        let about = record
            .parameters
            .get("LoadBalancerName")
            .or_else(|| record.parameters.get("LoadBalancerNames.member.1"));
        html.open("tr")
            .show("td", record.seq)
            .text("td", record.time.get(11..23).unwrap_or_default());
        html.text("td", &format!("{} {}", record.service, record.region))
            .text("td", &record.operation);
        html.text("td", about.map_or("", String::as_str));
        let told = match (record.status, &record.error_code) {
            (0, _) => "connection reset".to_owned(),
            (status, Some(code)) => format!("{status} {code}"),
            (status, None) => status.to_string(),
        };
        html.open(if record.status == 200 {
            "td class=\"good\""
        } else {
            "td class=\"bad\""
        });
        html.escaped(&told).close("td").close("tr");
    }
    html.close("table").close("div");
}

fn table(html: &mut Xml, caption: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    html.open("table").text("caption", caption);
    if !heads.is_empty() {
        html.element("tr", |html| {
            for head in heads {
                html.text("th", head);
            }
        });
    }
    for row in rows {
        html.element("tr", |html| {
            for cell in &row {
                html.text("td", cell);
            }
        });
    }
    html.close("table");
}
