//! Several accounts and regions at once, each with the rates that AWS publishes: together they are the sum of their parts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_simulator::Throttles;
use testkit::cluster::Kind;
use testkit::{Calls, Options, Policies, Result};

use crate::accounts_entry::{Account, FOR_ALL, OWN};
use crate::setup::with_args;
use crate::{Test, set};

const OTHERS: [&str; 2] = ["210987654321", "321098765432"];
const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"];
/// One more than AWS makes at once.
const EACH: usize = 11;

fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/classic-lb-operator")
}

/// The names of the objects of an account in a region.
fn names(account: usize, region: &str) -> Vec<String> {
    (0..EACH)
        .map(|number| format!("a{account}-{region}-{number:02}"))
        .collect()
}

/// The objects of all accounts in all regions. Load balancers have the same names in each account and region.
fn objects(accounts: &[Option<&str>]) -> String {
    let mut yaml = String::new();
    for (number, account) in accounts.iter().enumerate() {
        let reference = account.map_or_else(String::new, |name| format!("accountRef: {{name: {name}}}, "));
        for region in REGIONS {
            for (index, name) in names(number, region).into_iter().enumerate() {
                let _ = write!(
                    yaml,
                    "---\napiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: {name}}}\nspec: \
                     {{region: {region}, {reference}loadBalancerName: lb-{index:02}, availabilityZones: [{region}a], \
                     listeners: [{{port: 80, protocol: HTTP, instancePort: 80}}]}}\n"
                );
            }
        }
    }
    yaml
}

/// What AWS took, by account and region.
fn by_part(calls: &Calls) -> BTreeMap<(String, String), BTreeMap<String, usize>> {
    let mut parts = BTreeMap::<_, BTreeMap<String, usize>>::new();
    let taken = calls.writes().successful();
    for call in &taken.only(|call| call.service == "elasticloadbalancing") {
        let part = parts.entry((call.account.clone(), call.region.clone())).or_default();
        *part.entry(call.operation.clone()).or_default() += 1;
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn three_accounts_in_four_regions_are_the_sum_of_their_parts() -> Result<()> {
    let mut options = Options {
        policies: OTHERS
            .iter()
            .fold(Policies::default(), |all, account| all.role(&role(account))),
        ..with_args(&["--rate-limits=resource-intensive=10+0.2", "--rate-share=100"])
    };
    options.aws.throttles = Some(Throttles::default());
    let test = Test::web().on(options).start().await?;
    let mut accounts = Vec::new();
    for account in OTHERS {
        let lines = format!("accountId: '{account}'\nroleArn: {}\n{FOR_ALL}", role(account));
        accounts.push(Account::new(&test, &lines).await?);
    }
    let named: Vec<Option<&str>> = [None]
        .into_iter()
        .chain(accounts.iter().map(|account| Some(account.name.as_str())))
        .collect();
    let mark = test.mark()?;
    test.namespace.apply(&objects(&named)).await?;
    let all: Vec<String> = (0..named.len())
        .flat_map(|account| REGIONS.iter().flat_map(move |region| names(account, region)))
        .collect();
    for name in &all {
        test.namespace.until_ready(name).await?;
    }
    let calls = test.simulator().calls(mark)?;
    let made = by_part(&calls);
    // What AWS makes has the health check already, and is told so only where it is seen in the same reconcile.
    let whole = |part: &BTreeMap<String, usize>| {
        let checks = part.get("ConfigureHealthCheck").copied().unwrap_or_default();
        part["CreateLoadBalancer"] == EACH && checks <= EACH && part.values().sum::<usize>() == EACH + checks
    };
    assert!(made.values().all(whole), "{made:?}");
    let parts = made.keys().map(|(account, _)| account.as_str());
    assert_eq!(set(parts), set([OWN].iter().chain(&OTHERS)));
    assert_eq!(made.len(), named.len() * REGIONS.len());
    let refused = calls.only(|call| call.error_code.as_deref() == Some("Throttling"));
    // Each has a bucket of its own. Here all of it is the operator's, and a machine that is slow may be too early by a hair.
    assert!(refused.len() * 100 < calls.len(), "{refused}");

    // And they go as they came.
    let mark = test.mark()?;
    for name in &all {
        test.namespace.delete(Kind::CLB, name).await?;
    }
    for name in &all {
        test.namespace.until_gone(Kind::CLB, name).await?;
    }
    let gone = by_part(&test.simulator().calls(mark)?);
    assert_eq!(gone.len(), made.len());
    assert!(gone.values().all(|part| part["DeleteLoadBalancer"] == EACH), "{gone:?}");
    for account in accounts {
        account.delete().await?;
    }
    Ok(())
}
