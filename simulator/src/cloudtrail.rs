//! `CloudTrail`: who called what, as the log of requests has it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::clock::Timestamp;
use crate::log::{Log, RequestRecord};
use crate::sts::state::{Caller, Session};
use crate::wire::params::{lower_first, short};
use crate::wire::{ApiError, Service, Table, Value};

/// A request to `CloudTrail`, with what it may look at.
pub(crate) struct TrailCall<'a> {
    pub(crate) log: &'a Log,
    pub(crate) sessions: &'a BTreeMap<String, Session>,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
    /// How long it takes until an event can be looked up.
    pub(crate) delay: Duration,
}

type Handler = fn(&TrailCall<'_>, &Json) -> Result<Json, ApiError>;

static OPERATIONS: Table<Handler> = Table::new(Service::CloudTrail, &[("LookupEvents", lookup)]);

/// For so long events are kept.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Events in one answer.
const PAGE: u64 = 50;
/// What a load balancer is called as a resource.
const RESOURCE: &str = "AWS::ElasticLoadBalancing::LoadBalancer";

/// Answers a request in the JSON protocol.
pub(crate) fn answer(call: &TrailCall<'_>, operation: &str, input: &Json) -> Result<Json, ApiError> {
    OPERATIONS.find(operation)?(call, input)
}

fn lookup(call: &TrailCall<'_>, input: &Json) -> Result<Json, ApiError> {
    let wanted = attribute(input)?;
    let size = match input.get("MaxResults") {
        None => PAGE,
        Some(given) => given.as_u64().filter(|size| (1..=PAGE).contains(size)).ok_or_else(|| {
            let message = format!("Member must have value between 1 and {PAGE}");
            ApiError::sender("InvalidMaxResultsException", message)
        })?,
    };
    let before = match input.get("NextToken").and_then(Json::as_str) {
        None => u64::MAX,
        Some(token) => token
            .parse()
            .map_err(|_| ApiError::sender("InvalidNextTokenException", "Invalid NextToken."))?,
    };
    let time = |name: &str| input.get(name).and_then(Json::as_f64);
    let (from, until) = (time("StartTime"), time("EndTime"));
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        return Err(ApiError::sender(
            "InvalidTimeRangeException",
            "The start time must not be later than the end time.",
        ));
    }
    let newest = call.now.minus(call.delay);
    let oldest = call.now.minus(KEPT);
    let there = call.log.latest_first().filter(|(seq, entry)| {
        let at = seconds(entry.time);
        *seq < before
            && *entry.account == *call.account
            && entry.region == call.region
            && !entry.operation.is_empty()
            && (oldest..=newest).contains(&entry.time)
            && from.is_none_or(|from| at >= from)
            && until.is_none_or(|until| at <= until)
    });
    let mut found = there
        .map(|(seq, entry)| Event::of(call, &entry.record(seq), entry.time))
        .filter(|event| wanted.as_ref().is_none_or(|(key, value)| event.has(key, value)));
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let page: Vec<Event> = found.by_ref().take(size).collect();
    let mut answer = json!({"Events": page.iter().map(|event| event.json.clone()).collect::<Vec<_>>()});
    if let (Some(last), true) = (page.last(), found.next().is_some()) {
        answer["NextToken"] = json!(last.seq.to_string());
    }
    Ok(answer)
}

/// The one attribute that events shall have.
fn attribute(input: &Json) -> Result<Option<(String, String)>, ApiError> {
    const KEYS: [&str; 8] = [
        "AccessKeyId",
        "EventId",
        "EventName",
        "EventSource",
        "ReadOnly",
        "ResourceName",
        "ResourceType",
        "Username",
    ];
    let wrong = |message: String| Err(ApiError::sender("InvalidLookupAttributesException", message));
    match input
        .get("LookupAttributes")
        .and_then(Json::as_array)
        .map(Vec::as_slice)
    {
        None | Some([]) => Ok(None),
        Some([one]) => {
            let text = |name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
            let (key, value) = (text("AttributeKey"), text("AttributeValue"));
            if KEYS.contains(&key.as_str()) {
                Ok(Some((key, value)))
            } else {
                wrong(format!("{} is no attribute that events are looked up by.", short(&key)))
            }
        }
        Some(_) => wrong("Events are looked up by one attribute at a time.".to_owned()),
    }
}

fn seconds(time: Timestamp) -> f64 {
    #[allow(clippy::cast_precision_loss)] // milliseconds of this age have 41 bits
    let millis = time.as_millis() as f64;
    millis / 1000.0
}

/// An event as it is answered, and its place in the log.
struct Event {
    seq: u64,
    json: Json,
}

impl Event {
    fn of(call: &TrailCall<'_>, record: &RequestRecord, time: Timestamp) -> Self {
        let caller = call.sessions.get(&record.access_key_id).map(Caller::from);
        let caller = caller.unwrap_or_else(|| Caller::user(&record.account));
        let user = caller.arn.rsplit('/').next().unwrap_or_default().to_owned();
        let source = format!("{}.amazonaws.com", record.service);
        let id = format!("00000000-0000-4000-8000-{:012x}", record.seq);
        let reads = ["Describe", "Get", "List", "Lookup", "Simulate"];
        let reads = reads.iter().any(|prefix| record.operation.starts_with(prefix));
        let name = |(key, name): (&String, &String)| {
            (key == "LoadBalancerName" || key.starts_with("LoadBalancerNames.member.")).then(|| name.clone())
        };
        let resources = record.parameters.iter().filter_map(name);
        let resources: Vec<Json> = resources
            .map(|name| json!({"ResourceType": RESOURCE, "ResourceName": name}))
            .collect();
        let mut whole = json!({
            "eventVersion": "1.08",
            "userIdentity": {
                "type": if caller.role_arn().is_some() { "AssumedRole" } else { "IAMUser" },
                "principalId": caller.user_id, "arn": caller.arn, "accountId": caller.account,
                "accessKeyId": record.access_key_id, "userName": user,
            },
            "eventTime": record.time, "eventSource": source, "eventName": record.operation, "awsRegion": record.region,
            "requestParameters": requested(&Value::of(&record.parameters), ""),
            "readOnly": reads, "eventID": id, "eventType": "AwsApiCall", "managementEvent": true,
            "recipientAccountId": record.account, "eventCategory": "Management",
        });
        if let Some(code) = &record.error_code {
            whole["errorCode"] = json!(code);
        }
        Self {
            seq: record.seq,
            json: json!({
                "EventId": id, "EventName": record.operation, "ReadOnly": reads.to_string(),
                "AccessKeyId": record.access_key_id, "EventTime": seconds(time), "EventSource": source, "Username": user,
                "Resources": resources, "CloudTrailEvent": whole.to_string(),
            }),
        }
    }

    fn has(&self, key: &str, value: &str) -> bool {
        match key {
            "ResourceName" | "ResourceType" => {
                let resources = self.json["Resources"].as_array();
                resources.into_iter().flatten().any(|resource| resource[key] == value)
            }
            _ => self.json[key] == value,
        }
    }
}

/// The parameters of a request as an event spells them: `listeners[].loadBalancerPort`, ports and times as numbers.
fn requested(value: &Value, name: &str) -> Json {
    let numbers = ["Port", "Ports", "Threshold", "Interval", "Timeout", "Period"];
    let items = value.get("member").map_or_else(Vec::new, |_| value.members());
    if !items.is_empty() {
        return items.into_iter().map(|item| requested(item, name)).collect();
    }
    if !value.fields().is_empty() {
        let each = value.fields().iter();
        let each = each.map(|(name, value)| (lower_first(name), requested(value, name)));
        return Json::Object(each.collect::<Map<_, _>>());
    }
    let text = value.text().unwrap_or_default();
    let number = text.parse::<i64>().ok();
    let number = number.filter(|_| numbers.iter().any(|word| name.ends_with(word)));
    number.map_or_else(|| json!(text), |number| json!(number))
}
