//! Counts the requests to the API server, as clients of Kubernetes do.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config, Error};
use tower::Service;
use tower::layer::layer_fn;

use crate::metrics::Metrics;

/// A client whose requests are counted.
///
/// # Errors
/// When the configuration cannot be used.
pub(super) fn counted(config: Config, metrics: &Arc<Metrics>) -> Result<Client, Error> {
    let host = config
        .cluster_url
        .authority()
        .map_or("", |authority| authority.as_str());
    let (host, metrics): (Arc<str>, _) = (host.into(), Arc::clone(metrics));
    let layer = layer_fn(|inner| Counted {
        inner,
        host: Arc::clone(&host),
        metrics: Arc::clone(&metrics),
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
}

struct Counted<S> {
    inner: S,
    host: Arc<str>,
    metrics: Arc<Metrics>,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (host, metrics) = (Arc::clone(&self.host), Arc::clone(&self.metrics));
        let method = request.method().clone();
        let answering = self.inner.call(request);
        Box::pin(async move {
            let answer = answering.await;
            let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            metrics.requested(method.as_str(), &host, status);
            answer
        })
    }
}
