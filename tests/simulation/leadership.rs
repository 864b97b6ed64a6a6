//! Two processes and one Lease: whatever is done to them, at no instant may both write, and one of them does again before long.
//!
//! Time is paused and read off one clock that only goes forward; what stands in the Lease as a time of day is written by nobody
//! but for people, and one of the cases fills it with nonsense, as a clock that was set back would.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use aws_simulator::{Clock, Config, Delays, Signatures, Simulator};
use classic_lb_operator::aws::{Accounts, Class, Limits, Rates};
use classic_lb_operator::lease::{Election, Leadership};
use classic_lb_operator::metrics::Metrics;
use classic_lb_operator::plan::Step;
use classic_lb_operator::readiness::Readiness;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::aws::{self, REGION};
use crate::kubernetes::{Fault, Kubernetes, Matching, Verb, What};

pub(crate) const LEASE: &str = "classic-lb-operator";
const NAMES: [&str; 2] = ["first", "second"];
/// How often each case is played, each time with other chance.
pub(crate) const SEEDS: u64 = 3;
/// Between two looks at who may write.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// The work of a process, which can be stopped as by SIGSTOP, cut off from the API server, and ended.
pub(crate) struct Task {
    stopped: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
    cut: Arc<AtomicBool>,
    running: JoinHandle<()>,
}

impl Task {
    /// Begins it. Its client is cut off by `cut`.
    pub(crate) fn start(cut: Arc<AtomicBool>, run: impl Future<Output = ()> + Send + 'static) -> Self {
        let (stopped, waker): (Arc<AtomicBool>, Arc<Mutex<Option<Waker>>>) = Default::default();
        let mut run: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(run);
        let (halted, wakes) = (Arc::clone(&stopped), Arc::clone(&waker));
        let running = tokio::spawn(std::future::poll_fn(move |cx| {
            if halted.load(Ordering::Relaxed) {
                *wakes.lock().expect("a lock") = Some(cx.waker().clone());
                return Poll::Pending;
            }
            run.as_mut().poll(cx)
        }));
        Self {
            stopped,
            waker,
            cut,
            running,
        }
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn go_on(&self) {
        self.stopped.store(false, Ordering::Relaxed);
        if let Some(waker) = self.waker.lock().expect("a lock").take() {
            waker.wake();
        }
    }

    pub(crate) fn cut_off(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.running.abort();
    }

    /// Whether it does anything now.
    pub(crate) fn is_running(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed) && !self.running.is_finished()
    }
}

/// A process that leads or follows.
struct Process {
    leadership: Leadership,
    election: Arc<Election>,
    task: Task,
}

impl Process {
    fn start(kubernetes: &Kubernetes, name: &str) -> Self {
        let cut = Arc::<AtomicBool>::default();
        let leadership = Leadership::none();
        let election = Arc::new(Election::new(
            kubernetes.client_by(Arc::clone(&cut)),
            ("kube-system", LEASE.to_owned()),
            name.to_owned(),
            leadership.clone(),
            Arc::new(Metrics::new()),
            Arc::new(Readiness::default()),
        ));
        let task = Task::start(cut, {
            let election = Arc::clone(&election);
            async move { election.run().await }
        });
        Self {
            leadership,
            election,
            task,
        }
    }

    /// Whether it could write now.
    fn may_write(&self) -> bool {
        self.leadership.is_current() && self.task.is_running()
    }
}

struct Site {
    kubernetes: Kubernetes,
    processes: [Process; 2],
    what: String,
}

impl Site {
    /// The first leads, the second follows.
    async fn new(what: &str, seed: u64) -> Self {
        fastrand::seed(seed);
        let kubernetes = Kubernetes::new("2026-01-31T00:00:00Z".parse().expect("a time"));
        let first = Process::start(&kubernetes, NAMES[0]);
        tokio::time::sleep(some(100, 3000)).await;
        let second = Process::start(&kubernetes, NAMES[1]);
        let site = Self {
            kubernetes,
            processes: [first, second],
            what: format!("{what}, seed {seed}"),
        };
        site.watch(some(3000, 20_000)).await;
        assert!(site.processes[0].may_write(), "{}: the first leads", site.what);
        site
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.kubernetes.client(), "kube-system")
    }

    async fn edit(&self, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        let edited = self.leases().patch(LEASE, &PatchParams::default(), &patch).await;
        edited.expect("edited");
    }

    /// Looks for so long at who may write: never both.
    async fn watch(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look();
            tokio::time::sleep(LOOK).await;
        }
    }

    fn look(&self) {
        let both = self.processes.iter().all(Process::may_write);
        assert!(!both, "{}: two may write at {}", self.what, self.kubernetes.now());
    }

    /// Until one of these may write, or fails after `limit`. Returns how long it took.
    async fn until(&self, which: &[usize], limit: Duration) -> Duration {
        let began = Instant::now();
        while !which.iter().any(|which| self.processes[*which].may_write()) {
            self.look();
            assert!(began.elapsed() <= limit, "{}: none leads within {limit:?}", self.what);
            tokio::time::sleep(LOOK).await;
        }
        began.elapsed()
    }
}

/// A time between these, in milliseconds.
pub(crate) fn some(least: u64, most: u64) -> Duration {
    Duration::from_millis(fastrand::u64(least..most))
}

/// The API server is slow now and then, up to what a process waits for.
pub(crate) fn slow(kubernetes: &Kubernetes) {
    for _ in 0..20 {
        kubernetes.fault(Fault {
            matching: Matching {
                verbs: vec![[Verb::Get, Verb::Update][fastrand::usize(..2)]],
                plural: Some("leases".to_owned()),
                ..Matching::default()
            },
            skip: fastrand::u64(..30),
            count: 1,
            what: [What::Delay(some(100, 6000)), What::LoseAnswer, What::Hang][fastrand::usize(..3)].clone(),
        });
    }
}

const CRASH: Duration = Duration::from_millis(17_100);
const GRACE: Duration = Duration::from_millis(2100);
/// After an edit nobody may lead for as long as a Lease lasts.
const EDIT: Duration = Duration::from_secs(18);

#[tokio::test(start_paused = true)]
async fn one_that_dies_is_followed_within_17_s() {
    let mut longest = Duration::ZERO;
    for seed in 0..SEEDS {
        let site = Site::new("killed", seed).await;
        site.processes[0].task.end();
        longest = longest.max(site.until(&[1], CRASH).await);
    }
    println!("after a death another leads within {longest:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_in_order_is_followed_within_2_s() {
    for seed in 0..SEEDS {
        let site = Site::new("ended", seed).await;
        site.processes[0].task.end();
        site.processes[0].election.release().await;
        assert!(!site.processes[0].leadership.is_current());
        site.until(&[1], GRACE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_stopped_and_woken_does_not_write_beside_the_other() {
    for seed in 0..SEEDS {
        let site = Site::new("stopped", seed).await;
        site.processes[0].task.stop();
        site.watch(some(500, 60_000)).await;
        site.processes[0].task.go_on();
        site.watch(Duration::from_secs(40)).await;
        site.until(&[0, 1], Duration::ZERO).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_stops_before_the_other_begins() {
    for seed in 0..SEEDS {
        let site = Site::new("cut off", seed).await;
        site.processes[0].task.cut_off(true);
        site.until(&[1], CRASH).await;
        site.watch(some(500, 60_000)).await;
        site.processes[0].task.cut_off(false);
        site.watch(Duration::from_secs(40)).await;
        assert!(site.processes[1].may_write(), "{}: it stays", site.what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_makes_no_second_writer() {
    for seed in 0..SEEDS {
        for cut in [false, true] {
            let site = Site::new("deleted", seed).await;
            site.processes[0].task.cut_off(cut);
            let gone = site.leases().delete(LEASE, &DeleteParams::default()).await;
            gone.expect("deleted");
            site.watch(Duration::from_secs(20)).await;
            site.until(&[0, 1], Duration::ZERO).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_edited_makes_no_second_writer() {
    let edits = [
        json!({"holderIdentity": NAMES[1]}),
        json!({"holderIdentity": "somebody"}),
        json!({"holderIdentity": null}),
        json!({"holderIdentity": ""}),
        json!({"leaseDurationSeconds": 1}),
        json!({"leaseDurationSeconds": null}),
        json!({"holderIdentity": "", "leaseDurationSeconds": 15, "renewTime": "1970-01-01T00:00:00.000000Z"}),
        json!({"renewTime": "1970-01-01T00:00:00.000000Z", "acquireTime": "2100-01-01T00:00:00.000000Z"}),
    ];
    for seed in 0..SEEDS {
        for edit in &edits {
            for cut in [false, true] {
                let site = Site::new(&format!("edited {edit}, cut off: {cut}"), seed).await;
                site.processes[0].task.cut_off(cut);
                site.edit(edit.clone()).await;
                site.until(&[0, 1], EDIT).await;
                site.watch(Duration::from_secs(20)).await;
                site.until(&[0, 1], EDIT).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_api_server_makes_no_second_writer() {
    for seed in 0..4 * SEEDS {
        let site = Site::new("slow", seed).await;
        slow(&site.kubernetes);
        site.watch(Duration::from_mins(3)).await;
        site.kubernetes.clear_faults();
        site.until(&[0, 1], EDIT).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_is_not_tried_again_after_the_claim() {
    let start: Timestamp = "2026-01-31T00:00:00Z".parse().expect("a time");
    let simulator = Simulator::new(Config {
        clock: Clock::tokio(aws_simulator::Timestamp::from_millis(start.as_millisecond())),
        delays: Delays::None,
        signatures: Signatures::Ignored,
        ..Config::default()
    });
    let rules = json!([
        {"match": {"operation": "AddTags"}, "do": {"latency": {"millis": 6000}}},
        {"match": {"operation": "AddTags"}, "do": {"error": {"code": "InternalFailure", "status": 500}}},
    ]);
    for rule in rules.as_array().expect("a list") {
        simulator.add_fault(serde_json::from_value(rule.clone()).expect("a rule"));
    }
    let leadership = Leadership::none();
    let (metrics, rates) = (Arc::new(Metrics::new()), Rates::queued(Limits::none()));
    let accounts = Accounts::new(aws::config(&simulator, start), leadership.clone(), metrics, rates);
    let region = accounts.region(REGION);
    let step = Step::AddTags([("a".into(), "b".into())].into());
    let sent = || {
        let all = simulator.requests(0);
        all.iter().filter(|request| request.operation == "AddTags").count()
    };

    let refused = region.run("web", &step).await.expect_err("it does not lead");
    assert_eq!((refused.class, sent()), (Class::NotLeader, 0));

    let began = Instant::now();
    leadership.claim_until(began + Duration::from_secs(5));
    let refused = region.run("web", &step).await.expect_err("it leads no more");
    assert_eq!(refused.class, Class::NotLeader, "{refused}");
    assert_eq!(began.elapsed(), Duration::from_secs(5), "it ends with the claim");
    let before = sent();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(sent(), before, "nothing is tried again");

    // Renewed meanwhile, it goes on and is tried as often as any call.
    leadership.claim_until(Instant::now() + Duration::from_secs(5));
    let renewing = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        leadership.claim_until(Instant::now() + Duration::from_mins(1));
    };
    let (refused, ()) = tokio::join!(region.run("web", &step), renewing);
    assert_eq!(refused.expect_err("AWS refuses").class, Class::Unavailable);
    assert_eq!(sent(), before + 3);
}
