//! AWS as whoever runs this: who that is, the clock, and every action that only reads. Whether a read is permitted is asked by
//! making it, with names that nothing has where it takes any.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};

use super::{Checked, clock, of, writes};
use crate::aws::{AccountRegion, Class, Client, Error, Filters};
use crate::cli::failure::{self, Failure};
use crate::cli::finding::Finding;
use crate::cli::region;
use crate::elb::{Account, InstanceId};

/// What no load balancer, group or certificate is called.
const NOTHING: &str = "clb-check-no-such-thing";
/// What no instance is called.
const NO_INSTANCE: &str = "i-00000000000000000";
/// What no VPC is called.
const NO_VPC: &str = "vpc-00000000000000000";
/// Where an endpoint may be named, the service's own first.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING", "AWS_ENDPOINT_URL"];

/// All of it; nothing more than the first where nobody knows the credentials.
pub(super) async fn checks(named: Option<&str>, writes: Option<&writes::Asked<'_>>) -> Vec<Checked> {
    let aws = match super::super::aws().await {
        Ok(aws) => aws,
        Err(failure) => {
            let finding = Finding::error("AWS cannot be asked").with(&failure.to_string());
            return vec![of("aws-identity", finding)];
        }
    };
    let Some(place) = named.or(aws.default_region()) else {
        let finding = Finding::warning("AWS was not asked: no region is set");
        return vec![of("aws-identity", finding.hint("give --region or set AWS_REGION"))];
    };
    let region = aws.region(place);
    let mut checks = vec![clock_of(place).await];
    match region.account().await {
        Err(error) if error.code == failure::NO_CREDENTIALS => {
            let finding = Finding::warning("AWS was not asked").with(&failure::no_credentials(&error));
            checks.push(of("aws-identity", finding));
        }
        Err(error) => {
            let finding = Finding::error("AWS does not tell who you are");
            checks.push(of(
                "aws-identity",
                finding.with(&Failure::aws(place, &error).to_string()),
            ));
        }
        Ok(account) => {
            let line = format!("you are {} in account {}, region {place}", account.caller, account.id);
            checks.push(of("aws-identity", Finding::success(line)));
            checks.extend(actions(&region, place, &account).await);
            if let Some(asked) = writes {
                checks.extend(writes::checks(&region, place, &account, asked).await);
            }
        }
    }
    checks
}

async fn clock_of(place: &str) -> Checked {
    let code = "aws-clock";
    let named = ENDPOINTS.iter().find_map(|name| std::env::var(name).ok());
    let named = named.filter(|endpoint| !endpoint.is_empty());
    let known = region::find(place).map(|facts| format!("https://{}", facts.endpoint));
    match named.or(known) {
        None => of(
            code,
            Finding::warning(format!(
                "the endpoint of {place} is not known, so its clock was not asked"
            )),
        ),
        Some(address) => match clock::at(&address).await {
            Ok(theirs) => clock::compared(code, "AWS", theirs, clock::now()),
            Err(why) => of(
                code,
                Finding::error(format!("{address} does not answer"))
                    .with(&why)
                    .hint("check the network, the proxy, --region and AWS_ENDPOINT_URL"),
            ),
        },
    }
}

type Asked<'a> = (&'static str, BoxFuture<'a, Result<(), Error>>);

async fn actions(region: &AccountRegion, place: &str, account: &Account) -> Vec<Checked> {
    let arn = format!(
        "arn:{}:acm:{place}:{}:certificate/00000000-0000-4000-8000-000000000000",
        account.partition, account.id
    );
    let instances = BTreeSet::from([NO_INSTANCE.to_owned()]);
    let asked = of_balancers(&region.client, &instances)
        .into_iter()
        .chain(of_what_they_refer_to(&region.client, &instances, &arn));
    let answers = join_all(asked.map(async |(action, answer)| (action, answer.await))).await;
    let judged = answers.into_iter().map(|(action, answer)| judged(action, answer));
    judged.map(|finding| of("aws-action", finding)).collect()
}

fn of_balancers<'a>(client: &'a Client, instances: &'a BTreeSet<InstanceId>) -> Vec<Asked<'a>> {
    let groups = async { said(client.auto_scaling_groups(&BTreeSet::from([NOTHING.to_owned()])).await) };
    vec![
        (
            "elasticloadbalancing:DescribeLoadBalancers",
            client.find(NOTHING).map(said).boxed(),
        ),
        (
            "elasticloadbalancing:DescribeTags",
            client.tags(NOTHING).map(said).boxed(),
        ),
        (
            "elasticloadbalancing:DescribeInstanceHealth",
            client.instance_health(NOTHING).map(said).boxed(),
        ),
        (
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            client.attributes(NOTHING).map(said).boxed(),
        ),
        (
            "elasticloadbalancing:DescribeLoadBalancerPolicies",
            client.policies(NOTHING).map(said).boxed(),
        ),
        ("autoscaling:DescribeAutoScalingGroups", groups.boxed()),
        (
            "autoscaling:DescribeAutoScalingInstances",
            client.auto_scaling_members(instances).map(said).boxed(),
        ),
        (
            "autoscaling:DescribeLoadBalancers",
            client.is_attached(NOTHING, NOTHING).map(said).boxed(),
        ),
    ]
}

fn of_what_they_refer_to<'a>(client: &'a Client, instances: &'a BTreeSet<InstanceId>, arn: &'a str) -> Vec<Asked<'a>> {
    let filters = || Filters::default().with_tags(&BTreeMap::from([(NOTHING.to_owned(), NOTHING.to_owned())]));
    let subnets = async move { said(client.subnets(&filters()).await) };
    let groups = async move { said(client.security_groups(&filters()).await) };
    let tables = async { said(client.route_tables(&BTreeSet::from([NO_VPC.to_owned()])).await) };
    let by_domain = client.certificate_of_domain(NOTHING, clock::now());
    vec![
        ("acm:ListCertificates", by_domain.map(said).boxed()),
        ("acm:DescribeCertificate", client.certificate(arn).map(said).boxed()),
        (
            "acm:ListTagsForCertificate",
            client.tags_of_certificate(arn).map(said).boxed(),
        ),
        (
            "iam:GetServerCertificate",
            client.server_certificate(NOTHING).map(said).boxed(),
        ),
        ("ec2:DescribeInstances", client.terminated(instances).map(said).boxed()),
        ("ec2:DescribeSubnets", subnets.boxed()),
        ("ec2:DescribeRouteTables", tables.boxed()),
        ("ec2:DescribeSecurityGroups", groups.boxed()),
    ]
}

fn said<T>(answer: Result<T, Error>) -> Result<(), Error> {
    answer.map(drop)
}

/// Whoever is told that something does not exist was let in.
fn judged(action: &str, answer: Result<(), Error>) -> Finding {
    match answer {
        Err(error) if error.class == Class::Denied => Finding::warning(format!("you may not {action}"))
            .with(&error.message)
            .hint(format!(
                "the operator needs it where docs/reference/iam-actions.md says so; kubectl clb iam-policy prints the policy of \
                 the features in use, {action} among them where that is so"
            )),
        Err(error) if matches!(error.class, Class::Throttled | Class::Unavailable | Class::OverBudget) => {
            Finding::warning(format!("whether you may {action} is not known")).with(&error.to_string())
        }
        _ => Finding::success(format!("you may {action}")),
    }
}
