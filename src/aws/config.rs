//! Region, endpoint, credentials, deadlines and retries of every call.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
#[cfg(test)]
use aws_types::service_config::LoadServiceConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::api::message;

/// The SDK's own tries, the first included. Further tries are the reconcile loop's, which backs off without holding a
/// worker.
const ATTEMPTS: u32 = 3;

/// AWS's standard chain, under our deadlines: without them one silent connection would hold a reconcile for ever.
///
/// # Errors
/// When region or endpoint cannot be one. The SDK would panic at some of them, and print whole requests for others.
pub(super) async fn load() -> Result<SdkConfig, String> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(15))
        .operation_attempt_timeout(Duration::from_secs(20))
        .operation_timeout(Duration::from_secs(50))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Ok(name) = AppName::new(concat!("classic-lb-operator-", env!("CARGO_PKG_VERSION"))) {
        loader = loader.app_name(name);
    }
    settled(loader.load().await)
}

/// The services of AWS that are called, by the names that settings of single ones go by.
const SERVICES: [&str; 7] = [
    "ACM",
    "Auto Scaling",
    "CloudTrail",
    "EC2",
    "Elastic Load Balancing",
    "IAM",
    "STS",
];

/// An empty region counts as none, as the environment of a container may have it.
fn settled(config: SdkConfig) -> Result<SdkConfig, String> {
    let region = config
        .region()
        .map(AsRef::as_ref)
        .filter(|region: &&str| !region.is_empty());
    if let Some(region) = region.filter(|region| !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')) {
        return Err(message::not_a_region(format_args!("{region:?}")));
    }
    if let Some(endpoint) = endpoints(&config).find(|endpoint| !is_endpoint(endpoint)) {
        return Err(message::not_an_endpoint(format_args!("{endpoint:?}")));
    }
    let region = region.map(|region| Region::new(region.to_owned()));
    let mut builder = config.into_builder();
    builder.set_region(region);
    Ok(builder.build())
}

/// The endpoints that were set, each service's own before the one for all.
fn endpoints(config: &SdkConfig) -> impl Iterator<Item = String> {
    SERVICES.into_iter().filter_map(|service| {
        let key = ServiceConfigKey::builder().service_id(service);
        let key = key.env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
        config.service_config()?.load_config(key)
    })
}

fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':']) && !rest.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the environment says for one service.
    #[derive(Debug)]
    struct Says(&'static str, &'static str);

    impl LoadServiceConfig for Says {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            (key.service_id() == self.0 && key.env() == "AWS_ENDPOINT_URL").then(|| self.1.to_owned())
        }
    }

    fn with(region: &str, service: &'static str, endpoint: &'static str) -> Result<SdkConfig, String> {
        let config = SdkConfig::builder().region(Region::new(region.to_owned()));
        settled(config.service_config(Says(service, endpoint)).build())
    }

    #[test]
    fn an_empty_region_is_none() {
        let config = with("", "STS", "http://localhost:1").expect("settled");
        assert!(config.region().is_none());
        let config = with("eu-west-1", "STS", "https://a.b/c").expect("settled");
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
    }

    #[test]
    fn what_cannot_be_is_told_with_the_variable_to_set() {
        for endpoint in [
            "",
            "nonsense",
            "localhost:80",
            "ftp://x",
            "http://",
            "http:///x",
            "https://a b",
        ] {
            let why = with("eu-west-1", "Elastic Load Balancing", endpoint).expect_err(endpoint);
            assert!(why.contains("AWS_ENDPOINT_URL") && why.contains(endpoint), "{why}");
        }
        let why = with("a b", "STS", "http://x").expect_err("refused");
        assert!(why.contains("AWS_REGION") && why.contains("a b"), "{why}");
    }
}
