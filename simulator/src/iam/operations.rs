//! The operations of IAM.

use std::collections::BTreeMap;

use super::simulate;
use super::state::ServerCertificate;
use crate::access::AccessRules;
use crate::certificate;
use crate::clock::Timestamp;
use crate::ids::Ids;
use crate::sts::state::Caller;
use crate::wire::params::short;
use crate::wire::{ApiError, Service, Table, Value, Xml};
use crate::world::Account;

/// A request to IAM, which knows accounts but no regions.
pub(crate) struct IamCall<'a> {
    pub(crate) account: &'a mut Account,
    pub(crate) account_id: &'a str,
    /// What ARNs begin with where the caller is.
    pub(crate) partition: &'static str,
    pub(crate) ids: &'a mut Ids,
    pub(crate) now: Timestamp,
    pub(crate) params: &'a Value,
    /// Who asks, and with which access key.
    pub(crate) caller: &'a Caller,
    pub(crate) key_id: &'a str,
    pub(crate) access: &'a AccessRules,
}

type Handler = fn(&mut IamCall<'_>, &mut Xml) -> Result<(), ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::Iam,
    &[
        ("DeleteServerCertificate", delete),
        ("GetServerCertificate", get),
        ("ListAccountAliases", list_aliases),
        ("ListServerCertificates", list),
        ("SimulatePrincipalPolicy", simulate::answer),
        ("UpdateServerCertificate", update),
        ("UploadServerCertificate", upload),
    ],
);

/// Answers a request with what stands inside the result element.
pub(crate) fn answer(call: &mut IamCall<'_>, operation: &str) -> Result<String, ApiError> {
    let handler = OPERATIONS.find(operation)?;
    let mut xml = Xml::new();
    handler(call, &mut xml)?;
    Ok(xml.finish())
}

fn list_aliases(_: &mut IamCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    xml.strings("AccountAliases", []).show("IsTruncated", false);
    Ok(())
}

fn upload(call: &mut IamCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let name = call.params.required("ServerCertificateName")?;
    let legal = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
    if name.chars().count() > 128 || !name.chars().all(legal) {
        return Err(ApiError::constraint(
            name,
            "serverCertificateName",
            "Member must satisfy regular expression pattern: [\\w+=,.@-]+",
        ));
    }
    let body = call.params.required("CertificateBody")?;
    call.params.required("PrivateKey")?;
    let facts = certificate::read(body).ok_or_else(|| {
        ApiError::sender(
            "MalformedCertificate",
            "Unable to parse certificate. Please ensure the certificate is in PEM format.",
        )
    })?;
    if call.account.server_certificates.contains_key(name) {
        return Err(exists(name));
    }
    let path = call.params.non_empty("Path").unwrap_or("/").to_owned();
    let uploaded = ServerCertificate {
        arn: arn(call, &path, name),
        id: format!("ASCA{}", call.ids.letters(17)),
        path,
        body: body.to_owned(),
        chain: call.params.non_empty("CertificateChain").map(str::to_owned),
        uploaded: call.now,
        expires: facts.not_after,
        tags: BTreeMap::new(),
    };
    xml.element("ServerCertificateMetadata", |xml| write_metadata(xml, name, &uploaded));
    call.account.server_certificates.insert(name.to_owned(), uploaded);
    Ok(())
}

fn get(call: &mut IamCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (name, found) = find(call)?;
    xml.element("ServerCertificate", |xml| {
        xml.element("ServerCertificateMetadata", |xml| write_metadata(xml, name, found));
        xml.text("CertificateBody", &found.body)
            .maybe("CertificateChain", found.chain.as_deref());
        xml.members("Tags", &found.tags, |xml, (key, value)| {
            xml.text("Key", key).text("Value", value);
        });
    });
    Ok(())
}

fn arn(call: &IamCall<'_>, path: &str, name: &str) -> String {
    let IamCall {
        partition, account_id, ..
    } = call;
    format!("arn:{partition}:iam::{account_id}:server-certificate{path}{name}")
}

fn exists(name: &str) -> ApiError {
    let message = format!("The Server Certificate with name {} already exists.", short(name));
    ApiError::new(409, "EntityAlreadyExists", message)
}

fn list(call: &mut IamCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let prefix = call.params.non_empty("PathPrefix").unwrap_or("/");
    let size = call.params.int("MaxItems")?.unwrap_or(100);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=1000).contains(size))
        .ok_or_else(|| {
            let told = "Member must have value between 1 and 1000";
            ApiError::constraint(&size.to_string(), "maxItems", told)
        })?;
    let from = call.params.non_empty("Marker").unwrap_or_default();
    let all = call.account.server_certificates.iter();
    let mut listed = all.filter(|(name, it)| it.path.starts_with(prefix) && name.as_str() > from);
    let page: Vec<_> = listed.by_ref().take(size).collect();
    let more = listed.next().is_some();
    xml.show("IsTruncated", more);
    xml.members("ServerCertificateMetadataList", &page, |xml, (name, it)| {
        write_metadata(xml, name, it);
    });
    if let (Some((last, _)), true) = (page.last(), more) {
        xml.text("Marker", last);
    }
    Ok(())
}

fn delete(call: &mut IamCall<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let (name, found) = find(call)?;
    let arn = &found.arn;
    let mut balancers = call.account.regions.values().flat_map(|region| region.elb.iter());
    if let Some(user) = balancers.find(|balancer| balancer.presents(arn)) {
        let message = format!(
            "Certificate: {} is currently in use by {}. Please remove it first before deleting it from IAM.",
            found.id, user.name
        );
        return Err(ApiError::new(409, "DeleteConflict", message));
    }
    let name = name.to_owned();
    call.account.server_certificates.remove(&name);
    Ok(())
}

/// A new name or path is a new ARN; balancers go on presenting the certificate under it.
fn update(call: &mut IamCall<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let (name, found) = find(call)?;
    let (name, mut changed) = (name.to_owned(), found.clone());
    let new_name = call
        .params
        .non_empty("NewServerCertificateName")
        .unwrap_or(&name)
        .to_owned();
    if let Some(path) = call.params.non_empty("NewPath") {
        path.clone_into(&mut changed.path);
    }
    if new_name != name && call.account.server_certificates.contains_key(&new_name) {
        return Err(exists(&new_name));
    }
    changed.arn = arn(call, &changed.path, &new_name);
    call.account.server_certificates.remove(&name);
    call.account.server_certificates.insert(new_name, changed);
    Ok(())
}

fn find<'c>(call: &'c IamCall<'_>) -> Result<(&'c str, &'c ServerCertificate), ApiError> {
    let name = call.params.required("ServerCertificateName")?;
    let found = call.account.server_certificates.get_key_value(name);
    found.map(|(name, it)| (name.as_str(), it)).ok_or_else(|| {
        let message = format!("The Server Certificate with name {} cannot be found.", short(name));
        ApiError::new(404, "NoSuchEntity", message)
    })
}

fn write_metadata(xml: &mut Xml, name: &str, certificate: &ServerCertificate) {
    xml.text("Path", &certificate.path).text("ServerCertificateName", name);
    xml.text("ServerCertificateId", &certificate.id)
        .text("Arn", &certificate.arn);
    xml.show("UploadDate", certificate.uploaded)
        .show("Expiration", certificate.expires);
}
