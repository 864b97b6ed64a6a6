use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::{Error, Result};

/// Nothing on loopback takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// The body of a successful answer.
    pub(crate) fn success(self, doing: &str) -> Result<String> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(Error::Http {
            doing: doing.into(),
            message: format!("HTTP {}: {}", self.status, self.body),
        })
    }
}

/// Gets an address of loopback.
pub async fn get(url: &str) -> Result<Reply> {
    send(request(Method::GET, url, String::new())?).await
}

pub(crate) fn request(method: Method, url: &str, body: String) -> Result<Request<String>> {
    Request::builder()
        .method(method)
        .uri(url)
        .body(body)
        .map_err(|error| failed(url, &error))
}

/// Sends a request on a connection of its own: tests run on many runtimes, and a pooled connection would end with
/// the runtime that opened it.
pub(crate) async fn send(request: Request<String>) -> Result<Reply> {
    let doing = format!("{} {}", request.method(), request.uri());
    let client: Client<_, String> = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let reply = client.request(request).await;
        let reply = reply.map_err(|error| failed(&doing, &error))?;
        let status = reply.status().as_u16();
        let body = reply
            .into_body()
            .collect()
            .await
            .map_err(|error| failed(&doing, &error))?
            .to_bytes();
        Ok(Reply {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    };
    tokio::time::timeout(LIMIT, exchange).await.unwrap_or_else(|_| {
        Err(Error::Http {
            doing: doing.clone(),
            message: "no answer in time".into(),
        })
    })
}

fn failed(doing: &str, error: &dyn std::error::Error) -> Error {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        cause = inner.source();
    }
    Error::Http {
        doing: doing.into(),
        message,
    }
}
