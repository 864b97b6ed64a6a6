//! Route tables, which make subnets public or private.

use super::filter::{Filters, absent, maybe, one};
use super::network::dependency;
use super::paging::{Paging, write_token};
use super::request::{done, missing, named, not_found, require_all, required};
use super::state::{Ec2, Route, RouteTable, Tags};
use super::tags;
use crate::call::Call;
use crate::wire::{ApiError, Xml};

pub(super) fn create(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let vpc_id = required(call, "VpcId")?;
    let ec2 = &mut call.region.ec2;
    if !ec2.vpcs.contains_key(vpc_id) {
        return Err(not_found("InvalidVpcID.NotFound", "vpc", vpc_id));
    }
    let table = RouteTable {
        tags: tags::of_new(call.params, "route-table"),
        ..new_table(ec2, vpc_id)
    };
    let id = call.ids.resource("rtb");
    xml.element("routeTable", |xml| write(xml, &id, &table, call.account));
    ec2.route_tables.insert(id, table);
    Ok(())
}

/// A route table that leads nowhere but within its VPC, and that no subnet uses yet.
pub(super) fn new_table(ec2: &Ec2, vpc_id: &str) -> RouteTable {
    let cidr = ec2.vpcs.get(vpc_id).map(|vpc| vpc.cidr.clone());
    RouteTable {
        vpc_id: vpc_id.to_owned(),
        main: false,
        routes: vec![Route {
            destination: cidr.unwrap_or_default(),
            target: "local".to_owned(),
        }],
        associations: std::collections::BTreeMap::new(),
        tags: Tags::new(),
    }
}

pub(super) fn delete(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "RouteTableId")?;
    let table = table_mut(call, id)?;
    if !table.associations.is_empty() {
        let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
        return Err(dependency(message));
    }
    call.region.ec2.route_tables.remove(id);
    done(xml);
    Ok(())
}

/// `CreateRoute` and `ReplaceRoute`.
pub(super) fn create_route(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "RouteTableId")?;
    let params = call.params;
    let destination = params
        .non_empty("DestinationCidrBlock")
        .or_else(|| params.non_empty("DestinationIpv6CidrBlock"))
        .or_else(|| params.non_empty("DestinationPrefixListId"))
        .ok_or_else(|| missing("DestinationCidrBlock"))?
        .to_owned();
    let targets = [
        "GatewayId",
        "NatGatewayId",
        "NetworkInterfaceId",
        "InstanceId",
        "TransitGatewayId",
        "VpcEndpointId",
    ];
    let target = targets
        .iter()
        .find_map(|name| params.non_empty(name))
        .ok_or_else(|| missing("GatewayId"))?;
    if target.starts_with("igw-") && !call.region.ec2.gateways.contains_key(target) {
        return Err(not_found("InvalidGatewayID.NotFound", "gateway", target));
    }
    let table = table_mut(call, id)?;
    table.routes.retain(|route| route.destination != destination);
    table.routes.push(Route {
        destination,
        target: target.to_owned(),
    });
    done(xml);
    Ok(())
}

pub(super) fn delete_route(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "RouteTableId")?;
    let destination = required(call, "DestinationCidrBlock")?;
    let table = table_mut(call, id)?;
    let before = table.routes.len();
    table
        .routes
        .retain(|route| route.destination != destination || route.target == "local");
    if table.routes.len() == before {
        let shown = crate::wire::params::short(destination);
        let message = format!("no route with destination-cidr-block {shown} in route table {id}");
        return Err(ApiError::sender("InvalidRoute.NotFound", message));
    }
    done(xml);
    Ok(())
}

pub(super) fn associate(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (id, subnet) = (required(call, "RouteTableId")?, required(call, "SubnetId")?);
    if !call.region.ec2.subnets.contains_key(subnet) {
        return Err(not_found("InvalidSubnetID.NotFound", "subnet", subnet));
    }
    table_mut(call, id)?;
    for table in call.region.ec2.route_tables.values_mut() {
        table
            .associations
            .retain(|_, associated| associated.as_deref() != Some(subnet));
    }
    let association = call.ids.resource("rtbassoc");
    table_mut(call, id)?
        .associations
        .insert(association.clone(), Some(subnet.to_owned()));
    write_association(xml, &association);
    Ok(())
}

pub(super) fn replace_association(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (id, association) = (required(call, "RouteTableId")?, required(call, "AssociationId")?);
    table_mut(call, id)?;
    let mut tables = call.region.ec2.route_tables.values_mut();
    let subnet = tables
        .find_map(|table| table.associations.remove(association))
        .ok_or_else(|| no_association(association))?;
    let fresh = call.ids.resource("rtbassoc");
    table_mut(call, id)?.associations.insert(fresh.clone(), subnet);
    let main = |table: &RouteTable| table.associations.values().any(Option::is_none);
    call.region
        .ec2
        .route_tables
        .values_mut()
        .for_each(|table| table.main = main(table));
    xml.text("newAssociationId", &fresh);
    Ok(())
}

pub(super) fn disassociate(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let association = required(call, "AssociationId")?;
    let mut tables = call.region.ec2.route_tables.values_mut();
    let table = tables
        .find(|table| table.associations.contains_key(association))
        .ok_or_else(|| no_association(association))?;
    // Every VPC has a main route table: its association can only be replaced.
    if table.associations.get(association).is_some_and(Option::is_none) {
        let message = format!("cannot disassociate the main route table association {association}");
        return Err(ApiError::sender("InvalidParameterValue", message));
    }
    table.associations.remove(association);
    done(xml);
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("RouteTableId"), Filters::read(call.params));
    let paging = Paging::read(call, named("routeTableIds", &ids))?;
    require_all("InvalidRouteTableID.NotFound", "routeTable", &ids, |id| {
        call.region.ec2.route_tables.contains_key(id)
    })?;
    let mut listed = Vec::new();
    for (id, table) in &call.region.ec2.route_tables {
        let admitted = filters.admit(&table.tags, |name| match name {
            "route-table-id" => one(id),
            "vpc-id" => one(&table.vpc_id),
            "owner-id" => one(call.account),
            "association.main" => one(table.main.to_string()),
            "association.subnet-id" => Some(table.associations.values().flatten().cloned().collect()),
            "association.route-table-association-id" => Some(table.associations.keys().cloned().collect()),
            "association.route-table-id" => maybe((!table.associations.is_empty()).then_some(id)),
            "route.state" => one("active"),
            "route.origin" => Some(table.routes.iter().map(|route| origin(route).to_owned()).collect()),
            "route.destination-cidr-block" => Some(destinations(table, "destinationCidrBlock")),
            "route.destination-ipv6-cidr-block" => Some(destinations(table, "destinationIpv6CidrBlock")),
            "route.gateway-id" => Some(targets(table, "gatewayId")),
            "route.instance-id" => Some(targets(table, "instanceId")),
            "route.nat-gateway-id" => Some(targets(table, "natGatewayId")),
            "route.transit-gateway-id" => Some(targets(table, "transitGatewayId")),
            _ => absent(name, &ABSENT),
        })?;
        if admitted && (ids.is_empty() || ids.contains(id)) {
            listed.push((id, table));
        }
    }
    let (listed, token) = paging.page(listed, |(id, _)| id);
    xml.items("routeTableSet", "item", listed, |xml, (id, table)| {
        write(xml, id, table, call.account);
    });
    write_token(xml, token.as_deref());
    Ok(())
}

const ABSENT: [&str; 4] = [
    "association.gateway-id",
    "route.destination-prefix-list-id",
    "route.egress-only-internet-gateway-id",
    "route.vpc-peering-connection-id",
];

fn origin(route: &Route) -> &'static str {
    if route.target == "local" {
        "CreateRouteTable"
    } else {
        "CreateRoute"
    }
}

fn destination_tag(route: &Route) -> &'static str {
    if route.destination.contains(':') {
        "destinationIpv6CidrBlock"
    } else {
        "destinationCidrBlock"
    }
}

fn target_tag(route: &Route) -> &'static str {
    match route.target.split('-').next() {
        Some("nat") => "natGatewayId",
        Some("eni") => "networkInterfaceId",
        Some("i") => "instanceId",
        Some("tgw") => "transitGatewayId",
        _ => "gatewayId",
    }
}

fn destinations(table: &RouteTable, tag: &str) -> Vec<String> {
    let routes = table.routes.iter().filter(|route| destination_tag(route) == tag);
    routes.map(|route| route.destination.clone()).collect()
}

fn targets(table: &RouteTable, tag: &str) -> Vec<String> {
    let routes = table.routes.iter().filter(|route| target_tag(route) == tag);
    routes.map(|route| route.target.clone()).collect()
}

fn write(xml: &mut Xml, id: &str, table: &RouteTable, account: &str) {
    xml.text("routeTableId", id)
        .text("vpcId", &table.vpc_id)
        .text("ownerId", account);
    xml.items("routeSet", "item", &table.routes, |xml, route| {
        xml.text(destination_tag(route), &route.destination)
            .text(target_tag(route), &route.target);
        xml.text("state", "active").text("origin", origin(route));
    });
    xml.items(
        "associationSet",
        "item",
        &table.associations,
        |xml, (association, subnet)| {
            xml.text("routeTableAssociationId", association)
                .text("routeTableId", id);
            xml.maybe("subnetId", subnet.as_deref()).show("main", subnet.is_none());
            xml.element("associationState", |xml| {
                xml.text("state", "associated");
            });
        },
    );
    xml.items("propagatingVgwSet", "item", [(); 0], |_, ()| {});
    tags::write(xml, &table.tags);
}

fn write_association(xml: &mut Xml, association: &str) {
    xml.text("associationId", association);
    xml.element("associationState", |xml| {
        xml.text("state", "associated");
    });
}

fn table_mut<'c>(call: &'c mut Call<'_>, id: &str) -> Result<&'c mut RouteTable, ApiError> {
    call.region.ec2.route_tables.get_mut(id).ok_or_else(|| no_table(id))
}

fn no_table(id: &str) -> ApiError {
    not_found("InvalidRouteTableID.NotFound", "routeTable", id)
}

fn no_association(id: &str) -> ApiError {
    not_found("InvalidAssociationID.NotFound", "association", id)
}
