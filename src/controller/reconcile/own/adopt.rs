//! I/O: takes over a load balancer that is not ours, where that is asked for and permitted.

use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt as _};

use super::owned::{Owned, Source};
use crate::api::message;
use crate::api::{ClassicLoadBalancer, Part, Scheme as SchemeSpec};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::executor::Executor;
use crate::controller::memory::Memory;
use crate::controller::reconcile::observe::replaced;
use crate::controller::reconcile::preflight;
use crate::controller::reconcile::stop::{Halt, Stop};
use crate::controller::reconcile::subject::Subject;
use crate::controller::status::Verdict;
use crate::elb::{Declared, Element, LoadBalancer, Origin, Ownership, Scheme, TAG_CLUSTER, TAG_OWNER};
use crate::plan::adoption::{Claim, Question};
use crate::plan::{Problem, Step, Track};

/// Objects in one page of a list.
const PAGE: u32 = 500;

/// Takes the load balancer over: its tags are the first and only write that is forced on it.
pub(super) async fn adopt(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    ownership: &Ownership,
    mut lb: LoadBalancer,
    declared: &Declared,
) -> Result<Owned, Stop> {
    let claim = claim(cx, subject, ownership, &lb, declared).await?;
    executor.ensure_finalizer().await?;
    let _alone = subject.region.adopt_alone(&subject.name).await;
    let view = &subject.region.view;
    // Somebody may have claimed it since it was judged.
    let tags = view
        .tags(&subject.name)
        .await
        .map_err(|error| subject.unreadable(&error))?;
    if tags != lb.tags {
        lb.tags = tags;
        return Err(contested(subject, &lb).into());
    }
    let made = executor.make(&claim, &mut lb, &mut memory.journal).await;
    made.map_err(|error| Halt::not_claimed(&error))?;
    // Also where its tags are shown later: no status was lost.
    memory.known.owned();
    // An operator of another cluster may have written at the same time: the last one has it.
    lb.tags = view
        .tags(&subject.name)
        .await
        .map_err(|error| subject.unreadable(&error))?;
    memory.journal.shown(&lb, |element| matches!(element, Element::Tag(_)));
    if memory.journal.is_ownership_old(&lb.tags, cx.clock.now().at) {
        return Err(Halt::tags_not_shown(&subject.name).into());
    }
    if subject.owner.judge(&lb.tags) != Ownership::Ours {
        return Err(contested(subject, &lb).into());
    }
    executor.announce("AddTags", &message::adopted(&lb.name)).await;
    Ok(Owned {
        source: Source::Claimed,
        ..lb.into()
    })
}

/// The call that takes the load balancer over, or why that may not be.
pub(super) async fn claim(
    cx: &Context,
    subject: &Subject<'_>,
    ownership: &Ownership,
    lb: &LoadBalancer,
    declared: &Declared,
) -> Result<Step, Stop> {
    let question = question(subject, lb);
    // A load balancer that this object published before and that was replaced is another one with another DNS name,
    // which no tag makes its own.
    let replaced = replaced(subject, lb);
    if *ownership == Ownership::Nobody
        && let Some(halt) = replaced
    {
        return Err(halt.into());
    }
    match question.answer(ownership) {
        Claim::Free => {}
        Claim::FreeUnlessAlive(uid) if !is_alive(cx, &uid, lb).await? => {}
        Claim::FreeUnlessAlive(_) => return Err(Halt::not_ours(question.alive()).into()),
        Claim::Refused(message) => return Err(Halt::not_ours(message).into()),
    }
    if let Some(halt) = replaced.or_else(|| other_scheme(subject, lb)) {
        return Err(halt.into());
    }
    let ignored = |part: &Part| *part == Part::Placement;
    if !subject.object.spec.ignore_differences.iter().flatten().any(ignored) {
        let zones = subject.object.spec.availability_zones.as_ref();
        let zones = zones.map(|zones| zones.iter().cloned().collect());
        let fits = preflight::check_zones(subject, zones.as_ref(), lb).await;
        fits.map_err(|problem| Halt::not_found(&problem))?;
    }
    let fits = preflight::fits(subject, declared, lb).await;
    fits.map_err(|problem| Halt::not_found(&problem))?;
    Ok(Step::AddTags(subject.owner.tags(Origin::Adopted)))
}

/// The step that would offer it to this object, where nothing but that is lacking.
pub(super) fn missing_offer(subject: &Subject<'_>, ownership: &Ownership, lb: &LoadBalancer) -> Option<Step> {
    let (key, value) = question(subject, lb).missing_offer(ownership)?;
    Some(Step::AddTags([(key, value)].into()))
}

fn question<'a>(subject: &'a Subject<'_>, lb: &'a LoadBalancer) -> Question<'a> {
    let known = subject.previous.created_time.as_ref();
    Question {
        adoption: subject.terms.adoption,
        asked: subject.object.spec.adopt == Some(true),
        owner: &subject.owner,
        name: &subject.name,
        region: &subject.region.region,
        tags: &lb.tags,
        was_ours: known.is_some() && known == lb.identity.created_time.as_ref(),
    }
}

/// Somebody else was faster.
fn contested(subject: &Subject<'_>, lb: &LoadBalancer) -> Halt {
    match question(subject, lb).answer(&subject.owner.judge(&lb.tags)) {
        Claim::Refused(message) => Halt::not_ours(message),
        _ => Verdict::NotAccepted(Problem::waiting(message::contested(&lb.name))).into(),
    }
}

/// Whether the object of this UID, which owns the load balancer, lives in the cluster. The cache may be behind, so the
/// API server is asked. Of a namespace that is not watched nothing is known, so that whoever is there counts as alive.
async fn is_alive(cx: &Context, uid: &str, lb: &LoadBalancer) -> Result<bool, Error> {
    let of_this_cluster = lb.tags.get(TAG_CLUSTER) == Some(&cx.cluster_id);
    let owner = lb.tags.get(TAG_OWNER).and_then(|owner| owner.split_once('/'));
    if of_this_cluster && owner.is_some_and(|(namespace, _)| !cx.namespaces().hold(namespace)) {
        return Ok(true);
    }
    for api in cx.namespaces().apis(cx.kubernetes.client()) {
        if is_in(&api, uid).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_in(api: &Api<PartialObjectMeta<ClassicLoadBalancer>>, uid: &str) -> Result<bool, Error> {
    let mut page = kube::api::ListParams::default().limit(PAGE);
    loop {
        let list = api.list_metadata(&page).await?;
        if list.items.iter().any(|object| object.uid().as_deref() == Some(uid)) {
            return Ok(true);
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(false),
        }
    }
}

/// The scheme has a default and can never be changed: a spec that does not say what the load balancer is would lie.
fn other_scheme(subject: &Subject<'_>, lb: &LoadBalancer) -> Option<Halt> {
    let declared = match subject.object.spec.scheme {
        SchemeSpec::InternetFacing => Scheme::InternetFacing,
        SchemeSpec::Internal => Scheme::Internal,
    };
    if declared == lb.scheme {
        return None;
    }
    let message = message::other_scheme(declared.as_str(), &lb.name, lb.scheme.as_str());
    Some(Verdict::NotAccepted(Problem::invalid(Track::LoadBalancer, message)).into())
}
