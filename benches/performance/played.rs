//! What a fleet asks of AWS and how long that takes, under the buckets that AWS publishes, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_simulator::{RequestRecord, Throttles};
use classic_lb_operator::aws::Limits;
use classic_lb_operator::controller::{Intervals, NodeDraining};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::rows::Row;
use crate::world::{ROLES, Scale, World};

/// What counts against the bucket of 10 and one in five seconds.
const DEAR: [&str; 5] = [
    "CreateLoadBalancer",
    "AttachLoadBalancerToSubnets",
    "DetachLoadBalancerFromSubnets",
    "EnableAvailabilityZonesForLoadBalancer",
    "DisableAvailabilityZonesForLoadBalancer",
];
const REGISTER: &str = "RegisterInstancesWithLoadBalancer";
/// How long each call takes.
const LATENCY: Duration = Duration::from_millis(40);
/// Seconds between two load balancers once ten were made at once.
const BETWEEN: f64 = 5.0;
const RESYNC: Duration = Duration::from_mins(5);
const HEALTH: &str = "DescribeInstanceHealth";

/// Calls to Elastic Load Balancing.
pub(crate) struct Calls(Vec<RequestRecord>);

impl Calls {
    pub(crate) fn of<'a>(&'a self, operation: &'a str) -> impl Iterator<Item = &'a RequestRecord> {
        self.0.iter().filter(move |call| call.operation == operation)
    }

    fn count(&self, operation: &str) -> f64 {
        number(self.of(operation).count())
    }

    /// How many, the reads of health apart: those have their own pace.
    fn but_health(&self) -> f64 {
        number(self.0.len()) - self.count(HEALTH)
    }

    fn writes(&self) -> f64 {
        number(
            self.0
                .iter()
                .filter(|call| !call.operation.starts_with("Describe"))
                .count(),
        )
    }

    fn refused(&self) -> f64 {
        let throttled = |call: &&RequestRecord| call.error_code.as_deref() == Some("Throttling");
        number(self.0.iter().filter(throttled).count())
    }

    /// Prints which they were, for whoever wonders about a figure.
    fn tell(&self, what: &str) {
        let mut counts = BTreeMap::<&str, usize>::new();
        for call in &self.0 {
            *counts.entry(&call.operation).or_default() += 1;
        }
        println!("  {what}: {counts:?}");
    }

    /// Those until that moment.
    fn until(&self, end: Timestamp) -> Self {
        Self(self.0.iter().filter(|call| time(call) <= end).cloned().collect())
    }
}

/// When a call came.
pub(crate) fn time(call: &RequestRecord) -> Timestamp {
    call.time.parse().expect("a time")
}

/// From then until a call was answered.
pub(crate) fn since(begun: Timestamp, call: &RequestRecord) -> Duration {
    Duration::try_from(time(call).duration_since(begun)).unwrap_or_default() + LATENCY
}

pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Objects that all select the same Nodes.
pub(crate) struct Fleet {
    pub(crate) world: World,
    objects: usize,
}

impl Fleet {
    /// Nothing is declared yet. There are twenty Nodes of each role.
    pub(crate) async fn new(objects: usize) -> Self {
        let scale = Scale {
            objects: 0,
            nodes: 20 * ROLES.len(),
            intervals: Intervals {
                resync: RESYNC,
                health: Duration::from_mins(1),
            },
            latency: LATENCY,
            rates: Some((Throttles::default(), Limits::default().with_share(100))),
            concurrency: 4096,
            draining: NodeDraining::None,
        };
        let world = World::new(11, &scale).await;
        Self { world, objects: 0 }.with(objects, 0).await
    }

    /// Declares so many more, which select Nodes of the role of that number.
    pub(crate) async fn with(mut self, objects: usize, role: usize) -> Self {
        for _ in 0..objects {
            self.objects += 1;
            self.world.create_object(self.objects * ROLES.len() + role).await;
        }
        self
    }

    pub(crate) async fn run(&mut self, time: Duration) {
        self.world.run_until(Instant::now() + time).await;
    }

    /// How many have a load balancer.
    fn made(&self) -> usize {
        let objects = self.world.kubernetes.all("classicloadbalancers");
        let has = |status: &serde_json::Value| status.get("dnsName").is_some();
        objects.iter().filter(|object| has(&object.value["status"])).count()
    }

    /// Lets all be made.
    pub(crate) async fn make(&mut self) {
        let patience = Instant::now() + Duration::from_hours(3);
        while self.made() < self.objects && Instant::now() < patience {
            self.run(Duration::from_secs(5)).await;
        }
        assert_eq!(self.made(), self.objects, "made in three hours");
    }

    pub(crate) fn mark(&self) -> (u64, Timestamp) {
        (self.world.simulator.last_request(), self.world.kubernetes.now())
    }

    pub(crate) fn calls(&self, mark: u64) -> Calls {
        let calls = self.world.simulator.requests(mark).into_iter();
        Calls(calls.filter(|call| call.service == "elasticloadbalancing").collect())
    }

    /// So many Nodes join that all objects select, and as many of each other role.
    async fn join(&mut self, nodes: usize) {
        let wanted = self.world.nodes_of(ROLES[0]).len() + nodes;
        while self.world.nodes_of(ROLES[0]).len() < wanted {
            self.world.join_node().await;
        }
    }
}

/// P1 to P9, P11 and P13 but for what is real: a fleet from its making over an idle hour and a restart to new Nodes.
pub(crate) async fn fleet(objects: usize) -> Vec<Row> {
    let mut fleet = Fleet::new(objects).await;
    let mut rows = made(&mut fleet).await;
    fleet.run(Duration::from_mins(40)).await;
    if objects == 1000 {
        rows.extend(idle(&mut fleet).await);
        rows.extend(restarted(&mut fleet).await);
        fleet.run(Duration::from_mins(20)).await;
    }
    rows.extend(joined(&mut fleet, 1).await);
    if objects == 100 {
        fleet.run(Duration::from_mins(20)).await;
        rows.extend(joined(&mut fleet, 100).await);
    }
    rows
}

/// P5 to P7.
async fn made(fleet: &mut Fleet) -> Vec<Row> {
    let (_, begun) = fleet.mark();
    fleet.make().await;
    let calls = fleet.calls(0);
    let last = calls.of("CreateLoadBalancer").last().expect("one was made");
    let took = since(begun, last).as_secs_f64();
    let objects = number(fleet.objects);
    if fleet.objects != 100 {
        return Vec::new();
    }
    calls.tell("to create 100 load balancers");
    let floor = (objects - 10.0) * BETWEEN;
    let dear: f64 = DEAR.iter().map(|operation| calls.count(operation)).sum();
    let which = "100 load balancers";
    vec![
        Row::played(
            "P5",
            "calls to create one load balancer, of 100 at once",
            calls.but_health() / objects,
            "calls",
        )
        .at_most(3.05)
        .limit("3: create, health check, register"),
        Row::played(
            "P6",
            "of them from the bucket of one in five seconds",
            dear / objects,
            "calls",
        )
        .at_most(1.0)
        .limit("1"),
        Row::played("P7", format!("{which} created from cold"), took, "s")
            .at_most(floor * 1.02)
            .limit(format!("{floor:.0} s: 10 at once, then one in 5 s")),
        Row::played(
            "P7",
            format!("calls refused while {which} are created"),
            calls.refused(),
            "",
        )
        .at_most(0.0)
        .limit("0"),
    ]
}

/// P1, P3, P4.
async fn idle(fleet: &mut Fleet) -> Vec<Row> {
    let (mark, _) = fleet.mark();
    let kubernetes = fleet.world.kubernetes.last_request();
    fleet.run(Duration::from_hours(1)).await;
    let calls = fleet.calls(mark);
    let mut requests = fleet.world.kubernetes.requests(kubernetes);
    requests.retain(|request| request.verb.is_write());
    let written = number(requests.len());
    calls.tell("of an idle hour");
    for request in &requests {
        println!("  {} {}", request.time, request.path);
    }
    let sweeps = 3600.0 / RESYNC.as_secs_f64();
    vec![
        Row::played(
            "P1",
            "calls of one look at 1,000 load balancers and their instances",
            calls.count("DescribeLoadBalancers") / sweeps,
            "calls",
        )
        .at_most(3.0)
        .limit("3: 400 in a page"),
        Row::played(
            "P3",
            "calls an hour, 1,000 load balancers, drift seen within 5 min, health apart",
            calls.but_health(),
            "calls",
        )
        .at_most(1100.0)
        .limit("36,000 are allowed"),
        Row::played("P3", "reads of health in that hour", calls.count(HEALTH), "calls")
            .limit("60,000 at one a minute; 10 calls a second are allowed in all"),
        Row::played(
            "P4",
            "writes to AWS in an hour in which nothing changes",
            calls.writes(),
            "",
        )
        .at_most(0.0)
        .limit("0"),
        Row::played("P4", "writes to Kubernetes in that hour, Leases apart", written, "")
            .at_most(0.0)
            .limit("0"),
    ]
}

/// P2, P13.
async fn restarted(fleet: &mut Fleet) -> Vec<Row> {
    let (mark, begun) = fleet.mark();
    fleet.world.restart();
    fleet.run(Duration::from_mins(2)).await;
    let calls = fleet.calls(mark);
    let mut seen = BTreeSet::new();
    let complete = calls.of("DescribeTags").find(|call| {
        seen.extend(
            call.parameters
                .values()
                .filter(|value| value.starts_with("lb-"))
                .cloned(),
        );
        seen.len() >= fleet.objects
    });
    let Some(complete) = complete else {
        let row = Row::played("P13", "1,000 load balancers verified after a restart", 120.0, "s");
        return vec![row.at_most(10.0).limit("not within two minutes")];
    };
    let took = since(begun, complete).as_secs_f64();
    let calls = calls.until(time(complete));
    vec![
        Row::played(
            "P2",
            "the same with the tags that prove the ownership",
            calls.but_health(),
            "calls",
        )
        .at_most(53.0)
        .limit("53: the tags of 20 in a call"),
        Row::played("P13", "1,000 load balancers verified after a restart", took, "s")
            .at_most(10.0)
            .limit("1.3 s: 40 at once, then 10 a second"),
    ]
}

/// P8 or P9, and P11.
async fn joined(fleet: &mut Fleet, nodes: usize) -> Vec<Row> {
    let (mark, begun) = fleet.mark();
    fleet.join(nodes).await;
    fleet.run(Duration::from_mins(10)).await;
    let calls = fleet.calls(mark);
    let which = fleet.objects;
    let (goal, what) = match nodes {
        1 => ("P8", "one Node joins".to_owned()),
        many => ("P9", format!("{many} Nodes join within a second")),
    };
    let last = calls.of(REGISTER).last().expect("they were registered");
    let took = since(begun, last).as_secs_f64();
    let registered: BTreeSet<_> = calls
        .of(REGISTER)
        .filter_map(|call| call.parameters.get("LoadBalancerName"))
        .collect();
    assert_eq!(registered.len(), fleet.objects, "all select them");
    let calls = calls.until(time(last));
    calls.tell(&format!("{which} load balancers, {what}"));
    let mut rows = vec![
        Row::played(
            goal,
            format!("calls for each of {which} load balancers when {what}"),
            calls.but_health() / number(fleet.objects),
            "calls",
        )
        .at_most(1.0)
        .limit("1"),
    ];
    if nodes == 1 {
        let floor = (number(which) - 20.0).max(0.0) / 4.0;
        let aim = match which {
            20 => 1.0,
            100 => 21.0,
            _ => 255.0,
        };
        rows.push(
            Row::played(
                "P11",
                format!("{what}, until {which} load balancers have it"),
                took,
                "s",
            )
            .at_most(aim)
            .limit(format!("{floor:.0} s: 20 at once, then 4 a second")),
        );
    }
    rows
}
