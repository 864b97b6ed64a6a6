//! IAM server certificates.

use serde::{Deserialize, Serialize};

use crate::certificate;
use crate::clock::Timestamp;
use crate::wire::params::short;
use crate::wire::{ApiError, Value, Xml};
use crate::world::{Account, Ids};

/// The namespace of replies.
pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// A certificate that ELB can present.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerCertificate {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) chain: Option<String>,
    pub(crate) uploaded: Timestamp,
    pub(crate) expires: Timestamp,
}

/// A request to IAM, which knows accounts but no regions.
pub(crate) struct IamCall<'a> {
    pub(crate) account: &'a mut Account,
    pub(crate) account_id: &'a str,
    pub(crate) ids: &'a mut Ids,
    pub(crate) now: Timestamp,
    pub(crate) params: &'a Value,
}

/// Answers a request with what stands inside the result element.
pub(crate) fn answer(call: &mut IamCall<'_>, operation: &str) -> Result<String, ApiError> {
    let mut xml = Xml::new();
    match operation {
        "UploadServerCertificate" => upload(call, &mut xml)?,
        "GetServerCertificate" => get(call, &mut xml)?,
        "ListServerCertificates" => list(call, &mut xml),
        "DeleteServerCertificate" => delete(call)?,
        "UpdateServerCertificate" => update(call)?,
        "ListAccountAliases" => {
            xml.strings("AccountAliases", []).show("IsTruncated", false);
        }
        _ => {
            let shown = short(operation);
            return Err(ApiError::sender(
                "InvalidAction",
                format!("Could not find operation {shown} for version 2010-05-08"),
            ));
        }
    }
    Ok(xml.finish())
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
        let message = format!("The Server Certificate with name {name} already exists.");
        return Err(ApiError::new(409, "EntityAlreadyExists", message));
    }
    let path = call.params.non_empty("Path").unwrap_or("/").to_owned();
    let uploaded = ServerCertificate {
        arn: format!("arn:aws:iam::{}:server-certificate{path}{name}", call.account_id),
        id: format!("ASCA{}", call.ids.letters(17)),
        path,
        body: body.to_owned(),
        chain: call.params.non_empty("CertificateChain").map(str::to_owned),
        uploaded: call.now,
        expires: facts.not_after,
    };
    xml.element("ServerCertificateMetadata", |xml| write_metadata(xml, name, &uploaded));
    call.account.server_certificates.insert(name.to_owned(), uploaded);
    Ok(())
}

fn get(call: &IamCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (name, found) = find(call)?;
    xml.element("ServerCertificate", |xml| {
        xml.element("ServerCertificateMetadata", |xml| write_metadata(xml, name, found));
        xml.text("CertificateBody", &found.body)
            .maybe("CertificateChain", found.chain.as_deref());
        xml.strings("Tags", []);
    });
    Ok(())
}

fn list(call: &IamCall<'_>, xml: &mut Xml) {
    let prefix = call.params.non_empty("PathPrefix").unwrap_or("/");
    let listed = call
        .account
        .server_certificates
        .iter()
        .filter(|(_, it)| it.path.starts_with(prefix));
    xml.show("IsTruncated", false);
    xml.members("ServerCertificateMetadataList", listed, |xml, (name, it)| {
        write_metadata(xml, name, it);
    });
}

fn delete(call: &mut IamCall<'_>) -> Result<(), ApiError> {
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
fn update(call: &mut IamCall<'_>) -> Result<(), ApiError> {
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
    changed.arn = format!(
        "arn:aws:iam::{}:server-certificate{}{new_name}",
        call.account_id, changed.path
    );
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
