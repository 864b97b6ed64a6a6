//! Takes requests apart.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;

use super::Simulator;
use crate::config::DEFAULT_REGION;
use crate::fault::{Action, Subject};
use crate::region::{self, RegionFacts};
use crate::wire::route::{Credential, route};
use crate::wire::{ApiError, Service, Value};

/// A request that was taken apart, with the faults that will strike it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    /// The form of the body, or of the query when there is none.
    pub(super) params: Value,
    pub(super) credential: Option<Credential>,
    pub(super) routed: Option<(Service, String)>,
    pub(super) malformed: Option<ApiError>,
    pub(super) struck: Vec<Action>,
}

impl Prepared {
    /// The service by the name that the signature has for it, which may be one that is not simulated.
    pub(super) fn scope(&self) -> &str {
        self.credential.as_ref().map_or("", |credential| &credential.service)
    }

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
}

/// The region of a request. Scopes without a known service have no meaningful region either.
pub(super) fn region_of(credential: Option<&Credential>, service: Service) -> Result<&'static RegionFacts, ApiError> {
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
