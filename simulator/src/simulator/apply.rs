//! Has the service of a request answer it.

use std::time::Duration;

use serde_json::Value as Json;

use super::prepare::Prepared;
use super::{Simulator, State};
use crate::access::ask::authorize;
use crate::access::subject::Subject;
use crate::autoscaling::settle::settle;
use crate::clock::Timestamp;
use crate::cloudtrail::TrailCall;
use crate::fault::Action;
use crate::iam::operations::IamCall;
use crate::region::RegionFacts;
use crate::reply::Content;
use crate::s3::call::S3Call;
use crate::sts::operations::StsCall;
use crate::sts::state::Caller;
use crate::wire::params::short;
use crate::wire::{ApiError, Service};
use crate::world::World;
use crate::{acm, autoscaling, cloudtrail, ec2, elb, iam, model, s3, sts, tagging};

/// A request of a known caller for a known region.
pub(super) struct Request<'r> {
    pub(super) prepared: &'r Prepared,
    pub(super) service: Service,
    pub(super) operation: &'r str,
    pub(super) caller: &'r Caller,
    pub(super) facts: &'static RegionFacts,
    pub(super) now: Timestamp,
}

impl Simulator {
    pub(super) fn apply(&self, state: &mut State, request: &Request<'_>) -> Result<Content, ApiError> {
        if request.prepared.routed.is_none() {
            return Err(no_service(request.prepared.scope()));
        }
        check_version(request)?;
        self.authorize(&state.world, request)?;
        let account = request.caller.account.as_str();
        let params = &request.prepared.params;
        match request.service {
            Service::Iam => {
                let World { ids, accounts, .. } = &mut state.world;
                let known = accounts.entry(account.to_owned()).or_default();
                let mut call = IamCall {
                    account: known,
                    account_id: account,
                    partition: request.facts.partition(),
                    ids,
                    now: request.now,
                    params,
                    caller: request.caller,
                    key_id: request
                        .prepared
                        .credential
                        .as_ref()
                        .map_or("", |credential| &credential.key_id),
                    access: &self.inner.config.access,
                };
                iam::operations::answer(&mut call, request.operation).map(Content::Xml)
            }
            Service::Sts => {
                let World { ids, sessions, .. } = &mut state.world;
                let mut call = StsCall {
                    ids,
                    sessions,
                    caller: request.caller,
                    external_ids: &self.inner.config.external_ids,
                    now: request.now,
                    params,
                };
                sts::operations::answer(&mut call, request.operation).map(Content::Xml)
            }
            Service::S3 => answer_s3(&mut state.world, request),
            Service::CloudTrail => {
                let call = TrailCall {
                    log: &state.log,
                    sessions: &state.world.sessions,
                    account,
                    region: request.facts.name,
                    now: request.now,
                    delay: self.inner.settings.timing.events,
                };
                let input = read_json(&request.prepared.body)?;
                cloudtrail::answer(&call, request.operation, &input).map(Content::Json)
            }
            Service::Elb | Service::Ec2 | Service::AutoScaling | Service::Acm | Service::Tagging => {
                self.apply_in_region(state, request)
            }
        }
    }

    /// Asks IAM, where its policies are enforced.
    fn authorize(&self, world: &World, request: &Request<'_>) -> Result<(), ApiError> {
        let Prepared {
            parts,
            body,
            params,
            credential,
            ..
        } = request.prepared;
        let key_id = credential.as_ref().map_or("", |credential| &credential.key_id);
        let Some(policies) = self.inner.config.access.of(key_id, request.caller) else {
            return Ok(());
        };
        let json = if request.service.speaks_json() {
            read_json(body)?
        } else {
            Json::Null
        };
        let user_agent = parts.headers.get(http::header::USER_AGENT);
        let subject = Subject {
            service: request.service,
            operation: request.operation,
            caller: request.caller,
            facts: request.facts,
            now: request.now,
            user_agent: user_agent.and_then(|value| value.to_str().ok()).unwrap_or_default(),
            params,
            json: &json,
            path: parts.uri.path(),
            world,
        };
        authorize(&policies, &subject)
    }

    fn apply_in_region(&self, state: &mut State, request: &Request<'_>) -> Result<Content, ApiError> {
        let State {
            world,
            faults,
            levels,
            violations,
            ..
        } = state;
        let Prepared {
            params, body, struck, ..
        } = request.prepared;
        let account = request.caller.account.as_str();
        if let (Service::Elb, Some(throttles)) = (request.service, &self.inner.config.throttles)
            && !levels.take(throttles, account, request.facts.name, request.operation, request.now)
        {
            return Err(ApiError::sender("Throttling", "Rate exceeded"));
        }
        let mut call = world.call(account, request.facts, self.inner.settings, request.now, params);
        // What happened by itself since the last request comes before this one.
        settle(&mut call);
        call.region.elb.remember(Duration::from_millis(faults.memory()));
        let hidden: Vec<String> = struck.iter().flat_map(hidden).cloned().collect();
        call.hidden = &hidden;
        let late = tags_look_back(struck).map(|period| call.region.elb.as_of(request.now.minus(period)));
        call.late_tags = late.as_ref();
        match request.service {
            Service::Ec2 => ec2::operations::answer(&mut call, request.operation).map(Content::Xml),
            Service::AutoScaling => autoscaling::operations::answer(&mut call, request.operation).map(Content::Xml),
            Service::Acm => acm::operations::answer(&mut call, request.operation, &read_json(body)?).map(Content::Json),
            Service::Tagging => tagging::answer(&mut call, request.operation, &read_json(body)?).map(Content::Json),
            _ if let Err(violation) = model::check(request.operation, params) => {
                *violations += 1;
                Err(violation)
            }
            _ => match looks_back(struck).filter(|_| request.operation.starts_with("Describe")) {
                None => elb::operations::answer(&mut call, request.operation).map(Content::Xml),
                Some(period) => {
                    let past = call.region.elb.as_of(request.now.minus(period));
                    let present = std::mem::replace(&mut call.region.elb, past);
                    let answer = elb::operations::answer(&mut call, request.operation);
                    call.region.elb = present;
                    answer.map(Content::Xml)
                }
            },
        }
    }
}

/// The error for a request to a service that is none of those here; `scope` is what the signature calls it.
fn no_service(scope: &str) -> ApiError {
    if scope.is_empty() {
        let message = "The request names no service: neither its credential scope nor its Version.";
        return ApiError::new(403, "MissingAuthenticationToken", message);
    }
    let message = format!("The service {} is not simulated.", short(scope));
    ApiError::new(501, "NotImplemented", message)
}

/// How far back a stale read looks.
fn looks_back(struck: &[Action]) -> Option<Duration> {
    struck.iter().find_map(|action| match action {
        Action::StaleRead { millis } => Some(Duration::from_millis(*millis)),
        _ => None,
    })
}

/// How far back the tags of load balancers lie.
fn tags_look_back(struck: &[Action]) -> Option<Duration> {
    struck.iter().find_map(|action| match action {
        Action::LateTags { millis } => Some(Duration::from_millis(*millis)),
        _ => None,
    })
}

fn hidden(action: &Action) -> &[String] {
    match action {
        Action::HideInstances { instance_ids } => instance_ids,
        _ => &[],
    }
}

/// Versions of other APIs on the same endpoint, such as that of the newer load balancers, are not served.
fn check_version(request: &Request<'_>) -> Result<(), ApiError> {
    let service = request.service;
    if !matches!(service, Service::Elb | Service::AutoScaling) {
        return Ok(());
    }
    let version = request.prepared.params.str("Version").unwrap_or("NO_VERSION_SPECIFIED");
    if version == service.version() {
        return Ok(());
    }
    Err(service.not_in_version(request.operation, version))
}

fn answer_s3(world: &mut World, request: &Request<'_>) -> Result<Content, ApiError> {
    let mut call = S3Call {
        buckets: &mut world.buckets,
        account: &request.caller.account,
        region: request.facts.name,
        path: request.prepared.parts.uri.path(),
        body: &request.prepared.body,
    };
    s3::operations::answer(&mut call, request.operation).map(|(status, kind, body)| Content::Raw(status, kind, body))
}

fn read_json(body: &[u8]) -> Result<Json, ApiError> {
    if body.is_empty() {
        return Ok(Json::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|_| ApiError::sender("SerializationException", "The body is not JSON."))
}
