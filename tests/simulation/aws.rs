//! AWS in process: the simulator as the SDK's HTTP client, with everything in the SDK's configuration that would differ
//! from run to run taken out.

use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_simulator::{Connector, Simulator};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

/// Where everything is.
pub(crate) const REGION: &str = "us-east-1";

/// The time of day by the runtime's timers.
#[derive(Clone, Copy, Debug)]
struct VirtualTime {
    base: SystemTime,
    start: Instant,
}

impl TimeSource for VirtualTime {
    fn now(&self) -> SystemTime {
        self.base + self.start.elapsed()
    }
}

/// A configuration that reaches the simulator and nothing else. `now` is what time it is.
pub(crate) fn config(simulator: &Simulator, now: Timestamp) -> SdkConfig {
    let time = VirtualTime {
        base: SystemTime::from(now),
        start: Instant::now(),
    };
    // As the operator has them. Connect and read timeouts are the HTTP client's, and there is none.
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(20))
        .operation_timeout(Duration::from_secs(50));
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "simulation");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .http_client(Connector::new(simulator.clone()))
        .sleep_impl(TokioSleep::new())
        .time_source(time)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        // It measures by the time source and would end whatever is quick in virtual time.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}
