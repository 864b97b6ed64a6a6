//! `kubectl clb adopt`.

mod wait;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};

use super::account::Account;
use super::failure::Failure;
use super::find;
use super::fleet::AT_ONCE;
use super::import::check::{Checked, Checker};
use super::import::offer::one_offer;
use super::kubernetes::{Connection, Kubernetes, past_conflicts};
use super::plan::{OperatorFlags, Terms, in_file};
use super::progress::Progress;
use super::{Exit, files, screen};
use crate::api::ClassicLoadBalancer;
use crate::aws::{AccountRegion, Accounts, Class, patiently};
use crate::controller::Kind;
use crate::elb::{TAG_CLUSTER, TAG_OWNER};
use crate::flags::region_name;

/// Who applies the manifests, as their managed fields say.
const MANAGER: &str = "kubectl-clb";

/// Take load balancers over, many at once, by the manifests that `import` wrote.
///
/// Every manifest is planned for first: where one would do more to its load balancer than tag it, nothing is begun. Then
/// each in turn is offered to its object, the object is applied, and waited for until it is ready; with --parallel several
/// at once. The first that does not go as planned ends it; run again, it goes on where it ended. --offer-only sets the offers alone and leaves the objects to
/// whoever applies them, such as Argo CD or Flux.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb adopt -f manifests
  kubectl clb adopt -f manifests --parallel 10
  kubectl clb adopt -f manifests -R --offer-only --cluster-id production

Exit status: 0 all are adopted, 1 one could not be, 3 a manifest would change something and nothing was begun.")]
pub(super) struct Adopt {
    /// Files, folders or addresses (https://...) with objects, - for standard input. Documents of other kinds are passed
    /// over.
    #[arg(short, long, value_name = "FILE,...", value_delimiter = ',', required = true)]
    filename: Vec<String>,
    /// Look also into the folders of folders.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Set the offers, and apply nothing.
    #[arg(long)]
    offer_only: bool,
    /// How long to wait for each object to be ready, such as 90s or 5m.
    #[arg(long, default_value = "5m", value_parser = wait::time, value_name = "TIME")]
    wait_timeout: Duration,
    /// How many to take over at once. After one that fails no other is begun.
    #[arg(long, default_value = "1", value_name = "NUMBER", value_parser = at_once)]
    parallel: NonZeroUsize,
    /// The region of objects that name none. Default: the operator's, else AWS_REGION or the profile's.
    #[arg(long, value_parser = region_name)]
    region: Option<String>,
    #[command(flatten)]
    operator: OperatorFlags,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// An object and the load balancer that it shall have.
struct Subject {
    object: DynamicObject,
    /// Namespace and name.
    title: String,
    /// Where the load balancer is: the region, and the account of the object.
    asked: Arc<AccountRegion>,
    load_balancer: String,
    tags: BTreeMap<String, String>,
}

impl Subject {
    /// Whether the load balancer is this object's already.
    fn is_adopted(&self, cluster_id: &str) -> bool {
        let tag = |key: &str| self.tags.get(key).map(String::as_str);
        tag(TAG_CLUSTER) == Some(cluster_id) && tag(TAG_OWNER) == Some(&self.title)
    }
}

impl Adopt {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let connection = self.kubernetes.connect().await?;
        let objects = self.objects(&connection).await?;
        let namespaces = objects.iter().filter_map(ResourceExt::namespace).collect();
        let terms = self.operator.terms(&connection.client, &namespaces).await?;
        let aws = super::aws().await?;
        // Tags are read for several load balancers in one call.
        let subjects = stream::iter(objects).map(|object| self.subject(object, &aws, &terms, &connection));
        let subjects: Vec<Subject> = subjects.buffered(AT_ONCE).try_collect().await?;
        let checker = Checker::new(&aws, &terms, Some(connection.client.clone()), true)?;
        let checker = checker.of_what_is_applied(!self.offer_only);
        if let Some(exit) = surprises(&checker, &subjects).await {
            screen::note("nothing was begun");
            return Ok(exit);
        }
        self.all(&subjects, &terms.cluster_id, &connection).await?;
        Ok(Exit::Ok)
    }

    /// So many at once. After the first that fails none is begun any more, and those that were are seen to their ends.
    async fn all(&self, subjects: &[Subject], cluster_id: &str, connection: &Connection) -> Result<(), Failure> {
        let (total, stopped) = (subjects.len(), AtomicBool::new(false));
        let mut work = stream::iter(subjects)
            .map(async |subject: &Subject| {
                if stopped.load(Ordering::Relaxed) {
                    return None;
                }
                let ended = self.one(subject, cluster_id, connection).await;
                stopped.fetch_or(ended.is_err(), Ordering::Relaxed);
                Some((subject, ended))
            })
            .buffer_unordered(self.parallel.get());
        let (mut done, mut first) = (0, None);
        let mut progress = Progress::start(&format!("adopting {total} load balancers"));
        while let Some(ended) = work.next().await {
            let Some((subject, ended)) = ended else {
                continue;
            };
            // A line of data begins where the progress stood.
            drop(progress);
            match ended {
                Ok(line) => {
                    done += 1;
                    screen::print(&line)?;
                }
                Err(why) if first.is_none() => first = Some(format!("{}: {why}", subject.title)),
                Err(why) => screen::note(&format!("{}: {why}", subject.title)),
            }
            progress = Progress::start(&format!("{done} of {total} load balancers are done"));
        }
        drop(progress);
        first.map_or(Ok(()), |why| {
            Err(Failure::new(format!(
                "{why}; {done} of {total} are done, run it again to go on"
            )))
        })
    }

    /// The objects of the files. One that is wrong ends it before anything is begun.
    async fn objects(&self, connection: &Connection) -> Result<Vec<DynamicObject>, Failure> {
        let mut objects = Vec::new();
        for manifest in files::read(&self.filename, self.recursive).await {
            for object in in_file(manifest, connection) {
                let object = object.map_err(|wrong| match wrong.object {
                    Err(why) => Failure::new(format!("{}: {why}", wrong.name)),
                    Ok(_) => Failure::new(format!("{}/{} cannot be read", wrong.namespace, wrong.name)),
                })?;
                // A binding takes nothing over.
                if find::name_of(&object).kind == Kind::Owner {
                    objects.push(object);
                }
            }
        }
        if objects.is_empty() {
            return Err(Failure::new(format!(
                "{} holds no ClassicLoadBalancer of classiclb.dev",
                files::called(&self.filename)
            )));
        }
        Ok(objects)
    }

    async fn subject(
        &self,
        object: DynamicObject,
        aws: &Accounts,
        terms: &Terms,
        connection: &Connection,
    ) -> Result<Subject, Failure> {
        let title = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let spec = &object.data["spec"];
        if spec["adopt"] != true {
            return Err(Failure::new(format!(
                "{title} has no spec.adopt: true, so it would not take anything over"
            )));
        }
        let Some(load_balancer) = spec["loadBalancerName"].as_str().map(ToOwned::to_owned) else {
            return Err(Failure::new(format!(
                "{title} has no spec.loadBalancerName to take over"
            )));
        };
        let named = spec["region"]
            .as_str()
            .or(self.region.as_deref())
            .or(terms.region.as_deref());
        let region = named.or(aws.default_region()).map(ToOwned::to_owned);
        let region = region
            .ok_or_else(|| Failure::usage(format!("{title} names no region: give --region or set AWS_REGION")))?;
        let wrong = |why: Failure| Failure::new(format!("{title}: {why}"));
        let reference = spec["accountRef"]["name"].as_str();
        let account = Account::of(&connection.client, aws, reference).await.map_err(wrong)?;
        let asked = account.region(aws, &region, None).await.map_err(wrong)?;
        let tags = patiently(|| asked.view.tags(&load_balancer)).await;
        let tags = tags.map_err(|error| match error.class {
            Class::Gone => Failure::new(format!(
                "{title}: AWS has no load balancer {load_balancer} in {region}{account}"
            )),
            _ => Failure::aws(&region, &error),
        })?;
        Ok(Subject {
            object,
            title,
            asked,
            load_balancer,
            tags,
        })
    }

    /// Offers it, applies its object and waits. What to say then.
    async fn one(&self, subject: &Subject, cluster_id: &str, connection: &Connection) -> Result<String, Failure> {
        let title = &subject.title;
        let adopted = subject.is_adopted(cluster_id);
        if !adopted {
            one_offer(&subject.asked, &subject.load_balancer, &format!("{cluster_id}/{title}")).await?;
        }
        if self.offer_only {
            let what = if adopted { "is adopted already" } else { "is offered" };
            return Ok(format!("{title}: {} {what}\n", subject.load_balancer));
        }
        let namespace = subject.object.namespace().unwrap_or_default();
        let resource = ApiResource::erase::<ClassicLoadBalancer>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(connection.client.clone(), &namespace, &resource);
        let name = subject.object.name_any();
        let apply = Patch::Apply(&subject.object);
        let once = async || api.patch(&name, &PatchParams::apply(MANAGER), &apply).await;
        let applied = past_conflicts(once, |answer| answer.as_ref().err()).await;
        let applied = applied.map_err(|error| Failure::kube("applying it", &error))?;
        let typed: Api<ClassicLoadBalancer> = Api::namespaced(connection.client.clone(), &namespace);
        wait::until_ready(typed, &name, applied.metadata.generation, self.wait_timeout).await?;
        Ok(format!("{title}: {} is adopted\n", subject.load_balancer))
    }
}

/// The operator works on as many objects at once, unless it is told otherwise.
const MOST_AT_ONCE: usize = 50;

fn at_once(text: &str) -> Result<NonZeroUsize, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number: &NonZeroUsize| number.get() <= MOST_AT_ONCE);
    number.ok_or_else(|| format!("must be a number from 1 to {MOST_AT_ONCE}"))
}

/// What would not go as it should, told of each; none: nothing.
async fn surprises(checker: &Checker<'_>, subjects: &[Subject]) -> Option<Exit> {
    let mut progress = Progress::start("planning");
    let mut plans = stream::iter(subjects)
        .map(async |subject: &Subject| {
            let found = match serde_json::to_value(&subject.object) {
                Ok(document) => checker.check(&document, &subject.asked.region, &subject.tags).await,
                Err(error) => Checked {
                    problems: vec![error.to_string()],
                    ..Checked::default()
                },
            };
            (subject, found)
        })
        .buffered(AT_ONCE);
    let (mut all, mut planned) = (Vec::new(), 0);
    while let Some((subject, checked)) = plans.next().await {
        planned += 1;
        progress.tell(&format!("planned {planned} of {}", subjects.len()));
        all.push((subject, checked));
    }
    drop(progress);
    let mut exit = None;
    for (subject, Checked { differences, problems }) in all {
        for difference in &differences {
            screen::note(&format!(
                "{}: it would change {}: {difference}",
                subject.title, subject.load_balancer
            ));
            exit = exit.or(Some(Exit::Differences));
        }
        for problem in &problems {
            screen::note(&format!("{}: {problem}", subject.title));
            exit = Some(Exit::Failed);
        }
    }
    exit
}
