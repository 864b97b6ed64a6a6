//! The kinds of policy and the attributes each takes.

use std::sync::LazyLock;

use super::predefined;
use super::request::invalid_configuration;
use super::state::PolicyType;
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

/// What `DescribeLoadBalancerPolicyTypes` says of one type.
#[derive(Debug)]
pub(super) struct TypeFacts {
    pub(super) kind: PolicyType,
    pub(super) name: &'static str,
    description: &'static str,
    pub(super) attributes: Vec<AttributeFacts>,
}

/// One attribute of a policy type.
#[derive(Debug)]
pub(super) struct AttributeFacts {
    pub(super) name: &'static str,
    attribute_type: &'static str,
    description: &'static str,
    default: Option<&'static str>,
    /// `ONE`, `ZERO_OR_ONE`, `ZERO_OR_MORE` or `ONE_OR_MORE`.
    cardinality: &'static str,
}

impl AttributeFacts {
    pub(super) fn is_required(&self) -> bool {
        self.cardinality.starts_with("ONE")
    }
}

impl TypeFacts {
    /// Refuses an attribute the type does not have and values of the wrong kind.
    pub(super) fn check(&self, name: &str, value: &str) -> Result<(), ApiError> {
        let Some(attribute) = self.attributes.iter().find(|attribute| attribute.name == name) else {
            let message = format!(
                "Policy attribute {} is not valid for policy type {}",
                short(name),
                self.name
            );
            return Err(invalid_configuration(message));
        };
        let legal = match attribute.attribute_type {
            "Boolean" => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
            "Long" => value.parse::<u64>().is_ok(),
            _ => !value.is_empty(),
        };
        if legal {
            return Ok(());
        }
        let message = format!("'{}' is not a value for policy attribute {name}", short(value));
        Err(invalid_configuration(message))
    }
}

static TYPES: LazyLock<[TypeFacts; 6]> = LazyLock::new(|| {
    let one = |name, attribute_type, description, cardinality| {
        vec![AttributeFacts {
            name,
            attribute_type,
            description,
            default: None,
            cardinality,
        }]
    };
    let facts = |kind, name, description, attributes| TypeFacts {
        kind,
        name,
        description,
        attributes,
    };
    [
        facts(
            PolicyType::AppCookieStickiness,
            "AppCookieStickinessPolicyType",
            "Sessions last as long as a cookie that the application sets. For HTTP and HTTPS listeners.",
            one("CookieName", "String", "The application's cookie.", "ONE"),
        ),
        facts(
            PolicyType::BackendServerAuthentication,
            "BackendServerAuthenticationPolicyType",
            "Instances are trusted by the public keys that the named policies hold. For instance ports behind HTTPS and SSL.",
            one(
                "PublicKeyPolicyName",
                "PolicyName",
                "A policy of type PublicKeyPolicyType.",
                "ONE_OR_MORE",
            ),
        ),
        facts(
            PolicyType::LbCookieStickiness,
            "LBCookieStickinessPolicyType",
            "Sessions last as long as a cookie that the load balancer sets. For HTTP and HTTPS listeners.",
            one(
                "CookieExpirationPeriod",
                "Long",
                "Seconds; without it the cookie lasts for the browser session.",
                "ZERO_OR_ONE",
            ),
        ),
        facts(
            PolicyType::ProxyProtocol,
            "ProxyProtocolPolicyType",
            "Connections to instances begin with a proxy protocol header. For instance ports behind TCP and SSL.",
            one("ProxyProtocol", "Boolean", "Whether the header is sent.", "ONE"),
        ),
        facts(
            PolicyType::PublicKey,
            "PublicKeyPolicyType",
            "A public key, for policies of type BackendServerAuthenticationPolicyType to name.",
            one(
                "PublicKey",
                "String",
                "The key in PEM form, without its first and last line.",
                "ONE",
            ),
        ),
        facts(
            PolicyType::SslNegotiation,
            "SSLNegotiationPolicyType",
            "Protocols and ciphers offered to clients. For HTTPS and SSL listeners.",
            ssl_attributes(),
        ),
    ]
});

fn ssl_attributes() -> Vec<AttributeFacts> {
    predefined::attribute_names()
        .map(|name| {
            let text = name == predefined::REFERENCE;
            let (attribute_type, default) = if text {
                ("String", None)
            } else {
                ("Boolean", Some("false"))
            };
            let cardinality = "ZERO_OR_ONE";
            AttributeFacts {
                name,
                attribute_type,
                description: "",
                default,
                cardinality,
            }
        })
        .collect()
}

pub(super) fn find(name: &str) -> Option<&'static TypeFacts> {
    TYPES.iter().find(|facts| facts.name == name)
}

pub(super) fn of(kind: PolicyType) -> &'static TypeFacts {
    let [app_cookie, backend, lb_cookie, proxy, key, ssl] = &*TYPES;
    match kind {
        PolicyType::AppCookieStickiness => app_cookie,
        PolicyType::BackendServerAuthentication => backend,
        PolicyType::LbCookieStickiness => lb_cookie,
        PolicyType::ProxyProtocol => proxy,
        PolicyType::PublicKey => key,
        PolicyType::SslNegotiation => ssl,
    }
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let names = call.params.strings("PolicyTypeNames");
    if let Some(unknown) = names.iter().find(|name| find(name).is_none()) {
        return Err(not_found(unknown));
    }
    let chosen = TYPES
        .iter()
        .filter(|facts| names.is_empty() || names.iter().any(|name| name == facts.name));
    xml.members("PolicyTypeDescriptions", chosen, |xml, facts| {
        xml.text("PolicyTypeName", facts.name)
            .text("Description", facts.description);
        xml.members(
            "PolicyAttributeTypeDescriptions",
            &facts.attributes,
            |xml, attribute| {
                xml.text("AttributeName", attribute.name)
                    .text("AttributeType", attribute.attribute_type);
                xml.text("Description", attribute.description);
                xml.maybe("DefaultValue", attribute.default)
                    .text("Cardinality", attribute.cardinality);
            },
        );
    });
    Ok(())
}

pub(super) fn not_found(name: &str) -> ApiError {
    ApiError::sender("PolicyTypeNotFound", format!("Policy type {} not found.", short(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_by_kind() {
        for facts in &*TYPES {
            assert_eq!(of(facts.kind).name, facts.name);
        }
        assert!(of(PolicyType::SslNegotiation).attributes.len() > 80);
    }
}
