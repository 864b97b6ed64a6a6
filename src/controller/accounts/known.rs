//! Which accounts there are, so that nothing is kept of one that went.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;
use kube::runtime::watcher::Event;

use super::view::GuardedAccount;

/// The accounts that there are.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether each could be used when it was last looked at, by UID; `None`: it was not yet.
    usable: BTreeMap<String, Option<bool>>,
    /// What a list that is under way holds so far.
    listing: Option<BTreeSet<String>>,
}

impl Known {
    /// Takes in an event of the watch. Returns the UIDs of those that are gone: one that goes while nothing is heard is in no event,
    /// and merely not in the next list.
    pub(super) fn take(&mut self, event: &Event<GuardedAccount>) -> Vec<String> {
        let uid = |account: &GuardedAccount| account.uid().unwrap_or_default();
        match event {
            Event::Init => {
                self.listing = Some(BTreeSet::new());
                Vec::new()
            }
            Event::InitApply(account) => {
                self.listing.get_or_insert_default().insert(uid(account));
                self.usable.entry(uid(account)).or_default();
                Vec::new()
            }
            Event::InitDone => {
                let listed = self.listing.take().unwrap_or_default();
                let gone: Vec<String> = self
                    .usable
                    .keys()
                    .filter(|uid| !listed.contains(*uid))
                    .cloned()
                    .collect();
                self.usable.retain(|uid, _| listed.contains(uid));
                gone
            }
            Event::Apply(account) => {
                self.usable.entry(uid(account)).or_default();
                Vec::new()
            }
            Event::Delete(account) => {
                self.usable.remove(&uid(account));
                vec![uid(account)]
            }
        }
    }

    /// Whether an account can be used. Returns how it was before; `None`: there is no such account any more.
    #[allow(clippy::option_option)] // gone, not looked at yet, or so
    pub(super) fn looked(&mut self, uid: &str, usable: bool) -> Option<Option<bool>> {
        Some(self.usable.get_mut(uid)?.replace(usable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AWSAccount, AWSAccountSpec};

    /// An account with a UID, as the watch has it.
    fn watched(uid: &str) -> GuardedAccount {
        let mut account = AWSAccount::new("prod", AWSAccountSpec::default());
        account.metadata.uid = Some(uid.to_owned());
        kube::core::DeserializeGuard(Ok(account))
    }

    #[test]
    fn an_account_that_goes_unheard_is_gone_with_the_next_list() {
        let mut known = Known::default();
        let list = |known: &mut Known, uids: &[&str]| {
            let applied = uids.iter().map(|uid| Event::InitApply(watched(uid)));
            let events = [Event::Init].into_iter().chain(applied).chain([Event::InitDone]);
            events.flat_map(|event| known.take(&event)).collect::<Vec<_>>()
        };
        assert_eq!(list(&mut known, &["a", "b"]), [""; 0]);
        assert!(known.take(&Event::Apply(watched("c"))).is_empty());
        assert_eq!(known.looked("a", true), Some(None));
        assert_eq!(known.looked("a", false), Some(Some(true)));
        // One that was deleted and made anew has another UID.
        assert_eq!(list(&mut known, &["b", "d"]), ["a", "c"]);
        assert_eq!(
            known.looked("a", true),
            None,
            "a look that ends later leaves nothing of it"
        );
        assert_eq!(known.take(&Event::Delete(watched("b"))), ["b"]);
        assert_eq!(known.looked("b", true), None);
        assert_eq!(list(&mut known, &["d"]), [""; 0]);
        assert_eq!(known.usable.len(), 1);
    }
}
