//! What the watches of `AWSAccounts` and of namespaces tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::Event;
use tokio::sync::Notify;

use crate::api::message::{self, Message};
use crate::api::{AWSAccount, NamespacesFrom};

/// An account of the watch. One that cannot be decoded must not hide the others.
pub(in crate::controller) type GuardedAccount = DeserializeGuard<AWSAccount>;

/// An account, or why it cannot be read.
type Read = Result<Arc<AWSAccount>, String>;

/// The labels of a namespace.
type Labels = BTreeMap<String, String>;

/// Everything of a kind, by name.
#[derive(Debug)]
struct Kind<T> {
    known: BTreeMap<String, T>,
    /// What a list that is under way has brought so far.
    listing: Option<BTreeMap<String, T>>,
    synced: bool,
    failure: Option<String>,
}

impl<T> Default for Kind<T> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            listing: None,
            synced: false,
            failure: None,
        }
    }
}

impl<T: PartialEq> Kind<T> {
    /// Takes in an event. `true`: something changed.
    fn take<K>(&mut self, event: &Event<K>, read: impl Fn(&K) -> (String, T)) -> bool {
        if !matches!(event, Event::Init | Event::InitApply(_)) {
            self.failure = None;
        }
        match event {
            Event::Init => {
                self.listing = Some(BTreeMap::new());
                false
            }
            Event::InitApply(object) => {
                self.listing.get_or_insert_default().extend([read(object)]);
                false
            }
            Event::InitDone => {
                let listed = self.listing.take().unwrap_or_default();
                let changed = !self.synced || listed != self.known;
                (self.known, self.synced) = (listed, true);
                changed
            }
            Event::Apply(object) => {
                let (name, new) = read(object);
                let same = self.known.get(&name) == Some(&new);
                self.known.insert(name, new);
                !same
            }
            Event::Delete(object) => self.known.remove(&read(object).0).is_some(),
        }
    }

    /// Whether there is something to go by, or a reason why not.
    fn is_heard(&self) -> bool {
        self.synced || self.failure.is_some()
    }
}

#[derive(Debug, Default)]
struct State {
    accounts: Kind<Read>,
    namespaces: Kind<Labels>,
}

/// The view, fed by two watches.
#[derive(Debug, Default)]
pub(in crate::controller) struct AccountView {
    state: Mutex<State>,
    heard: Notify,
}

impl AccountView {
    /// Takes in an event of the watch of accounts. `true`: something changed that objects may depend on.
    pub(in crate::controller) fn take_account(&self, event: &Event<GuardedAccount>) -> bool {
        let changed = self.state().accounts.take(event, |account| {
            let read = account.0.as_ref();
            let spec = read.map(bare).map_err(|invalid| invalid.error.clone());
            (account.name_any(), spec)
        });
        self.heard.notify_waiters();
        changed
    }

    /// Takes in an event of the watch of namespaces. `true`: something changed that objects may depend on.
    pub(in crate::controller) fn take_namespace(&self, event: &Event<PartialObjectMeta<Namespace>>) -> bool {
        let mut state = self.state();
        let changed = state
            .namespaces
            .take(event, |namespace| (namespace.name_any(), namespace.labels().clone()));
        self.heard.notify_waiters();
        // Namespaces come and go, and mostly nobody selects them.
        changed && state.accounts.known.values().flatten().any(|account| selects(account))
    }

    /// The watch of accounts failed. What is known stays in use.
    pub(in crate::controller) fn accounts_fail(&self, error: String) {
        self.state().accounts.failure = Some(error);
        self.heard.notify_waiters();
    }

    /// The watch of namespaces failed. What is known stays in use.
    pub(in crate::controller) fn namespaces_fail(&self, error: String) {
        self.state().namespaces.failure = Some(error);
        self.heard.notify_waiters();
    }

    /// Waits until both were listed, or could not be.
    pub(in crate::controller) async fn wait_heard(&self) {
        loop {
            let notified = self.heard.notified();
            {
                let state = self.state();
                if state.accounts.is_heard() && state.namespaces.is_heard() {
                    return;
                }
            }
            notified.await;
        }
    }

    /// The account of that name, or why it cannot be used.
    pub(super) fn find(&self, name: &str) -> Result<Arc<AWSAccount>, Message> {
        let state = self.state();
        let accounts = &state.accounts;
        match accounts.known.get(name) {
            Some(Ok(account)) => Ok(Arc::clone(account)),
            Some(Err(why)) => Err(message::account_not_ready(name, message::undecodable_account(why))),
            None if accounts.synced => Err(message::no_account(name)),
            None => {
                let why = accounts.failure.as_ref().map(message::accounts_unread);
                let why = why.unwrap_or_else(message::accounts_not_listed);
                Err(message::account_not_ready(name, why))
            }
        }
    }

    /// Where the load balancers of an account are, so that accounts in one place are told as one: empty where the operator's own
    /// identity leads there.
    pub(in crate::controller) fn place(&self, name: &str) -> String {
        let place = |account: Arc<AWSAccount>| {
            let id = account.spec.account_id.clone();
            account.spec.role_arn.as_ref().map_or_else(String::new, |_| id)
        };
        self.find(name).map_or_else(|_| name.to_owned(), place)
    }

    /// The labels of a namespace, or why they are not known. One that is not there yet will be: it holds an object.
    pub(super) fn labels(&self, namespace: &str) -> Result<Labels, String> {
        let state = self.state();
        let namespaces = &state.namespaces;
        namespaces.known.get(namespace).cloned().ok_or_else(|| {
            let why = namespaces.failure.as_ref().map(message::namespaces_unread);
            why.unwrap_or_else(message::namespaces_not_listed)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn selects(account: &AWSAccount) -> bool {
    account.spec.namespaces.from == NamespacesFrom::Selector
}

/// What objects depend on: not the status, which the operator writes itself.
fn bare(account: &AWSAccount) -> Arc<AWSAccount> {
    let mut bare = AWSAccount::new(&account.name_any(), account.spec.clone());
    bare.metadata.uid.clone_from(&account.metadata.uid);
    Arc::new(bare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AWSAccountSpec;

    fn account(name: &str, id: &str) -> GuardedAccount {
        DeserializeGuard(Ok(AWSAccount::new(
            name,
            AWSAccountSpec {
                account_id: id.to_owned(),
                ..AWSAccountSpec::default()
            },
        )))
    }

    fn reason(view: &AccountView, name: &str) -> String {
        let found = view.find(name);
        found.map_or_else(|why| why.reason().to_owned(), |account| account.spec.account_id.clone())
    }

    #[test]
    fn what_was_not_listed_is_not_missing() {
        let view = AccountView::default();
        assert_eq!(reason(&view, "prod"), "AccountNotReady");
        view.accounts_fail("forbidden".into());
        let told = view.find("prod").expect_err("unknown").text().to_owned();
        assert!(told.contains("forbidden"), "{told}");
        view.take_account(&Event::Init);
        view.take_account(&Event::InitApply(account("prod", "1")));
        assert_eq!(reason(&view, "prod"), "AccountNotReady", "half a list proves nothing");
        assert!(view.take_account(&Event::InitDone));
        assert_eq!(reason(&view, "prod"), "1");
        assert_eq!(reason(&view, "test"), "AccountNotFound");
    }

    #[test]
    fn a_status_that_changes_is_no_news() {
        let view = AccountView::default();
        let mut prod = account("prod", "1");
        assert!(view.take_account(&Event::Apply(prod.clone())));
        if let Ok(prod) = &mut prod.0 {
            prod.status = Some(crate::api::AWSAccountStatus::default());
        }
        assert!(!view.take_account(&Event::Apply(prod)));
        assert!(view.take_account(&Event::Apply(account("prod", "2"))));
        assert!(view.take_account(&Event::Delete(account("prod", "2"))));
    }
}
