//! Whether an operator that runs elsewhere is ready, in its own words, and whether AWS answers here: `clb-operator ready`, which
//! `helm test` runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kube::{Client, Config, Error};

use crate::api::message;
use crate::aws::{Accounts, Limits, Rates};
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// A name that nobody needs: what counts is that AWS says whether it is there.
const PROBE: &str = "classic-lb-operator-ready";

/// Asks AWS, by the standard chain, who this process is and for a load balancer. Returns the account and the region, or
/// nothing where no region is set.
///
/// # Errors
/// When region or endpoint cannot be one, or AWS refuses or is out of reach.
pub async fn aws_answers() -> anyhow::Result<Option<(String, String)>> {
    let accounts = Accounts::load(
        Leadership::none(),
        Arc::new(Metrics::new()),
        Rates::waited_for(Limits::default()),
    )
    .await;
    let accounts = accounts.map_err(anyhow::Error::msg)?;
    let Some(name) = accounts.default_region().map(ToOwned::to_owned) else {
        return Ok(None);
    };
    let region = accounts.region(&name);
    let refused = |error: crate::aws::Error| anyhow::anyhow!(message::aws_does_not_answer(&name, error));
    let account = region.account().await.map_err(refused)?;
    region.client.find(PROBE).await.map_err(refused)?;
    Ok(Some((account.id, name)))
}

/// Asks until the operator says that it is ready, at most for so long.
///
/// # Errors
/// With what it answered last, when it is not ready in this time.
#[allow(clippy::disallowed_methods)] // a person or a test waits for it
pub async fn ready(url: &str, patience: Duration) -> anyhow::Result<()> {
    let server = url
        .parse()
        .with_context(|| message::not_a_url(format_args!("{url:?}")))?;
    let mut config = Config::new(server);
    config.connect_timeout = Some(ANSWER);
    config.read_timeout = Some(ANSWER);
    config.default_retry = false;
    let client = Client::try_from(config).with_context(|| message::not_a_url(format_args!("{url:?}")))?;
    let started = Instant::now();
    loop {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        let why = match client.request_text(request).await {
            Ok(_) => return Ok(()),
            Err(Error::Api(status)) => status.message.trim().to_owned(),
            Err(error) => format!("{:#}", anyhow::Error::from(error)),
        };
        anyhow::ensure!(started.elapsed() < patience, message::not_ready_in_time(url, why));
        tokio::time::sleep(PAUSE).await;
    }
}
