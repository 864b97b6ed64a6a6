//! Pure: which load balancers of a region have lost their object, as far as their tags were read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::elb::{TAG_CLUSTER, TAG_UID};

/// Tags tell of an orphan when they did so long ago, too: until then somebody may be about to take it over, or to delete it.
const SURE: Duration = Duration::from_mins(10);

/// When each load balancer of a region was created, by name.
pub(super) type Listed = BTreeMap<String, Option<String>>;

/// What the tags of a load balancer said that no object is known to have.
#[derive(Clone, Debug)]
struct Sighting {
    /// With its name that is which one it is.
    created: Option<String>,
    /// The UID of the object of this cluster that made it; `None`: none did.
    uid: Option<String>,
    read: Instant,
    /// Since when that object is not there.
    gone: Option<Instant>,
}

impl Sighting {
    fn is_sure(&self) -> bool {
        self.gone.is_some_and(|gone| self.read >= gone + SURE)
    }
}

/// The load balancers of a region that no object is known to have, by name. The tags of each are read once, and again where its
/// object is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Sightings(BTreeMap<String, Sighting>);

impl Sightings {
    /// These are all that there are, and objects have these of them. Tells whose tags are to be read, the first first.
    pub(super) fn listed(
        &mut self,
        all: &Listed,
        owned: &BTreeSet<String>,
        lives: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let is_same = |name: &String, it: &Sighting| all.get(name) == Some(&it.created);
        self.0.retain(|name, it| !owned.contains(name) && is_same(name, it));
        let is_gone = |it: &Sighting| it.uid.as_ref().is_some_and(|uid| !lives(uid));
        self.0
            .values_mut()
            .filter(|it| !is_gone(it))
            .for_each(|it| it.gone = None);
        let doubted = self.0.iter().filter(|(_, it)| is_gone(it));
        let mut doubted: Vec<(Instant, &String)> = doubted.map(|(name, it)| (it.read, name)).collect();
        doubted.sort();
        let others = all.keys();
        let new = others.filter(|name| !owned.contains(*name) && !self.0.contains_key(*name));
        let doubted = doubted.into_iter().map(|(_, name)| name.clone());
        new.cloned().chain(doubted).collect()
    }

    /// The tags of one were read. Whether it is an orphan, and was none before.
    pub(super) fn tagged(
        &mut self,
        (name, created): (&str, Option<String>),
        tags: &BTreeMap<String, String>,
        cluster: &str,
        lives: impl Fn(&str) -> bool,
        now: Instant,
    ) -> bool {
        let ours = tags.get(TAG_CLUSTER).is_some_and(|of| of == cluster);
        let uid = ours.then(|| tags.get(TAG_UID).cloned().unwrap_or_default());
        let before = self.0.get(name);
        let was = before.is_some_and(Sighting::is_sure);
        let since = before.and_then(|it| it.gone).unwrap_or(now);
        let is_gone = uid.as_ref().is_some_and(|uid| !lives(uid));
        let sighting = Sighting {
            created,
            uid,
            read: now,
            gone: is_gone.then_some(since),
        };
        let is = sighting.is_sure();
        self.0.insert(name.to_owned(), sighting);
        is && !was
    }

    /// How many orphans there are.
    pub(super) fn orphans(&self) -> usize {
        self.0.values().filter(|it| it.is_sure()).count()
    }

    /// Whether there is one that is an orphan, or may be.
    pub(super) fn doubts(&self) -> bool {
        self.0.values().any(|it| it.gone.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(names: &[(&str, &str)]) -> Listed {
        let one = |(name, created): &(&str, &str)| ((*name).to_owned(), Some((*created).to_owned()));
        names.iter().map(one).collect()
    }

    fn tags(cluster: &str, uid: &str) -> BTreeMap<String, String> {
        let pairs = [(TAG_CLUSTER, cluster), (TAG_UID, uid)];
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// Reads the tags of one that was created at `1`.
    fn tell(
        sightings: &mut Sightings,
        name: &str,
        tags: &BTreeMap<String, String>,
        live: &[&str],
        now: Instant,
    ) -> bool {
        let lives = |uid: &str| live.contains(&uid);
        sightings.tagged((name, Some("1".to_owned())), tags, "test", lives, now)
    }

    #[test]
    fn an_orphan_is_named_when_it_is_still_one_later() {
        let (mut sightings, now) = (Sightings::default(), Instant::now());
        let there = all(&[("a", "1"), ("b", "1")]);
        let none = BTreeSet::new();
        assert_eq!(sightings.listed(&there, &none, |_| false), ["a", "b"]);
        assert!(!tell(&mut sightings, "a", &tags("test", "gone"), &["here"], now));
        assert!(!tell(&mut sightings, "b", &tags("test", "here"), &["here"], now));
        assert_eq!((sightings.orphans(), sightings.doubts()), (0, true));
        let lives = |uid: &str| uid == "here";
        assert_eq!(sightings.listed(&there, &none, lives), ["a"], "once more");
        assert!(tell(&mut sightings, "a", &tags("test", "gone"), &["here"], now + SURE));
        assert!(
            !tell(&mut sightings, "a", &tags("test", "gone"), &["here"], now + SURE * 2),
            "no news"
        );
        assert_eq!(sightings.orphans(), 1);
        // It was deleted, or its tags were.
        let mut untagged = sightings.clone();
        assert!(!tell(&mut untagged, "a", &BTreeMap::new(), &["here"], now + SURE * 3));
        assert_eq!((untagged.orphans(), untagged.doubts()), (0, false));
        assert!(sightings.listed(&all(&[("b", "1")]), &none, lives).is_empty());
        assert_eq!((sightings.orphans(), sightings.doubts()), (0, false));
    }

    #[test]
    fn one_whose_object_goes_is_looked_at_again_and_one_that_is_taken_over_is_none() {
        let (mut sightings, now) = (Sightings::default(), Instant::now());
        let there = all(&[("a", "1")]);
        let none = BTreeSet::new();
        tell(&mut sightings, "a", &tags("test", "u"), &["u"], now);
        assert!(sightings.listed(&there, &none, |_| true).is_empty());
        assert_eq!(sightings.listed(&there, &none, |_| false), ["a"]);
        assert!(
            !tell(&mut sightings, "a", &tags("test", "u"), &[], now + SURE * 9),
            "seen once so far"
        );
        assert!(tell(&mut sightings, "a", &tags("test", "u"), &[], now + SURE * 10));
        let owned = ["a".to_owned()].into();
        assert!(sightings.listed(&there, &owned, |_| true).is_empty());
        assert_eq!(sightings.orphans(), 0);
        assert_eq!(
            sightings.listed(&there, &none, |_| false),
            ["a"],
            "nothing is remembered of it"
        );
    }

    #[test]
    fn others_are_asked_about_once_unless_another_has_the_name() {
        let (mut sightings, now) = (Sightings::default(), Instant::now());
        let none = BTreeSet::new();
        for foreign in [BTreeMap::new(), tags("another", "gone")] {
            assert!(!tell(&mut sightings, "a", &foreign, &[], now));
            assert!(sightings.listed(&all(&[("a", "1")]), &none, |_| false).is_empty());
        }
        assert_eq!(sightings.listed(&all(&[("a", "2")]), &none, |_| false), ["a"]);
        assert_eq!(sightings.orphans(), 0);
    }
}
