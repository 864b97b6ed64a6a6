//! What a collector of OpenTelemetry is sent: a span for each reconcile, and beneath it one for each call to AWS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message as _;
use testkit::{Options, Result};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::Test;
use crate::setup::{by_ids, minimal, with_args};

/// A collector that turns its first request away, as one that is overloaded does.
struct Collector {
    url: String,
    received: UnboundedReceiver<ExportTraceServiceRequest>,
    spans: Vec<Span>,
    resource: BTreeMap<String, String>,
}

impl Collector {
    async fn start() -> Self {
        let (sender, received) = unbounded_channel();
        let overloaded = Arc::new(AtomicBool::new(true));
        let take = move |headers: HeaderMap, body: Bytes| async move {
            if overloaded.swap(false, Ordering::Relaxed) {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            assert_eq!(headers["content-type"], "application/x-protobuf");
            assert_eq!(headers["x-tenant"], "shop", "OTEL_EXPORTER_OTLP_HEADERS");
            let request = ExportTraceServiceRequest::decode(body).expect("spans");
            let _ = sender.send(request);
            StatusCode::OK
        };
        let listener = TcpListener::bind(("127.0.0.1", testkit::free_port().expect("a port")))
            .await
            .expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            url,
            received,
            spans: Vec::new(),
            resource: BTreeMap::new(),
        }
    }

    /// Waits until the spans that have come are as they should be.
    async fn until(&mut self, what: &str, holds: impl Fn(&[Span]) -> bool) {
        while !holds(&self.spans) {
            let next = tokio::time::timeout(testkit::cluster::PATIENCE, self.received.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("no {what} among {:#?}", self.spans));
            for of_resource in next.expect("the collector runs").resource_spans {
                self.resource = members(&of_resource.resource.expect("a resource").attributes);
                let scopes = of_resource.scope_spans.into_iter();
                self.spans.extend(scopes.flat_map(|scope| scope.spans));
            }
        }
    }
}

/// Attributes as text.
fn members(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let member = |attribute: &KeyValue| {
        let value = attribute.value.as_ref()?.value.as_ref()?;
        Some((attribute.key.clone(), text(value)))
    };
    attributes.iter().filter_map(member).collect()
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    members(&span.attributes)
}

fn is_error(span: &Span) -> bool {
    span.status
        .as_ref()
        .is_some_and(|status| status.code() == SpanStatus::Error)
}

/// The first span of this name that answers to all of these attributes.
fn find<'a>(spans: &'a [Span], name: &str, wanted: &[(&str, &str)]) -> Option<&'a Span> {
    spans.iter().find(|span| {
        let has = attributes(span);
        let answers = |(key, value): &(&str, &str)| has.get(*key).is_some_and(|is| is == value);
        span.name == name && wanted.iter().all(answers)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_sent_each_reconcile_with_its_calls_beneath() -> Result<()> {
    let mut collector = Collector::start().await;
    let mut options = with_args(&["--otlp-endpoint", &collector.url]);
    // The log is another matter.
    options.operator.log_level = "warn".into();
    options.operator.env = [
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let test = Test::web().on(options).ready().await?;
    let namespace = test.namespace.namespace().to_owned();
    let object = [("namespace", namespace.as_str()), ("name", "web")];

    let made = [&object[..], &[("because", "start"), ("result", "success")]].concat();
    collector
        .until("reconcile that made it", |spans| {
            find(spans, "reconcile", &made).is_some()
        })
        .await;
    let reconcile = find(&collector.spans, "reconcile", &made).expect("a reconcile").clone();
    assert!(reconcile.parent_span_id.is_empty(), "{reconcile:#?}");
    assert!(!is_error(&reconcile), "{reconcile:#?}");
    assert!(!attributes(&reconcile)["reconcileID"].is_empty());
    for (what, value) in [
        ("service.name", "classic-lb-operator"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("deployment.environment.name", "test"),
    ] {
        assert_eq!(collector.resource[what], value);
    }

    let create = find(&collector.spans, "CreateLoadBalancer", &[]).expect("a call");
    assert_eq!(create.parent_span_id, reconcile.span_id);
    assert_eq!(create.trace_id, reconcile.trace_id);
    assert_eq!(create.kind(), SpanKind::Client);
    assert!(create.start_time_unix_nano >= reconcile.start_time_unix_nano);
    assert!(create.end_time_unix_nano <= reconcile.end_time_unix_nano);
    let told = attributes(create);
    for (key, value) in [
        ("rpc.system", "aws-api"),
        ("rpc.service", "Elastic Load Balancing"),
        ("rpc.method", "CreateLoadBalancer"),
        ("cloud.region", testkit::simulator::REGION),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(told.get(key).map(String::as_str), Some(value), "{key}: {told:#?}");
    }
    assert!(!told["aws.request_id"].is_empty());
    assert!(!is_error(create) && !told.contains_key("error.type"), "{create:#?}");
    let names: Vec<&str> = collector.spans.iter().map(|span| span.name.as_str()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.contains("reconciling") || name.contains('.')),
        "nothing twice: {names:?}"
    );

    refused(&test, &mut collector, &object).await?;
    test.stack.operator().stop().await?;
    let log = test.stack.operator().log();
    assert_eq!(log.matches("traces do not reach their collector").count(), 1, "{log}");
    Ok(())
}

/// What AWS refuses is an error of the call, and none of the reconcile where its owner has to mend it.
async fn refused(test: &Test, collector: &mut Collector, object: &[(&str, &str)]) -> Result<()> {
    test.apply(&minimal(&by_ids(&["i-0123456789abcdef0".to_owned()])))
        .await?;
    test.until_reason("Programmed", "InstanceNotFound").await?;
    let mistaken = [object, &[("because", "spec"), ("result", "requeue_after")]].concat();
    collector
        .until("reconcile of the mistake", |spans| {
            find(spans, "reconcile", &mistaken).is_some()
        })
        .await;
    let reconcile = find(&collector.spans, "reconcile", &mistaken).expect("a reconcile");
    assert_eq!(attributes(reconcile)["reason"], "InstanceNotFound");
    assert!(!is_error(reconcile), "{reconcile:#?}");
    let of_it = |span: &&Span| span.parent_span_id == reconcile.span_id && is_error(span);
    let call = collector.spans.iter().find(of_it).expect("a refused call");
    let told = attributes(call);
    assert_eq!(told["error.type"], "InvalidInstance", "{told:#?}");
    assert_eq!(told["http.response.status_code"], "400", "{told:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_harms_nothing() -> Result<()> {
    // Nobody listens there.
    let mut options = Options::default();
    let away = format!("http://127.0.0.1:{}", testkit::free_port()?);
    options.operator.env = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT".into(), away),
        ("OTEL_BSP_SCHEDULE_DELAY".into(), "200".into()),
    ];
    let test = Test::web().on(options).ready().await?;
    let exit = test.stack.operator().stop().await?;
    assert_eq!(exit, testkit::Exit::Code(0));
    let log = test.stack.operator().log();
    assert_eq!(log.matches("traces do not reach their collector").count(), 1, "{log}");
    Ok(())
}
