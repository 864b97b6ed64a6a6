//! Traces: the spans of reconciles and of calls to AWS, sent by OpenTelemetry's protocol (OTLP over HTTP).
//!
//! The sampler, the size of batches, the headers and the attributes of the resource are those of the standard variables
//! (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tracing::{Subscriber, info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::CALLS;

/// Where a collector takes traces, below its address.
const PATH: &str = "/v1/traces";
/// How long a collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end waits for the last batch.
const LAST: Duration = Duration::from_secs(5);
/// How much of an answer is read.
const ANSWER: usize = 64 * 1024;
/// The beginning of the targets of our own spans. Those of the libraries would name each object and each call again.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// What sends traces until it is ended.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// To the collector at this address, such as `http://127.0.0.1:4318`. Nothing is sent yet.
    ///
    /// # Errors
    /// In words, when it cannot be.
    pub fn to(collector: &str, runtime: Handle) -> Result<Self, String> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}{PATH}", collector.trim_end_matches('/')))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .with_http_client(Sender::new(collector, runtime)?)
            .build()
            .map_err(|error| error.to_string())?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Self(provider))
    }

    /// What turns our spans into those of traces.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let ours = |target: &str| target == CALLS || target.starts_with(OURS);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(OURS))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(move |metadata| metadata.is_span() && ours(metadata.target())))
    }

    /// Sends what is left. The runtime must still be there, and this be none of its threads.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST) {
            warn!(%error, "the last traces were not sent");
        }
    }
}

/// Who tells of itself.
fn resource() -> Resource {
    let name = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned());
    let attributes = [
        KeyValue::new("service.name", name),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource::builder_empty()
        .with_attributes(attributes)
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .build()
}

/// The HTTP client of the exporter, which itself runs on a thread outside of the runtime.
#[derive(Debug)]
struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    /// Whether the last batch failed, so that the log tells once that none arrives.
    failing: AtomicBool,
}

impl Sender {
    fn new(collector: &str, runtime: Handle) -> Result<Self, String> {
        // Nobody's certificate is asked for where no TLS is spoken, and an image may have none.
        let trust = ClientConfig::builder();
        let trust = if collector.starts_with("https:") {
            trust.with_native_roots().map_err(|error| error.to_string())?
        } else {
            trust.with_root_certificates(rustls::RootCertStore::empty())
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime,
            failing: AtomicBool::new(false),
        })
    }

    /// Tells the log when it begins to fail and when it is over.
    fn tell(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let why = match sent {
            Ok(reply) if reply.status().is_success() => None,
            Ok(reply) => Some(reply.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let failed = self.failing.swap(why.is_some(), Ordering::Relaxed);
        match why {
            Some(error) if !failed => warn!(error, "traces do not reach their collector"),
            None if failed => info!("traces reach their collector again"),
            _ => {}
        }
    }
}

impl HttpClient for Sender {
    fn send_bytes<'sender, 'sending>(
        &'sender self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'sender: 'sending,
        Self: 'sending,
    {
        let replying = self.client.request(request.map(Full::new));
        let replied = async move {
            let (head, body) = replying.await?.into_parts();
            let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        // A timer, too, is begun where the runtime is.
        let sending = self
            .runtime
            .spawn(async move { tokio::time::timeout(PATIENCE, replied).await });
        Box::pin(async move {
            let sent = match sending.await {
                Ok(Ok(sent)) => sent,
                Ok(Err(late)) => Err(late.into()),
                Err(ended) => Err(ended.into()),
            };
            self.tell(&sent);
            sent
        })
    }
}
