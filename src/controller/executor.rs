//! The one place that changes AWS: for real, or dry on the model alone.
//!
//! Observe mode, `status.plan`, previews and `kubectl clb plan` are the path of a real reconcile with a dry executor. A
//! dry run takes every step for accepted and writes nothing, neither to AWS nor to Kubernetes.

use tracing::{info, warn};

use super::context::Context;
use super::error::Error;
use super::memory::Journal;
use super::reconcile::subject::Subject;
use crate::api::message::Message;
use crate::aws::{self, Paid};
use crate::elb::LoadBalancer;
use crate::plan::{Explained, Failure, Plan, Ran, Run, Step};

/// Carries out steps for one object.
pub(super) struct Executor<'a> {
    cx: &'a Context,
    subject: &'a Subject<'a>,
    steps: Vec<Step>,
    /// Those of a dry run, with what they change.
    explained: Vec<Explained>,
    /// How many of them came before the load balancer was the object's own.
    before: usize,
    /// Steps that are paid for and wait for the proof that they may be taken.
    ahead: Vec<(Vec<Step>, Option<Paid>)>,
}

impl<'a> Executor<'a> {
    /// Live, unless the object or whoever started the operator wants nothing written.
    pub(super) fn new(cx: &'a Context, subject: &'a Subject<'a>) -> Self {
        Self {
            cx,
            subject,
            steps: Vec::new(),
            explained: Vec::new(),
            before: 0,
            ahead: Vec::new(),
        }
    }

    /// Whether nothing is written.
    pub(super) fn is_dry(&self) -> bool {
        self.subject.mode.reads_only.is_some()
    }

    /// The steps that AWS accepted, or would be asked for.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// From here on steps make the object's own load balancer as declared. What came before concerned its predecessor, or
    /// made it.
    pub(super) fn owned(&mut self) {
        self.before = self.steps.len();
    }

    /// The steps that AWS accepted since the load balancer is the object's own; none in a dry run.
    pub(super) fn done(&self) -> &[Step] {
        if self.is_dry() {
            &[]
        } else {
            self.steps.get(self.before..).unwrap_or_default()
        }
    }

    /// The steps that AWS would be asked for, in a dry run.
    pub(super) fn planned(&self) -> &[Explained] {
        &self.explained
    }

    /// Carries out one step.
    pub(super) async fn run(&mut self, step: &Step) -> Result<(), aws::Error> {
        if let Some(mut paid) = self.paid_for(std::slice::from_ref(step))? {
            paid.spend(step.operation());
        }
        self.run_on(step, None).await
    }

    /// Pays for steps that belong together before the first of them.
    fn pay_for(&self, steps: &[Step], reads: &[&'static str]) -> Result<Option<Paid>, aws::Error> {
        if self.is_dry() {
            return Ok(None);
        }
        self.subject.region.pay_for(steps, reads).map(Some)
    }

    /// Pays for the tracks of a plan before its load balancer is proven to be ours: nothing is read for what has no turn.
    /// Returns what has none. `reads`: what is read before it is carried out.
    pub(super) fn pay_ahead(&mut self, plan: &Plan, reads: &[&'static str]) -> Vec<Failure<aws::Error>> {
        let mut run = Run::new(plan.clone());
        while let Some(steps) = run.begins().map(<[Step]>::to_vec) {
            match self.pay_for(&steps, reads) {
                Ok(paid) => {
                    for _ in &steps {
                        run.accepted();
                    }
                    self.ahead.push((steps, paid));
                }
                Err(error) => run.refused(error),
            }
        }
        run.finish().failures
    }

    /// Whether something is paid for and not begun.
    pub(super) fn has_paid_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// What was paid for these steps ahead, or else pays for them.
    fn paid_for(&mut self, steps: &[Step]) -> Result<Option<Paid>, aws::Error> {
        match self.ahead.iter().position(|(of, _)| of == steps) {
            Some(at) => Ok(self.ahead.swap_remove(at).1),
            None => self.pay_for(steps, &[]),
        }
    }

    /// Carries out one step; `before` is the load balancer as it is.
    async fn run_on(&mut self, step: &Step, before: Option<&LoadBalancer>) -> Result<(), aws::Error> {
        if self.is_dry() {
            self.explained.push(Explained::new(step, before));
        } else {
            self.send(step).await?;
        }
        self.steps.push(step.clone());
        Ok(())
    }

    /// Makes the call, logs and counts it.
    async fn send(&self, step: &Step) -> Result<(), aws::Error> {
        let name = &self.subject.name;
        match self.subject.region.run(name, step).await {
            Ok(()) => {
                info!(load_balancer = name, %step, "AWS accepted");
                self.cx.metrics.step(step.operation());
                Ok(())
            }
            Err(error) => {
                warn!(load_balancer = name, %step, %error, request_id = error.request_id, "AWS refused");
                Err(error)
            }
        }
    }

    /// Carries out one step and keeps `lb` equal to what AWS has accepted.
    pub(super) async fn make(
        &mut self,
        step: &Step,
        lb: &mut LoadBalancer,
        journal: &mut Journal,
    ) -> Result<(), aws::Error> {
        self.run_on(step, Some(lb)).await?;
        let before = lb.clone();
        step.apply_to(lb);
        if !self.is_dry() {
            if step.moves_more() {
                journal.forget_what_aws_moves();
            }
            journal.wrote(&before, lb, self.cx.clock.now().at);
        }
        Ok(())
    }

    /// Carries out a plan and keeps `lb` equal to what AWS has accepted. The finalizer stands before the first write,
    /// or a deletion in between would leave a load balancer behind.
    pub(super) async fn carry_out(
        &mut self,
        plan: Plan,
        lb: &mut LoadBalancer,
        journal: &mut Journal,
    ) -> Result<Ran<aws::Error>, Error> {
        self.ensure_finalizer().await?;
        let mut run = Run::new(plan);
        let mut paid = None;
        loop {
            match run.begins().map(|steps| self.paid_for(steps)) {
                Some(Ok(tokens)) => paid = tokens,
                Some(Err(error)) => {
                    run.refused(error);
                    continue;
                }
                None => {}
            }
            let Some(step) = run.next().cloned() else { break };
            if let Some(paid) = &mut paid {
                paid.spend(step.operation());
            }
            match self.make(&step, lb, journal).await {
                Ok(()) => run.accepted(),
                Err(error) => run.refused(error),
            }
        }
        Ok(run.finish())
    }

    /// Adds the finalizer where it is not there yet.
    pub(super) async fn ensure_finalizer(&self) -> Result<(), Error> {
        if self.is_dry() || self.subject.has_finalizer() {
            return Ok(());
        }
        self.cx.kubernetes.add_finalizer(self.subject.object).await
    }

    /// Publishes an Event about what was done.
    pub(super) async fn announce(&self, action: &str, message: &Message) {
        if !self.is_dry() {
            self.cx.kubernetes.normal(self.subject.object, action, message).await;
        }
    }
}
