//! Faults by rule: what goes wrong, with which calls, how often.

use serde::{Deserialize, Serialize};

use crate::ids::Ids;

/// A fault and when it strikes. In JSON: `{"match": {"operation": "CreateLoadBalancer"}, "do": {"error": {…}}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// Which calls it strikes; absent members match every call.
    #[serde(rename = "match", default)]
    pub matching: Match,
    /// What happens to them.
    #[serde(rename = "do")]
    pub action: Action,
}

/// Which calls a fault strikes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Match {
    /// The `SigV4` name of a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// An operation, or the beginning of one and a star: `Describe*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// A balancer that the request names, in `LoadBalancerName` or in `LoadBalancerNames`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<String>,
    /// An instance that the request names, in `Instances` as ELB has it or in a list of EC2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// A region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// An account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The first call to strike, counted from 1 among those that match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How often to strike at most: once when `nth` is given, else without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How likely each matching call is struck, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The seed of the dice for `probability`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// It is answered with this error and not applied.
    Error {
        /// The error code, such as `Throttling`.
        code: String,
        /// The HTTP status; 400 if absent.
        #[serde(default = "bad_request")]
        status: u16,
        /// The message.
        #[serde(default)]
        message: String,
    },
    /// It waits so many milliseconds before it is applied.
    #[serde(rename_all = "camelCase")]
    Latency {
        /// How long.
        millis: u64,
    },
    /// The call is not applied and never answered.
    Hang,
    /// The connection is reset and the call not applied.
    ResetBefore,
    /// The call is applied, then the connection is reset.
    ResetAfter,
    /// The call is applied and its reply ends early, with a Content-Length that agrees.
    #[serde(rename_all = "camelCase")]
    CutBody {
        /// How many hundredths of the body are sent.
        percent: u8,
    },
    /// The call is applied, and the connection breaks within the body: fewer bytes come than were announced.
    #[serde(rename_all = "camelCase")]
    BreakBody {
        /// How many hundredths of the body are sent.
        percent: u8,
    },
    /// It is answered with an HTML page, as by a proxy, and not applied.
    HtmlError {
        /// The HTTP status; 503 if absent.
        #[serde(default = "service_unavailable")]
        status: u16,
    },
    /// The call is applied and answered with status 200 and nothing else.
    EmptyReply,
    /// A Describe does not show what was written within the last milliseconds.
    #[serde(rename_all = "camelCase")]
    StaleRead {
        /// How far back it looks.
        millis: u64,
    },
    /// `DescribeTags` of ELB does not show what was set within the last milliseconds: a load balancer that was made since has
    /// no tags yet, though it is there.
    #[serde(rename_all = "camelCase")]
    LateTags {
        /// How far back it looks.
        millis: u64,
    },
    /// Lists leave these instances out.
    #[serde(rename_all = "camelCase")]
    HideInstances {
        /// Their ids.
        instance_ids: Vec<String>,
    },
}

impl FaultRule {
    /// What is wrong with the rule, such as a status that no reply can have.
    pub fn check(&self) -> Result<(), FaultRuleError> {
        let refused = |problem| Err(FaultRuleError(problem));
        let Match {
            nth,
            count,
            probability,
            ..
        } = self.matching;
        if nth == Some(0) || count == Some(0) {
            return refused("nth and count are counted from 1");
        }
        if probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return refused("probability goes from 0 to 1");
        }
        match self.action {
            Action::Error { status, .. } | Action::HtmlError { status } if !(400..600).contains(&status) => {
                refused("the status of an error goes from 400 to 599")
            }
            Action::CutBody { percent } | Action::BreakBody { percent } if percent > 100 => {
                refused("percent goes from 0 to 100")
            }
            _ => Ok(()),
        }
    }
}

/// Why a rule is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FaultRuleError(&'static str);

fn bad_request() -> u16 {
    400
}

fn service_unavailable() -> u16 {
    503
}

/// A rule with what it has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultStatus {
    /// Names the rule.
    pub id: u64,
    /// How many calls matched, struck or not.
    pub matched: u64,
    /// How many calls were struck.
    pub fired: u64,
    /// The rule.
    #[serde(flatten)]
    pub rule: FaultRule,
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'s> {
    pub(crate) service: &'s str,
    pub(crate) operation: &'s str,
    pub(crate) region: &'s str,
    pub(crate) account: &'s str,
    pub(crate) balancers: &'s [String],
    pub(crate) instances: &'s [String],
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<(FaultStatus, Ids)>,
    last_id: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) -> u64 {
        self.last_id += 1;
        let dice = Ids::seeded(rule.matching.seed.unwrap_or(0));
        self.rules.push((
            FaultStatus {
                id: self.last_id,
                matched: 0,
                fired: 0,
                rule,
            },
            dice,
        ));
        self.last_id
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn statuses(&self) -> Vec<FaultStatus> {
        self.rules.iter().map(|(status, _)| status.clone()).collect()
    }

    /// How far back stale reads and late tags look, so that writes are remembered that long.
    pub(crate) fn memory(&self) -> u64 {
        let millis = |status: &FaultStatus| match status.rule.action {
            Action::StaleRead { millis } | Action::LateTags { millis } => millis,
            _ => 0,
        };
        self.rules.iter().map(|(status, _)| millis(status)).max().unwrap_or(0)
    }

    /// What happens to a call, in the order of the rules.
    pub(crate) fn strike(&mut self, subject: Subject<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        for (status, dice) in &mut self.rules {
            if !status.rule.matching.covers(subject) {
                continue;
            }
            status.matched += 1;
            let matching = &status.rule.matching;
            let from = matching.nth.unwrap_or(1);
            let most = matching
                .count
                .unwrap_or(if matching.nth.is_some() { 1 } else { u64::MAX });
            let lucky = matching
                .probability
                .is_none_or(|probability| dice.fraction() < probability);
            if status.matched >= from && status.fired < most && lucky {
                status.fired += 1;
                actions.push(status.rule.action.clone());
            }
        }
        actions
    }
}

impl Match {
    fn covers(&self, subject: Subject<'_>) -> bool {
        let same = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|wanted| wanted == given);
        let operation = self
            .operation
            .as_deref()
            .is_none_or(|wanted| match wanted.strip_suffix('*') {
                Some(prefix) => subject.operation.starts_with(prefix),
                None => subject.operation == wanted,
            });
        let among =
            |wanted: &Option<String>, given: &[String]| wanted.as_ref().is_none_or(|wanted| given.contains(wanted));
        same(&self.service, subject.service)
            && same(&self.region, subject.region)
            && same(&self.account, subject.account)
            && operation
            && among(&self.load_balancer, subject.balancers)
            && among(&self.instance, subject.instances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(matching: &serde_json::Value, calls: usize) -> Vec<usize> {
        let mut faults = Faults::default();
        faults.add(serde_json::from_value(serde_json::json!({"match": matching, "do": "resetBefore"})).unwrap());
        let (balancers, instances) = (["a".to_owned()], ["i-1".to_owned(), "i-2".to_owned()]);
        let subject = Subject {
            service: "elasticloadbalancing",
            operation: "DescribeTags",
            region: "us-east-1",
            account: "1",
            balancers: &balancers,
            instances: &instances,
        };
        (1..=calls).filter(|_| !faults.strike(subject).is_empty()).collect()
    }

    #[test]
    fn rules_count_the_calls_they_match() {
        use serde_json::json;
        assert_eq!(strikes(&json!({}), 3), [1, 2, 3]);
        assert_eq!(
            strikes(&json!({"operation": "Describe*", "loadBalancer": "a", "nth": 2}), 4),
            [2]
        );
        assert_eq!(strikes(&json!({"nth": 2, "count": 2}), 5), [2, 3]);
        assert_eq!(strikes(&json!({"count": 1}), 5), [1]);
        assert!(strikes(&json!({"operation": "DeleteLoadBalancer"}), 3).is_empty());
        assert_eq!(strikes(&json!({"instance": "i-2", "count": 1}), 2), [1]);
        assert!(strikes(&json!({"instance": "i-3"}), 2).is_empty());
        let half = strikes(&json!({"probability": 0.5, "seed": 7}), 1000);
        assert!((400..600).contains(&half.len()));
        assert_eq!(half, strikes(&json!({"probability": 0.5, "seed": 7}), 1000));
    }

    #[test]
    fn unknown_members_are_refused() {
        assert!(serde_json::from_str::<FaultRule>(r#"{"match": {"operaton": "x"}, "do": "resetBefore"}"#).is_err());
    }
}
