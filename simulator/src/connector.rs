//! The simulator as the HTTP client of the AWS SDK for Rust, without a socket.

use std::io;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::broken::Broken;
use crate::reply::Answer;
use crate::simulator::Simulator;

/// Hands the SDK's requests to a simulator in the same process.
///
/// Nothing is sent and no task is spawned, so that a run under Tokio's paused time is deterministic and fast.
/// Latency faults sleep on Tokio's timer, so they pass in virtual time too.
///
/// ```no_run
/// # // The SDK of a service is no dependency of this crate: `http_client` is a method of each service's config builder.
/// # use aws_simulator::{Config, Connector, Simulator};
/// let connector = Connector::new(Simulator::new(Config::default()));
/// // aws_sdk_elasticloadbalancing::Config::builder().http_client(connector)…
/// ```
#[derive(Clone, Debug)]
pub struct Connector {
    simulator: Simulator,
}

impl Connector {
    /// A client whose requests that simulator answers.
    pub fn new(simulator: Simulator) -> Self {
        Self { simulator }
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let simulator = self.simulator.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            // Read to its end in any case: the SDK takes an undrained body for a stalled upload.
            let body = body.collect().await.map_err(ConnectorError::io)?.to_bytes();
            let prepared = simulator.prepare(parts, body);
            let latency = prepared.latency();
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            match simulator.answer(&prepared) {
                Answer::Send(reply) => respond(reply.as_response(SdkBody::from(reply.body.clone()))),
                Answer::Break(reply, percent) => {
                    let body = SdkBody::from_body_1_x(Failing(Broken::new(&reply, percent)));
                    respond(reply.as_response(body))
                }
                Answer::Reset => Err(ConnectorError::io(
                    io::Error::from(io::ErrorKind::ConnectionReset).into(),
                )),
                Answer::Hang => std::future::pending().await,
            }
        })
    }
}

fn respond(response: http::Response<SdkBody>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// A body that fails where a socket would have closed.
struct Failing(Broken);

impl hyper::body::Body for Failing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, io::Error>>> {
        let frame = match self.0.take() {
            Some(sent) => Ok(hyper::body::Frame::data(sent)),
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        };
        std::task::Poll::Ready(Some(frame))
    }
}
