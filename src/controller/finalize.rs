//! I/O: deletion. Nothing is deleted without proof that it is ours, and nothing is kept without saying why.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::backoff;
use super::error::Error;
use super::event;
use super::memory::Memory;
use super::mode::{Mode, ReadsOnly};
use super::observe::{self, Observation};
use super::reconcile::{Context, conclude, previous_status};
use super::status::{Problem, Report, Verdict};
use super::subject::Subject;
use crate::api::message::{self, Message};
use crate::api::{ClassicLoadBalancer, DeletionPolicy, FIELD_MANAGER, FINALIZER, Management};
use crate::aws;
use crate::elb::{LoadBalancer, Origin, Ownership, TAG_PREFIX};
use crate::plan::{Step, desired};

/// How long to wait for Auto Scaling groups to let go before the balancer is deleted all the same.
const DETACHING: Duration = Duration::from_mins(2);
/// Between two looks at something that AWS is busy with.
const POLL: Duration = Duration::from_secs(2);

/// What comes next.
enum Next {
    /// Nothing in AWS holds the object any more.
    Release,
    /// Look again.
    Wait(Message),
}

/// One pass over an object that is being deleted.
pub(super) async fn finalize(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: Option<&Subject>,
    memory: &mut Memory,
    mode: Mode,
) -> Result<Option<Duration>, Error> {
    if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(None);
    }
    let generation = object.metadata.generation.unwrap_or_default();
    if object.spec.management == Some(Management::Suspended) {
        let verdict = Verdict::Suspended(message::deletion_suspended());
        conclude(object, ctx, memory, Report::new(generation, verdict)).await?;
        return Ok(None);
    }
    let Some(subject) = subject else {
        let verdict = Verdict::Deleting(message::deletion_without_region());
        conclude(object, ctx, memory, Report::new(generation, verdict)).await?;
        return Ok(Some(ctx.intervals.resync));
    };
    // A region or a cluster id that changed under us must not hide the balancer: it is looked for where it was made.
    let status = previous_status(object, memory);
    let region = status.region.as_ref().unwrap_or(&subject.region);
    let subject = &Subject {
        client: ctx.aws.client(region),
        region: region.clone(),
        name: subject.former_name(&status).unwrap_or(&subject.name).clone(),
        ..subject.clone()
    };
    if let Some(who) = mode.reads_only {
        release_untouched(object, ctx, subject, who).await;
        set_finalizer(&ctx.client, object, false).await?;
        memory.released = true;
        return Ok(None);
    }
    match remove(object, ctx, subject, memory).await {
        Ok(Next::Release) => {
            set_finalizer(&ctx.client, object, false).await?;
            memory.released = true;
            Ok(None)
        }
        Ok(Next::Wait(message)) => {
            conclude(object, ctx, memory, Report::new(generation, Verdict::Deleting(message))).await?;
            Ok(Some(POLL))
        }
        Err(error) => {
            memory.failures += 1;
            let problem = Problem::reconciling(message::deletion_waits(error.reason(), &error));
            conclude(object, ctx, memory, Report::new(generation, Verdict::Unread(problem))).await?;
            Ok(Some(backoff::delay(memory.failures)))
        }
    }
}

/// Removes what is ours, one step after the other.
async fn remove(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: &Subject,
    memory: &mut Memory,
) -> Result<Next, aws::Error> {
    let status = previous_status(object, memory);
    // Always by a fresh read with tags: this is the last moment to find out that it is not ours.
    let lb = match observe::observe(subject, None, true).await? {
        Observation::Absent
            if memory
                .creation
                .is_some_and(|creation| creation.is_pending(Instant::now())) =>
        {
            return Ok(Next::Wait(message::perhaps_creating(&subject.name)));
        }
        Observation::Absent => {
            // A group that stays attached to a balancer that is gone cannot launch instances.
            detach_attached(ctx, subject, &status).await?;
            tell_gone(object, ctx, subject).await;
            return Ok(Next::Release);
        }
        Observation::NotOurs(ownership, _) => {
            let owner = match ownership {
                Ownership::Foreign(owner) => owner,
                Ownership::Nobody | Ownership::Ours => message::nobody(),
            };
            not_owned(object, ctx, subject, &owner).await;
            return Ok(Next::Release);
        }
        Observation::Ours(lb) => {
            memory.creation = None;
            *lb
        }
    };
    if status.created_time.is_some() && status.created_time != lb.identity.created_time {
        not_owned(object, ctx, subject, &message::later_creation()).await;
        return Ok(Next::Release);
    }
    let policy = object.spec.deletion_policy.unwrap_or(match Origin::of(&lb.tags) {
        Origin::Created => DeletionPolicy::Delete,
        Origin::Adopted => DeletionPolicy::Retain,
    });
    if policy == DeletionPolicy::Retain {
        retain(object, ctx, subject, &lb).await?;
        return Ok(Next::Release);
    }
    if let Some(waiting) = detach(object, ctx, subject, memory, &status).await? {
        return Ok(Next::Wait(waiting));
    }
    subject.client.delete(&subject.name).await?;
    ctx.metrics.step("DeleteLoadBalancer");
    tracing::info!(load_balancer = subject.name, "AWS accepted the deletion");
    if subject.client.find(&subject.name).await?.is_some() {
        return Ok(Next::Wait(message::deleting(&subject.name)));
    }
    tell_gone(object, ctx, subject).await;
    Ok(Next::Release)
}

/// Removes our own tags and nothing else.
async fn retain(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: &Subject,
    lb: &LoadBalancer,
) -> Result<(), aws::Error> {
    let keys: BTreeSet<String> = lb
        .tags
        .keys()
        .filter(|key| key.starts_with(TAG_PREFIX))
        .cloned()
        .collect();
    subject.client.run(&subject.name, &Step::RemoveTags(keys)).await?;
    let message = message::retained(&subject.name, &subject.region);
    event::normal(&ctx.events, object, "Delete", &message).await;
    Ok(())
}

/// Detaches the groups that were attached for this object and still list its balancer, which does not exist any more.
pub(super) async fn detach_attached(
    ctx: &Context,
    subject: &Subject,
    status: &crate::api::ClassicLoadBalancerStatus,
) -> Result<(), aws::Error> {
    let names = status
        .applied
        .iter()
        .flat_map(|applied| applied.auto_scaling_groups.iter().cloned())
        .collect();
    for name in observe::groups(&subject.client, &names).await?.attached(&subject.name) {
        subject
            .client
            .run(&subject.name, &Step::DetachAutoScalingGroup(name.clone()))
            .await?;
        ctx.metrics.step("DetachLoadBalancers");
        tracing::info!(
            load_balancer = subject.name,
            group = name,
            "detached a group from a balancer that is gone"
        );
    }
    Ok(())
}

/// Detaches the Auto Scaling groups first: a group that is attached to a balancer that does not exist cannot launch
/// instances. Returns what is waited for.
async fn detach(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: &Subject,
    memory: &mut Memory,
    status: &crate::api::ClassicLoadBalancerStatus,
) -> Result<Option<Message>, aws::Error> {
    let mut names: BTreeSet<String> = status
        .applied
        .iter()
        .flat_map(|applied| applied.auto_scaling_groups.iter().cloned())
        .collect();
    names.extend(object.spec.targets.iter().flat_map(desired::auto_scaling_groups));
    let groups = observe::groups(&subject.client, &names).await?;
    for name in groups.attached(&subject.name) {
        subject
            .client
            .run(&subject.name, &Step::DetachAutoScalingGroup(name.clone()))
            .await?;
        ctx.metrics.step("DetachLoadBalancers");
        tracing::info!(
            load_balancer = subject.name,
            group = name,
            "AWS accepted the detachment"
        );
    }
    let mut holding = Vec::new();
    for name in groups.found.keys() {
        if subject.client.is_attached(name, &subject.name).await? {
            holding.push(name.clone());
        }
    }
    let since = *memory.detaching_since.get_or_insert_with(Instant::now);
    if holding.is_empty() || since.elapsed() >= DETACHING {
        return Ok(None);
    }
    Ok(Some(message::detaching(holding.join(", "))))
}

async fn tell_gone(object: &ClassicLoadBalancer, ctx: &Context, subject: &Subject) {
    let message = message::deleted(&subject.name, &subject.region);
    event::normal(&ctx.events, object, "Delete", &message).await;
}

/// Under Observe the object goes and AWS stays as it is.
async fn release_untouched(object: &ClassicLoadBalancer, ctx: &Context, subject: &Subject, who: ReadsOnly) {
    let (name, region) = (&subject.name, &subject.region);
    let message = match who {
        ReadsOnly::Operator => message::released_read_only(name, region),
        ReadsOnly::Object => message::released_observed(name, region),
    };
    event::normal(&ctx.events, object, "Delete", &message).await;
}

async fn not_owned(object: &ClassicLoadBalancer, ctx: &Context, subject: &Subject, owner: &str) {
    let message = message::not_owned(&subject.name, &subject.region, owner);
    event::warning(&ctx.events, object, "Delete", &message).await;
}

/// Adds or removes our finalizer, and no other. The resource version makes the write fail where the list changed.
pub(super) async fn set_finalizer(client: &Client, object: &ClassicLoadBalancer, present: bool) -> Result<(), Error> {
    let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
    let api: Api<ClassicLoadBalancer> = Api::namespaced(client.clone(), &namespace);
    let name = object.name_any();
    // The cache may be behind: finalizers of others, added meanwhile, must survive.
    let current = match api.get_metadata(&name).await {
        Ok(current) => current,
        Err(kube::Error::Api(error)) if error.code == 404 && !present => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if current.metadata.uid != object.metadata.uid {
        return if present { Err(Error::Replaced) } else { Ok(()) };
    }
    let mut finalizers: Vec<String> = current.finalizers().to_vec();
    let had = finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    if had == present {
        return Ok(());
    }
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    if present {
        finalizers.push(FINALIZER.to_owned());
    }
    let patch = json!({"metadata": {"resourceVersion": current.resource_version(), "finalizers": finalizers}});
    let ours = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api.patch(&name, &ours, &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(error)) if error.code == 404 && !present => Ok(()),
        Err(error) => Err(error.into()),
    }
}
