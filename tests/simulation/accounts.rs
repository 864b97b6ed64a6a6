//! A role of another account over hours: its sessions end, STS is out of order, AWS rejects them.

use std::sync::Arc;
use std::time::Duration;

use aws_simulator::{Action, Clock, Config, Delays, FaultRule, Match, Signatures, Simulator};
use classic_lb_operator::aws::{AccountRegion, Accounts, Limits, Rates, Reads, Role};
use classic_lb_operator::elb::{Class, Lane};
use classic_lb_operator::lease::Leadership;
use classic_lb_operator::metrics::Metrics;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::aws::{self, REGION};

const OTHER: &str = "210987654321";

/// A simulator by the runtime's clock, and the accounts as the operator enters them.
fn accounts(limits: Limits) -> (Simulator, Accounts) {
    let start: Timestamp = "2026-01-31T00:00:00Z".parse().expect("a time");
    let simulator = Simulator::new(Config {
        clock: Clock::tokio(aws_simulator::Timestamp::from_millis(start.as_millisecond())),
        delays: Delays::None,
        signatures: Signatures::Known,
        ..Config::default()
    });
    let (metrics, rates) = (Arc::new(Metrics::new()), Rates::queued(limits));
    let accounts = Accounts::new(aws::config(&simulator, start), Leadership::sole(), metrics, rates);
    (simulator, accounts)
}

/// A region of an account, for an object.
fn place(accounts: &Accounts, user: &str, account: &str, region: &str) -> Arc<AccountRegion> {
    accounts.region_for((user, None), Some(&role(account)), region, reads())
}

fn role(account: &str) -> Role {
    Role {
        arn: format!("arn:aws:iam::{account}:role/classic-lb-operator"),
        external_id: None,
        session_name: None,
        rate_share: None,
    }
}

/// The region of the other account.
fn entered() -> (Simulator, Accounts, Arc<AccountRegion>) {
    let (simulator, accounts) = accounts(Limits::none());
    let region = place(&accounts, "1", OTHER, REGION);
    (simulator, accounts, region)
}

fn reads() -> Reads {
    Reads {
        lane: Lane::Change,
        since: Instant::now(),
    }
}

fn assumed(simulator: &Simulator) -> usize {
    let all = simulator.requests(0);
    all.iter().filter(|request| request.operation == "AssumeRole").count()
}

fn refuse(simulator: &Simulator, matching: Match, code: &str) {
    let action = Action::Error {
        code: code.to_owned(),
        status: 403,
        message: String::new(),
    };
    simulator.add_fault(FaultRule { matching, action });
}

fn role_is_refused() -> Match {
    Match {
        operation: Some("AssumeRole".to_owned()),
        ..Match::default()
    }
}

async fn after(minutes: u64) {
    tokio::time::advance(Duration::from_mins(minutes)).await;
}

#[tokio::test(start_paused = true)]
async fn sessions_are_renewed_before_they_end() {
    let (simulator, _accounts, region) = entered();
    assert_eq!(region.account().await.expect("entered").id, OTHER);
    after(50).await;
    assert_eq!(region.client.find("none").await, Ok(None));
    assert_eq!(assumed(&simulator), 1, "it lasts an hour");
    for hours in 1..=5 {
        after(60).await;
        assert_eq!(region.client.find("none").await, Ok(None));
        assert_eq!(assumed(&simulator), 1 + hours);
        assert_eq!(region.account().await.expect("still there").id, OTHER);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_renewed_serves_until_it_ends() {
    let (simulator, _accounts, region) = entered();
    region.account().await.expect("entered");
    refuse(&simulator, role_is_refused(), "AccessDenied");
    after(57).await;
    assert_eq!(
        region.client.find("none").await,
        Ok(None),
        "it is good for three minutes more"
    );
    after(4).await;
    let error = region.client.find("none").await.expect_err("it has ended");
    assert_eq!((error.operation, error.class), ("AssumeRole", Class::Denied));
    simulator.clear_faults();
    assert_eq!(region.client.find("none").await, Ok(None), "without a restart");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_rejected_is_given_up_when_the_account_is_looked_at() {
    let (simulator, _accounts, region) = entered();
    region.account().await.expect("entered");
    let elsewhere = Match {
        account: Some(OTHER.to_owned()),
        count: Some(1),
        ..Match::default()
    };
    refuse(&simulator, elsewhere, "InvalidClientTokenId");
    assert_eq!(region.verify().await.expect("a new session").id, OTHER);
    assert_eq!(assumed(&simulator), 2);
    refuse(&simulator, role_is_refused(), "AccessDenied");
    assert_eq!(region.verify().await.expect("the session is good").id, OTHER);
    assert_eq!(assumed(&simulator), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_object_of_an_account_takes_its_session_along() {
    let (simulator, accounts, region) = entered();
    region.account().await.expect("entered");
    let role = Role {
        arn: format!("arn:aws:iam::{OTHER}:role/classic-lb-operator"),
        external_id: None,
        session_name: None,
        rate_share: None,
    };
    let same = accounts.region_for(("2", None), Some(&role), REGION, reads());
    same.account().await.expect("entered");
    assert_eq!(assumed(&simulator), 1, "one for all objects");
    let own = accounts.region(REGION).account().await.expect("the operator's own");
    assert_ne!(own.id, OTHER);
    accounts.release("1");
    let other = accounts.region_for(("3", None), Some(&role), REGION, reads());
    other.account().await.expect("entered");
    assert_eq!(assumed(&simulator), 1, "as long as one is left");
    accounts.release("2");
    accounts.release("3");
    let anew = accounts.region_for(("4", None), Some(&role), REGION, reads());
    anew.account().await.expect("entered");
    assert_eq!(assumed(&simulator), 2);
}

/// How many reads it lets through at once.
async fn at_once(place: &AccountRegion) -> usize {
    for reads in 0..100 {
        match place.client.find("none").await {
            Ok(_) => {}
            Err(error) if error.class == Class::OverBudget => return reads,
            Err(error) => panic!("{}: {error}", place.region),
        }
    }
    panic!("{}: no end of it", place.region)
}

#[tokio::test(start_paused = true)]
async fn accounts_and_regions_are_the_sum_of_their_parts() {
    const ACCOUNTS: [&str; 3] = [OTHER, "310987654321", "410987654321"];
    const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-west-1", "ap-south-1"];
    let (_simulator, one) = accounts(Limits::default());
    let alone = at_once(&place(&one, "1", ACCOUNTS[0], REGIONS[0])).await;
    assert!(alone > 10, "{alone}");
    let (simulator, accounts) = accounts(Limits::default());
    // One throttles, and another does not answer.
    let of = |account: &str, region: &str| Match {
        service: Some("elasticloadbalancing".to_owned()),
        account: Some(account.to_owned()),
        region: Some(region.to_owned()),
        ..Match::default()
    };
    refuse(&simulator, of(ACCOUNTS[1], REGIONS[1]), "Throttling");
    simulator.add_fault(FaultRule {
        matching: of(ACCOUNTS[2], REGIONS[2]),
        action: Action::Hang,
    });
    let throttled = place(&accounts, "1", ACCOUNTS[1], REGIONS[1]);
    let error = throttled.client.find("none").await.expect_err("throttled");
    assert_eq!(error.class, Class::Throttled);
    let hanging = place(&accounts, "2", ACCOUNTS[2], REGIONS[2]);
    let others = async {
        let begun = Instant::now();
        for account in ACCOUNTS {
            for region in REGIONS {
                let troubled = [(ACCOUNTS[1], REGIONS[1]), (ACCOUNTS[2], REGIONS[2])];
                if !troubled.contains(&(account, region)) {
                    let place = place(&accounts, &format!("{account} {region}"), account, region);
                    assert_eq!(at_once(&place).await, alone, "{account} {region}");
                }
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    };
    let (hung, ()) = tokio::join!(hanging.client.find("none"), others);
    assert_eq!(hung.expect_err("no answer").class, Class::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn roles_of_one_account_draw_from_one_budget_of_the_least_share() {
    let region = "us-east-1";
    let (_simulator, accounts) = accounts(Limits::default());
    let enter = |user: &str, session: &str, rate_share: Option<u8>| {
        let role = Role {
            session_name: Some(session.to_owned()),
            rate_share,
            ..role(OTHER)
        };
        accounts.region_for((user, None), Some(&role), region, reads())
    };
    let (one, two) = (enter("1", "one", None), enter("2", "two", None));
    assert!(at_once(&one).await > 10);
    assert_eq!(at_once(&two).await, 0, "AWS counts both together");
    let samples = accounts.samples();
    let of_account = samples.iter().filter(|sample| &*sample.at.account == OTHER);
    assert_eq!(of_account.count(), 1, "one budget is told once");

    let small = enter("3", "three", Some(10));
    tokio::time::advance(Duration::from_mins(10)).await;
    let few = at_once(&one).await;
    assert!((1..10).contains(&few), "{few}");
    drop(small);
    accounts.release("3");
    tokio::time::advance(Duration::from_mins(10)).await;
    assert!(at_once(&two).await > 10);
}

#[tokio::test(start_paused = true)]
async fn a_role_of_the_own_account_draws_from_its_budget() {
    let (simulator, accounts) = accounts(Limits::default());
    let own = accounts.region_for(("1", None), None, REGION, reads());
    let id = own.account().await.expect("an answer").id;
    let role = place(&accounts, "2", &id, REGION);
    assert!(at_once(&role).await > 10);
    assert_eq!(at_once(&own).await, 0, "AWS counts both together");
    // Nor is that forgotten while STS refuses the operator's credentials.
    let asked = Match {
        operation: Some("GetCallerIdentity".to_owned()),
        ..Match::default()
    };
    refuse(&simulator, asked, "InvalidClientTokenId");
    own.verify().await.expect_err("refused");
    assert_eq!(at_once(&place(&accounts, "2", &id, REGION)).await, 0);

    // Where the role was entered before anybody knew that, it is so from then on.
    let (_simulator, accounts) = self::accounts(Limits::default());
    let entered = || place(&accounts, "2", &id, REGION);
    let own = || accounts.region_for(("1", None), None, REGION, reads());
    assert!(at_once(&entered()).await > 10);
    own().account().await.expect("an answer");
    assert!(at_once(&entered()).await > 10);
    assert_eq!(at_once(&own()).await, 0);
    // The other one's smaller share is that of both.
    tokio::time::advance(Duration::from_mins(10)).await;
    let least = Role {
        session_name: Some("small".to_owned()),
        rate_share: Some(10),
        ..self::role(&id)
    };
    drop(accounts.region_for(("3", None), Some(&least), REGION, reads()));
    let few = at_once(&own()).await;
    assert!((1..10).contains(&few), "{few}");
}
