//! The operations of ACM.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::state::{Certificate, CertificateStatus};
use crate::call::Call;
use crate::certificate;
use crate::clock::Timestamp;
use crate::wire::params::short;
use crate::wire::{ApiError, Service, Table};

type Handler = fn(&mut Call<'_>, &Json) -> Result<Json, ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::Acm,
    &[
        ("AddTagsToCertificate", add_tags),
        ("DeleteCertificate", delete),
        ("DescribeCertificate", describe),
        ("GetCertificate", get),
        ("ImportCertificate", import),
        ("ListCertificates", list),
        ("ListTagsForCertificate", list_tags),
        ("RemoveTagsFromCertificate", remove_tags),
        ("RequestCertificate", request),
    ],
);

/// Answers a request in the JSON protocol.
pub(crate) fn answer(call: &mut Call<'_>, operation: &str, input: &Json) -> Result<Json, ApiError> {
    OPERATIONS.find(operation)?(call, input)
}

fn import(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let blob = |name: &str| -> Option<String> {
        let text = input.get(name)?.as_str()?;
        String::from_utf8(STANDARD.decode(text).ok()?).ok()
    };
    let body = blob("Certificate").ok_or_else(|| invalid("The certificate field is required."))?;
    blob("PrivateKey").ok_or_else(|| invalid("The private key field is required."))?;
    let facts = certificate::read(&body).ok_or_else(|| {
        invalid("The certificate field contains more than one certificate, or one that is not valid PEM.")
    })?;
    let arn = match input.get("CertificateArn").and_then(Json::as_str) {
        Some(arn) => find(call, input).map(|_| arn.to_owned())?,
        None => new_arn(call),
    };
    let mut certificate = Certificate::imported(facts, call.now);
    certificate.body = Some(body);
    certificate.chain = blob("CertificateChain");
    certificate.tags = read_tags(input);
    call.region.certificates.insert(arn.clone(), certificate);
    Ok(json!({"CertificateArn": arn}))
}

fn request(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let domain = input
        .get("DomainName")
        .and_then(Json::as_str)
        .filter(|domain| !domain.is_empty());
    let domain = domain.ok_or_else(|| invalid("The domain name is required."))?;
    let mut names = vec![domain.to_owned()];
    let more = input
        .get("SubjectAlternativeNames")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    names.extend(
        more.filter_map(Json::as_str)
            .filter(|name| *name != domain)
            .map(str::to_owned),
    );
    let mut certificate = Certificate::requested(domain, names, CertificateStatus::PendingValidation, call.now);
    certificate.tags = read_tags(input);
    let arn = new_arn(call);
    call.region.certificates.insert(arn.clone(), certificate);
    Ok(json!({"CertificateArn": arn}))
}

fn new_arn(call: &mut Call<'_>) -> String {
    let (partition, region, account) = (call.facts.partition(), call.facts.name, call.account);
    format!("arn:{partition}:acm:{region}:{account}:certificate/{}", call.ids.uuid())
}

fn describe(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let (arn, certificate) = find(call, input)?;
    let mut described = json!({
        "CertificateArn": arn,
        "DomainName": certificate.domain,
        "SubjectAlternativeNames": certificate.names,
        "Status": certificate.status(call.now),
        "Type": certificate.kind(),
        "Subject": certificate.subject,
        "Issuer": certificate.issuer,
        "Serial": certificate.serial,
        "CreatedAt": seconds(certificate.created),
        "KeyAlgorithm": "RSA_2048",
        "SignatureAlgorithm": "SHA256WITHRSA",
        "InUseBy": users(call, arn),
        "KeyUsages": [{"Name": "DIGITAL_SIGNATURE"}],
        "ExtendedKeyUsages": [{"Name": "TLS_WEB_SERVER_AUTHENTICATION"}],
        "RenewalEligibility": "INELIGIBLE",
        "Options": {"CertificateTransparencyLoggingPreference": "ENABLED"},
    });
    let Some(members) = described.as_object_mut() else {
        return Ok(described);
    };
    if certificate.was_issued() {
        members.insert("NotBefore".to_owned(), seconds(certificate.not_before));
        members.insert("NotAfter".to_owned(), seconds(certificate.not_after));
    }
    if certificate.imported {
        members.insert("ImportedAt".to_owned(), seconds(certificate.created));
    } else {
        if certificate.was_issued() {
            members.insert("IssuedAt".to_owned(), seconds(certificate.created));
        }
        let validation = |name: &String| {
            json!({
                "DomainName": name,
                "ValidationDomain": name,
                "ValidationMethod": "DNS",
                "ValidationStatus": certificate.validation(),
                "ResourceRecord": {"Name": format!("_validation.{name}."), "Type": "CNAME", "Value": "_validation.acm-validations.aws."},
            })
        };
        let options: Vec<Json> = certificate.names.iter().map(validation).collect();
        members.insert("DomainValidationOptions".to_owned(), Json::Array(options));
    }
    Ok(json!({"Certificate": described}))
}

fn get(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let (arn, certificate) = find(call, input)?;
    match &certificate.body {
        Some(body) => Ok(json!({"Certificate": body, "CertificateChain": certificate.chain})),
        None => Err(ApiError::sender(
            "RequestInProgressException",
            format!("Certificate {arn} is not issued yet."),
        )),
    }
}

fn list(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let named = |filters: Option<&Json>, name: &str| -> Option<Vec<Json>> {
        filters?
            .get(name)?
            .as_array()
            .filter(|values| !values.is_empty())
            .cloned()
    };
    let statuses = named(Some(input), "CertificateStatuses");
    let key_types = named(input.get("Includes"), "keyTypes");
    let size = match input.get("MaxItems") {
        None => 1000,
        Some(given) => given
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=1000).contains(size))
            .ok_or_else(|| invalid("MaxItems must be between 1 and 1000"))?,
    };
    let from = input.get("NextToken").and_then(Json::as_str).unwrap_or_default();
    let mut listed = call.region.certificates.iter().filter(|(arn, it)| {
        arn.as_str() > from
            && statuses
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&json!(it.status(call.now))))
            && key_types
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&json!("RSA_2048")))
    });
    let page: Vec<_> = listed.by_ref().take(size).collect();
    let more = listed.next().is_some();
    let summaries: Vec<Json> = page.iter().map(|(arn, it)| summary(call, arn, it)).collect();
    let mut reply = json!({"CertificateSummaryList": summaries});
    if let (Some((last, _)), true, Some(reply)) = (page.last(), more, reply.as_object_mut()) {
        reply.insert("NextToken".to_owned(), json!(last));
    }
    Ok(reply)
}

fn summary(call: &Call<'_>, arn: &str, certificate: &Certificate) -> Json {
    let mut summary = json!({
        "CertificateArn": arn,
        "DomainName": certificate.domain,
        "SubjectAlternativeNameSummaries": certificate.names,
        "HasAdditionalSubjectAlternativeNames": false,
        "Status": certificate.status(call.now),
        "Type": certificate.kind(),
        "KeyAlgorithm": "RSA-2048",
        "KeyUsages": ["DIGITAL_SIGNATURE"],
        "ExtendedKeyUsages": ["TLS_WEB_SERVER_AUTHENTICATION"],
        "InUse": !users(call, arn).is_empty(),
        "RenewalEligibility": "INELIGIBLE",
        "CreatedAt": seconds(certificate.created),
    });
    if let (true, Some(members)) = (certificate.was_issued(), summary.as_object_mut()) {
        members.insert("NotBefore".to_owned(), seconds(certificate.not_before));
        members.insert("NotAfter".to_owned(), seconds(certificate.not_after));
    }
    summary
}

fn delete(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let (arn, _) = find(call, input)?;
    if !users(call, arn).is_empty() {
        let message = format!("Certificate {arn} in account {} is in use.", call.account);
        return Err(ApiError::sender("ResourceInUseException", message));
    }
    let arn = arn.to_owned();
    call.region.certificates.remove(&arn);
    Ok(json!({}))
}

fn list_tags(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let (_, certificate) = find(call, input)?;
    Ok(json!({"Tags": write_tags(&certificate.tags)}))
}

fn add_tags(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    change_tags(call, input, Extend::extend)
}

fn remove_tags(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    change_tags(call, input, |tags, given| {
        tags.retain(|key, _| !given.contains_key(key));
    })
}

type Tags = BTreeMap<String, String>;

fn change_tags(call: &mut Call<'_>, input: &Json, change: fn(&mut Tags, Tags)) -> Result<Json, ApiError> {
    let arn = find(call, input)?.0.to_owned();
    if let Some(certificate) = call.region.certificates.get_mut(&arn) {
        change(&mut certificate.tags, read_tags(input));
    }
    Ok(json!({}))
}

fn find<'c>(call: &'c Call<'_>, input: &Json) -> Result<(&'c str, &'c Certificate), ApiError> {
    let arn = input.get("CertificateArn").and_then(Json::as_str).unwrap_or_default();
    let found = call.region.certificates.get_key_value(arn);
    found.map(|(arn, it)| (arn.as_str(), it)).ok_or_else(|| {
        let message = format!("Could not find certificate {} in account {}.", short(arn), call.account);
        ApiError::sender("ResourceNotFoundException", message)
    })
}

/// The ARNs of the balancers that present a certificate.
fn users(call: &Call<'_>, arn: &str) -> Vec<String> {
    call.region
        .elb
        .iter()
        .filter(|balancer| balancer.presents(arn))
        .map(|it| call.balancer_arn(&it.name))
        .collect()
}

fn read_tags(input: &Json) -> Tags {
    let text = |tag: &Json, name: &str| tag.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let tags = input.get("Tags").and_then(Json::as_array).into_iter().flatten();
    tags.map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

fn write_tags(tags: &Tags) -> Vec<Json> {
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

/// Times in the JSON protocols are seconds.
fn seconds(time: Timestamp) -> Json {
    json!(time.as_millis() / 1000)
}

fn invalid(message: &str) -> ApiError {
    ApiError::sender("ValidationException", message)
}
