//! Whether an operator that runs elsewhere is ready, in its own words: `clb-operator ready`, which `helm test` runs.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use kube::{Client, Config, Error};

use crate::api::message;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);

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
