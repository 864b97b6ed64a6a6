//! One simulated AWS: takes requests apart, has services answer them, keeps the log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;

use crate::config::{Config, DEFAULT_REGION};
use crate::fault::{Action, FaultRule, FaultStatus, Faults, Subject};
use crate::log::{Entry, Log, RequestRecord};
use crate::region::{self, RegionFacts};
use crate::reply::{self, Answer, Content, Reply};
use crate::sts::Caller;
use crate::throttle::Levels;
use crate::wire::route::{Credential, Service, route};
use crate::wire::{ApiError, Value};
use crate::world::{Ids, Settings, World};

mod apply;
mod authenticate;
mod control;

pub(crate) use control::View;
pub use control::{InstanceHealthAnswer, LoadBalancerState, RestoreError};

/// A simulated AWS. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Simulator {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    settings: Settings,
    /// Spares requests the lock for looking at faults.
    any_faults: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    world: World,
    faults: Faults,
    levels: Levels,
    log: Log,
    request_ids: Ids,
    violations: u64,
}

/// A request that was taken apart, with the faults that will strike it.
#[derive(Debug)]
pub(crate) struct Prepared {
    parts: Parts,
    body: Bytes,
    /// The form of the body, or of the query when there is none.
    params: Value,
    credential: Option<Credential>,
    routed: Option<(Service, String)>,
    malformed: Option<ApiError>,
    struck: Vec<Action>,
}

impl Prepared {
    /// How long faults hold the request back.
    pub(crate) fn latency(&self) -> Duration {
        let millis = self.struck.iter().map(|action| match action {
            Action::Latency { millis } => *millis,
            _ => 0,
        });
        Duration::from_millis(millis.fold(0, u64::saturating_add))
    }
}

impl Simulator {
    /// A simulator with nothing in it but what a new account finds.
    pub fn new(config: Config) -> Self {
        let settings = Settings {
            timing: config.delays.timing(),
            quotas: config.quotas,
            require_internet_gateway: config.require_internet_gateway,
        };
        let state = State {
            world: World::new(config.id_seed),
            faults: Faults::default(),
            levels: Levels::default(),
            log: Log::new(config.log_capacity),
            request_ids: Ids::seeded(config.id_seed),
            violations: 0,
        };
        let inner = Inner {
            config,
            settings,
            any_faults: AtomicBool::new(false),
            state: Mutex::new(state),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The requests after that sequence number, as far as the log reaches back.
    pub fn requests(&self, since: u64) -> Vec<RequestRecord> {
        self.state().log.since(since)
    }

    /// The sequence number of the latest request, to ask later what came after it.
    pub fn last_request(&self) -> u64 {
        self.state().log.last()
    }

    /// How many Classic ELB requests broke the service model, which no correct client's do.
    pub fn violations(&self) -> u64 {
        self.state().violations
    }

    /// Adds a fault and names it.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        let id = self.state().faults.add(rule);
        self.inner.any_faults.store(true, Ordering::SeqCst);
        id
    }

    /// The faults in force and what they have done.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.state().faults.statuses()
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.inner.any_faults.store(false, Ordering::SeqCst);
        self.state().faults.clear();
    }

    /// The clock of this simulator.
    pub fn clock(&self) -> &crate::clock::Clock {
        &self.inner.config.clock
    }

    /// Answers a request to AWS without a socket. `None` stands for a connection that a fault reset.
    pub async fn call(&self, request: http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let prepared = self.prepare(parts, body);
        let latency = prepared.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match self.answer(&prepared) {
            Answer::Send(reply) => Some(crate::server::response(&reply, reply.body.clone())),
            Answer::Hang => std::future::pending().await,
            Answer::Break(..) | Answer::Reset => None,
        }
    }

    /// Whoever panicked with the lock in hand left a world that is whole: changes are made in one step at the end.
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request apart and sees which faults strike it.
    pub(crate) fn prepare(&self, parts: Parts, body: Bytes) -> Prepared {
        let query = parts.uri.query().unwrap_or_default();
        let json = parts.headers.contains_key("x-amz-target");
        let form = if body.is_empty() || json {
            query.as_bytes()
        } else {
            &body[..]
        };
        let parsed = Value::parse(query.as_bytes()).and_then(|query| Ok((query, Value::parse(form)?)));
        let (query, params, malformed) = match parsed {
            Ok((query, params)) => (query, params, None),
            Err(error) => (Value::default(), Value::default(), Some(error)),
        };
        let credential = Credential::of(&parts, &query, &params);
        let routed = route(&parts, credential.as_ref(), &params);
        let mut prepared = Prepared {
            parts,
            body,
            params,
            credential,
            routed,
            malformed,
            struck: Vec::new(),
        };
        if self.inner.any_faults.load(Ordering::SeqCst) {
            prepared.struck = self.strike(&prepared);
        }
        prepared
    }

    fn strike(&self, prepared: &Prepared) -> Vec<Action> {
        let Some((service, operation)) = &prepared.routed else {
            return Vec::new();
        };
        let account = self.account_of(prepared.credential.as_ref());
        let facts = region_of(prepared.credential.as_ref(), *service).ok();
        let mut balancers = prepared.params.strings("LoadBalancerNames");
        balancers.extend(prepared.params.str("LoadBalancerName").map(str::to_owned));
        let mut instances = prepared.params.strings("InstanceId");
        let named = prepared.params.list("Instances").into_iter();
        instances.extend(named.filter_map(|instance| instance.str("InstanceId").map(str::to_owned)));
        let subject = Subject {
            service: service.scope(),
            operation,
            region: facts.map_or("", |facts| facts.name),
            account: &account,
            balancers: &balancers,
            instances: &instances,
        };
        self.state().faults.strike(subject)
    }

    /// Applies a request and answers it.
    pub(crate) fn answer(&self, prepared: &Prepared) -> Answer {
        let now = self.inner.config.clock.now();
        let service = prepared.routed.as_ref().map_or(Service::Elb, |(service, _)| *service);
        let operation = prepared.routed.as_ref().map_or("", |(_, operation)| operation.as_str());
        let facts = region_of(prepared.credential.as_ref(), service);
        let region = facts.as_ref().map_or("", |facts| facts.name);
        let caller = self.authenticate(prepared);
        let account = match &caller {
            Ok(caller) => caller.account.clone(),
            Err(_) => self.account_of(prepared.credential.as_ref()),
        };
        let mut state = self.state();
        let request_id = state.request_ids.uuid();
        let mut error_code = None;
        let mut write = |result: Result<Content, ApiError>| {
            error_code = result.as_ref().err().map(|error| error.code.as_ref().into());
            reply::write(service, operation, result, &request_id)
        };
        let answer = match before(&prepared.struck) {
            Some(Before::Reset) => Answer::Reset,
            Some(Before::Hang) => Answer::Hang,
            Some(Before::Reply(reply)) => Answer::Send(reply),
            Some(Before::Error(error)) => Answer::Send(write(Err(error))),
            None => {
                let applied = caller.and_then(|caller| {
                    let request = apply::Request {
                        prepared,
                        service,
                        operation,
                        caller: &caller,
                        facts: facts?,
                        now,
                    };
                    self.apply(&mut state, &request)
                });
                after(&prepared.struck, write(applied))
            }
        };
        let form = match prepared.parts.uri.query() {
            Some(query) if prepared.body.is_empty() => query.as_bytes().into(),
            _ => prepared.body[..].into(),
        };
        let (account, status) = (account.into(), answer.status());
        let operation = operation.into();
        let service = service.scope();
        state.log.push(Entry {
            time: now,
            service,
            region,
            account,
            operation,
            form,
            status,
            error_code,
        });
        answer
    }
}

/// The region of a request. Scopes without a known service have no meaningful region either.
fn region_of(credential: Option<&Credential>, service: Service) -> Result<&'static RegionFacts, ApiError> {
    let global = matches!(service, Service::Iam | Service::Sts | Service::S3);
    let named = credential
        .map(|credential| credential.region.as_str())
        .unwrap_or_default();
    let meaningful = credential.is_some_and(|credential| Service::of_scope(&credential.service).is_some());
    if let Some(facts) = region::find(named) {
        return Ok(facts);
    }
    region::require(if meaningful && !global { named } else { DEFAULT_REGION })
}

/// A fault that keeps a call from being applied.
enum Before {
    Reset,
    Hang,
    Reply(Reply),
    Error(ApiError),
}

fn before(struck: &[Action]) -> Option<Before> {
    struck.iter().find_map(|action| match action {
        Action::ResetBefore => Some(Before::Reset),
        Action::Hang => Some(Before::Hang),
        Action::HtmlError { status } => Some(Before::Reply(Reply::html(*status, reply::html_page(*status)))),
        Action::Error { code, status, message } => {
            let message = if message.is_empty() && code.contains("Throttl") {
                "Rate exceeded"
            } else {
                message
            };
            Some(Before::Error(ApiError::new(*status, code.clone(), message)))
        }
        _ => None,
    })
}

/// What faults do to the reply of an applied call.
fn after(struck: &[Action], mut reply: Reply) -> Answer {
    for action in struck {
        match action {
            Action::ResetAfter => return Answer::Reset,
            Action::EmptyReply => {
                return Answer::Send(Reply {
                    status: 200,
                    body: Bytes::new(),
                    ..reply
                });
            }
            Action::BreakBody { percent } => return Answer::Break(reply, *percent),
            Action::CutBody { percent } => {
                let kept = reply.body.len() * usize::from(*percent).min(100) / 100;
                reply.body.truncate(kept);
            }
            _ => {}
        }
    }
    Answer::Send(reply)
}

impl Simulator {
    /// The account a key belongs to, whether or not its signature holds.
    fn account_of(&self, credential: Option<&Credential>) -> String {
        let key_id = credential
            .map(|credential| credential.key_id.as_str())
            .unwrap_or_default();
        if let Some(key) = self.inner.config.keys.get(key_id) {
            return key.account.clone();
        }
        match self.state().world.sessions.get(key_id) {
            Some(session) => session.account.clone(),
            None => crate::config::DEFAULT_ACCOUNT.to_owned(),
        }
    }

    fn default_caller() -> Caller {
        Caller::user(crate::config::DEFAULT_ACCOUNT)
    }
}
