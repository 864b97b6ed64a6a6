//! Verifies signatures, version 4 and, for EC2 clients of boto 2's age, version 2.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::params::Value;
use super::route::{Credential, authorization_field};

/// What RFC 3986 leaves unreserved is not encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Whether the signature was made with this secret.
pub(crate) fn verify(
    parts: &Parts,
    body: &[u8],
    credential: &Credential,
    params: &Value,
    secret: &str,
) -> Result<(), ApiError> {
    let valid = if credential.date.is_empty() {
        version_2(parts, body, params, secret)
    } else {
        version_4(parts, body, credential, secret)
    };
    if valid == Some(true) {
        return Ok(());
    }
    Err(ApiError::new(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    ))
}

fn version_4(parts: &Parts, body: &[u8], credential: &Credential, secret: &str) -> Option<bool> {
    let query = parts.uri.query().unwrap_or_default();
    let pairs = || form_urlencoded::parse(query.as_bytes());
    let header = parts
        .headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let in_query = |name: &str| {
        pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let field = |name: &str, parameter: &str| match header {
        Some(header) => authorization_field(header, name).map(str::to_owned),
        None => in_query(parameter),
    };
    let signed_headers = field("SignedHeaders=", "X-Amz-SignedHeaders")?;
    let signature = field("Signature=", "X-Amz-Signature")?;
    let time = match parts.headers.get("x-amz-date").and_then(|value| value.to_str().ok()) {
        Some(time) => time.to_owned(),
        None => in_query("X-Amz-Date")?,
    };
    let given = parts
        .headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok());
    let payload = match given {
        // Only S3 takes the sender's word for it, since bodies there can be streams.
        Some(given) if credential.service == "s3" => given.to_owned(),
        None if header.is_none() && credential.service == "s3" => "UNSIGNED-PAYLOAD".to_owned(),
        _ => hex(&Sha256::digest(body)),
    };
    let canonical = canonical_request(parts, &credential.service, &signed_headers, &payload);
    let Credential {
        date, region, service, ..
    } = credential;
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{date}/{region}/{service}/aws4_request\n{digest}");
    let key = hmac(format!("AWS4{secret}").as_bytes(), date.as_bytes())?;
    let key = hmac(&key, region.as_bytes())?;
    let key = hmac(&key, service.as_bytes())?;
    let key = hmac(&key, b"aws4_request")?;
    Some(hex(&hmac(&key, to_sign.as_bytes())?) == signature)
}

/// The form of a request that is signed.
fn canonical_request(parts: &Parts, service: &str, signed_headers: &str, payload: &str) -> String {
    let query = parts.uri.query().unwrap_or_default();
    let mut canonical = format!("{}\n{}\n", parts.method, canonical_path(parts.uri.path(), service));
    let mut sorted: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key != "X-Amz-Signature")
        .map(|(key, value)| (encode(&key), encode(&value)))
        .collect();
    sorted.sort();
    let joined: Vec<String> = sorted.iter().map(|(key, value)| format!("{key}={value}")).collect();
    canonical.push_str(&joined.join("&"));
    canonical.push('\n');
    for name in signed_headers.split(';') {
        let values: Vec<&str> = parts
            .headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let value = if values.is_empty() && name == "host" {
            parts.uri.authority().map(ToString::to_string).unwrap_or_default()
        } else {
            values
                .iter()
                .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
                .join(",")
        };
        // Writing to a String cannot fail.
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed_headers}\n{payload}");
    canonical
}

/// Paths are encoded twice, but not for S3.
fn canonical_path(path: &str, service: &str) -> String {
    let path = if path.is_empty() { "/" } else { path };
    if service == "s3" {
        let parts = path
            .split('/')
            .map(|part| encode(&percent_decode_str(part).decode_utf8_lossy()));
        return parts.collect::<Vec<_>>().join("/");
    }
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// The oldest one still in use: an HMAC over all parameters in order.
fn version_2(parts: &Parts, body: &[u8], params: &Value, secret: &str) -> Option<bool> {
    let signature = params.str("Signature")?;
    let form = if parts.method == http::Method::POST {
        body
    } else {
        parts.uri.query().unwrap_or_default().as_bytes()
    };
    let mut sorted: Vec<(String, String)> = form_urlencoded::parse(form)
        .filter(|(key, _)| key != "Signature")
        .map(|(key, value)| (encode(&key), encode(&value)))
        .collect();
    sorted.sort();
    let joined: Vec<String> = sorted.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let host = parts
        .headers
        .get(http::header::HOST)?
        .to_str()
        .ok()?
        .to_ascii_lowercase();
    let made = |host: &str| {
        let to_sign = format!("{}\n{host}\n{}\n{}", parts.method, parts.uri.path(), joined.join("&"));
        Some(STANDARD.encode(hmac(secret.as_bytes(), to_sign.as_bytes())?))
    };
    // Some clients sign the host without its port.
    let bare = host.split(':').next().unwrap_or_default();
    Some(made(&host)? == signature || made(bare)? == signature)
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn hmac(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
