//! The turn of one reconcile: which calls it has made, what is kept for those to come, and how long to wait since one had no
//! turn.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Client;
use crate::aws::Error;
use crate::aws::budget::{Kept, Who, add, needs};
use crate::aws::gate::Gate;
use crate::elb::{Bucket, Calls, Lane, PARTS, Wait};

/// The calls of one reconcile.
#[derive(Debug)]
pub(super) struct Turn {
    state: Mutex<State>,
    purse: Arc<Purse>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    wait: Option<Wait>,
    /// Those that were made.
    made: Counted,
    /// Those that had no turn.
    lacking: Counted,
}

/// Calls, and the parts of them that are not shared with others.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    calls: Calls,
    parts: Calls,
}

impl Counted {
    /// Adds these, of each of which so many parts count.
    fn add(&mut self, calls: &Calls, parts: u32) {
        add(&mut self.calls, calls);
        add(&mut self.parts, &calls.map(|calls| calls * parts));
    }
}

/// What is kept for calls to come.
#[derive(Debug)]
struct Purse {
    gate: Arc<Gate>,
    kept: Kept,
}

impl Drop for Purse {
    /// What was not used is there for others.
    fn drop(&mut self) {
        self.gate.budget().put_back_kept(&self.kept);
    }
}

impl Client {
    /// Remembers that a call was made, or how long to wait for its turn.
    pub(in crate::aws) fn note<T>(&self, operation: &str, answer: &Result<T, Error>) {
        self.turn.note(operation, answer, PARTS, self.who);
    }

    /// The same of a call that serves others, too.
    pub(in crate::aws) fn note_shared<T>(&self, operation: &str, answer: &Result<T, Error>) {
        self.turn.note(operation, answer, 1, self.who);
    }

    /// How long whoever asks here shall wait, since a call had no turn.
    pub(in crate::aws) fn turn(&self) -> Option<Wait> {
        self.turn.with(|state| state.wait)
    }

    /// Keeps the calls that the reconcile has waited for, or says how long to wait still.
    pub(in crate::aws) fn take_turn(&self, wait: Wait) -> Option<Duration> {
        self.gate.budget().keep(&wait, self.who, self.turn.kept())
    }

    /// Whether a call of this kind is kept for the reconcile.
    pub(in crate::aws) fn has_kept(&self, operation: &str) -> bool {
        self.turn.kept().holds(&needs([operation]))
    }

    /// Keeps what these calls need, from what is kept for the reconcile first.
    pub(in crate::aws) fn pay<'a>(
        &self,
        operations: impl IntoIterator<Item = &'a str>,
        first: &'static str,
        lane: Lane,
    ) -> Result<(), Error> {
        let paid = self.gate.pay(operations, first, lane, self.who, self.turn.kept());
        if paid.is_err() {
            self.note(first, &paid);
        }
        paid
    }

    /// Keeps what these calls need until they are made.
    pub(in crate::aws) fn keep_all(&self, operations: &[&'static str], lane: Lane) -> Result<(), Error> {
        let Some(first) = operations.first().filter(|_| !self.gate.waits()) else {
            return Ok(());
        };
        self.pay(operations.iter().copied(), first, lane)?;
        self.keep(operations.iter().copied());
        Ok(())
    }

    /// Keeps what so many calls of a read need that is of no use in parts.
    pub(in crate::aws) fn keep_pages(&self, operation: &'static str, pages: usize) -> Result<(), Error> {
        self.keep_all(&vec![operation; pages], self.lane)
    }

    /// What is paid for reads to come is kept until they are made.
    pub(in crate::aws) fn keep(&self, reads: impl IntoIterator<Item = &'static str>) {
        self.turn.kept().add(&needs(reads));
    }
}

impl Turn {
    /// Nothing is kept for it.
    pub(super) fn new(gate: &Arc<Gate>) -> Self {
        Self {
            state: Mutex::default(),
            purse: Arc::new(Purse {
                gate: Arc::clone(gate),
                kept: Kept::default(),
            }),
        }
    }

    /// Calls that are made from the same purse and not noted here.
    pub(super) fn apart(&self) -> Self {
        Self {
            state: Mutex::default(),
            purse: Arc::clone(&self.purse),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is kept.
    pub(super) fn kept(&self) -> &Kept {
        &self.purse.kept
    }

    /// A call was made; or else it waits until there is a turn for it and for those that will be made again before it. Of each
    /// so many parts count in line.
    fn note<T>(&self, operation: &str, answer: &Result<T, Error>, parts: u32, who: Who) {
        let Err(Error { wait: Some(wait), .. }) = answer else {
            let made = needs([operation]);
            return self.with(|state| state.made.add(&made, parts));
        };
        let budget = self.purse.gate.budget();
        let all = self.with(|state| {
            state.lacking.add(&wait.calls, parts);
            let mut all = state.made;
            for (number, bucket) in Bucket::ALL.into_iter().enumerate() {
                let (lacking, most) = (&state.lacking, budget.at_once(bucket));
                all.calls[number] += lacking.calls[number].min(most).max(wait.calls[number]);
                let most = most.max(wait.calls[number]) * PARTS;
                all.parts[number] += lacking.parts[number].min(most);
            }
            all
        });
        let Counted { calls, parts } = all;
        let mut wait = Wait { calls, parts, ..**wait };
        wait.time = wait.time.max(budget.still(&wait, who).unwrap_or_default());
        self.with(|state| state.wait = state.wait.max(Some(wait)));
    }
}
