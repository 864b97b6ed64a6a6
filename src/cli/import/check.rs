//! Whether a manifest changes nothing: it is planned by the code of the operator before anybody sees it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::elb::{TAG_ADOPT_BY, TAG_CLUSTER, TAG_PREFIX};
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
    /// With the cluster, or without one.
    pub(in crate::cli) fn new(aws: &'a Accounts, terms: &'a Terms, cluster: Option<Client>) -> Result<Self, Failure> {
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
        })
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
            // That it is not offered yet is what the offer is for.
            Ok(preview) => read(preview, is_free.then(|| format!("{TAG_ADOPT_BY}={offer}")).as_deref()),
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
        if !self.asks.load(Ordering::Relaxed) {
            return Ok(object);
        }
        let given: DynamicObject = serde_json::from_value(document.clone()).map_err(wrong)?;
        let asked = match plan::ask(&self.client, given).await {
            Ok(asked) => asked,
            Err(why) => {
                self.asks_no_more(&why.to_string());
                return Ok(object);
            }
        };
        // One that is there already has a UID and a status, which the plan needs.
        let stored = asked.wanted.metadata.uid.is_some();
        match asked.answer {
            Ok(checked) if stored => checked.try_parse().map_err(|error| Failure::new(error.to_string())),
            Ok(_) => Ok(object),
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {
                self.asks_no_more(&status.message);
                Ok(object)
            }
            Err(error) => Err(Failure::kube("the API server refuses the manifest", &error)),
        }
    }

    /// The first refusal that holds for all is told once.
    fn asks_no_more(&self, why: &str) {
        if self.asks.swap(false, Ordering::Relaxed) {
            screen::note(&format!(
                "the manifests are planned without the API server's check of them: {why}"
            ));
        }
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

fn in_words(call: &Explained) -> String {
    let mut line = call.step.to_string();
    if !call.details.is_empty() {
        line.push_str(&format!(" ({})", call.details.join("; ")));
    }
    line
}
