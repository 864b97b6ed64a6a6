//! A text at an address.

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use kube::{Client, Config};

use super::failure::{Failure, causes};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// A manifest is smaller.
const LARGEST: usize = 16 << 20;
/// How often an address may lead to another, as for kubectl.
const REDIRECTS: usize = 10;

/// Reads what is at an address of the web.
pub(super) async fn fetch(address: &str) -> Result<String, Failure> {
    let failed = |why: &str| Failure::new(format!("reading {address}: {why}"));
    let mut at: http::Uri = address.parse().map_err(|error| failed(&format!("{error}")))?;
    for _ in 0..=REDIRECTS {
        let mut config = Config::new(at.clone());
        config.connect_timeout = Some(ANSWER);
        config.read_timeout = Some(ANSWER);
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|error| failed(&causes(&error)))?;
        let path = at.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = http::Request::get(path)
            .body(Body::empty())
            .map_err(|error| failed(&error.to_string()))?;
        let answer = client.send(request).await.map_err(|error| failed(&unreached(&error)))?;
        let status = answer.status();
        if status.is_redirection() {
            let location = answer.headers().get(http::header::LOCATION);
            let location = location.and_then(|location| location.to_str().ok());
            let location = location.ok_or_else(|| failed("it leads to nowhere"))?;
            at = beside(&at, location).ok_or_else(|| failed(&format!("it leads to {location}")))?;
            continue;
        }
        if !status.is_success() {
            return Err(failed(&refused(status)));
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| failed(&error.to_string()))?;
        return String::from_utf8(body.to_bytes().to_vec()).map_err(|_| failed("it is no text"));
    }
    Err(failed("it leads from one address to the next"))
}

/// What to do where this program cannot get it.
const OTHERWISE: &str = "fetch it another way and give it by -f -";

/// Why nobody answered. What libraries wrap around the cause says nothing to a person.
fn unreached(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |cause| cause.source());
    let cause = chain.last().map(ToString::to_string).unwrap_or_default();
    format!("it cannot be reached ({cause}); check the address and the network, or {OTHERWISE}")
}

/// Why there is no text.
fn refused(status: http::StatusCode) -> String {
    let code = status.as_u16();
    match code {
        401 | 403 | 407 => {
            format!("it is not for everybody (HTTP {code}), and nothing is sent to prove who you are; {OTHERWISE}")
        }
        404 | 410 => format!("nothing is there (HTTP {code}); check the address"),
        500.. => format!("the server fails (HTTP {code}); try again later, or {OTHERWISE}"),
        _ => format!("HTTP {code}; check the address, or {OTHERWISE}"),
    }
}

/// An address as an answer names it: whole, or by its path alone. Nothing leads from https to where others read along.
fn beside(at: &http::Uri, location: &str) -> Option<http::Uri> {
    let mut parts = at.clone().into_parts();
    if location.starts_with('/') && !location.starts_with("//") {
        parts.path_and_query = Some(location.parse().ok()?);
        return http::Uri::from_parts(parts).ok();
    }
    let next: http::Uri = location.parse().ok()?;
    let secure = at.scheme_str() == Some("https");
    match next.scheme_str() {
        Some("https") => Some(next),
        Some("http") if !secure => Some(next),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_lead_to_another_but_not_out_of_https() {
        let at: http::Uri = "https://a.example/x/y?z=1".parse().expect("an address");
        let next = |location| beside(&at, location).map(|uri| uri.to_string());
        assert_eq!(next("/raw/y").as_deref(), Some("https://a.example/raw/y"));
        assert_eq!(next("https://b.example/y").as_deref(), Some("https://b.example/y"));
        assert_eq!(next("http://b.example/y"), None);
        assert_eq!(next("//b.example/y"), None);
        assert_eq!(next("y"), None);
    }
}
