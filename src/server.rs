//! `/metrics`, `/healthz`, `/readyz`.
//!
//! Any pod can reach the port, so nobody can hold much of the operator through it: a connection serves one request, has a
//! deadline, and where there are too many the oldest, which most likely waits for nothing, makes room.

mod tls;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::api::message;
use crate::metrics::{Format, Metrics};
use crate::readiness::Readiness;

pub use tls::Certificate;

/// Connections at a time.
const CONNECTIONS: usize = 64;
/// How long a client may take to send its request.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a connection may last.
const CONNECTION: Duration = Duration::from_secs(30);
/// How long requests under way may take to be answered after a signal.
const DRAIN: Duration = Duration::from_secs(5);
/// How long to wait where no connection can be accepted, as when there are no more descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// What is said to somebody who asks for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may read them.
    Granted,
    /// Nobody knows who it is.
    Unknown,
    /// It may not.
    Refused,
    /// Who could say did not answer.
    Unanswered,
}

/// Judges a bearer token.
pub type Admits = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Admission> + Send>> + Send + Sync>;

/// What the handler of the metrics needs.
#[derive(Clone)]
struct Told {
    metrics: Arc<Metrics>,
    /// Without it everybody may read them.
    admits: Option<Admits>,
}

/// Serves health and readiness, and the metrics where they are given, until `shutdown` resolves.
pub async fn serve(
    listener: TcpListener,
    metrics: Option<Arc<Metrics>>,
    readiness: Arc<Readiness>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let mut router = Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready).with_state(readiness));
    if let Some(metrics) = metrics {
        let told = Told { metrics, admits: None };
        router = router.route("/metrics", get(metrics_text).with_state(told));
    }
    accept(listener, router, None, shutdown).await;
}

/// Serves the metrics by TLS until `shutdown` resolves, to whom they are given.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    certificate: Certificate,
    admits: Option<Admits>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let told = Told { metrics, admits };
    let router = Router::new().route("/metrics", get(metrics_text).with_state(told));
    accept(listener, router, Some(certificate), shutdown).await;
}

/// Accepts connections until `shutdown` resolves.
async fn accept(
    listener: TcpListener,
    router: Router,
    certificate: Option<Certificate>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (mut connections, mut by_age) = (JoinSet::new(), VecDeque::<AbortHandle>::new());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => by_age.retain(|connection| !connection.is_finished()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if by_age.len() >= CONNECTIONS && let Some(oldest) = by_age.pop_front() {
                        oldest.abort();
                    }
                    by_age.push_back(connections.spawn(answer(stream, router.clone(), certificate.clone())));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    drop(tokio::time::timeout(DRAIN, drained).await);
}

/// Answers one request.
async fn answer(stream: TcpStream, router: Router, certificate: Option<Certificate>) {
    let answered = async {
        let Some(certificate) = certificate else {
            return answer_on(stream, router).await;
        };
        let acceptor = match certificate.acceptor().await {
            Ok(acceptor) => acceptor,
            Err(why) => {
                tracing::warn!(why, "{}", message::no_metrics_certificate(&why));
                return;
            }
        };
        match tokio::time::timeout(REQUEST, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => answer_on(stream, router).await,
            Ok(Err(error)) => tracing::debug!(%error, "a connection was not secured"),
            Err(_) => tracing::debug!("a connection was not secured in time"),
        }
    };
    drop(tokio::time::timeout(CONNECTION, answered).await);
}

async fn answer_on(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a request could not be answered");
    }
}

async fn metrics_text(State(told): State<Told>, headers: HeaderMap) -> Response {
    if let Some(admits) = &told.admits {
        let admission = match bearer(&headers) {
            Some(token) => admits(token).await,
            None => Admission::Unknown,
        };
        match admission {
            Admission::Granted => {}
            Admission::Unknown => return StatusCode::UNAUTHORIZED.into_response(),
            Admission::Refused => return StatusCode::FORBIDDEN.into_response(),
            Admission::Unanswered => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::accepted(accepted);
    match told.metrics.encode(format) {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The token that a request brings.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.trim().to_owned())
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> impl IntoResponse {
    let why = match readiness.obstacle() {
        None => return (StatusCode::OK, "ok\n".to_owned()),
        Some((resource, Some(failure))) => message::failing(resource, failure),
        Some((resource, None)) => message::not_listed(resource),
    };
    (StatusCode::SERVICE_UNAVAILABLE, message::not_ready(why) + "\n")
}
