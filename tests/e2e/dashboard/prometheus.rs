//! A Prometheus that scrapes the operator as the chart's monitors would have it scraped.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testkit::process::{Launch, Process};
use testkit::{Error, Result, free_port, get, tool};

/// How often it scrapes, in seconds; what is asked has a value as often.
pub(super) const INTERVAL: u64 = 2;

/// Nothing that is waited for takes longer, with room for a machine that does other work.
const LIMIT: Duration = Duration::from_mins(5);

/// A running server.
pub(super) struct Prometheus {
    url: String,
    /// When it began, in seconds of the Unix epoch.
    began: u64,
    process: Process,
}

/// Now, in seconds of the Unix epoch.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

impl Prometheus {
    /// Starts one that scrapes this address.
    pub(super) async fn scraping(operator: &str, folder: &Path) -> Result<Self> {
        let target = operator.trim_start_matches("http://");
        let interval = format!("{INTERVAL}s");
        let config = json!({
            "global": {"scrape_interval": interval, "scrape_timeout": interval},
            "scrape_configs": [{
                "job_name": "classic-lb-operator",
                "honor_labels": true,
                "static_configs": [{
                    "targets": [target],
                    "labels": {"namespace": "classic-lb-operator", "pod": "classic-lb-operator-5d8c7f9b64-x7k2m"},
                }],
                // The namespace of a test has a name by chance.
                "metric_relabel_configs": [
                    {"source_labels": ["namespace"], "regex": "test-.*", "target_label": "namespace", "replacement": "prod"},
                ],
            }],
        });
        std::fs::write(folder.join("prometheus.json"), config.to_string()).expect("written");
        let address = format!("127.0.0.1:{}", free_port()?);
        let launch = Launch::new("prometheus", tool::built("prometheus").await?).args([
            format!("--config.file={}", folder.join("prometheus.json").display()),
            format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
            format!("--web.listen-address={address}"),
        ]);
        let prometheus = Self {
            url: format!("http://{address}"),
            began: now(),
            process: Process::start(&launch, folder)?,
        };
        prometheus.until("up", |up| up > 0.5).await?;
        Ok(prometheus)
    }

    /// Asks its API.
    async fn asked(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let body = get(&format!("{}/api/v1/{path}?{query}", self.url)).await?.body;
        let reply: Value = serde_json::from_str(&body).map_err(|error| Error::Setup(format!("{error}: {body}")))?;
        if reply["status"] == "success" {
            Ok(reply["data"].clone())
        } else {
            Err(Error::Setup(format!("Prometheus refuses {parameters:?}: {body}")))
        }
    }

    /// What an expression is now.
    pub(super) async fn instant(&self, expression: &str) -> Result<Vec<Value>> {
        let data = self.asked("query", &[("query", expression)]).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// What it was from the beginning until now.
    pub(super) async fn range(&self, expression: &str) -> Result<Vec<Value>> {
        let [start, end, step] = [self.began, now(), INTERVAL].map(|number| number.to_string());
        let parameters = [
            ("query", expression),
            ("start", start.as_str()),
            ("end", end.as_str()),
            ("step", step.as_str()),
        ];
        let data = self.asked("query_range", &parameters).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// The values of a label in the series that match.
    pub(super) async fn values(&self, label: &str, series: &str) -> Result<Vec<String>> {
        let data = self
            .asked(&format!("label/{label}/values"), &[("match[]", series)])
            .await?;
        Ok(serde_json::from_value(data).expect("a list of values"))
    }

    /// From when until when there is something to see, in seconds of the Unix epoch.
    pub(super) fn span(&self) -> [u64; 2] {
        [self.began, now()]
    }

    /// Waits until the first series of an expression is as wanted.
    pub(super) async fn until(&self, expression: &str, holds: impl Fn(f64) -> bool) -> Result<()> {
        let started = Instant::now();
        loop {
            // It may not listen yet.
            let series = self.instant(expression).await.unwrap_or_default();
            let value = series
                .first()
                .and_then(|series| series["value"][1].as_str()?.parse().ok());
            if value.is_some_and(&holds) {
                return Ok(());
            }
            if started.elapsed() > LIMIT {
                let log = std::fs::read_to_string(self.process.log()).unwrap_or_default();
                return Err(Error::Timeout {
                    what: expression.to_owned(),
                    waited: started.elapsed(),
                    last: format!("{value:?}; {log}"),
                });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until the operator has been scraped so often.
    pub(super) async fn until_scraped(&self, times: u32) -> Result<()> {
        let times = f64::from(times);
        self.until("sum_over_time(up[1h])", |scraped| scraped >= times).await
    }
}
