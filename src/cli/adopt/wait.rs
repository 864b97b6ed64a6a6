//! Waiting for an object to be ready.

use std::time::Duration;

use kube::Api;
use kube::runtime::wait::await_condition;

use crate::api::{ClassicLoadBalancer, Management, reason};
use crate::cli::failure::Failure;

/// The reason of an object whose load balancer is not offered.
const NOT_ADOPTED: &str = "NotAdopted";

/// Reads a time such as 90s or 5m; a bare number counts seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a time such as 90s or 5m".to_owned();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let signed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// How an object is at rest.
enum Rest {
    Ready,
    /// The operator only looks at it, as its condition says.
    LookedAt(String),
    /// With what it says.
    Stalled(String),
}

/// `None`: it is still on its way.
fn rest(object: &ClassicLoadBalancer, generation: Option<i64>) -> Option<Rest> {
    let status = object.status.as_ref()?;
    let condition = |wanted: &str| {
        status
            .conditions
            .iter()
            .find(|condition| condition.type_ == wanted && condition.status == "True")
    };
    if generation.is_some_and(|generation| status.observed_generation.is_none_or(|seen| seen < generation)) {
        return None;
    }
    // The offer may not have been seen yet; it is looked for every minute.
    if let Some(stalled) = condition("Stalled").filter(|stalled| stalled.reason != NOT_ADOPTED) {
        return Some(Rest::Stalled(format!("{}: {}", stalled.reason, stalled.message)));
    }
    let ready = condition("Ready")?;
    Some(match ready.reason.as_str() {
        reason::OBSERVING | reason::SUSPENDED => Rest::LookedAt(format!("{}: {}", ready.reason, ready.message)),
        _ => Rest::Ready,
    })
}

/// What lets the operator take it over.
fn remedy(management: Option<Management>) -> &'static str {
    match management {
        Some(Management::Observe | Management::Suspended) => "take spec.management out of its manifest",
        _ => "run the operator without --read-only",
    }
}

/// Waits until the object is ready in this generation.
///
/// # Errors
/// When it cannot get there, is not there in time, or cannot be watched.
pub(super) async fn until_ready(
    api: Api<ClassicLoadBalancer>,
    name: &str,
    generation: Option<i64>,
    limit: Duration,
) -> Result<(), Failure> {
    let at_rest =
        |object: Option<&ClassicLoadBalancer>| object.is_some_and(|object| rest(object, generation).is_some());
    let waited = tokio::time::timeout(limit, await_condition(api.clone(), name, at_rest)).await;
    let object = match waited {
        Ok(Ok(object)) => object,
        Ok(Err(error)) => return Err(Failure::new(format!("watching it: {error}"))),
        Err(_) => api
            .get_opt(name)
            .await
            .map_err(|error| Failure::kube("reading it", &error))?,
    };
    match object.as_ref().map(|object| (rest(object, generation), object)) {
        Some((Some(Rest::Ready), _)) => Ok(()),
        Some((Some(Rest::LookedAt(said)), object)) => Err(Failure::new(format!(
            "nothing was taken over, since the operator only looks at it ({said}): {}",
            remedy(object.spec.management)
        ))),
        Some((Some(Rest::Stalled(why)), _)) => Err(Failure::new(why)),
        Some((None, object)) => {
            let status = object.status.as_ref();
            let ready = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == "Ready"));
            let said = ready.map_or_else(
                || "no operator has looked at it".to_owned(),
                |ready| format!("{}: {}", ready.reason, ready.message),
            );
            Err(Failure::new(format!(
                "it is not ready after {} s: {said}",
                limit.as_secs()
            )))
        }
        None => Err(Failure::new("it was deleted")),
    }
}
