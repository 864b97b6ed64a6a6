//! The control interface under `/_simulator/`.

use std::time::Duration;

use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::clock::Timestamp;
use crate::fault::FaultRule;
use crate::reply::Reply;
use crate::seed::Seed;
use crate::simulator::Simulator;
use crate::simulator::control::InstanceHealthAnswer;

const PREFIX: &str = "/_simulator/";

/// Whether a request is for the control interface or the page and not for AWS.
pub(crate) fn is_control(parts: &Parts) -> bool {
    let path = parts.uri.path();
    // Browsers ask without signing; S3 clients that list buckets sign.
    let browsing = parts.method == http::Method::GET
        && parts.uri.query().is_none()
        && !parts.headers.contains_key(http::header::AUTHORIZATION);
    path.starts_with(PREFIX) || (browsing && (path == "/" || path == "/favicon.ico"))
}

/// One or several of something.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(many) => many,
            Self::One(one) => vec![one],
        }
    }
}

/// How far the clock is pushed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    #[serde(default)]
    advance_seconds: f64,
    #[serde(default)]
    advance_millis: u64,
}

/// Answers a request to the control interface.
pub(crate) fn answer(simulator: &Simulator, parts: &Parts, body: &[u8]) -> Reply {
    if parts.uri.path() == "/" {
        return crate::page::render(simulator);
    }
    let what = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let outcome = match (parts.method.as_str(), what) {
        ("GET", "health") => Ok(json!({"status": "ok"})),
        ("GET", "requests") => return requests(simulator, parts.uri.query().unwrap_or_default()),
        ("POST", "seed") => seed(simulator, body),
        ("POST", "reset") => {
            simulator.reset();
            Ok(json!({}))
        }
        ("GET", "faults") => Ok(json!(simulator.faults())),
        ("POST", "faults") => add_faults(simulator, body),
        ("DELETE", "faults") => {
            simulator.clear_faults();
            Ok(json!({}))
        }
        ("GET", "clock") => Ok(clock(simulator)),
        ("POST", "clock") => advance(simulator, body),
        ("GET", "status") => Ok(json!({
            "requests": simulator.last_request(),
            "violations": simulator.violations(),
            "brokenRules": simulator.broken_rules(),
        })),
        ("GET", "snapshot") => Ok(simulator.snapshot()),
        ("POST", "restore") => read(body)
            .and_then(|snapshot| simulator.restore(snapshot).map_err(|error| error.to_string()))
            .map(|()| json!({})),
        ("POST", "instance-health") => set_health(simulator, body),
        _ => {
            return Reply::json(
                404,
                &json!({"error": "no such control; see the README of the simulator"}),
            );
        }
    };
    match outcome {
        Ok(result) => Reply::json(200, &result),
        Err(error) => Reply::json(400, &json!({"error": error})),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn requests(simulator: &Simulator, query: &str) -> Reply {
    let since = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "since");
    let since = match since.map(|(_, value)| value.parse::<u64>()) {
        None => 0,
        Some(Ok(since)) => since,
        Some(Err(_)) => return Reply::json(400, &json!({"error": "since takes a sequence number"})),
    };
    let mut lines = String::new();
    for record in simulator.requests(since) {
        lines.push_str(&json!(record).to_string());
        lines.push('\n');
    }
    Reply {
        content_type: "application/x-ndjson",
        ..Reply::text(200, lines)
    }
}

fn seed(simulator: &Simulator, body: &[u8]) -> Result<serde_json::Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let seed = Seed::from_yaml(text).map_err(|error| error.to_string())?;
    simulator.seed(&seed).map_err(|error| error.to_string())?;
    Ok(json!({}))
}

fn add_faults(simulator: &Simulator, body: &[u8]) -> Result<serde_json::Value, String> {
    // Read as it is meant, so that the error is that of the form the caller chose.
    let rules: Vec<FaultRule> = if body.trim_ascii_start().starts_with(b"[") {
        read(body)?
    } else {
        vec![read(body)?]
    };
    // All or none, as with a seed.
    rules
        .iter()
        .try_for_each(FaultRule::check)
        .map_err(|error| error.to_string())?;
    let ids: Vec<u64> = rules.into_iter().map(|rule| simulator.add_fault(rule)).collect();
    Ok(json!({"ids": ids}))
}

fn clock(simulator: &Simulator) -> serde_json::Value {
    let now = simulator.clock().now();
    json!({"kind": simulator.clock().kind(), "now": now.to_string(), "millis": now.as_millis()})
}

fn advance(simulator: &Simulator, body: &[u8]) -> Result<serde_json::Value, String> {
    let advance: Advance = read(body)?;
    let seconds = Duration::try_from_secs_f64(advance.advance_seconds).map_err(|error| error.to_string())?;
    let by = seconds.saturating_add(Duration::from_millis(advance.advance_millis));
    if simulator.clock().now().plus(by) > Timestamp::LATEST {
        return Err(format!("time ends at {}", Timestamp::LATEST));
    }
    simulator.clock().advance(by);
    Ok(clock(simulator))
}

fn set_health(simulator: &Simulator, body: &[u8]) -> Result<serde_json::Value, String> {
    let answers: OneOrMany<InstanceHealthAnswer> = read(body)?;
    for answer in answers.into_vec() {
        if !simulator.set_instance_health(&answer) {
            return Err(format!("there is no region {}", answer.region));
        }
    }
    Ok(json!({}))
}
