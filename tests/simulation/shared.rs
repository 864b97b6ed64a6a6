//! Reads that several objects share: how old an answer may be, and that nobody loses its turn by somebody else's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_simulator::{Config, Seed, Simulator};
use classic_lb_operator::aws::{AccountRegion, Accounts, CertificateOf, Error, Limits, Rates, Reads};
use classic_lb_operator::elb::{InstanceId, Lane, Wait};
use classic_lb_operator::lease::Leadership;
use classic_lb_operator::metrics::Metrics;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::aws::{REGION, config};
use crate::day::apart;

const GROUP: &str = "
regions:
- region: us-east-1
  instances: [{id: i-0000000b}, {id: i-0000000c}]
  launchConfigurations: [{name: web}]
  autoScalingGroups:
  - {name: asg, launchConfiguration: web, maxSize: 3, availabilityZones: [us-east-1a], instances: [{id: i-0000000b}]}
";

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012";

struct World {
    simulator: Simulator,
    accounts: Accounts,
}

impl World {
    fn new(limits: &str) -> Self {
        let simulator = Simulator::new(Config::default());
        let limits: Limits = limits.parse().expect("limits");
        let aws = config(&simulator, Timestamp::UNIX_EPOCH);
        let rates = Rates::queued(limits.with_share(100));
        let accounts = Accounts::new(aws, Leadership::sole(), Arc::new(Metrics::new()), rates);
        Self { simulator, accounts }
    }

    /// The region as a reconcile of this object sees it, which needs nothing newer than of so long ago.
    fn region(&self, object: &str, lane: Lane, ago: Duration) -> Arc<AccountRegion> {
        let since = Instant::now() - ago;
        self.accounts
            .region_for((object, None), None, REGION, Reads { lane, since })
    }

    fn asked(&self) -> usize {
        let calls = self.simulator.requests(0).into_iter();
        calls
            .filter(|call| call.operation == "DescribeAutoScalingInstances")
            .count()
    }
}

fn instances(count: usize) -> BTreeSet<InstanceId> {
    (0..count).map(|number| format!("i-{number:017x}")).collect()
}

/// What is looked at of things that load balancers refer to is looked at for all.
#[test]
fn tags_and_certificates_are_read_once_for_many() {
    apart(async || {
        let world = World::new("autoscaling=20+5");
        let seed = format!("{GROUP}  certificates: [{{arn: \"{ARN}\", domainName: a.example.com}}]\n");
        let seed = Seed::from_yaml(&seed).expect("a seed");
        world.simulator.seed(&seed).expect("planted");
        let all: Vec<_> = (0..30)
            .map(|object| world.region(&object.to_string(), Lane::Sweep, Duration::ZERO))
            .collect();
        let asks = all.iter().enumerate().map(|(number, region)| async move {
            let (ids, groups) = (["i-0000000b", "i-0000000c"], ["asg".to_owned()].into());
            // Each has one more that nobody else has.
            let ids = ids.map(str::to_owned).into_iter().chain([format!("i-{number:017x}")]);
            let instances = region.view.tags_of_instances(&ids.collect()).await.expect("an answer");
            assert_eq!(instances.len(), 2, "{instances:?}");
            let groups = region.view.tags_of_groups(&groups).await.expect("an answer");
            assert_eq!(groups.len(), 1);
            let of = CertificateOf::Domain("a.example.com".to_owned());
            let certificate = region.view.certificate(&of, Timestamp::UNIX_EPOCH).await;
            let arn = certificate.expect("an answer").arn;
            let tags = region.view.tags_of_certificate(&arn).await.expect("an answer");
            assert!(tags.is_some());
        });
        futures::future::join_all(asks).await;
        for operation in [
            "DescribeInstances",
            "DescribeAutoScalingGroups",
            "ListCertificates",
            "ListTagsForCertificate",
        ] {
            let calls = world.simulator.requests(0).into_iter();
            let calls = calls.filter(|call| call.operation == operation).count();
            assert_eq!(calls, 1, "{operation}");
        }
    });
}

/// Whose an instance is decides whether it is deregistered, so nobody goes by what was so a while ago.
#[test]
fn whose_an_instance_is_is_asked_for_each_time() {
    apart(async || {
        let world = World::new("autoscaling=20+5");
        let id: BTreeSet<InstanceId> = ["i-0000000b".to_owned()].into();
        let before = world.region("1", Lane::Sweep, Duration::ZERO);
        let members = before.view.auto_scaling_members(&id).await.expect("an answer");
        assert!(members.is_empty());
        world
            .simulator
            .seed(&Seed::from_yaml(GROUP).expect("a seed"))
            .expect("planted");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = world.region("1", Lane::Sweep, Duration::from_mins(1));
        let members = after.view.auto_scaling_members(&id).await.expect("an answer");
        assert_eq!(members.get("i-0000000b").map(String::as_str), Some("asg"));
        // Those who ask together ask once.
        let asked = world.asked();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let both = ["2", "3"].map(|object| world.region(object, Lane::Instances, Duration::ZERO));
        let [one, two] = &both;
        let answers = tokio::join!(one.view.auto_scaling_members(&id), two.view.auto_scaling_members(&id));
        assert_eq!(
            (answers.0.expect("an answer"), answers.1.expect("an answer")),
            (members.clone(), members)
        );
        assert_eq!(world.asked(), asked + 1);
    });
}

/// Asks until there is an answer, as an object does that waits for its turns; `Err` with the last refusal.
async fn with_patience(world: &World, ids: &BTreeSet<InstanceId>, tries: usize) -> Result<usize, Option<Error>> {
    let mut refusal = None;
    let mut wait: Option<Wait> = None;
    for number in 1..=tries {
        let region = world.region("1", Lane::Sweep, Duration::ZERO);
        if let Some(longer) = wait.and_then(|wait| region.take_turn(wait)) {
            tokio::time::sleep(longer).await;
            continue;
        }
        match region.view.auto_scaling_members(ids).await {
            Ok(_) => return Ok(number),
            Err(error) => refusal = Some(error),
        }
        wait = region.turn();
        tokio::time::sleep(wait.map_or(Duration::ZERO, |wait| wait.time)).await;
    }
    Err(refusal)
}

#[test]
fn a_question_of_many_calls_waits_for_all_of_them_and_is_answered() {
    apart(async || {
        // Twelve calls, where there are ten at once.
        let world = World::new("autoscaling=10+2.5");
        let tries = with_patience(&world, &instances(600), 20).await;
        let tries = tries.map_err(|refusal| refusal.map(|error| error.to_string()));
        assert!(tries.as_ref().is_ok_and(|tries| *tries <= 6), "{tries:?}");
        assert_eq!(world.asked(), 12, "none in vain");
    });
}

/// Sweeps leave a part of each bucket to those before them.
#[test]
fn who_waits_for_instances_that_leave_is_not_refused_with_a_sweep() {
    apart(async || {
        let world = World::new("autoscaling=10+0.001");
        for number in 0..8 {
            let region = world.region("0", Lane::Instances, Duration::ZERO);
            let ids = [format!("i-{number:08x}")].into();
            region.view.auto_scaling_members(&ids).await.expect("there are ten");
        }
        let sweep = world.region("1", Lane::Sweep, Duration::ZERO);
        let leaves = world.region("2", Lane::Instances, Duration::ZERO);
        let ids = instances(1);
        let (swept, left) = tokio::join!(
            sweep.view.auto_scaling_members(&ids),
            leaves.view.auto_scaling_members(&ids)
        );
        assert!(swept.is_err() && left.is_ok(), "{swept:?} {left:?}");
        assert!(leaves.turn().is_none());
    });
}
