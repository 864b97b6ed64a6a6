use super::*;

fn take(budget: &Budget, operation: &str, lane: Lane) -> Result<(), Wait> {
    budget.promise([operation], lane, 1, &Kept::default())?;
    budget.spend(operation);
    budget.answered(operation);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn creations_wait_and_registrations_do_not() {
    let budget = Budget::new(&Limits::default().with_share(100));
    let made = (0..100)
        .take_while(|_| take(&budget, "CreateLoadBalancer", Lane::Change).is_ok())
        .count();
    assert_eq!(made, 10, "nobody before them needs any of these");
    let Wait { bucket, time: wait, .. } = take(&budget, "CreateLoadBalancer", Lane::Change).expect_err("empty");
    assert_eq!(bucket, Bucket::ResourceIntensive);
    assert!(wait >= Duration::from_secs(5), "{wait:?}");
    assert!(take(&budget, "DeregisterInstancesFromLoadBalancer", Lane::Instances).is_ok());
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(take(&budget, "CreateLoadBalancer", Lane::Change).is_ok());
}

#[tokio::test(start_paused = true)]
async fn sweeps_leave_room_for_those_before_them() {
    let budget = Budget::new(&Limits::default());
    let swept = (0..100)
        .take_while(|_| take(&budget, "DescribeTags", Lane::Sweep).is_ok())
        .count();
    assert_eq!(swept, 14);
    assert!(take(&budget, "DescribeTags", Lane::Change).is_ok());
    assert!(take(&budget, "RegisterInstancesWithLoadBalancer", Lane::Instances).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_plan_takes_all_it_needs_or_nothing() {
    let budget = Budget::new(&Limits::default());
    let rebuild = ["DeleteLoadBalancerListeners", "CreateLoadBalancerListeners"];
    let taken = (0..100)
        .take_while(|_| budget.promise(rebuild, Lane::Change, 1, &Kept::default()).is_ok())
        .count();
    assert_eq!(taken, 5, "of ten tokens");
    budget.put_back(rebuild);
    assert!(budget.promise(rebuild, Lane::Change, 1, &Kept::default()).is_ok());
    budget.overdraw("CreateLoadBalancerListeners");
    budget.overdraw("CreateLoadBalancerListeners");
    assert!(take(&budget, "AddTags", Lane::Instances).is_err());
}

#[tokio::test(start_paused = true)]
async fn it_is_idle_while_nobody_waits_and_little_was_asked() {
    let budget = Budget::new(&Limits::default());
    assert!(budget.is_idle());
    let made = (0..100).take_while(|_| take(&budget, "CreateLoadBalancer", Lane::Change).is_ok());
    assert_eq!(made.count(), 5);
    assert!(!budget.is_idle(), "somebody waits to create one more");
    tokio::time::advance(Duration::from_secs(30)).await;
    take(&budget, "CreateLoadBalancer", Lane::Change).expect("its turn");
    assert!(budget.is_idle());
    for _ in 0..6 {
        take(&budget, "DescribeTags", Lane::Sweep).expect("there are some");
    }
    assert!(!budget.is_idle(), "less than three quarters are left");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(budget.is_idle());
    while budget.health_turn(false, Lane::Sweep, 2).is_ok() {}
    assert!(budget.is_idle(), "health has a share of its own");
}

#[tokio::test(start_paused = true)]
async fn health_reads_beyond_the_share_wait_and_those_that_matter_go_first() {
    let limits = Limits::default();
    let budget = Budget::new(&limits);
    assert_eq!(time_for_health(10, &limits), Duration::ZERO);
    assert_eq!(time_for_health(200, &limits), Duration::from_secs(76));
    let quiet = (0..100)
        .take_while(|_| budget.health_turn(false, Lane::Sweep, 1).is_ok())
        .count();
    let urgent = (0..100)
        .take_while(|_| budget.health_turn(true, Lane::Sweep, 2).is_ok())
        .count();
    assert_eq!((quiet, urgent), (5, 4));
    assert!(budget.health_turn(true, Lane::Sweep, 2).expect_err("used up") > Duration::ZERO);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(budget.health_turn(true, Lane::Sweep, 2).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_turn_at_health_is_not_lost_since_nothing_may_be_read_at_all() {
    let budget = Budget::new(&Limits::default());
    let turns = |budget: &Budget| {
        (0..100)
            .take_while(|_| budget.health_turn(true, Lane::Sweep, 1).is_ok())
            .count()
    };
    while take(&budget, "DescribeTags", Lane::Instances).is_ok() {}
    assert_eq!(turns(&budget), 0);
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(turns(&budget), 7, "what the share of health holds is still there");
}

/// However many change all the time, the others come by turns.
#[tokio::test(start_paused = true)]
async fn those_in_which_nothing_changes_are_read_as_well() {
    let budget = Budget::new(&Limits::default());
    let mut read = std::collections::BTreeMap::<Who, u32>::new();
    for _ in 0..1200 {
        for who in 1..=100 {
            // Two thirds of them are never well, and each asks whenever it has its turn.
            let urgent = who % 3 != 0;
            if budget.health_turn(urgent, Lane::Sweep, who).is_ok() {
                *read.entry(who).or_default() += 1;
            }
        }
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let of = |urgent: bool| (1..=100).filter(move |who| (who % 3 != 0) == urgent);
    let reads = |urgent| of(urgent).map(|who| read.get(&who).copied().unwrap_or_default());
    let (quiet, changing) = (reads(false).sum::<u32>(), reads(true).sum::<u32>());
    assert!(reads(false).all(|times| times >= 1), "{read:?}");
    assert!(quiet * 5 >= changing && changing > quiet * 2, "{quiet} and {changing}");
}
