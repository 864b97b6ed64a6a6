//! Two replicas as real processes: whatever becomes of the one that leads, never do two write at once, and the other takes over.
//!
//! The witnesses are the simulator's log of requests, in which the two have keys of their own, and a watch of the Lease. All the
//! while somebody changes the object, so that whoever may write has something to write.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Calls, OPERATOR_KEY_ID, Operator, OperatorOptions, Options, Result, Stack};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::{MINIMAL, Test};

pub(crate) const LEASE: &str = "classic-lb-operator";
/// Between two changes of the object.
const CHANGE: Duration = Duration::from_millis(300);
/// As long as a Lease may last, and as much as a busy machine may add.
pub(crate) const CRASH: Duration = Duration::from_secs(17 + 8);
/// Two seconds, and as much as a busy machine may add.
pub(crate) const GRACE: Duration = Duration::from_secs(2 + 8);

/// The one that leads, and the stack's own operator, which follows.
pub(crate) struct Pair {
    pub(crate) test: Test,
    pub(crate) leader: Operator,
    pub(crate) leases: Api<Lease>,
    /// Who held the Lease, one after the other; nobody is left out.
    holders: Arc<Mutex<Vec<String>>>,
    mark: u64,
    _tasks: JoinSet<()>,
}

impl Pair {
    pub(crate) async fn start(options: impl FnOnce(&Stack) -> OperatorOptions) -> Result<Self> {
        let stack = Stack::start(Options {
            without_operator: true,
            ..Options::default()
        })
        .await?;
        let leader = stack.another_operator(&options(&stack))?;
        let test = Test::on(stack).await?;
        leader.start_ready().await?;
        test.ready(MINIMAL).await?;
        test.stack.operator().start_ready().await?;
        let client = test.stack.client().await?;
        let leases: Api<Lease> = Api::namespaced(client, "kube-system");
        let holders = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_history(leases.clone(), Arc::clone(&holders)));
        tasks.spawn(keep_changing(
            test.stack.control_plane().cluster(test.namespace.namespace()).await?,
        ));
        let pair = Self {
            mark: test.mark()?,
            test,
            leader,
            leases,
            holders,
            _tasks: tasks,
        };
        pair.until_written("the leader", |calls| !of_leader(calls).is_empty(), GRACE)
            .await?;
        Ok(pair)
    }

    pub(crate) fn follower(&self) -> &Operator {
        self.test.stack.operator()
    }

    /// Waits until the log of writes is as wanted, and returns how long that took.
    pub(crate) async fn until_written(
        &self,
        what: &str,
        holds: impl Fn(&Calls) -> bool,
        limit: Duration,
    ) -> Result<Duration> {
        let began = Instant::now();
        let holds = |calls: &Calls| holds(&calls.writes());
        self.test
            .simulator()
            .until_calls_within(limit, self.mark, what, holds)
            .await?;
        Ok(began.elapsed())
    }

    /// Waits until the follower writes, and returns how long that took.
    pub(crate) async fn until_follower(&self, limit: Duration) -> Result<Duration> {
        let writes = |calls: &Calls| calls.iter().any(|call| call.access_key_id == OPERATOR_KEY_ID);
        self.until_written("the follower", writes, limit).await
    }

    /// Who wrote to AWS, one after the other: `true` stands for the follower.
    pub(crate) fn writers(&self) -> Result<Vec<bool>> {
        let calls = self.test.simulator().calls(self.mark)?.writes();
        let mut writers: Vec<bool> = calls.iter().map(|call| call.access_key_id == OPERATOR_KEY_ID).collect();
        writers.dedup();
        Ok(writers)
    }

    pub(crate) fn holders(&self) -> Vec<String> {
        self.holders.lock().expect("a lock").clone()
    }
}

fn of_leader(writes: &Calls) -> Calls {
    writes.only(|call| call.access_key_id != OPERATOR_KEY_ID)
}

async fn keep_history(leases: Api<Lease>, holders: Arc<Mutex<Vec<String>>>) {
    let one = watcher::Config::default().fields(&format!("metadata.name={LEASE}"));
    let mut seen = watcher(leases, one).applied_objects().boxed();
    while let Ok(Some(lease)) = seen.try_next().await {
        let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
        let mut holders = holders.lock().expect("a lock");
        if holders.last() != Some(&holder) {
            holders.push(holder);
        }
    }
}

async fn keep_changing(cluster: testkit::Cluster) {
    for count in 0_u64.. {
        let tags = json!({"spec": {"tags": {"count": count.to_string()}}});
        let _ = cluster.patch(Kind::CLB, "web", tags).await;
        tokio::time::sleep(CHANGE).await;
    }
}

fn leads(operator: &str, metrics: &str) -> bool {
    metrics.contains(&format!("leader_election_master_status{{name=\"{LEASE}\"}} {operator}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_takes_over_from_one_that_ends_and_from_one_that_dies() -> Result<()> {
    let pair = Pair::start(|_| OperatorOptions::default()).await?;
    let (leader, follower) = (
        pair.leader.get("/metrics").await?,
        pair.follower().get("/metrics").await?,
    );
    assert!(leads("1", &leader.body), "{}", leader.body);
    assert!(leads("0", &follower.body), "{}", follower.body);
    assert_eq!(pair.follower().get("/readyz").await?.status, 200, "it could lead");

    let (ended, took) = tokio::join!(pair.leader.stop(), pair.until_follower(GRACE));
    println!("after SIGTERM the other writes within {:.1} s", took?.as_secs_f64());
    ended?;
    assert_eq!(pair.writers()?, [false, true]);
    let events: Api<Event> = Api::namespaced(pair.test.stack.client().await?, "kube-system");
    let events = events.list(&ListParams::default()).await.expect("listed").items;
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("LeaderElection"))
        .collect();
    assert_eq!(told.len(), 2, "one for each that led: {told:?}");
    for event in told {
        let note = event.note.clone().unwrap_or_default();
        assert!(note.ends_with(" became leader"), "{}: {note}", event.name_any());
        let about = event.regarding.clone().and_then(|regarding| regarding.kind);
        assert_eq!(about.as_deref(), Some("Lease"));
    }

    pair.leader.start_ready().await?;
    let mark = pair.test.mark()?;
    let began = Instant::now();
    pair.follower().kill();
    let again = |calls: &Calls| !of_leader(&calls.writes()).is_empty();
    pair.test
        .simulator()
        .until_calls_within(CRASH, mark, "it to write", again)
        .await?;
    println!(
        "after SIGKILL the other writes within {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(pair.writers()?, [false, true, false]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_stopped_and_woken_writes_nothing() -> Result<()> {
    let pair = Pair::start(|_| OperatorOptions::default()).await?;
    // It is stopped while a write is under way that AWS answers as one to be tried again.
    let rule = json!([
        {"match": {"operation": "AddTags"}, "do": {"latency": {"millis": 2000}}},
        {"match": {"operation": "AddTags"}, "do": {"error": {"code": "InternalFailure", "status": 500}}},
    ]);
    pair.test.simulator().fault(&rule).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    pair.leader.signal("STOP")?;
    // What was sent before counts when it is answered.
    tokio::time::sleep(Duration::from_secs(3)).await;
    pair.test.simulator().clear_faults().await?;
    let stopped = pair.test.mark()?;
    pair.until_follower(CRASH).await?;
    tokio::time::sleep(Duration::from_secs(45)).await;
    pair.leader.signal("CONT")?;
    pair.leader
        .until("/metrics", "to follow", |reply| leads("0", &reply.body))
        .await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = pair.test.simulator().calls(stopped)?.writes();
    assert!(of_leader(&after).is_empty(), "{}", of_leader(&after));
    assert_eq!(pair.holders().len(), 2, "{:?}", pair.holders());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_cut_off_from_the_api_server_stops_before_the_other_begins() -> Result<()> {
    let (shut, is_shut) = watch::channel(false);
    let listener = TcpListener::bind(("127.0.0.1", testkit::free_port()?))
        .await
        .expect("a port");
    let through = listener.local_addr().expect("an address");
    let mut server = None;
    let pair = Pair::start(|stack| {
        let url = stack.control_plane().url().to_owned();
        let text = std::fs::read_to_string(stack.control_plane().operator_kubeconfig()).expect("a kubeconfig");
        let path = stack.control_plane().operator_kubeconfig().with_extension("through");
        std::fs::write(&path, text.replace(&url, &format!("https://{through}"))).expect("written");
        let address: SocketAddr = url.trim_start_matches("https://").parse().expect("an address");
        server = Some(tokio::spawn(forward(listener, address, is_shut)));
        OperatorOptions {
            env: vec![("KUBECONFIG".into(), path.display().to_string())],
            ..OperatorOptions::default()
        }
    })
    .await?;
    shut.send_replace(true);
    let took = pair.until_follower(CRASH).await?;
    println!("cut off, the other writes within {:.1} s", took.as_secs_f64());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(pair.writers()?, [false, true]);
    shut.send_replace(false);
    pair.leader
        .until("/metrics", "to follow", |reply| leads("0", &reply.body))
        .await?;
    pair.leader.until_ready().await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(pair.writers()?, [false, true]);
    assert_eq!(pair.holders().len(), 2, "{:?}", pair.holders());
    server.expect("it was begun").abort();
    Ok(())
}

/// Passes connections on. While it is shut nothing gets through and nothing is refused.
async fn forward(listener: TcpListener, to: SocketAddr, shut: watch::Receiver<bool>) {
    let mut open = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let mut shut = shut.clone();
        open.spawn(async move {
            let passed = async {
                let mut far = TcpStream::connect(to).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            };
            let mut watched = shut.clone();
            tokio::select! {
                biased;
                _ = watched.wait_for(|shut| *shut) => {}
                _ = passed => return,
            }
            let _ = shut.wait_for(|shut| !*shut).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_deleted_or_given_away_by_hand_makes_no_second_writer() -> Result<()> {
    let pair = Pair::start(|_| OperatorOptions::default()).await?;
    let leader = pair.holders().last().cloned().expect("a holder");
    for _ in 0..3 {
        let gone = pair.leases.delete(LEASE, &DeleteParams::default()).await;
        gone.expect("deleted");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(pair.writers()?, [false], "who leads goes on");
    assert_eq!(pair.holders(), [leader.as_str()]);

    let follower = follower_name(&pair, &leader);
    let theirs = Patch::Merge(json!({"spec": {"holderIdentity": follower}}));
    pair.leases
        .patch(LEASE, &PatchParams::default(), &theirs)
        .await
        .expect("edited");
    // Neither takes it before the claim of the other has ended, and then whoever comes first.
    let written = |calls: &Calls| !calls.writes().is_empty();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let mark = pair.test.mark()?;
    pair.test
        .simulator()
        .until_calls_within(CRASH, mark, "one to write again", written)
        .await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let writers = pair.writers()?;
    assert!(writers == [false] || writers == [false, true], "{writers:?}");
    let last = pair.holders().last().cloned();
    let led_by = if writers.len() == 1 { &leader } else { &follower };
    assert_eq!(last.as_ref(), Some(led_by), "{:?}", pair.holders());
    Ok(())
}

/// The name of the follower: the machine's, and where it listens.
fn follower_name(pair: &Pair, leader: &str) -> String {
    let (machine, _) = leader.rsplit_once('_').expect("a machine and an address");
    format!("{machine}_{}", pair.follower().url().trim_start_matches("http://"))
}
