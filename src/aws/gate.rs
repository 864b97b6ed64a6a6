//! The gate that every call to AWS passes: leadership for writes, the budget for reads, then the call, its class and its
//! metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;
use tracing::debug;

use super::budget::{Budget, Kept, Who};
use super::{Class, Error, trace};
use crate::api::message::{self, Answer};
use crate::elb::{Lane, Wait};
use crate::lease::Leadership;
use crate::metrics::{Endpoint, Metrics};

/// What is called for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access<'a> {
    /// It changes nothing, and is paid for in this lane, from what is kept first.
    Read(Lane, Who, &'a Kept),
    /// It changes AWS, so it is the leader's alone, of whoever leads here. Whoever calls has paid: a plan pays for all its calls
    /// before the first, so that none stops halfway.
    Write(&'a Leadership, Lane),
}

/// What becomes of a call that the budget has nothing left for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenOverBudget {
    /// It fails with the time to wait: an object waits in the queue, and holds nobody up.
    Fails,
    /// It waits: a person does.
    Waits,
}

/// The gate of one account and region.
#[derive(Debug)]
pub(super) struct Gate {
    at: Endpoint,
    metrics: Arc<Metrics>,
    budget: Arc<Budget>,
    when_over_budget: WhenOverBudget,
    /// Calls in a row that were not answered.
    unanswered: AtomicU32,
    /// Whether load balancers could be read, and nothing was refused since as where a region is not enabled.
    lets_in: AtomicBool,
}

/// So many calls in a row without an answer, and nothing more is expected of a region until one is answered.
const SILENT: u32 = 3;

impl Gate {
    pub(super) fn new(
        at: Endpoint,
        metrics: Arc<Metrics>,
        budget: Arc<Budget>,
        when_over_budget: WhenOverBudget,
    ) -> Self {
        Self {
            at,
            metrics,
            budget,
            when_over_budget,
            unanswered: AtomicU32::new(0),
            lets_in: AtomicBool::new(false),
        }
    }

    /// Whether AWS is known to let us in.
    pub(super) fn lets_in(&self) -> bool {
        self.lets_in.load(Ordering::Relaxed)
    }

    /// Whether AWS has not answered for a while.
    pub(super) fn is_silent(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= SILENT
    }

    /// The health of a load balancer's instances was read there, and the reading before was so old.
    pub(super) fn health_read(&self, age: Duration) {
        self.metrics.health_read(&self.at, age);
    }

    /// Whether a call waits for its turn, and tries again what AWS throttles.
    pub(super) fn waits(&self) -> bool {
        self.when_over_budget == WhenOverBudget::Waits
    }

    /// What is left of our share.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Keeps what these calls need of the budget, all or nothing.
    ///
    /// # Errors
    /// Class `OverBudget`, with the time to wait.
    pub(super) fn pay<'a>(
        &self,
        operations: impl IntoIterator<Item = &'a str>,
        first: &'static str,
        lane: Lane,
        who: Who,
        kept: &Kept,
    ) -> Result<(), Error> {
        self.budget.promise(operations, lane, who, kept).map_err(|wait| {
            self.metrics.waits(&self.at, lane.as_str(), wait.bucket.as_str());
            over_budget(first, wait)
        })
    }

    async fn pay_for(&self, operation: &'static str, lane: Lane, who: Who, kept: &Kept) -> Result<(), Error> {
        loop {
            match self.pay([operation], operation, lane, who, kept) {
                Err(Error { wait: Some(wait), .. }) if self.waits() => tokio::time::sleep(wait.time).await,
                paid => {
                    if paid.is_ok() {
                        self.budget.spend(operation);
                    }
                    return paid;
                }
            }
        }
    }

    /// Sends, counts, times and classifies. A write without a current claim is not sent, nor tried again once the claim has ended;
    /// a read that the budget has nothing left for is not sent either.
    pub(super) async fn call<T, E>(
        &self,
        operation: &'static str,
        access: Access<'_>,
        sending: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Error>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let not_leader = |answer: Answer| Error::new(operation, Class::NotLeader, answer.code, answer.text);
        let (claim, lane) = match access {
            Access::Write(leadership, lane) => {
                let claim = leadership.claim().ok_or_else(|| not_leader(message::not_leader()))?;
                (Some(claim), lane)
            }
            Access::Read(lane, who, kept) => {
                self.pay_for(operation, lane, who, kept).await?;
                (None, lane)
            }
        };
        let span = trace::span(operation, &self.at.region);
        let sending = trace::within(&span, sending);
        let started = Instant::now();
        let result = match claim {
            None => sending.await.map_err(|error| Error::of_sdk(operation, &error)),
            // Not asked once alone: the SDK tries again by itself, and waits in between.
            Some(claim) => match claim.during(sending).await {
                Some(result) => result.map_err(|error| Error::of_sdk(operation, &error)),
                None => Err(not_leader(message::leads_no_more())),
            },
        };
        let code = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "OK");
        let throttled = result.as_ref().is_err_and(|error| error.class == Class::Throttled);
        self.budget.answered(operation);
        if throttled {
            self.budget.throttled(operation);
        }
        let call = (operation, lane.as_str());
        self.metrics.call(&self.at, call, code, throttled, started.elapsed());
        if result.as_ref().is_err_and(|error| error.class == Class::Unavailable) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        } else {
            self.unanswered.store(0, Ordering::Relaxed);
        }
        // That there is none of that name is an answer.
        let answered = result
            .as_ref()
            .map_or_else(|error| error.class == Class::Gone, |_| true);
        if result.as_ref().is_err_and(Error::may_be_of_the_region) {
            self.lets_in.store(false, Ordering::Relaxed);
        } else if answered && operation == "DescribeLoadBalancers" {
            self.lets_in.store(true, Ordering::Relaxed);
        }
        match &result {
            Ok(_) => debug!(operation, "AWS answered"),
            Err(error) => {
                trace::failed(&span, error);
                debug!(operation, %error, request_id = error.request_id, "AWS refused");
            }
        }
        result
    }
}

/// A call that was not made, since our share of AWS's rate is used up.
fn over_budget(operation: &'static str, wait: Wait) -> Error {
    let answer = message::over_budget(wait.bucket.as_str(), in_words(wait.told));
    Error {
        wait: Some(Box::new(wait)),
        ..Error::new(operation, Class::OverBudget, answer.code, answer.text)
    }
}

/// A wait in round figures: it stands in the status, which shall not change with every try.
fn in_words(wait: Duration) -> &'static str {
    const ROUND: [(u64, &str); 12] = [
        (5, "5s"),
        (15, "15s"),
        (30, "30s"),
        (60, "1m"),
        (120, "2m"),
        (300, "5m"),
        (600, "10m"),
        (1800, "30m"),
        (3600, "1h"),
        (10_800, "3h"),
        (21_600, "6h"),
        (43_200, "12h"),
    ];
    let known = ROUND.iter().find(|(seconds, _)| wait <= Duration::from_secs(*seconds));
    known.map_or("a day", |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_in_round_figures() {
        let told = [1, 14, 100, 601, 3600, 9950, 50_000].map(|seconds| in_words(Duration::from_secs(seconds)));
        assert_eq!(told, ["5s", "15s", "2m", "30m", "1h", "3h", "a day"]);
    }
}
