//! Answers requests that were taken apart.

use bytes::Bytes;
use smol_str::SmolStr;

use super::Simulator;
use super::apply::Request;
use super::prepare::{Prepared, region_of};
use crate::fault::Action;
use crate::log::Entry;
use crate::reply::{self, Answer, Content, Reply};
use crate::wire::params::short;
use crate::wire::{ApiError, Service};

impl Simulator {
    /// Applies a request and answers it.
    pub(crate) fn answer(&self, prepared: &Prepared) -> Answer {
        let now = self.inner.config.clock.now();
        let service = prepared
            .routed
            .as_ref()
            .map_or_else(|| spoken(prepared), |(service, _)| *service);
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
                    let request = Request {
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
        let key_id = prepared.credential.as_ref().map_or("", |credential| &credential.key_id);
        let operation = operation.into();
        let service = match &prepared.routed {
            Some((service, _)) => SmolStr::new_static(service.scope()),
            None => SmolStr::new(short(prepared.scope())),
        };
        state.log.push(Entry {
            time: now,
            service,
            region,
            account,
            key_id: short(key_id).into(),
            operation,
            form,
            status,
            error_code,
        });
        answer
    }
}

/// One of the services whose replies a client can read that asked for one that is not here.
fn spoken(prepared: &Prepared) -> Service {
    if prepared.parts.headers.contains_key("x-amz-target") {
        Service::Tagging
    } else {
        Service::Elb
    }
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
