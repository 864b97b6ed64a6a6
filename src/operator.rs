//! The composition root: clients, controller, server, and the order of start and stop.
#![allow(clippy::disallowed_methods)] // the tasks that live as long as the process are begun here

mod ready;
mod replica;
mod requests;
mod scrapers;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::api::ClassicLoadBalancer;
use crate::api::message;
use crate::aws::{Accounts, Rates};
use crate::controller::{self, Context, Reconciler};
use crate::flags::{Parameters, SecureMetrics};
use crate::lease::GRACE;
use crate::metrics::Metrics;
use crate::readiness::{Readiness, Resource};
use crate::server;

use replica::Replica;

pub use ready::{aws_answers, ready};

/// How long a request that is no watch may take.
const REQUEST: Duration = Duration::from_secs(30);
/// Between two questions to an API server that failed.
const PROBE: Duration = Duration::from_secs(2);
/// Between two questions to one that did not: a watch is silent where nothing happens and where nobody is there alike.
const PULSE: Duration = Duration::from_secs(20);
/// How long its answer is waited for.
const ANSWER: Duration = Duration::from_secs(15);
/// A frozen API server is noticed within a minute, however late the question comes.
const _: () = assert!(PULSE.as_secs() + PROBE.as_secs() + ANSWER.as_secs() <= 60);

/// Runs the operator until it is told to stop.
///
/// # Errors
/// When it cannot start: no kubeconfig, or the port is taken. An API server that does not answer is waited for.
pub async fn run(parameters: Parameters) -> anyhow::Result<()> {
    let Parameters {
        cluster_id,
        listen,
        intervals,
        rules,
        concurrency,
        lease_namespace,
        lease_per_region,
        limits,
        object_metrics,
        secure_metrics,
    } = parameters;
    let drains = rules.node_draining.is_on();
    anyhow::ensure!(!(lease_per_region && drains), message::no_draining_by_share());
    let stop = stop_on_signal()?;
    let metrics = Arc::new(Metrics::with_objects(object_metrics));
    let readiness = Arc::new(Readiness::default());

    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| message::not_listening(listen))?;
    let address = listener.local_addr()?;
    let open = secure_metrics.is_none().then(|| Arc::clone(&metrics));
    info!(%address, metrics = open.is_some(), "serving /healthz and /readyz");
    let serving = tokio::spawn(server::serve(
        listener,
        open,
        Arc::clone(&readiness),
        stop.clone().cancelled_owned(),
    ));

    let (client, watching) = clients(&metrics).await?;
    let telling = tell_securely(secure_metrics, &client, &metrics, &stop).await?;
    let mut replica = Replica::start(
        &client,
        (&lease_namespace, rules.namespaces.lease()),
        format!("{}_{address}", host()),
        lease_per_region,
        (&metrics, &readiness),
    );
    let leaders = replica.leaders.clone();
    let accounts = Accounts::load(leaders, Arc::clone(&metrics), Rates::queued(limits)).await;
    let accounts = accounts.map_err(anyhow::Error::msg)?;
    let cx = Context::new(client.clone(), accounts, cluster_id, intervals, rules, metrics);
    controller::announce(&cx);
    let reconciler = Arc::new(Reconciler::new(cx, concurrency));
    reconciler.answers_metrics();
    replica.take_part(&reconciler);
    let probing = tokio::spawn(probe(client, Arc::clone(&readiness), Arc::clone(&reconciler)));
    let controlling = controller::run(reconciler, watching, readiness, stop.clone().cancelled_owned());
    tokio::select! {
        biased;
        () = controlling => {}
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("gave up waiting for the reconciles under way");
        }
    }
    probing.abort();
    replica.release().await;
    stop.cancel();
    serving.await?;
    if let Some(telling) = telling {
        telling.await?;
    }
    info!("stopped");
    Ok(())
}

/// Serves the metrics by TLS, where that is asked for.
async fn tell_securely(
    asked: Option<SecureMetrics>,
    client: &kube::Client,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let Some(asked) = asked else { return Ok(None) };
    let certificate = server::Certificate::new(&asked.certificate);
    let usable = certificate.acceptor().await;
    usable.map_err(|why| anyhow::anyhow!(message::no_metrics_certificate(why)))?;
    let listener = TcpListener::bind(asked.listen)
        .await
        .with_context(|| message::not_listening(asked.listen))?;
    info!(address = %asked.listen, authentication = asked.authentication, "serving /metrics by TLS");
    let admits = asked.authentication.then(|| scrapers::admits(client.clone()));
    let metrics = Arc::clone(metrics);
    let stopped = stop.clone().cancelled_owned();
    Ok(Some(tokio::spawn(server::serve_metrics(
        listener,
        metrics,
        certificate,
        admits,
        stopped,
    ))))
}

/// One client for watches, which may be silent for long, and one for everything else, which may not.
async fn clients(metrics: &Arc<Metrics>) -> anyhow::Result<(kube::Client, kube::Client)> {
    let config = kube::Config::infer().await.with_context(message::no_kubernetes)?;
    let mut bounded = config.clone();
    bounded.read_timeout = Some(REQUEST);
    bounded.reset_reader_on_write = true;
    bounded.default_retry = false;
    let client = requests::counted(bounded, metrics).with_context(message::bad_kubeconfig)?;
    let watching = requests::counted(config, metrics).with_context(message::bad_kubeconfig)?;
    Ok((client, watching))
}

/// An API server that is frozen refuses nothing, so it is asked now and then. And a watch that failed and goes on says
/// nothing when nothing changed. So, while a failure stands, the API server is
/// asked for both resources, and its answer ends the failure.
async fn probe(client: kube::Client, readiness: Arc<Readiness>, reconciler: Arc<Reconciler>) {
    let objects = reconciler
        .cx
        .namespaces()
        .apis::<PartialObjectMeta<ClassicLoadBalancer>>(&client);
    let nodes: Api<PartialObjectMeta<Node>> = Api::all(client);
    let one = ListParams::default().limit(1);
    let mut asked = Instant::now();
    loop {
        tokio::time::sleep(PROBE).await;
        if asked.elapsed() >= PULSE && !readiness.is_failing(Resource::Nodes) {
            asked = Instant::now();
            let answer = tokio::time::timeout(ANSWER, nodes.list_metadata(&one)).await;
            if answer.is_err() {
                readiness.failing(Resource::Nodes, &message::api_server_silent(ANSWER.as_secs()));
            }
        }
        let listed = tokio::time::timeout(ANSWER, nodes.list_metadata(&one));
        if readiness.is_failing(Resource::Nodes) && matches!(listed.await, Ok(Ok(_))) {
            reconciler.cx.nodes_recovered();
            readiness.recovered(Resource::Nodes);
        }
        if readiness.is_failing(Resource::Objects) {
            let answers = objects.iter().map(|objects| objects.list_metadata(&one));
            if try_join_all(answers).await.is_ok() {
                readiness.recovered(Resource::Objects);
            }
        }
    }
}

/// Tells this machine from others; in a pod it is the name of the pod.
fn host() -> String {
    let named = std::env::var("HOSTNAME").ok();
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = named.or_else(kernel).map(|name| name.trim().to_owned());
    // Without a name no two processes may be taken for one.
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("pid-{}", std::process::id()))
}

/// A token that is cancelled by SIGTERM or SIGINT.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            biased;
            _ = terminate.recv() => info!("SIGTERM: stopping"),
            _ = interrupt.recv() => info!("SIGINT: stopping"),
        }
        token.cancel();
    });
    Ok(stop)
}
