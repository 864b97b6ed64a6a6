//! Pure: one plan being carried out, whoever makes the calls.
//!
//! A refusal ends its track and the tracks that wait for it, and no other. What was deleted for a step that is refused
//! is put back at once. The operator, its dry run and the laws all drive plans through this.

use std::collections::VecDeque;

use super::{Plan, Step, Track};
use crate::elb::{Class, Code};

/// A call that did not succeed, as planning sees it.
pub trait Refusal {
    /// What follows from it.
    fn class(&self) -> Class;
    /// What it teaches.
    fn code(&self) -> Code;
    /// AWS's message, which may name an instance.
    fn message(&self) -> &str;
}

/// A step that was refused.
#[derive(Clone, Debug)]
pub struct Failure<E> {
    /// The part it was about.
    pub track: Track,
    /// The step.
    pub step: Step,
    /// Why.
    pub error: E,
    /// What was deleted for the step was put back.
    pub put_back: bool,
}

/// What became of a plan.
#[derive(Clone, Debug)]
pub struct Ran<E> {
    /// The steps that were accepted, without those that put something back.
    pub done: Vec<Step>,
    /// Those that were refused.
    pub failures: Vec<Failure<E>>,
}

/// A plan being carried out: ask for the [`next`](Run::next) step, make its call, and say what came of it.
#[derive(Clone, Debug)]
pub struct Run<E> {
    plan: Plan,
    track: usize,
    step: usize,
    failed: Vec<usize>,
    /// The steps that put back what was deleted for the step that was refused last.
    put_back: VecDeque<Step>,
    /// Nothing more is asked for: the load balancer is gone, or AWS does not answer.
    ended: bool,
    ran: Ran<E>,
}

impl<E: Refusal> Run<E> {
    /// Nothing was done yet.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            track: 0,
            step: 0,
            failed: Vec::new(),
            put_back: VecDeque::new(),
            ended: false,
            ran: Ran {
                done: Vec::new(),
                failures: Vec::new(),
            },
        }
    }

    /// The step whose call is to be made now.
    #[allow(clippy::should_implement_trait)] // it lends the step, and says the same until it is told what came of it
    pub fn next(&mut self) -> Option<&Step> {
        if !self.put_back.is_empty() {
            return self.put_back.front();
        }
        if self.ended {
            return None;
        }
        while let Some(track) = self.plan.tracks.get(self.track) {
            let blocked = track.after.iter().any(|other| self.failed.contains(other));
            if blocked {
                self.failed.push(self.track);
            } else if self.step < track.steps.len() {
                break;
            }
            (self.track, self.step) = (self.track + 1, 0);
        }
        self.plan.tracks.get(self.track)?.steps.get(self.step)
    }

    /// The steps of a track, when the next step is its first: they are begun together, or not at all.
    pub fn begins(&mut self) -> Option<&[Step]> {
        self.next()?;
        if self.is_putting_back() || self.step > 0 {
            return None;
        }
        self.plan.tracks.get(self.track).map(|track| track.steps.as_slice())
    }

    /// Whether the next step puts back what was deleted for one that was refused.
    pub fn is_putting_back(&self) -> bool {
        !self.put_back.is_empty()
    }

    /// AWS accepted the step.
    pub fn accepted(&mut self) {
        if self.put_back.pop_front().is_some() {
            if let Some(failure) = self.ran.failures.last_mut().filter(|_| self.put_back.is_empty()) {
                failure.put_back = true;
            }
            return;
        }
        let step = self
            .plan
            .tracks
            .get(self.track)
            .and_then(|track| track.steps.get(self.step));
        self.ran.done.extend(step.cloned());
        self.step += 1;
    }

    /// AWS refused the step.
    pub fn refused(&mut self, error: E) {
        if !self.put_back.is_empty() {
            // The next reconcile makes the listener anew.
            self.put_back.clear();
            return;
        }
        let Some(track) = self.plan.tracks.get(self.track) else {
            return;
        };
        if let Some(step) = track.steps.get(self.step).cloned() {
            self.ended = error.class().ends_a_plan();
            if let Step::CreateListeners { otherwise, .. } = &step
                // AWS may still hold the port after our own delete; then the old listener would be refused just so.
                && error.class() != Class::Settling
                // Nothing of the track was done then.
                && error.class() != Class::OverBudget
            {
                self.put_back.extend(otherwise.iter().cloned());
            }
            self.ran.failures.push(Failure {
                track: track.name,
                step,
                error,
                put_back: false,
            });
        }
        self.failed.push(self.track);
        (self.track, self.step) = (self.track + 1, 0);
    }

    /// What became of the plan.
    pub fn finish(self) -> Ran<E> {
        self.ran
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::{Listener, Protocol};
    use crate::plan::Steps;

    #[derive(Debug, PartialEq)]
    struct No(Class);

    impl Refusal for No {
        fn class(&self) -> Class {
            self.0
        }

        fn code(&self) -> Code {
            Code::Other
        }

        fn message(&self) -> &'static str {
            "no"
        }
    }

    fn delete(name: &str) -> Step {
        Step::DeletePolicy(name.to_owned())
    }

    fn plan(tracks: &[(&[&str], &[usize])]) -> Plan {
        let track = |(steps, after): &(&[&str], &[usize])| Steps {
            name: Track::Policies,
            steps: steps.iter().map(|name| delete(name)).collect(),
            after: after.to_vec(),
        };
        Plan {
            tracks: tracks.iter().map(track).collect(),
        }
    }

    /// Runs a plan; the steps named in `refuse` are refused.
    fn run(plan: Plan, refuse: &[&str], class: Class) -> (Vec<Step>, Ran<No>) {
        let (mut run, mut asked) = (Run::new(plan), Vec::new());
        while let Some(step) = run.next().cloned() {
            asked.push(step.clone());
            if refuse.iter().any(|name| step == delete(name)) {
                run.refused(No(class));
            } else {
                run.accepted();
            }
        }
        (asked, run.finish())
    }

    #[test]
    fn a_refusal_ends_its_track_and_those_that_wait_for_it() {
        let plan = plan(&[
            (&["a", "b"], &[]),
            (&["c"], &[0]),
            (&[], &[]),
            (&["d"], &[1]),
            (&["e"], &[2]),
        ]);
        let (asked, ran) = run(plan, &["a"], Class::Refused);
        assert_eq!(asked, [delete("a"), delete("e")]);
        assert_eq!(ran.done, [delete("e")]);
        assert_eq!(ran.failures.len(), 1);
    }

    #[test]
    fn without_an_answer_nothing_more_is_asked() {
        for class in [Class::Gone, Class::Unavailable] {
            let (asked, ran) = run(plan(&[(&["a"], &[]), (&["b"], &[])]), &["a"], class);
            assert_eq!((asked.len(), ran.done.len(), ran.failures.len()), (1, 0, 1));
        }
    }

    fn rebuild() -> Plan {
        let listener = Listener {
            port: 80,
            protocol: Protocol::Http,
            instance_port: 8080,
            instance_protocol: Protocol::Http,
            certificate: None,
            policies: std::collections::BTreeSet::new(),
        };
        let step = Step::CreateListeners {
            listeners: vec![listener],
            otherwise: vec![delete("old"), delete("older")],
        };
        Plan {
            tracks: vec![Steps {
                name: Track::Listeners,
                steps: vec![step],
                after: Vec::new(),
            }],
        }
    }

    #[test]
    fn what_was_deleted_for_a_refused_listener_is_put_back() {
        let mut run = Run::new(rebuild());
        assert!(run.next().is_some() && !run.is_putting_back());
        run.refused(No(Class::Invalid));
        for name in ["old", "older"] {
            assert!(run.is_putting_back());
            assert_eq!(run.next(), Some(&delete(name)));
            run.accepted();
        }
        assert_eq!(run.next(), None);
        let ran = run.finish();
        assert!(ran.failures[0].put_back && ran.done.is_empty());
    }

    #[test]
    fn a_port_that_still_settles_is_not_put_back_and_half_a_return_is_none() {
        let mut run = Run::new(rebuild());
        assert!(run.next().is_some());
        run.refused(No(Class::Settling));
        assert_eq!(run.next(), None);
        let mut run = Run::new(rebuild());
        assert!(run.next().is_some());
        run.refused(No(Class::Invalid));
        assert!(run.next().is_some());
        run.accepted();
        run.refused(No(Class::Denied));
        assert_eq!(run.next(), None);
        assert!(!run.finish().failures[0].put_back);
    }
}
