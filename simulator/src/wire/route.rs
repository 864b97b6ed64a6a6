//! Which service and operation a request is for.

use http::request::Parts;

use super::params::Value;
use super::service::Service;

/// The credential scope and what else a signature says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) key_id: String,
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Credential {
    fn parse(text: &str) -> Option<Self> {
        // From the end, since key ids are what the caller likes them to be.
        let mut parts = text.rsplit('/');
        let (terminator, service, region, date) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if terminator != "aws4_request" {
            return None;
        }
        let key_id = text.strip_suffix(&format!("/{date}/{region}/{service}/{terminator}"))?;
        let owned = str::to_owned;
        Some(Self {
            key_id: owned(key_id),
            date: owned(date),
            region: owned(region),
            service: owned(service),
        })
    }

    /// From the Authorization header, a presigned query, or the parameters of signature version 2.
    pub(crate) fn of(parts: &Parts, query: &Value, params: &Value) -> Option<Self> {
        if let Some(header) = parts
            .headers
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
        {
            return authorization_field(header, "Credential=").and_then(Self::parse);
        }
        if let Some(credential) = query.str("X-Amz-Credential") {
            return Self::parse(credential);
        }
        let key_id = params.str("AWSAccessKeyId")?.to_owned();
        Some(Self {
            key_id,
            ..Self::default()
        })
    }
}

/// One field of an Authorization header.
pub(super) fn authorization_field<'h>(header: &'h str, field: &str) -> Option<&'h str> {
    let rest = header.split([' ', ',']).find_map(|part| part.strip_prefix(field))?;
    Some(rest.trim())
}

/// The service, its operation in the API's spelling, and whether the JSON protocol is spoken.
pub(crate) fn route(parts: &Parts, credential: Option<&Credential>, params: &Value) -> Option<(Service, String)> {
    let scoped = credential.and_then(|credential| Service::of_scope(&credential.service));
    if let Some(target) = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        let service = scoped.or_else(|| Service::of_target(target))?;
        let operation = target.rsplit('.').next().unwrap_or_default();
        return Some((service, operation.to_owned()));
    }
    if scoped == Some(Service::S3) {
        let operation =
            crate::s3::names::operation(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default());
        return Some((Service::S3, operation));
    }
    let service = scoped.or_else(|| Service::of_version(params.str("Version")?))?;
    Some((service, params.str("Action").unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_from_headers() {
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/elasticloadbalancing/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
        let request = http::Request::builder()
            .header("authorization", header)
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let credential = Credential::of(&parts, &Value::default(), &Value::default()).unwrap();
        assert_eq!(
            (credential.key_id.as_str(), credential.region.as_str()),
            ("AKID", "us-east-1")
        );
        assert_eq!(authorization_field(header, "SignedHeaders="), Some("host;x-amz-date"));
    }

    #[test]
    fn a_scope_that_names_no_service_is_routed_by_version() {
        let (parts, ()) = http::Request::new(()).into_parts();
        let strange = Credential {
            service: "0".to_owned(),
            ..Credential::default()
        };
        for (version, service) in [
            ("2012-06-01", Some(Service::Elb)),
            ("2014-10-01", Some(Service::Ec2)),
            ("2011-01-01", Some(Service::AutoScaling)),
            ("x", None),
        ] {
            let form = Value::parse(format!("Action=A&Version={version}").as_bytes()).unwrap();
            assert_eq!(
                route(&parts, Some(&strange), &form).map(|(service, _)| service),
                service,
                "{version}"
            );
        }
    }
}
