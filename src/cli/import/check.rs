//! Whether a manifest changes nothing: it is planned by the code of the operator before anybody sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::DynamicObject;
use kube::{Client, Config};
use serde_json::Value;

use crate::api::ClassicLoadBalancer;
use crate::aws::Accounts;
use crate::cli::failure::{Failure, causes};
use crate::cli::plan::{self, Terms};
use crate::cli::screen;
use crate::controller::preview::{Preview, preview};
use crate::controller::{Error, Rules};
use crate::elb::{TAG_ADOPT_BY, TAG_CLUSTER, TAG_ORIGIN, TAG_OWNER, TAG_PREFIX, TAG_UID, TAGS};
use crate::plan::adoption::Adoption;
use crate::plan::{Explained, Step};

/// No UID that an API server gives looks like this.
const NO_UID: &str = "not-created";
/// How often a plan is tried where AWS asks for fewer calls, and how long to wait first.
const PATIENCE: (u32, Duration) = (6, Duration::from_secs(1));

/// What plans are made with.
pub(in crate::cli) struct Checker<'a> {
    aws: &'a Accounts,
    terms: &'a Terms,
    client: Client,
    /// Whether the API server is asked what it thinks of a manifest.
    asks: AtomicBool,
    /// The namespaces of which it is not asked.
    passed_over: Mutex<BTreeSet<String>>,
    /// Whether each is offered by a tag, whatever the operator asks for.
    offers: bool,
    /// Whether they are applied after it.
    applies: bool,
}

/// What a plan says.
#[derive(Debug, Default)]
pub(in crate::cli) struct Checked {
    /// The calls that are more than the operator's own tags, in words, with what was there before.
    pub(in crate::cli) differences: Vec<String>,
    /// What keeps it from being adopted as it is declared.
    pub(in crate::cli) problems: Vec<String>,
}

impl<'a> Checker<'a> {
    /// With the cluster, or without one. `offers`: whether each is offered by a tag, whatever the operator asks for.
    pub(in crate::cli) fn new(
        aws: &'a Accounts,
        terms: &'a Terms,
        cluster: Option<Client>,
        offers: bool,
    ) -> Result<Self, Failure> {
        let asks = AtomicBool::new(cluster.is_some());
        let client = match cluster {
            Some(client) => client,
            None => nowhere()?,
        };
        Ok(Self {
            aws,
            terms,
            client,
            asks,
            passed_over: Mutex::default(),
            offers,
            applies: false,
        })
    }

    /// For manifests that are applied after it: whoever may not create one of them is told before anything is begun.
    pub(in crate::cli) fn of_what_is_applied(mut self, applies: bool) -> Self {
        self.applies = applies;
        self
    }

    /// Plans for the manifest of an object, stored or not. `tags` are those of the load balancer.
    pub(in crate::cli) async fn check(
        &self,
        document: &Value,
        region: &str,
        tags: &BTreeMap<String, String>,
    ) -> Checked {
        let own = |member: &str| document["metadata"][member].as_str().unwrap_or_default();
        let offer = format!("{}/{}/{}", self.terms.cluster_id, own("namespace"), own("name"));
        let is_free = !tags.contains_key(TAG_CLUSTER) && tags.get(TAG_ADOPT_BY).is_none_or(|to| *to == offer);
        match self.plan(document, own("name"), region).await {
            Ok(preview) => {
                let crowd = crowd(
                    tags,
                    &preview,
                    self.offers || self.terms.rules.adoption == Adoption::Tagged,
                );
                // That it is not offered yet is what the offer is for.
                let mut checked = read(preview, is_free.then(|| format!("{TAG_ADOPT_BY}={offer}")).as_deref());
                checked.problems.extend(crowd);
                checked
            }
            Err(failure) => Checked {
                problems: vec![failure.to_string()],
                ..Checked::default()
            },
        }
    }

    /// As if it were offered, unless nothing is ever taken over.
    fn rules(&self) -> Rules {
        let mut rules = self.terms.rules.clone();
        if rules.adoption == Adoption::Tagged {
            rules.adoption = Adoption::Any;
        }
        rules
    }

    async fn plan(&self, document: &Value, name: &str, region: &str) -> Result<Preview, Failure> {
        let object = self.object(document, name).await?;
        let (times, mut wait) = PATIENCE;
        for attempt in 0.. {
            let rules = self.rules();
            let client = self.client.clone();
            match Box::pin(preview(client, self.aws, &self.terms.cluster_id, rules, &object)).await {
                Err(Error::Unread(why)) if attempt < times && is_throttled(&why) => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                made => return made.map_err(|error| plan::failed(name, region, &error)),
            }
        }
        Err(Failure::new("it could not be planned"))
    }

    /// The object as the API server would store it, as far as there is one that may be asked.
    async fn object(&self, document: &Value, name: &str) -> Result<ClassicLoadBalancer, Failure> {
        let wrong = |error: serde_json::Error| Failure::new(format!("the manifest of {name}: {error}"));
        let mut object: ClassicLoadBalancer = serde_json::from_value(document.clone()).map_err(wrong)?;
        object.metadata.uid = Some(NO_UID.to_owned());
        let namespace = document["metadata"]["namespace"].as_str().unwrap_or_default();
        if !self.asks.load(Ordering::Relaxed) || self.passed_over().contains(namespace) {
            return Ok(object);
        }
        let given: DynamicObject = serde_json::from_value(document.clone()).map_err(wrong)?;
        let asked = match plan::ask(&self.client, given).await {
            Ok(asked) => asked,
            // Whoever may not read it could not wait for it.
            Err(why) if self.applies => return Err(why),
            Err(why) => {
                self.asks_no_more(namespace, &why.to_string());
                return Ok(object);
            }
        };
        // One that is there already has a UID and a status, which the plan needs.
        let stored = asked.wanted.metadata.uid.is_some();
        match asked.answer {
            Ok(checked) if stored => checked.try_parse().map_err(|error| Failure::new(error.to_string())),
            Ok(_) => Ok(object),
            // A stored one is patched, which this did not ask for.
            Err(error @ kube::Error::Api(_)) if self.applies && !stored => Err(Failure::kube("creating it", &error)),
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {
                self.asks_no_more(namespace, &status.message);
                Ok(object)
            }
            Err(error) => Err(Failure::kube("the API server refuses the manifest", &error)),
        }
    }

    /// A refusal that holds for all is told once, and one that names a namespace once for that.
    fn asks_no_more(&self, namespace: &str, why: &str) {
        let is_of_it = why.contains(&format!("\"{namespace}\""));
        let (whose, is_news) = if is_of_it {
            let is_news = self.passed_over().insert(namespace.to_owned());
            (format!("the manifests of namespace {namespace}"), is_news)
        } else {
            ("the manifests".to_owned(), self.asks.swap(false, Ordering::Relaxed))
        };
        if is_news {
            screen::note(&format!(
                "{whose} are planned without the API server's check of them: {why}"
            ));
        }
    }

    fn passed_over(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.passed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client for plans that ask Kubernetes nothing.
fn nowhere() -> Result<Client, Failure> {
    // Nothing listens there.
    let address = http::Uri::from_static("http://127.0.0.1:1");
    Client::try_from(Config::new(address)).map_err(|error| Failure::new(causes(&error)))
}

fn is_throttled(why: &str) -> bool {
    ["hrottl", "Rate exceeded"].iter().any(|word| why.contains(word))
}

/// What is more than the tags of an adoption.
fn read(preview: Preview, offer: Option<&str>) -> Checked {
    let is_own = |key: &String| key.starts_with(TAG_PREFIX);
    let is_claim = |step: &Step| matches!(step, Step::AddTags(tags) if tags.keys().all(is_own));
    let mut problems = preview.problems;
    problems.retain(|problem| offer.is_none_or(|offer| !problem.contains(offer)));
    let differences = preview.explained.into_iter().filter(|call| !is_claim(&call.step));
    Checked {
        differences: differences.map(|call| in_words(&call)).collect(),
        problems,
    }
}

/// Tags that AWS has no room for, which would end an adoption after its first write.
fn crowd(tags: &BTreeMap<String, String>, preview: &Preview, is_offered: bool) -> Option<String> {
    // AWS does not count its own.
    let counts = |key: &&str| !key.to_ascii_lowercase().starts_with("aws:");
    let there: BTreeSet<&str> = tags.keys().map(String::as_str).filter(counts).collect();
    let added = preview.explained.iter().filter_map(|call| match &call.step {
        Step::AddTags(tags) => Some(tags.keys().map(String::as_str)),
        _ => None,
    });
    let mut all: BTreeSet<&str> = there.iter().copied().chain(added.flatten()).collect();
    all.extend([TAG_CLUSTER, TAG_OWNER, TAG_UID, TAG_ORIGIN]);
    all.extend(is_offered.then_some(TAG_ADOPT_BY));
    (all.len() > TAGS).then(|| {
        format!(
            "it has {} tags, and with those that adoption adds it would have {}, where AWS takes {TAGS}: take {} off first",
            there.len(),
            all.len(),
            all.len() - TAGS
        )
    })
}

fn in_words(call: &Explained) -> String {
    let mut line = call.step.to_string();
    if !call.details.is_empty() {
        line.push_str(&format!(" ({})", call.details.join("; ")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_counted_with_those_of_an_adoption() {
        let with = |count: usize, more: &[&str]| -> Option<String> {
            let keys = (0..count).map(|number| format!("tag-{number}"));
            let keys = keys.chain(more.iter().map(|key| (*key).to_owned()));
            crowd(
                &keys.map(|key| (key, String::new())).collect(),
                &Preview::default(),
                true,
            )
        };
        assert_eq!(with(45, &[]), None);
        assert!(with(46, &[]).is_some_and(|told| told.contains("would have 51") && told.contains("take 1 off")));
        assert_eq!(with(45, &["aws:cloudformation:stack-name"]), None);
        assert_eq!(with(45, &[TAG_ADOPT_BY]), None, "it is there already");
        let tags = (0..46).map(|number| (format!("tag-{number}"), String::new())).collect();
        assert_eq!(crowd(&tags, &Preview::default(), false), None);
    }
}
