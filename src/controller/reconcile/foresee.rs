//! I/O that only reads: what a pass would do, for objects under `Observe` and for previews.

use super::outcome::{self, Halt, Work};
use super::premises::Premises;
use super::{Error, Memory, Pass};
use crate::api::RecreatePolicy;
use crate::api::message;
use crate::controller::observe::{self, Groups, Observation};
use crate::controller::status::{Problem, Verdict};
use crate::elb::{Declared, LoadBalancer};
use crate::plan::{Step, forecast};

/// The most calls that a status lists, and the longest text of one.
const LINES: usize = 100;
const LINE: usize = 500;

/// A balancer that was read, and what would be done to it.
pub(in crate::controller) struct Foreseen {
    lb: LoadBalancer,
    groups: Option<Groups>,
    work: Work,
}

impl Pass<'_> {
    /// A full pass that writes nothing to AWS.
    pub(super) async fn observe(&self, memory: &mut Memory, seen: &(i64, Option<String>)) -> Result<(), Error> {
        let prove = memory.must_read_tags(seen, self.now);
        match self.foresee(memory, prove).await? {
            Ok(Foreseen { lb, groups, work }) => {
                memory.observed = Some(lb.clone());
                memory.declared = Some(self.declared.clone());
                if memory.health_due.is_none_or(|due| due <= self.now) {
                    self.read_health(memory).await;
                }
                self.report(memory, &lb, groups.as_ref(), work, seen).await
            }
            Err(halt) => {
                if !matches!(halt.verdict, Verdict::Unread(_)) {
                    memory.forget_balancer();
                }
                self.end(memory, seen, halt).await
            }
        }
    }

    /// The calls that would be made, and the problems that stand in the way.
    pub(in crate::controller) async fn preview(&self, memory: &mut Memory) -> Result<(Vec<Step>, Vec<Problem>), Error> {
        match self.foresee(memory, true).await? {
            Ok(Foreseen { work, .. }) => {
                let problems = match work.refusal.as_ref().and_then(Verdict::problem) {
                    Some(problem) => vec![problem.clone()],
                    None => self.problems(memory, &work),
                };
                Ok((work.plan, problems))
            }
            Err(Halt {
                verdict: Verdict::Unread(problem),
                ..
            }) => Err(Error::Unread(problem.message.to_string())),
            Err(halt) => Ok((halt.plan, halt.verdict.problem().cloned().into_iter().collect())),
        }
    }

    async fn foresee(&self, memory: &mut Memory, prove: bool) -> Result<Result<Foreseen, Halt>, Error> {
        match observe::observe(&self.subject, memory.observed.as_ref(), prove).await {
            Ok(Observation::Ours(lb)) => match self.replaced(&lb) {
                Some(halt) => Ok(Err(halt)),
                None => Ok(Ok(self.foresee_update(memory, *lb, None, prove).await)),
            },
            Ok(Observation::Absent) => Ok(Err(self.foresee_creation(memory).await)),
            Ok(Observation::NotOurs(ownership, mut lb)) => {
                let claim = self.claim(&ownership, &lb).await?;
                // Not ours, so its identity is not one to remember; that of ours is not one to forget.
                lb.identity.created_time.clone_from(&self.previous.created_time);
                Ok(Ok(match claim {
                    Ok(claim) => self.foresee_update(memory, *lb, Some(claim), prove).await,
                    Err(halt) if self.previous.created_time.is_some() => return Ok(Err(halt)),
                    Err(halt) => Foreseen {
                        lb: *lb,
                        groups: None,
                        work: Work {
                            refusal: Some(halt.verdict),
                            ..Work::default()
                        },
                    },
                }))
            }
            Err(error) => Ok(Err(outcome::unreadable(&error))),
        }
    }

    /// The calls that make a balancer as declared, after the one that takes it over, where it must be taken over.
    async fn foresee_update(
        &self,
        memory: &mut Memory,
        lb: LoadBalancer,
        claim: Option<Step>,
        prove: bool,
    ) -> Foreseen {
        let mut work = Work::default();
        let mut model = lb;
        let tags = model.tags.clone();
        if let Some(claim) = claim {
            claim.apply_to(&mut model);
            work.plan.push(claim);
        }
        let Premises {
            declared,
            facts,
            groups,
        } = self.premises(memory, &mut model, prove, &mut work).await;
        work.plan.extend(forecast(&declared, Some(&model), facts));
        model.tags = tags;
        Foreseen {
            lb: model,
            groups,
            work,
        }
    }

    /// The calls that make a balancer which is not there. A loss is told, as it is where the operator writes.
    async fn foresee_creation(&self, memory: &mut Memory) -> Halt {
        let published = self.was_published(memory);
        if published && self.object.spec.recreate_policy != Some(RecreatePolicy::Always) {
            return outcome::lost(&self.subject);
        }
        if let Some(missing) = self.missing.first() {
            return outcome::not_found(missing);
        }
        if let Err(halt) = self.survey_new(memory).await {
            return halt;
        }
        let mut declared = Declared {
            ignored: std::collections::BTreeSet::new(),
            ..self.declared.clone()
        };
        let mut work = Work::default();
        let mut plan = Vec::new();
        match self.groups(&declared, &mut work).await {
            Some(groups) => {
                // Attached to the lost balancer, a group would take the new one for served.
                let attached = groups.attached(&self.subject.name).into_iter();
                plan.extend(attached.map(Step::DetachAutoScalingGroup));
                memory.missing_groups = groups.missing_of(declared.auto_scaling_groups.as_ref());
                if let Some(names) = &mut declared.auto_scaling_groups {
                    names.retain(|name| !memory.missing_groups.contains(name));
                }
            }
            None => declared.auto_scaling_groups = None,
        }
        plan.extend(forecast(&declared, None, memory.facts(self.now)));
        Halt {
            plan,
            ..self.verdict(memory, &work).into()
        }
    }

    /// How a pass that planned ended.
    pub(super) fn judge(&self, memory: &Memory, work: &Work) -> Verdict {
        let verdict = work.refusal.clone().unwrap_or_else(|| self.verdict(memory, work));
        self.mode.overrule(verdict, work.plan.len())
    }

    fn verdict(&self, memory: &Memory, work: &Work) -> Verdict {
        outcome::verdict(self.problems(memory, work))
    }

    fn problems(&self, memory: &Memory, work: &Work) -> Vec<Problem> {
        outcome::problems(
            work,
            memory,
            &self.resolution,
            &self.missing,
            &self.named(),
            &self.declared,
        )
    }
}

/// The calls in words, no more than a status should hold.
pub(super) fn lines(steps: &[Step]) -> Vec<String> {
    let mut lines: Vec<String> = steps
        .iter()
        .take(LINES)
        .map(|step| step.to_string().chars().take(LINE).collect())
        .collect();
    if steps.len() > LINES {
        lines.push(message::further_calls(steps.len() - LINES));
    }
    lines
}
