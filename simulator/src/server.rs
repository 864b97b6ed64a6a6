//! The simulator on a socket.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::broken::Broken;
use crate::reply::{Answer, Reply};
use crate::simulator::Simulator;
use crate::wire::{ApiError, Service};
use crate::{control, reply};

/// Far more than the largest request that AWS would take.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Snapshots of large worlds come back through here.
const MAX_CONTROL_BODY: usize = 1024 * 1024 * 1024;

/// Also how long an idle connection is kept: at no pace that clients are likely to call at, since who calls just when the
/// connection ends has to call again.
const HEADER_TIMEOUT: Duration = Duration::from_secs(25);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const CONTROL_TIMEOUT: Duration = Duration::from_mins(2);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves a simulator until `shutdown` is ready; requests under way are answered first.
pub async fn serve(
    listener: TcpListener,
    simulator: Simulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, simulator.clone(), stopping.clone()));
                }
                // Out of descriptors, or a client that was gone before it was accepted: neither ends the server.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, drained).await;
    Ok(())
}

async fn connection(stream: TcpStream, _: SocketAddr, simulator: Simulator, mut stopping: watch::Receiver<bool>) {
    // Replies are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(simulator.clone(), request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopping.changed() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if ended.is_err_and(|error| error.source().is_some_and(<dyn Error + 'static>::is::<Reset>)) {
        // Without lingering the peer sees a reset and not an orderly end.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

type ReplyBody = Either<Full<Bytes>, Broken>;

/// Ends a connection instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be reset")]
struct Reset;

async fn respond(simulator: Simulator, request: Request<Incoming>) -> Result<Response<ReplyBody>, Reset> {
    let (parts, body) = request.into_parts();
    let is_control = control::is_control(&parts);
    let (limit, patience) = if is_control {
        (MAX_CONTROL_BODY, CONTROL_TIMEOUT)
    } else {
        (MAX_BODY, BODY_TIMEOUT)
    };
    // What announces itself as too large need not be waited for.
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Ok(too_large());
    }
    let collected = tokio::time::timeout(patience, Limited::new(body, limit).collect());
    let body = match collected.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Ok(too_large()),
        // The client is gone, or what it sends is no body.
        Ok(Err(_)) => {
            let message = "The body of the request is not what its headers announced.";
            return Ok(refuse(400, "MalformedHTTPRequest", message));
        }
        Err(_) => {
            return Ok(refuse(
                408,
                "RequestTimeout",
                "The body of the request did not come in time.",
            ));
        }
    };
    if is_control {
        return Ok(whole(&control::answer(&simulator, &parts, &body)));
    }
    let prepared = simulator.prepare(parts, body);
    let latency = prepared.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match simulator.answer(&prepared) {
        Answer::Send(reply) => Ok(whole(&reply)),
        Answer::Break(reply, percent) => Ok(broken(&reply, percent)),
        Answer::Reset => Err(Reset),
        Answer::Hang => std::future::pending().await,
    }
}

fn too_large() -> Response<ReplyBody> {
    let message = "The request is larger than any that AWS takes.";
    refuse(413, "RequestEntityTooLarge", message)
}

/// A refusal before anybody knows which service was meant; the connection ends with it.
fn refuse(status: u16, code: &'static str, message: &str) -> Response<ReplyBody> {
    let error = ApiError::new(status, code, message);
    let mut response = whole(&reply::write(Service::Elb, "", Err(error), "none"));
    response
        .headers_mut()
        .insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
    response
}

fn whole(reply: &Reply) -> Response<ReplyBody> {
    let body = Either::Left(Full::new(reply.body.clone()));
    reply.as_response(body)
}

fn broken(reply: &Reply, percent: u8) -> Response<ReplyBody> {
    reply.as_response(Either::Right(Broken::new(reply, percent)))
}
