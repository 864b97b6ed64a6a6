//! The AWS simulator, run inside this process behind real HTTP on loopback.

use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Method;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::access::operators_credentials;
use crate::calls::{Call, Calls};
use crate::cluster::PATIENCE;
use crate::error::Doing;
use crate::http::{get, request, send};
use crate::{Error, Result, port};

/// The access key that the simulator knows from the start.
pub const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "secret";
/// The region that the stack works in unless a test says otherwise.
pub const REGION: &str = "us-east-1";

/// A running simulator, stopped when this is dropped.
#[derive(Debug)]
pub struct Simulator {
    url: String,
    core: aws_simulator::Simulator,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Simulator {
    /// Starts one on a free port, on a thread and a runtime of its own: tests come and go with theirs.
    pub fn start(config: aws_simulator::Config) -> Result<Self> {
        let (listener, port) = port::listener()?;
        listener
            .set_nonblocking(true)
            .doing("preparing the simulator's socket")?;
        let core = aws_simulator::Simulator::new(config);
        let (stop, stopped) = oneshot::channel();
        let served = core.clone();
        let thread = std::thread::Builder::new()
            .name("simulator".into())
            .spawn(move || serve(listener, served, stopped))
            .doing("starting the simulator's thread")?;
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self {
            url,
            core,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The simulator itself, for what it offers beyond HTTP.
    pub fn core(&self) -> &aws_simulator::Simulator {
        &self.core
    }

    /// The environment that points an AWS client at it.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", REGION.into()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.into()),
        ]
    }

    /// The sequence number of the last request so far: what comes later is `calls(mark)`.
    pub fn mark(&self) -> Result<u64> {
        Ok(self.core.last_request())
    }

    /// The requests that came after `since`, oldest first.
    pub fn calls(&self, since: u64) -> Result<Calls> {
        let records = self.core.requests(since);
        let calls = records
            .iter()
            .map(|record| serde_json::from_value::<Call>(serde_json::to_value(record)?));
        let calls = calls.collect::<Result<Vec<_>, _>>();
        Ok(Calls::new(calls.map_err(|error| {
            Error::Setup(format!("the request log is not as agreed: {error}"))
        })?))
    }

    /// Waits until the requests after `since` satisfy the condition, and returns them.
    pub async fn until_calls(&self, since: u64, what: &str, condition: impl FnMut(&Calls) -> bool) -> Result<Calls> {
        self.until_calls_within(PATIENCE, since, what, condition).await
    }

    /// The same with a limit of its own.
    pub async fn until_calls_within(
        &self,
        limit: Duration,
        since: u64,
        what: &str,
        mut condition: impl FnMut(&Calls) -> bool,
    ) -> Result<Calls> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            let calls = self.calls(since)?;
            if condition(&calls) {
                return Ok(calls);
            }
            if started.elapsed() > limit {
                return Err(Error::timeout(what, started.elapsed(), format!("{calls}")));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Creates resources: the seed's JSON form, see the simulator's README.
    pub async fn seed(&self, seed: &Value) -> Result<()> {
        self.control(Method::POST, "seed", seed.to_string()).await.map(drop)
    }

    /// Adds fault rules, one or a list.
    pub async fn fault(&self, rules: &Value) -> Result<()> {
        self.control(Method::POST, "faults", rules.to_string()).await.map(drop)
    }

    /// The fault rules, with how often each has fired.
    pub async fn faults(&self) -> Result<Value> {
        let body = self.control(Method::GET, "faults", String::new()).await?;
        serde_json::from_str(&body).map_err(|error| Error::Setup(format!("reading the fault rules: {error}")))
    }

    /// Removes all fault rules.
    pub async fn clear_faults(&self) -> Result<()> {
        self.control(Method::DELETE, "faults", String::new()).await.map(drop)
    }

    /// From now on the health checks of an instance of the default account and region pass or fail.
    pub async fn set_instance_health(&self, id: &str, healthy: bool) -> Result<()> {
        let answer = serde_json::json!({"region": REGION, "instanceId": id, "healthy": healthy});
        self.control(Method::POST, "instance-health", answer.to_string())
            .await
            .map(drop)
    }

    /// A request to one of the simulator's own addresses under `/_simulator/`.
    pub async fn control(&self, method: Method, path: &str, body: String) -> Result<String> {
        let url = format!("{}/_simulator/{path}", self.url);
        let mut request = request(method.clone(), &url, body)?;
        request.headers_mut().insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/json"),
        );
        send(request).await?.success(&format!("{method} {url}"))
    }

    /// One signed call of an AWS service with the query protocol, in the default region, whose answer is XML:
    /// `query("ec2", "2016-11-15", "TerminateInstances", &[("InstanceId.1", "i-4f8cf126")])`.
    pub async fn query(&self, service: &str, version: &str, action: &str, members: &[(&str, &str)]) -> Result<String> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", action), ("Version", version)])
            .extend_pairs(members)
            .finish();
        let url = format!("{}/", self.url);
        let mut request = request(Method::POST, &url, body)?;
        let kind = http::HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        request.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        signed(&mut request, &url, service).map_err(|message| Error::Http {
            doing: format!("signing {action}"),
            message,
        })?;
        send(request).await?.success(&format!("{service} {action}"))
    }

    /// The ELB client of the AWS SDK, in the default region.
    pub fn elb(&self) -> aws_sdk_elasticloadbalancing::Client {
        self.elb_in(REGION)
    }

    /// The ELB client of the AWS SDK in a region.
    pub fn elb_in(&self, region: &str) -> aws_sdk_elasticloadbalancing::Client {
        self.elb_with(region, credentials())
    }

    fn elb_with(&self, region: &str, credentials: Credentials) -> aws_sdk_elasticloadbalancing::Client {
        use aws_sdk_elasticloadbalancing::config::{BehaviorVersion, Config, Region};
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&self.url)
            .credentials_provider(credentials);
        aws_sdk_elasticloadbalancing::Client::from_conf(config.build())
    }

    /// The ELB client of the AWS SDK with the operator's key, for what the operator would never ask.
    pub fn elb_of_operator(&self) -> aws_sdk_elasticloadbalancing::Client {
        self.elb_with(REGION, operators_credentials())
    }

    /// The Auto Scaling client of the AWS SDK, in the default region.
    pub fn autoscaling(&self) -> aws_sdk_autoscaling::Client {
        use aws_sdk_autoscaling::config::{BehaviorVersion, Config, Region};
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&self.url)
            .credentials_provider(credentials());
        aws_sdk_autoscaling::Client::from_conf(config.build())
    }

    /// Whether it answers.
    pub async fn is_healthy(&self) -> bool {
        get(&format!("{}/_simulator/health", self.url))
            .await
            .is_ok_and(|reply| reply.status == 200)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: TcpListener, core: aws_simulator::Simulator, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::select! {
            served = aws_simulator::serve(listener, core, std::future::pending()) => served,
            // Clients with open connections are not waited for: whoever drops the simulator has done with it.
            _ = stopped => Ok(()),
        }
    });
    runtime.shutdown_background();
    result
}

fn credentials() -> Credentials {
    Credentials::from_keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None)
}

fn signed(request: &mut http::Request<String>, url: &str, service: &str) -> std::result::Result<(), String> {
    let identity = credentials().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = request.body().clone();
    let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes()));
    let signable = signable.map_err(|error| error.to_string())?;
    let (instructions, _) = sign(signable, &parameters)
        .map_err(|error| error.to_string())?
        .into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
