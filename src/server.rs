//! `/metrics`, `/healthz`, `/readyz`.
//!
//! Any pod can reach the port, so nobody can hold much of the operator through it: a connection serves one request, has a
//! deadline, and where there are too many the oldest, which most likely waits for nothing, makes room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::api::message;
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// What the format of `/metrics` is called.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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

/// What the handlers need.
#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

/// Serves until `shutdown` resolves.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .with_state(Shared { metrics, readiness });
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
                    by_age.push_back(connections.spawn(answer(stream, router.clone())));
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
    Ok(())
}

/// Answers one request.
async fn answer(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTION, connection).await {
        tracing::debug!(%error, "a request could not be answered");
    }
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    match shared.metrics.encode() {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, OPEN_METRICS)], text),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(CONTENT_TYPE, "text/plain")],
            error.to_string(),
        ),
    }
}

async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let why = match shared.readiness.obstacle() {
        None => return (StatusCode::OK, "ok\n".to_owned()),
        Some((resource, Some(failure))) => message::failing(resource, failure),
        Some((resource, None)) => message::not_listed(resource),
    };
    (StatusCode::SERVICE_UNAVAILABLE, message::not_ready(why) + "\n")
}
