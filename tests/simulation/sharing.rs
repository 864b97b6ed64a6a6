//! Several processes that share regions: whatever is done to them, at no instant may two write to one region, and before long
//! each region has the one that is best for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use classic_lb_operator::lease::{Election, Leaders, Leadership, Share, Sharing, Used, best};
use classic_lb_operator::metrics::Metrics;
use classic_lb_operator::readiness::{Readiness, Resource};
use tokio::time::Instant;

use crate::kubernetes::{Fault, Kubernetes, Matching, Verb, What};
use crate::leadership::{LEASE, LOOK, SEEDS, Task, slow, some};

const NAMESPACE: &str = "kube-system";
/// As long as a Lease lasts, and what passes until it is looked at, by two who look every two seconds.
const CRASH: Duration = Duration::from_secs(20);
/// Two looks, one at who lives and one at the Lease.
const GRACE: Duration = Duration::from_millis(4300);
/// Until one that comes up has its part: it looks for five seconds, and then both look.
const JOIN: Duration = Duration::from_secs(14);
/// From any state.
const SETTLED: Duration = Duration::from_secs(45);

/// A process that shares, or does not.
struct Process {
    identity: String,
    leaders: Leaders,
    operator: Arc<Election>,
    sharing: Option<Arc<Sharing>>,
    task: Task,
}

impl Process {
    fn start(kubernetes: &Kubernetes, name: &str, used: &Used, shares: bool) -> Self {
        let cut = Arc::<AtomicBool>::default();
        let client = kubernetes.client_by(Arc::clone(&cut));
        let (metrics, readiness) = (Arc::new(Metrics::new()), Arc::new(Readiness::default()));
        readiness.listed(Resource::Objects);
        let leadership = Leadership::none();
        let identity = if shares {
            Sharing::identity(name)
        } else {
            name.to_owned()
        };
        let operator = Arc::new(Election::new(
            client.clone(),
            (NAMESPACE, LEASE.to_owned()),
            identity.clone(),
            leadership.clone(),
            Arc::clone(&metrics),
            Arc::clone(&readiness),
        ));
        let leaders = if shares {
            Leaders::by_share(leadership, LEASE)
        } else {
            leadership.into()
        };
        let sharing = shares.then(|| {
            let sharing = Sharing::new(
                client,
                NAMESPACE,
                Arc::clone(&operator),
                leaders.clone(),
                metrics,
                readiness,
            );
            Arc::new(sharing)
        });
        let task = Task::start(cut, {
            let (operator, sharing, used) = (Arc::clone(&operator), sharing.clone(), used.clone());
            async move {
                let shares = async {
                    if let Some(sharing) = &sharing {
                        sharing.run(|| used.clone()).await;
                    }
                };
                tokio::join!(operator.run(), shares);
            }
        });
        Self {
            identity,
            leaders,
            operator,
            sharing,
            task,
        }
    }

    fn of(&self, share: &Share) -> Leadership {
        self.leaders.of(Some(share))
    }

    /// Whether it could write there now.
    fn may_write(&self, share: &Share) -> bool {
        self.of(share).is_current() && self.task.is_running()
    }

    /// Ends it as SIGTERM does.
    async fn end(&self) {
        self.task.end();
        if let Some(sharing) = &self.sharing {
            sharing.release().await;
        }
        self.operator.release().await;
    }
}

struct Site {
    kubernetes: Kubernetes,
    processes: Vec<Process>,
    used: Used,
    what: String,
}

impl Site {
    /// So many that share eight regions of two accounts.
    async fn new(what: &str, seed: u64, processes: usize) -> Self {
        fastrand::seed(seed);
        let mut used = BTreeMap::new();
        for (account, id) in [(None, ""), (Some("prod"), "123456789012")] {
            for region in ["eu-west-1", "eu-north-1", "us-east-1", "sa-east-1"] {
                let share = Share {
                    account: account.map(ToOwned::to_owned),
                    region: Some(region.to_owned()),
                };
                used.insert(share, format!("{id}/{region}"));
            }
        }
        let mut site = Self {
            kubernetes: Kubernetes::new("2026-01-31T00:00:00Z".parse().expect("a time")),
            processes: Vec::new(),
            used,
            what: format!("{what}, seed {seed}"),
        };
        for _ in 0..processes {
            site.start(true);
            site.watch(some(100, 3000)).await;
        }
        site.until_settled(SETTLED).await;
        site.watch(some(3000, 10_000)).await;
        site
    }

    fn start(&mut self, shares: bool) -> usize {
        let name = format!("process-{}", self.processes.len());
        let process = Process::start(&self.kubernetes, &name, &self.used, shares);
        self.processes.push(process);
        self.processes.len() - 1
    }

    /// Looks for so long at who may write: never two in one region.
    async fn watch(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look();
            tokio::time::sleep(LOOK).await;
        }
    }

    fn writers(&self, share: &Share) -> Vec<&str> {
        let writers = self.processes.iter().filter(|process| process.may_write(share));
        writers.map(|process| process.identity.as_str()).collect()
    }

    fn look(&self) {
        for share in self.used.keys() {
            let writers = self.writers(share);
            let now = self.kubernetes.now();
            assert!(writers.len() < 2, "{}: {writers:?} in {share:?} at {now}", self.what);
        }
    }

    /// Whether each region has the one that is best of those that run.
    fn is_settled(&self) -> bool {
        let running = self.processes.iter().filter(|process| process.task.is_running());
        let names: Vec<&str> = running.map(|process| process.identity.as_str()).collect();
        let mut shares = self.used.iter();
        shares.all(|(share, place)| self.writers(share) == Vec::from_iter(best(names.iter().copied(), place)))
    }

    /// Until it is settled, or fails after `limit`. Returns how long it took.
    async fn until_settled(&self, limit: Duration) -> Duration {
        let began = Instant::now();
        while !self.is_settled() {
            self.look();
            let writers: Vec<_> = self.used.keys().map(|share| self.writers(share)).collect();
            assert!(began.elapsed() <= limit, "{}: {writers:?}", self.what);
            tokio::time::sleep(LOOK).await;
        }
        began.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn regions_are_spread_and_move_when_a_process_joins_or_ends() {
    let (mut joined, mut ended) = (Duration::ZERO, Duration::ZERO);
    for seed in 0..SEEDS {
        let mut site = Site::new("spread", seed, 2).await;
        for process in &site.processes {
            let its = site.used.keys().filter(|share| process.may_write(share)).count();
            assert!((1..=7).contains(&its), "{}: {} has {its}", site.what, process.identity);
        }
        site.start(true);
        joined = joined.max(site.until_settled(JOIN).await);
        site.watch(some(100, 5000)).await;
        site.processes[1].end().await;
        site.watch(LOOK).await;
        ended = ended.max(site.until_settled(GRACE).await);
        site.watch(Duration::from_secs(30)).await;
        assert!(site.is_settled(), "{}: it stays so", site.what);
    }
    println!("another has its part within {joined:?}, and the others that of one that ends within {ended:?}");
}

#[tokio::test(start_paused = true)]
async fn the_regions_of_one_that_dies_are_taken_over_within_20_s() {
    let mut longest = Duration::ZERO;
    for seed in 0..SEEDS {
        for many in [2, 3] {
            let site = Site::new("killed", seed, many).await;
            site.processes[0].task.end();
            site.watch(LOOK).await;
            longest = longest.max(site.until_settled(CRASH).await);
        }
    }
    println!("after a death the others have its regions within {longest:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_stopped_or_cut_off_does_not_write_beside_the_others() {
    for seed in 0..SEEDS {
        for cut in [false, true] {
            let site = Site::new(if cut { "cut off" } else { "stopped" }, seed, 3).await;
            let task = &site.processes[1].task;
            if cut {
                task.cut_off(true);
            } else {
                task.stop();
            }
            site.watch(some(500, 60_000)).await;
            if cut {
                task.cut_off(false);
            } else {
                task.go_on();
            }
            site.watch(Duration::from_secs(5)).await;
            site.until_settled(SETTLED).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_api_server_makes_no_second_writer_in_a_region() {
    for seed in 0..SEEDS {
        let mut site = Site::new("slow", seed, 2).await;
        for _ in 0..5 {
            slow(&site.kubernetes);
        }
        site.kubernetes.fault(Fault {
            matching: Matching {
                verbs: vec![Verb::List],
                plural: Some("leases".to_owned()),
                ..Matching::default()
            },
            skip: fastrand::u64(..10),
            count: fastrand::u64(1..20),
            what: What::Hang,
        });
        site.start(true);
        site.watch(Duration::from_mins(3)).await;
        site.kubernetes.clear_faults();
        site.until_settled(SETTLED).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_is_handed_over_when_the_work_in_it_has_ended() {
    for seed in 0..SEEDS {
        for patient in [true, false] {
            let mut site = Site::new("at work", seed, 1).await;
            let shares: Vec<Share> = site.used.keys().cloned().collect();
            let begins = |share: &Share| site.processes[0].of(share).begin().expect("work");
            let work: Vec<_> = shares.iter().map(begins).collect();
            site.start(true);
            let moves = |site: &Site, share: &&Share| {
                let names = [site.processes[0].identity.as_str(), site.processes[1].identity.as_str()];
                best(names, &site.used[*share]) == Some(names[1])
            };
            let moving: Vec<&Share> = shares.iter().filter(|share| moves(&site, share)).collect();
            assert!(!moving.is_empty(), "{}", site.what);
            site.watch(Duration::from_secs(15)).await;
            for share in &moving {
                let first = site.processes[0].of(share);
                assert!(first.claim().is_some() && !first.admits(), "{}: it goes on", site.what);
            }
            if patient {
                drop(work);
                site.until_settled(GRACE).await;
            } else {
                // It has had its time.
                site.until_settled(Duration::from_secs(25)).await;
                let first = site.processes[0].of(moving[0]);
                assert!(first.claim().is_none(), "{}", site.what);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_leads_everywhere_and_those_that_share_do_not_work_side_by_side() {
    for seed in 0..SEEDS {
        let mut site = Site::new("exchanged", seed, 0).await;
        let alone = site.start(false);
        site.watch(Duration::from_secs(5)).await;
        let leads = |site: &Site, which: usize| site.processes[which].leaders.of(None).is_current();
        assert!(leads(&site, alone), "{}", site.what);
        let shares = [site.start(true), site.start(true)];
        site.watch(Duration::from_secs(30)).await;
        let first = site.used.keys().next().cloned().expect("a share");
        assert_eq!(site.writers(&first), [site.processes[alone].identity.as_str()]);
        site.processes[alone].end().await;
        site.until_settled(SETTLED).await;
        // And back: those that share see within two looks that one leads everywhere. Whoever exchanges them ends all of them first.
        let alone = site.start(false);
        tokio::time::sleep(Duration::from_secs(5)).await;
        for which in shares.into_iter().filter(|which| leads(&site, *which)) {
            site.processes[which].end().await;
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
        let one = shares.into_iter().chain([alone]).filter(|which| leads(&site, *which));
        assert_eq!(one.count(), 1, "{}", site.what);
        if leads(&site, alone) {
            site.watch(Duration::from_secs(10)).await;
            assert_eq!(site.writers(&first), [site.processes[alone].identity.as_str()]);
        }
    }
}
