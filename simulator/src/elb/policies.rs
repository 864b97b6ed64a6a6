//! Policies: their creation, and where they are in force.

use super::policy_types::TypeFacts;
use super::request::{invalid_configuration, not_active};
use super::state::{LoadBalancer, Policy, PolicyType};
use super::{listeners, policy_types, predefined};
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

/// About as many as AWS allows on one balancer.
const MAX_POLICIES: usize = 98;

pub(super) fn create(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let type_name = call.params.required("PolicyTypeName")?;
    let facts = policy_types::find(type_name).ok_or_else(|| policy_types::not_found(type_name))?;
    let mut given = Vec::new();
    for attribute in call.params.list("PolicyAttributes") {
        let name = attribute.str("AttributeName").unwrap_or_default();
        given.push((
            name.to_owned(),
            attribute.str("AttributeValue").unwrap_or_default().to_owned(),
        ));
    }
    add(call, facts, given)
}

pub(super) fn create_app_cookie(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let cookie = call.params.required("CookieName")?.to_owned();
    let facts = policy_types::of(PolicyType::AppCookieStickiness);
    add(call, facts, vec![("CookieName".to_owned(), cookie)])
}

pub(super) fn create_lb_cookie(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let period = call.params.int("CookieExpirationPeriod")?;
    let given = period.map(|period| ("CookieExpirationPeriod".to_owned(), period.to_string()));
    add(
        call,
        policy_types::of(PolicyType::LbCookieStickiness),
        given.into_iter().collect(),
    )
}

/// The same policy again is no error; another one of its name is.
fn add(call: &mut Call<'_>, facts: &TypeFacts, given: Vec<(String, String)>) -> Result<(), ApiError> {
    let name = call.params.required("PolicyName")?.to_owned();
    call.edit(|balancer, _| {
        let policy = Policy {
            kind: facts.kind,
            attributes: complete(facts, given, balancer)?,
        };
        match balancer.policies.get(&name) {
            Some(existing) if *existing == policy => return Ok(()),
            Some(_) => {
                let message = format!("Policy name {name} already exists for load balancer {}", balancer.name);
                return Err(ApiError::sender("DuplicatePolicyName", message));
            }
            None => {}
        }
        if balancer.policies.len() >= MAX_POLICIES {
            let message = "The quota for the number of policies for this load balancer has been reached.";
            return Err(ApiError::sender("TooManyPolicies", message));
        }
        balancer.policies.insert(name, policy);
        Ok(())
    })
}

/// All attributes the policy has, as AWS lists them: those not given with their defaults.
fn complete(
    facts: &TypeFacts,
    given: Vec<(String, String)>,
    balancer: &LoadBalancer,
) -> Result<Vec<(String, String)>, ApiError> {
    for (name, value) in &given {
        facts.check(name, value)?;
        if facts.kind == PolicyType::BackendServerAuthentication
            && balancer
                .policies
                .get(value)
                .is_none_or(|policy| policy.kind != PolicyType::PublicKey)
        {
            return Err(no_policy(value, &balancer.name));
        }
    }
    if facts.kind == PolicyType::SslNegotiation {
        return predefined::expand(&given).map_err(|unknown| {
            invalid_configuration(format!("There is no predefined policy named {}", short(&unknown)))
        });
    }
    if let Some(missing) = facts
        .attributes
        .iter()
        .find(|a| a.is_required() && !given.iter().any(|(name, _)| name == a.name))
    {
        return Err(invalid_configuration(format!(
            "Attribute {} must be specified for {}",
            missing.name, facts.name
        )));
    }
    if facts.kind == PolicyType::LbCookieStickiness && given.is_empty() {
        // Without a period the cookie lives as long as the browser session; AWS reports 0 for it.
        return Ok(vec![("CookieExpirationPeriod".to_owned(), "0".to_owned())]);
    }
    Ok(given)
}

pub(super) fn delete(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let name = call.params.required("PolicyName")?.to_owned();
    call.edit(|balancer, _| {
        let on_listener = balancer
            .listeners
            .values()
            .any(|listener| listener.policies.contains(&name));
        let on_backend = balancer.backends.values().any(|policies| policies.contains(&name));
        let referred = balancer.policies.values().any(|policy| {
            policy.kind == PolicyType::BackendServerAuthentication
                && policy.attributes.iter().any(|(_, value)| *value == name)
        });
        if on_listener || on_backend || referred {
            return Err(invalid_configuration(format!(
                "You cannot delete policy [{name}] since it is enabled or referred by other enabled policy."
            )));
        }
        balancer.policies.remove(&name);
        Ok(())
    })
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let names = call.params.strings("PolicyNames");
    let Some(balancer_name) = call.params.non_empty("LoadBalancerName") else {
        let all = predefined::names();
        if let Some(unknown) = names.iter().find(|name| !all.contains(&name.as_str())) {
            let message = format!("There is no policy with name {}", short(unknown));
            return Err(ApiError::sender("PolicyNotFound", message));
        }
        let chosen = all
            .into_iter()
            .filter(|name| names.is_empty() || names.iter().any(|given| given == name));
        xml.members("PolicyDescriptions", chosen, |xml, name| {
            write(
                xml,
                name,
                PolicyType::SslNegotiation,
                &predefined::attributes(name).unwrap_or_default(),
            );
        });
        return Ok(());
    };
    let balancer = call
        .region
        .elb
        .get(balancer_name)
        .ok_or_else(|| not_active(balancer_name))?;
    if let Some(unknown) = names.iter().find(|name| !balancer.policies.contains_key(*name)) {
        return Err(no_policy(unknown, balancer_name));
    }
    let chosen = balancer
        .policies
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    xml.members("PolicyDescriptions", chosen, |xml, (name, policy)| {
        write(xml, name, policy.kind, &policy.attributes);
    });
    Ok(())
}

fn write(xml: &mut Xml, name: &str, kind: PolicyType, attributes: &[(String, String)]) {
    xml.text("PolicyName", name)
        .text("PolicyTypeName", policy_types::of(kind).name);
    xml.members("PolicyAttributeDescriptions", attributes, |xml, (name, value)| {
        xml.text("AttributeName", name).text("AttributeValue", value);
    });
}

pub(super) fn set_of_listener(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let names = call.params.strings("PolicyNames");
    let port = call.params.str("LoadBalancerPort").unwrap_or_default().to_owned();
    call.edit(|balancer, _| {
        let protocol = listeners::listener_mut(balancer, &port)?.protocol;
        let mut kinds = Vec::new();
        for name in &names {
            let kind = balancer
                .policies
                .get(name)
                .ok_or_else(|| no_policy(name, &balancer.name))?
                .kind;
            let fits = match kind {
                PolicyType::SslNegotiation => protocol.is_secure(),
                PolicyType::AppCookieStickiness | PolicyType::LbCookieStickiness => protocol.is_application_layer(),
                _ => false,
            };
            if !fits {
                return Err(invalid_configuration(format!(
                    "Policy {name} of type {} cannot be enabled on a listener with protocol {protocol}.",
                    policy_types::of(kind).name
                )));
            }
            kinds.push(kind == PolicyType::SslNegotiation);
        }
        if [true, false]
            .iter()
            .any(|ssl| kinds.iter().filter(|kind| *kind == ssl).count() > 1)
        {
            return Err(invalid_configuration(
                "Only one policy of each kind can be enabled on a listener.",
            ));
        }
        listeners::listener_mut(balancer, &port)?.policies = names;
        Ok(())
    })
}

pub(super) fn set_for_backend(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let names = call.params.strings("PolicyNames");
    let port = call
        .params
        .str("InstancePort")
        .and_then(|port| port.parse::<u16>().ok());
    call.edit(|balancer, _| {
        // Policies can be cleared where the last listener is gone, and only cleared. The README says what speaks for that and what
        // against it.
        let Some(port) = port.filter(|port| {
            balancer
                .listeners
                .values()
                .any(|listener| listener.instance_port == *port)
                || (names.is_empty() && balancer.backends.contains_key(port))
        }) else {
            return Err(invalid_configuration(
                "There is no listener that uses the specified instance port.",
            ));
        };
        for name in &names {
            let kind = balancer
                .policies
                .get(name)
                .ok_or_else(|| no_policy(name, &balancer.name))?
                .kind;
            if !matches!(
                kind,
                PolicyType::ProxyProtocol | PolicyType::BackendServerAuthentication
            ) {
                return Err(invalid_configuration(format!(
                    "Policy {name} of type {} cannot be enabled on an instance port.",
                    policy_types::of(kind).name
                )));
            }
        }
        if names.is_empty() {
            balancer.backends.remove(&port);
        } else {
            balancer.backends.insert(port, names);
        }
        Ok(())
    })
}

fn no_policy(name: &str, balancer: &str) -> ApiError {
    let message = format!(
        "There is no policy with name {} for load balancer {balancer}",
        short(name)
    );
    ApiError::sender("PolicyNotFound", message)
}
