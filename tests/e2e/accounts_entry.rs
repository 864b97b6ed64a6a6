//! Accounts that objects refer to: entered by a role, compared by their id, and left alone where they may not be used.

use kube::api::DynamicObject;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::simulator::REGION;
use testkit::{Calls, LoadBalancer, Options, Policies, Result, Stack, object};

use crate::setup::{minimal, with_args};
use crate::{Test, error, manifest, unique};

pub(crate) const OWN: &str = "123456789012";
const OTHER: &str = "210987654321";
const ROLE: &str = "arn:aws:iam::210987654321:role/classic-lb-operator";
const EXTERNAL_ID: &str = "tenant-1";

/// The role of the other account can be taken by the operator, by its external id alone.
fn entering() -> Options {
    let mut options = Options {
        policies: Policies::default().role(ROLE),
        ..Options::default()
    };
    options.aws.external_ids.insert(ROLE.into(), EXTERNAL_ID.into());
    options
}

/// The lines of an account that is entered by its role.
fn by_role(lines: &str) -> String {
    format!("accountId: '{OTHER}'\nroleArn: {ROLE}\nexternalId: {EXTERNAL_ID}\n{lines}")
}

/// Every namespace may use it.
pub(crate) const FOR_ALL: &str = "namespaces: {from: All}\n";

/// An `AWSAccount` of a test.
pub(crate) struct Account<'t> {
    test: &'t Test,
    pub(crate) name: String,
}

impl<'t> Account<'t> {
    /// A name of its own; nothing is made yet.
    pub(crate) fn named(test: &'t Test) -> Self {
        let name = format!("account-{}", unique());
        Self { test, name }
    }

    /// With these lines as its spec.
    pub(crate) async fn new(test: &'t Test, lines: &str) -> Result<Self> {
        let account = Self::named(test);
        account.set(lines).await?;
        Ok(account)
    }

    /// Applies it with these lines as its spec.
    pub(crate) async fn set(&self, lines: &str) -> Result<()> {
        let spec = lines
            .lines()
            .fold(String::new(), |text, line| text + "  " + line + "\n");
        let name = &self.name;
        let object =
            format!("apiVersion: classiclb.dev/v1alpha1\nkind: AWSAccount\nmetadata: {{name: {name}}}\nspec:\n{spec}");
        self.test.namespace.apply(&object).await.map(drop)
    }

    pub(crate) async fn delete(&self) -> Result<()> {
        self.test.namespace.delete_and_wait(Kind::ACCOUNT, &self.name).await
    }

    /// Waits until Ready has this reason.
    async fn until(&self, reason: &str) -> Result<DynamicObject> {
        let said = |account: &DynamicObject| object::has_reason(account, "Ready", reason);
        self.test
            .namespace
            .until(Kind::ACCOUNT, &self.name, &format!("Ready to say {reason}"), said)
            .await
    }

    /// The least that a balancer needs in this account, and these lines.
    pub(crate) fn spec(&self, lines: &str) -> String {
        minimal(&format!("accountRef: {{name: {}}}\n{lines}", self.name))
    }
}

/// The balancers of the other account, by the witness of the simulator.
fn stands(test: &Test, account: &str, name: &str) -> Option<serde_json::Value> {
    let state = test.simulator().core().load_balancer(account, REGION, name);
    state.map(|state| state.settings)
}

/// What the operator asked for in the other account since a mark.
fn in_other(test: &Test, mark: u64) -> Result<Calls> {
    let calls = test.simulator().calls(mark)?;
    Ok(calls.only(|call| call.account == OTHER && call.service != "sts"))
}

/// Waits until the object is kept out, and returns what it is told.
pub(crate) async fn until_kept_out(test: &Test, reason: &str) -> Result<String> {
    let web = test
        .until(reason, |web| web.says("Accepted", reason) && web.is_observed())
        .await?;
    assert!(web.has("Ready", "False") && web.says("Ready", reason), "{reason}");
    Ok(web.message("Ready"))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_with_balancers_of_one_name_do_not_see_each_other() -> Result<()> {
    let test = Test::web().on(entering()).start().await?;
    let account = Account::new(&test, &by_role(&format!("{FOR_ALL}defaultTags: {{cost: other}}"))).await?;
    let second = test.stack.namespace().await?;
    let name = format!("same-{}", unique());
    let named = format!("loadBalancerName: {name}\nattributes: {{idleTimeoutSeconds: 70}}");
    test.ready(&minimal(&named)).await?;
    second.apply(&manifest(&account.spec(&named))).await?;
    let other: LoadBalancer = second.until_ready("web").await?.into();
    assert_eq!(other.text("/accountId"), OTHER);
    assert_eq!(test.get().await?.text("/accountId"), OWN);
    assert!(other.text("/arn").contains(OTHER), "{}", other.text("/arn"));

    let ready = account.until("Ready").await?;
    let arn = object::text(&ready, "/status/arn").to_owned();
    assert!(
        arn.contains(OTHER) && arn.ends_with("assumed-role/classic-lb-operator"),
        "{arn}"
    );
    let denied = test.simulator().calls(0)?.denied();
    assert!(denied.is_empty(), "{denied}");

    let theirs = stands(&test, OTHER, &name).expect("made there");
    assert!(
        theirs.to_string().contains("cost")
            && !stands(&test, OWN, &name)
                .expect("made here")
                .to_string()
                .contains("cost")
    );
    let mark = test.mark()?;
    test.change(json!({"attributes": {"idleTimeoutSeconds": 80}})).await?;
    assert_eq!(stands(&test, OTHER, &name), Some(theirs));
    assert!(in_other(&test, mark)?.writes().is_empty());

    test.delete().await?;
    assert!(stands(&test, OWN, &name).is_none() && stands(&test, OTHER, &name).is_some());
    second.delete_and_wait(Kind::CLB, "web").await?;
    assert!(stands(&test, OTHER, &name).is_none(), "the account lets it go");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_id_is_wrong_is_not_entered_until_it_is_corrected() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let account = Account::new(&test, &format!("accountId: '{OTHER}'\n{FOR_ALL}")).await?;
    test.apply(&account.spec("")).await?;
    let message = until_kept_out(&test, "AccountNotReady").await?;
    assert!(
        message.contains(&account.name) && message.contains(OTHER) && message.contains(OWN),
        "{message}"
    );
    let told = account.until("AccountMismatch").await?;
    assert!(object::has(&told, "Stalled", "True"));
    assert!(test.simulator().calls(0)?.elb().is_empty(), "nothing is asked before");

    account.set(&format!("accountId: '{OWN}'\n{FOR_ALL}")).await?;
    test.until_ready().await?;
    let ready = account.until("Ready").await?;
    assert!(object::condition(&ready, "Stalled").is_none());

    // The balancer is in the one account, and another one is not to be looked into for it.
    let mark = test.mark()?;
    account.set(&format!("accountId: '{OTHER}'\n{FOR_ALL}")).await?;
    let changed = test
        .until("AccountChanged", |web| web.says("Ready", "AccountChanged"))
        .await?;
    assert!(changed.message("Ready").contains(OWN), "{}", changed.message("Ready"));
    test.nothing_written(mark, "the account is another one").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_be_taken_is_told_and_taken_when_it_can() -> Result<()> {
    let test = Test::web().on(entering()).start().await?;
    let without = format!("accountId: '{OTHER}'\nroleArn: {ROLE}\n{FOR_ALL}");
    let account = Account::new(&test, &without).await?;
    test.apply(&account.spec("")).await?;
    let message = until_kept_out(&test, "AccountNotReady").await?;
    assert!(message.contains("AssumeRole") && message.contains(ROLE), "{message}");
    let told = account.until("AccessDenied").await?;
    let message = object::condition(&told, "Ready").expect("told").message;
    assert!(message.contains("spec.externalId"), "{message}");
    assert!(in_other(&test, 0)?.is_empty() && test.simulator().calls(0)?.elb().is_empty());

    account.set(&by_role(FOR_ALL)).await?;
    test.until_ready().await?;
    account.until("Ready").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_taken_away_writes_nothing_and_comes_back_without_a_restart() -> Result<()> {
    let test = Test::web().on(entering()).start().await?;
    let account = Account::new(&test, &by_role(FOR_ALL)).await?;
    let made = test.ready(&account.spec("")).await?;
    account.until("Ready").await?;

    // The role is deleted: its sessions are rejected, and no new one is given.
    let (mark, simulator) = (test.mark()?, test.simulator());
    let rejected = error(
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid.",
    );
    simulator
        .fault(&json!({"match": {"account": OTHER}, "do": rejected}))
        .await?;
    let denied = error(
        "AccessDenied",
        403,
        &format!("not authorized to perform: sts:AssumeRole on resource: {ROLE}"),
    );
    simulator
        .fault(&json!({"match": {"operation": "AssumeRole"}, "do": denied}))
        .await?;
    test.patch(json!({"attributes": {"idleTimeoutSeconds": 90}})).await?;
    account.until("AccessDenied").await?;
    let message = until_kept_out(&test, "AccountNotReady").await?;
    assert!(message.contains("AssumeRole"), "{message}");
    let web = test.get().await?;
    assert_eq!(web.text("/dnsName"), made.text("/dnsName"));
    assert!(in_other(&test, mark)?.writes().successful().is_empty());

    let back = test.mark()?;
    simulator.clear_faults().await?;
    account.until("Ready").await?;
    test.until_ready().await?;
    assert!(!simulator.calls(back)?.of("AssumeRole").is_empty(), "a new session");
    let settings = stands(&test, OTHER, &made.name()).expect("it stands");
    assert!(settings.to_string().contains("90"), "{settings}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_there_is_waited_for_and_one_that_goes_leaves_balancers_alone() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let account = Account::named(&test);
    test.apply(&account.spec("")).await?;
    let message = until_kept_out(&test, "AccountNotFound").await?;
    assert!(message.contains(&account.name), "{message}");
    assert!(test.get().await?.has("Reconciling", "True"), "it is waited for");
    let lines = format!("accountId: '{OWN}'\n{FOR_ALL}");
    account.set(&lines).await?;
    let made = test.until_ready().await?;

    account.delete().await?;
    until_kept_out(&test, "AccountNotFound").await?;
    let mark = test.mark()?;
    test.patch(json!({"attributes": {"idleTimeoutSeconds": 90}})).await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    let waits = test
        .until("the deletion to wait", |web| web.says("Ready", "Deleting"))
        .await?;
    assert!(
        waits.message("Ready").contains("management: Observe"),
        "{}",
        waits.message("Ready")
    );
    assert!(test.simulator().calls(mark)?.elb().is_empty() && stands(&test, OWN, &made.name()).is_some());
    // The way out that it names: nothing of it is touched.
    test.patch(json!({"management": "Observe"})).await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    assert!(test.simulator().calls(mark)?.elb().writes().is_empty());
    assert!(stands(&test, OWN, &made.name()).is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_not_allowed_any_more_keeps_its_balancers_and_nothing_is_written() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let team = unique();
    let lines = format!(
        "accountId: '{OWN}'\nnamespaces: {{from: Selector, selector: {{matchLabels: {{team: 'team-{team}'}}}}}}\n"
    );
    let account = Account::new(&test, &lines).await?;
    let namespace = test.namespace.namespace().to_owned();
    let label = |value: Option<String>| {
        let (cluster, name) = (&test.namespace, &namespace);
        async move {
            cluster
                .label(Kind::NAMESPACE, name, "team", value.as_deref())
                .await
                .map(drop)
        }
    };
    test.apply(&account.spec("")).await?;
    let message = until_kept_out(&test, "AccountNotAllowed").await?;
    assert!(
        message.contains(&namespace) && message.contains(&account.name),
        "{message}"
    );
    assert!(test.get().await?.has("Stalled", "True"));
    assert!(test.simulator().calls(0)?.elb().is_empty());

    label(Some(format!("team-{team}"))).await?;
    let made = test.until_ready().await?;
    let mark = test.mark()?;
    label(None).await?;
    until_kept_out(&test, "AccountNotAllowed").await?;
    test.patch(json!({"attributes": {"idleTimeoutSeconds": 90}})).await?;
    test.until("the change to be seen", |web| {
        web.is_observed() && web.says("Ready", "AccountNotAllowed")
    })
    .await?;
    assert!(test.simulator().calls(mark)?.elb().is_empty() && stands(&test, OWN, &made.name()).is_some());
    assert_eq!(test.get().await?.text("/dnsName"), made.text("/dnsName"));

    label(Some(format!("team-{team}"))).await?;
    test.until_ready().await?;
    assert!(
        stands(&test, OWN, &made.name())
            .expect("it stands")
            .to_string()
            .contains("90")
    );
    // Also where it is only to be looked at.
    test.change(json!({"management": "Observe"})).await?;
    label(None).await?;
    until_kept_out(&test, "AccountNotAllowed").await?;
    test.patch(json!({"management": "Suspended"})).await?;
    test.until("rest", |web| web.has("Ready", "True") && web.says("Ready", "Suspended"))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_the_account_does_not_allow_or_has_not_enabled_is_told() -> Result<()> {
    let test = Test::web().on(entering()).start().await?;
    let account = Account::new(&test, &by_role(&format!("{FOR_ALL}regions: [eu-west-1]"))).await?;
    test.apply(&account.spec("")).await?;
    let message = until_kept_out(&test, "AccountNotAllowed").await?;
    assert!(
        message.contains("spec.region") && message.contains("us-east-1") && message.contains("eu-west-1"),
        "{message}"
    );

    // Where a region is not enabled, good credentials are rejected there and nowhere else.
    let rejected = error(
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid.",
    );
    let there = json!({"match": {"region": "af-south-1", "account": OTHER}, "do": rejected});
    test.simulator().fault(&there).await?;
    account.set(&by_role(FOR_ALL)).await?;
    let second = test.stack.namespace().await?;
    let spec = account.spec("region: af-south-1").replace("us-east-1", "af-south-1");
    second.apply(&manifest(&spec)).await?;
    let told = |web: &DynamicObject| object::has_reason(web, "Accepted", "AccountNotReady");
    let web: LoadBalancer = second.until(Kind::CLB, "web", "AccountNotReady", told).await?.into();
    let message = web.message("Ready");
    assert!(
        message.contains("af-south-1") && message.contains("enable"),
        "{message}"
    );
    test.until_ready().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_account_of_its_own_the_operator_asks_for_one() -> Result<()> {
    let test = Test::web().on(with_args(&["--default-account=off"])).start().await?;
    test.apply(&minimal("")).await?;
    let message = until_kept_out(&test, "AccountNotAllowed").await?;
    assert!(
        message.contains("spec.accountRef") && message.contains("--default-account"),
        "{message}"
    );
    assert!(test.simulator().calls(0)?.elb().is_empty());
    test.delete().await?;
    let account = Account::new(&test, &format!("accountId: '{OWN}'\n{FOR_ALL}")).await?;
    test.ready(&account.spec("")).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_tells_how_many_objects_refer_to_it() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    let account = Account::new(&test, &format!("accountId: '{OWN}'\n{FOR_ALL}")).await?;
    let ready = account.until("Ready").await?;
    assert_eq!(object::at(&ready, "/status/loadBalancers"), Some(&json!(0)));
    test.ready(&account.spec("")).await?;
    let counted = |account: &DynamicObject| object::at(account, "/status/loadBalancers") == Some(&json!(1));
    let account = test
        .namespace
        .until(Kind::ACCOUNT, &account.name, "one to be counted", counted)
        .await?;
    let regions = object::at(&account, "/status/regions").expect("its regions");
    assert_eq!(regions.as_array().map(Vec::len), Some(1), "{regions}");
    let region = &regions[0];
    assert_eq!((&region["name"], &region["loadBalancers"]), (&json!(REGION), &json!(1)));
    assert_eq!(region["budget"], "Sufficient", "{regions}");
    assert!(region["view"] == "Answering" || region["view"] == "Unread", "{regions}");
    Ok(())
}
