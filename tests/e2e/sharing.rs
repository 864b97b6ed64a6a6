//! Two replicas as real processes that share the regions of one account: both work, each region has one writer at a time, and
//! each takes over what the other leaves.
//!
//! The witness is the simulator's log of requests, in which the two have keys of their own. All the while somebody changes the
//! objects, so that whoever may write has something to write.

use std::collections::BTreeMap;
use std::time::Duration;

use classic_lb_operator::lease::best;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Calls, OPERATOR_KEY_ID, Operator, OperatorOptions, Options, Result, Stack};
use tokio::task::JoinSet;

use crate::Test;

/// What the chart grants with `leaderElection.leasePer=region`.
const RIGHTS: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: leases, namespace: kube-system}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, update, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: leases, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: leases}
subjects:
- {kind: ServiceAccount, name: classic-lb-operator, namespace: classic-lb-operator}
";

/// Of which some are best for each of two, whatever they are called.
const REGIONS: [&str; 16] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-north-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
];

/// Between two changes.
const CHANGE: Duration = Duration::from_millis(200);
/// As long as any change of leadership may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// The stack's own operator and the other one, and who is best in which region: `true` stands for the stack's own.
struct Pair {
    test: Test,
    other: Operator,
    regions: BTreeMap<String, bool>,
    mark: u64,
    _changing: JoinSet<()>,
}

impl Pair {
    /// Two regions are best for each.
    async fn start() -> Result<Self> {
        let options = OperatorOptions {
            args: vec!["--lease-per=region".into()],
            ..OperatorOptions::default()
        };
        let stack = Stack::start(Options {
            operator: options.clone(),
            without_operator: true,
            ..Options::default()
        })
        .await?;
        stack
            .control_plane()
            .cluster("kube-system")
            .await?
            .apply(RIGHTS)
            .await?;
        let other = stack.another_operator(&options)?;
        let test = Test::on(stack).await?;
        test.stack.operator().start_ready().await?;
        other.start_ready().await?;
        let members = members(&test, 2).await?;
        let own = test.stack.operator().url().trim_start_matches("http://").to_owned();
        let mut regions = BTreeMap::new();
        for region in REGIONS {
            let best = best(members.iter().map(String::as_str), &format!("/{region}"));
            let is_own = best.is_some_and(|best| best.contains(&own));
            if regions.values().filter(|known| **known == is_own).count() < 2 {
                regions.insert(region.to_owned(), is_own);
            }
        }
        assert_eq!(regions.len(), 4, "{regions:?} of {members:?}");
        let mark = test.mark()?;
        for region in regions.keys() {
            test.namespace.apply(&manifest(region)).await?;
        }
        for region in regions.keys() {
            test.namespace.until_ready(region).await?;
        }
        let mut changing = JoinSet::new();
        let cluster = test.stack.control_plane().cluster(test.namespace.namespace()).await?;
        changing.spawn(keep_changing(cluster, regions.keys().cloned().collect()));
        Ok(Self {
            test,
            other,
            regions,
            mark,
            _changing: changing,
        })
    }

    /// Waits until all regions have been written to by whom this says.
    async fn until_written(&self, what: &str, by: impl Fn(bool) -> bool) -> Result<()> {
        let mark = self.test.mark()?;
        let written = |calls: &Calls| {
            let mut regions = self.regions.iter();
            regions.all(|(region, own)| {
                let mut writes = calls.iter().filter(|call| call.is_write() && call.region == *region);
                writes.any(|call| (call.access_key_id == OPERATOR_KEY_ID) == by(*own))
            })
        };
        let written = self.test.simulator().until_calls_within(LIMIT, mark, what, written);
        written.await.map(drop)
    }

    /// Who wrote in a region, one after the other.
    fn writers(&self, region: &str) -> Result<Vec<bool>> {
        let calls = self.test.simulator().calls(self.mark)?.writes();
        let here = calls.iter().filter(|call| call.region == region);
        let mut writers: Vec<bool> = here.map(|call| call.access_key_id == OPERATOR_KEY_ID).collect();
        writers.dedup();
        Ok(writers)
    }
}

/// Who says that it lives, once there are so many.
async fn members(test: &Test, many: usize) -> Result<Vec<String>> {
    let leases: Api<Lease> = Api::namespaced(test.stack.client().await?, "kube-system");
    let labels = "classiclb.dev/replica=classic-lb-operator";
    let changes = watcher(leases.clone(), watcher::Config::default().labels(labels));
    let mut changes = std::pin::pin!(changes.applied_objects());
    tokio::time::timeout(LIMIT, async {
        loop {
            futures::StreamExt::next(&mut changes).await;
            let all = leases
                .list(&ListParams::default().labels(labels))
                .await
                .expect("listed");
            let holders = all.items.into_iter().filter_map(|lease| lease.spec?.holder_identity);
            let holders: Vec<String> = holders.collect();
            if holders.len() == many {
                return holders;
            }
        }
    })
    .await
    .map(Ok)
    .expect("in time")
}

fn manifest(region: &str) -> String {
    format!(
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: {region}}}\nspec:\n  region: {region}\n  \
         availabilityZones: [{region}a]\n  listeners:\n  - {{port: 80, protocol: HTTP, instancePort: 8080}}\n"
    )
}

async fn keep_changing(cluster: testkit::Cluster, names: Vec<String>) {
    for count in 0_u64.. {
        for name in &names {
            let tags = json!({"spec": {"tags": {"count": count.to_string()}}});
            let _ = cluster.patch(Kind::CLB, name, tags).await;
            tokio::time::sleep(CHANGE).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_the_regions_and_each_takes_over_those_of_the_other() -> Result<()> {
    let pair = Pair::start().await?;
    pair.until_written("each to work in its regions", |own| own).await?;
    let own = pair.test.stack.operator().get("/metrics").await?.body;
    let others = pair.other.get("/metrics").await?.body;
    for (region, is_own) in &pair.regions {
        assert_eq!(pair.writers(region)?, [*is_own], "{region}");
        let leads = |metrics: &str, leads: bool| {
            let line = format!(
                "leader_election_master_status{{name=\"classic-lb-operator-{region}\"}} {}",
                u8::from(leads)
            );
            assert!(metrics.contains(&line), "{line} is not in {metrics}");
            let tells = format!("name=\"{region}\"}}");
            let tells = metrics
                .lines()
                .any(|line| line.starts_with("clb_load_balancer_ready{") && line.contains(&tells));
            assert_eq!(tells, leads, "{region}: one tells of its object");
        };
        leads(&own, *is_own);
        leads(&others, !is_own);
    }

    pair.other.kill();
    pair.until_written("one to work in all", |_| true).await?;
    pair.other.start_ready().await?;
    pair.until_written("the other to have its regions again", |own| own)
        .await?;
    pair.test.stack.operator().stop().await?;
    pair.until_written("the other to work in all", |_| false).await?;
    for (region, is_own) in &pair.regions {
        let expected: &[bool] = if *is_own { &[true, false] } else { &[false, true, false] };
        assert_eq!(pair.writers(region)?, expected, "{region}");
    }
    assert_eq!(members(&pair.test, 1).await?.len(), 1, "one that ends says so");

    // A Lease that no object needs is nobody's to hold, so its metric must not say that nobody holds it.
    let region = pair.regions.keys().next().expect("a region");
    pair.test.namespace.delete_and_wait(Kind::CLB, region).await?;
    let lease = format!("leader_election_master_status{{name=\"classic-lb-operator-{region}\"}}");
    pair.other
        .until("/metrics", "without the Lease of the region", |reply| {
            !reply.body.contains(&lease)
        })
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn telling_nodes_that_drain_does_not_go_with_shared_regions() -> Result<()> {
    let stack = Stack::variant(Options {
        without_operator: true,
        ..Options::default()
    })
    .await?;
    let operator = stack.another_operator(&OperatorOptions {
        args: vec!["--lease-per=region".into(), "--node-draining=tell".into()],
        ..OperatorOptions::default()
    })?;
    operator.start_ready().await.expect_err("it does not start");
    let log = operator.log();
    assert!(log.contains("--lease-per") && log.contains("--node-draining"), "{log}");
    Ok(())
}
