//! Internet gateways.

use super::filter::{Filters, one};
use super::network::dependency;
use super::paging::{Paging, write_token};
use super::request::{done, named, not_found, require_all, required};
use super::state::Gateway;
use super::tags;
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

pub(super) fn create_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = call.ids.resource("igw");
    let gateway = Gateway {
        vpc_id: None,
        tags: tags::of_new(call.params, "internet-gateway"),
    };
    xml.element("internetGateway", |xml| write_gateway(xml, &id, &gateway, call.account));
    call.region.ec2.gateways.insert(id, gateway);
    Ok(())
}

pub(super) fn attach_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (id, vpc_id) = (required(call, "InternetGatewayId")?, required(call, "VpcId")?);
    let ec2 = &mut call.region.ec2;
    if !ec2.vpcs.contains_key(vpc_id) {
        return Err(not_found("InvalidVpcID.NotFound", "vpc", vpc_id));
    }
    let taken = ec2.has_internet_gateway(vpc_id);
    let gateway = ec2.gateways.get_mut(id).ok_or_else(|| no_gateway(id))?;
    if gateway.vpc_id.is_some() || taken {
        let message = format!("resource {id} is already attached to network {vpc_id}");
        return Err(ApiError::sender("Resource.AlreadyAssociated", message));
    }
    gateway.vpc_id = Some(vpc_id.to_owned());
    done(xml);
    Ok(())
}

pub(super) fn detach_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (id, vpc_id) = (required(call, "InternetGatewayId")?, required(call, "VpcId")?);
    let gateway = call.region.ec2.gateways.get_mut(id).ok_or_else(|| no_gateway(id))?;
    if gateway.vpc_id.as_deref() != Some(vpc_id) {
        let message = format!("resource {id} is not attached to network {}", short(vpc_id));
        return Err(ApiError::sender("Gateway.NotAttached", message));
    }
    gateway.vpc_id = None;
    done(xml);
    Ok(())
}

pub(super) fn delete_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "InternetGatewayId")?;
    let gateway = call.region.ec2.gateways.get(id).ok_or_else(|| no_gateway(id))?;
    if gateway.vpc_id.is_some() {
        return Err(dependency(format!(
            "The internetGateway '{id}' has dependencies and cannot be deleted."
        )));
    }
    call.region.ec2.gateways.remove(id);
    done(xml);
    Ok(())
}

pub(super) fn describe_gateways(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("InternetGatewayId"), Filters::read(call.params));
    let paging = Paging::read(call, named("internetGatewayIds", &ids))?;
    require_all("InvalidInternetGatewayID.NotFound", "internetGateway", &ids, |id| {
        call.region.ec2.gateways.contains_key(id)
    })?;
    let mut listed = Vec::new();
    for (id, gateway) in &call.region.ec2.gateways {
        let admitted = filters.admit(&gateway.tags, |name| match name {
            "internet-gateway-id" => one(id),
            "attachment.vpc-id" => Some(gateway.vpc_id.iter().cloned().collect()),
            "attachment.state" => Some(gateway.vpc_id.iter().map(|_| "available".to_owned()).collect()),
            "owner-id" => one(call.account),
            _ => None,
        })?;
        if admitted && (ids.is_empty() || ids.contains(id)) {
            listed.push((id, gateway));
        }
    }
    let (listed, token) = paging.page(listed, |(id, _)| id);
    xml.items("internetGatewaySet", "item", listed, |xml, (id, gateway)| {
        write_gateway(xml, id, gateway, call.account);
    });
    write_token(xml, token.as_deref());
    Ok(())
}

fn write_gateway(xml: &mut Xml, id: &str, gateway: &Gateway, account: &str) {
    xml.text("internetGatewayId", id).text("ownerId", account);
    xml.items("attachmentSet", "item", &gateway.vpc_id, |xml, vpc_id| {
        xml.text("vpcId", vpc_id).text("state", "available");
    });
    tags::write(xml, &gateway.tags);
}

fn no_gateway(id: &str) -> ApiError {
    not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id)
}
