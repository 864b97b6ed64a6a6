//! Objects that refer to an `AWSAccount`: AWS is asked, and written to, in the account where they are.

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::simulator::REGION;
use testkit::{Options, Policies, Result, Stack};
use tokio::sync::OnceCell;

use crate::import::unique;
use crate::{Person, file, manifest, path};

/// The account of whoever runs a command.
const OWN: &str = "123456789012";
/// One that is entered by a role.
pub(crate) const OTHER: &str = "210987654321";
pub(crate) const ROLE: &str = "arn:aws:iam::210987654321:role/classic-lb-operator";
/// A role there that may do everything.
pub(crate) const PEOPLE: &str = "arn:aws:iam::210987654321:role/people";
/// A role there that nobody gets without the external id.
pub(crate) const LOCKED: &str = "arn:aws:iam::210987654321:role/locked";

/// A person beside an operator that may take the role.
async fn person() -> Result<Person<'static>> {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    let mut options = Options {
        policies: Policies::default().role(ROLE),
        ..Options::default()
    };
    options.aws.external_ids.insert(LOCKED.into(), "secret".into());
    let stack = STACK.get_or_try_init(|| Stack::start(options)).await?;
    Person::at(stack).await
}

/// An `AWSAccount` with the name of the person's namespace, without a role where that is empty.
pub(crate) async fn enter(person: &Person<'_>, id: &str, role: &str) -> Result<String> {
    let name = person.namespace.namespace().to_owned();
    let mut account = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "AWSAccount", "metadata": {"name": name},
        "spec": {"accountId": id, "namespaces": {"from": "All"}},
    });
    if !role.is_empty() {
        account["spec"]["roleArn"] = json!(role);
    }
    person.namespace.apply(&account.to_string()).await?;
    Ok(name)
}

/// The other account, with the name of its `AWSAccount`.
pub(crate) async fn other(person: &Person<'_>) -> Result<String> {
    enter(person, OTHER, ROLE).await
}

/// A load balancer in an account.
pub(crate) async fn stand(person: &Person<'_>, account: &str, name: &str, more: Value) -> Result<()> {
    let mut balancer = json!({"name": name, "availabilityZones": ["us-east-1a"],
        "listeners": [{"protocol": "HTTP", "port": 80, "instancePort": 8080}]});
    if let (Some(balancer), Value::Object(more)) = (balancer.as_object_mut(), more) {
        balancer.extend(more);
    }
    let seed = json!({"regions": [{"account": account, "region": REGION, "loadBalancers": [balancer]}]});
    person.stack.simulator().seed(&seed).await
}

/// What tells one load balancer from another.
fn listening(port: u16) -> Value {
    json!({"listeners": [{"protocol": "HTTP", "port": port, "instancePort": 8080}]})
}

/// What the simulator knows of one, in its own words.
fn settings(person: &Person<'_>, account: &str, name: &str) -> String {
    let state = person.stack.simulator().core().load_balancer(account, REGION, name);
    state.expect("it stands").settings.to_string()
}

/// The calls that a command makes in the own account about this load balancer, or with no name at all.
fn asked_at_home(person: &Person<'_>, mark: u64, name: &str) -> Result<testkit::Calls> {
    let calls = person.stack.simulator().calls(mark)?.naming(name);
    Ok(calls.only(|call| call.account == OWN))
}

#[tokio::test(flavor = "multi_thread")]
async fn adopt_offers_in_the_account_of_the_object() -> Result<()> {
    let person = person().await?;
    let (account, name) = (enter(&person, OTHER, PEOPLE).await?, unique(&person, "acc-a"));
    stand(&person, OWN, &name, json!({})).await?;
    stand(&person, OTHER, &name, json!({})).await?;
    let adopt = |text: &str, more: &[&str]| {
        let file = file(text);
        person.here(
            &[
                &["adopt", "-f", path(&file), "--cluster-id", "test", "--offer-only"],
                more,
            ]
            .concat(),
        )
    };
    let text = format!(
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: web}}\nspec:\n  accountRef: {{name: \
         {account}}}\n  loadBalancerName: {name}\n  adopt: true\n  deletionPolicy: Retain\n  availabilityZones: \
         [us-east-1a]\n  listeners:\n  - {{port: 80, protocol: HTTP, instancePort: 8080}}\n"
    );
    let mark = person.stack.simulator().mark()?;
    adopt(&text, &[]).ended(0).says(&["is offered"]);
    assert!(settings(&person, OTHER, &name).contains("classiclb.dev/adopt-by"));
    assert!(!settings(&person, OWN, &name).contains("classiclb.dev/adopt-by"));
    assert!(
        asked_at_home(&person, mark, &name)?.is_empty(),
        "nothing is asked at home"
    );

    // A role that leads elsewhere, and an account that nobody knows.
    let calls = person.stack.simulator().mark()?;
    adopt(&text.replace(&account, "nobody-knows"), &[])
        .ended(1)
        .complains(&["no AWSAccount called \"nobody-knows\""]);
    // The operator's own role may tag nothing that it does not own, whoever takes it.
    let fresh = unique(&person, "acc-f");
    stand(&person, OTHER, &fresh, json!({})).await?;
    other(&person).await?;
    adopt(&text.replace(&name, &fresh), &[])
        .ended(1)
        .complains(&["AddTags", "AccessDenied"]);
    enter(&person, OTHER, LOCKED).await?;
    adopt(&text, &[])
        .ended(1)
        .complains(&[&format!("AWSAccount {account} cannot be entered"), "AssumeRole"]);
    enter(&person, OTHER, "").await?;
    adopt(&text, &[]).ended(1).complains(&[&format!(
        "AWSAccount {account} is account {OTHER} and names no role, and these credentials are of {OWN}"
    )]);
    assert!(person.stack.simulator().calls(calls)?.writes().naming(&name).is_empty());
    person.namespace.delete_and_wait(Kind::ACCOUNT, &account).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_looks_for_what_is_referred_to_in_the_account_of_the_object() -> Result<()> {
    let person = person().await?;
    let account = other(&person).await?;
    let certificate = format!("arn:aws:acm:{REGION}:{OTHER}:certificate/00000000-0000-0000-0000-0000000acc01");
    let seed = json!({"regions": [{"account": OTHER, "region": REGION,
        "vpcs": [], "certificates": [{"arn": certificate}]}]});
    person.stack.simulator().seed(&seed).await?;
    let listener = "{port: 80, protocol: HTTP, instancePort: 8080}";
    let secure = format!(
        "{{port: 443, protocol: HTTPS, instancePort: 8080, instanceProtocol: HTTP, certificate: {{arn: '{certificate}'}}}}"
    );
    let web = manifest("web", &[])
        .replace(listener, &secure)
        .replace("spec:\n", &format!("spec:\n  accountRef: {{name: {account}}}\n"));
    let ran = person.plan(&["-f", path(&file(&web))]).ended(3);
    assert!(!ran.out.contains("problem:"), "{ran:#?}");
    // One of the own account is what cannot be had there.
    let ours = web.replace(&format!(":{OTHER}:"), &format!(":{OWN}:"));
    let ran = person.plan(&["-f", path(&file(&ours))]).ended(1);
    ran.says(&[&format!("is of account {OWN}, the operator works in {OTHER}")]);
    person.namespace.delete_and_wait(Kind::ACCOUNT, &account).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_account_is_asked_about_there_by_every_command() -> Result<()> {
    let person = person().await?;
    let (account, name) = (other(&person).await?, unique(&person, "acc-b"));
    // What is called the same at home is not to be taken for it.
    stand(&person, OWN, &name, json!({"tags": {"whose": "ours"}})).await?;
    let web = manifest("web", &[]).replace(
        "spec:\n",
        &format!("spec:\n  accountRef: {{name: {account}}}\n  loadBalancerName: {name}\n"),
    );
    person.namespace.apply(&web).await?;
    person.namespace.until_ready("web").await?;
    let mark = person.stack.simulator().mark()?;

    person
        .plan(&["web"])
        .ended(0)
        .says(&["web in us-east-1", "nothing to do"]);
    person
        .here(&["diff", "web", "--cluster-id", "test"])
        .ended(0)
        .says(&["no field differs"]);
    let why = person.here(&["why", "web"]).ended(0);
    assert!(!why.out.contains("AWS was not asked"), "{why:#?}");
    let export = person.here(&["export", "web", "--to", "aws-cli"]).ended(0);
    assert!(
        export.out.contains(&name) && !export.out.contains("ours"),
        "{export:#?}"
    );
    let home = asked_at_home(&person, mark, &name)?;
    assert!(home.is_empty(), "{home}");

    // Where the account cannot be entered nobody is asked in its place.
    person.namespace.delete_and_wait(Kind::CLB, "web").await?;
    let kept = web.replace("spec:\n", "spec:\n  management: Suspended\n");
    person.namespace.apply(&kept).await?;
    enter(&person, OTHER, LOCKED).await?;
    let locked = format!("AWSAccount {account} cannot be entered");
    person.here(&["export", "web", "--to", "aws-cli"]).fails(1, &[&locked]);
    person.namespace.delete_and_wait(Kind::CLB, "web").await?;
    person.namespace.delete_and_wait(Kind::ACCOUNT, &account).await
}

/// A Terraform state with one load balancer of this account, and an instance attached to it.
fn state(account: &str, name: &str, instance: &str) -> tempfile::NamedTempFile {
    let arn = format!("arn:aws:elasticloadbalancing:{REGION}:{account}:loadbalancer/{name}");
    let resource = |kind: &str, values: Value| {
        json!({"mode": "managed", "type": kind, "name": "web", "provider": "p",
        "instances": [{"attributes": values}]})
    };
    let state = json!({"version": 4, "terraform_version": "1.11.4", "resources": [
        resource("aws_elb", json!({"name": name, "arn": arn})),
        resource("aws_elb_attachment", json!({"elb": name, "instance": instance})),
    ]});
    file(&state.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn import_reads_and_offers_in_the_account_that_is_named_and_refers_to_it() -> Result<()> {
    let person = person().await?;
    let (account, name) = (enter(&person, OTHER, PEOPLE).await?, unique(&person, "acc-i"));
    stand(&person, OWN, &name, listening(77)).await?;
    stand(&person, OTHER, &name, listening(88)).await?;
    let import = |more: &[&str]| person.here(&[&["import", "--cluster-id", "test"], more].concat());
    let mark = person.stack.simulator().mark()?;
    let ran = import(&[&name, "--account", &account, "--offer"]).ended(0);
    let spec = ran.yaml()["spec"].clone();
    assert_eq!(spec["accountRef"], json!({"name": account.as_str()}), "{spec:#}");
    assert_eq!(spec["listeners"][0]["port"], 88, "{spec:#}");
    assert!(settings(&person, OTHER, &name).contains("classiclb.dev/adopt-by"));
    let home = asked_at_home(&person, mark, &name)?;
    assert!(home.is_empty(), "{home}");
    let ours = import(&[&name]).ended(0).yaml();
    assert_eq!(ours["spec"]["listeners"][0]["port"], 77, "{ours:#}");
    assert!(ours["spec"].get("accountRef").is_none(), "{ours:#}");

    // So do the other commands that are given load balancers of AWS.
    let export = [
        "export",
        "--load-balancer",
        &name,
        "--to",
        "aws-cli",
        "--account",
        &account,
    ];
    person.here(&export).ended(0).says(&["88"]);
    let migrate = ["migrate", &name, "--account", &account, "-o", "json"];
    person.here(&migrate).ended(0).says(&["88"]);

    enter(&person, OTHER, LOCKED).await?;
    for arguments in [&export[..], &migrate] {
        let ran = person.here(arguments).ended(1);
        ran.complains(&[&format!("AWSAccount {account} cannot be entered")]);
    }
    let ran = import(&[&name, "--account", &account]).ended(1);
    ran.complains(&[&format!("AWSAccount {account} cannot be entered")]);
    let ran = import(&[&name, "--account", "nobody-knows"]).ended(1);
    ran.complains(&["no AWSAccount called \"nobody-knows\""]);
    person
        .with(&[("KUBECONFIG", "/nonexistent")], &["import", &name, "--account", "a"])
        .ended(1)
        .complains(&["AWSAccount a cannot be read"]);
    person.namespace.delete_and_wait(Kind::ACCOUNT, &account).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_state_has_in_another_account_is_not_taken_for_what_is_called_the_same() -> Result<()> {
    let person = person().await?;
    let (account, name) = (enter(&person, OTHER, PEOPLE).await?, unique(&person, "acc-t"));
    for id in [OWN, OTHER] {
        stand(&person, id, &name, json!({})).await?;
    }
    let instance = "i-0acc0acc";
    let (ours, theirs) = (state(OWN, &name, instance), state(OTHER, &name, instance));
    for more in [&[][..], &["--bindings"]] {
        let import = |state: &tempfile::NamedTempFile, account: &[&str]| {
            let arguments = ["import", "--cluster-id", "test", "--from-terraform", path(state)];
            person.here(&[&arguments, more, account].concat())
        };
        let (from, to) = (
            format!("in AWS account {OTHER}, as the state says, and account {OWN} answers"),
            format!("in AWS account {OWN}, as the state says, and account {OTHER} answers"),
        );
        let ran = import(&theirs, &[]).ended(1);
        ran.complains(&[&from, "AWSAccount with --account"]);
        assert!(!ran.out.contains("loadBalancerName"), "{ran:#?}");
        import(&ours, &["--account", &account]).ended(1).complains(&[&to]);
        let ran = import(&theirs, &["--account", &account]);
        assert_eq!(
            ran.yaml()["spec"]["accountRef"]["name"],
            json!(account.as_str()),
            "{ran:#?}"
        );
        import(&ours, &[]).says(&[&format!("loadBalancerName: {name}")]);
        if more.is_empty() {
            continue;
        }
        // What the account permits goes before the operator's flag.
        ran.complains(&[
            "it is not offered yet",
            &format!("unless AWSAccount {account} shall permit it without, by spec.binding: Any"),
        ]);
        let permit = async |permission: Value| {
            let spec = json!({"spec": {"binding": permission}});
            person.namespace.patch(Kind::ACCOUNT, &account, spec).await
        };
        permit(json!("Never")).await?;
        let ran = import(&theirs, &["--account", &account]);
        ran.complains(&[&format!("AWSAccount {account} lets nothing be bound")]);
        permit(json!("Any")).await?;
        let ran = import(&theirs, &["--account", &account]);
        assert!(!ran.err.contains("offered"), "{ran:#?}");
    }
    person.namespace.delete_and_wait(Kind::ACCOUNT, &account).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_of_the_account_that_is_named() -> Result<()> {
    let person = person().await?;
    let (account, name) = (enter(&person, OTHER, PEOPLE).await?, unique(&person, "acc-l"));
    for (id, port) in [(OWN, 81), (OTHER, 82)] {
        stand(&person, id, &name, listening(port)).await?;
    }
    let list = |more: &[&str]| person.run(&[&["list", &name], more].concat());
    let nowhere = ["--kubeconfig", "/nonexistent"];
    for (more, port) in [
        (&["--account", account.as_str()][..], "HTTP:82"),
        (&["--account", OTHER], "HTTP:82"),
        // For that the cluster is not asked.
        (&[&["--account", OWN], &nowhere[..]].concat(), "HTTP:81"),
    ] {
        list(more).ended(0).says(&[port]);
    }
    list(&["--account", "nobody"]).fails(1, &["no AWSAccount called \"nobody\""]);
    list(&["--account", "333333333333"]).fails(1, &["no AWSAccount is account 333333333333"]);
    list(&[&["--account", &account], &nowhere[..]].concat()).fails(1, &["/nonexistent"]);
    person.namespace.delete_and_wait(Kind::ACCOUNT, &account).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_tells_of_several_accounts_and_of_those_that_cannot_be_entered() -> Result<()> {
    const LOST: &str = "333333333333";
    // Whoever lists all accounts meets those of the other tests.
    let mut options = Options::default();
    options
        .aws
        .external_ids
        .insert(format!("arn:aws:iam::{LOST}:role/lost"), "secret".into());
    let stack = Stack::start(options).await?;
    let person = Person::at(&stack).await?;
    let account = |name: &str, id: &str, role: &str| {
        json!({"apiVersion": "classiclb.dev/v1alpha1", "kind": "AWSAccount", "metadata": {"name": name},
            "spec": {"accountId": id, "roleArn": format!("arn:aws:iam::{id}:role/{role}"), "namespaces": {"from": "All"}}})
    };
    for (name, id, role) in [
        ("a-home", OWN, "home"),
        ("b-other", OTHER, "people"),
        ("c-again", OTHER, "again"),
        ("d-lost", LOST, "lost"),
    ] {
        person.namespace.apply(&account(name, id, role).to_string()).await?;
    }
    stand(&person, OWN, "web", json!({})).await?;
    stand(&person, OTHER, "web", json!({})).await?;
    stand(&person, OTHER, "theirs", json!({})).await?;
    let inventory = |more: &[&str]| {
        let arguments = ["inventory", "--no-health", "--cluster-id", "test"];
        person.run(&[&arguments[..], more].concat())
    };
    let seen = |ran: &crate::Ran| -> Vec<(String, String)> {
        let json = ran.json();
        let rows = json["loadBalancers"].as_array().expect("a list").iter();
        let text = |row: &Value, member: &str| row[member].as_str().expect("text").to_owned();
        rows.map(|row| (text(row, "account"), text(row, "name"))).collect()
    };
    let row = |id: &str, name: &str| (id.to_owned(), name.to_owned());

    let ran = inventory(&["--all-accounts", "-o", "json"]).ended(1);
    assert_eq!(seen(&ran), [row(OWN, "web"), row(OTHER, "theirs"), row(OTHER, "web")]);
    ran.complains(&["AWSAccount d-lost cannot be entered", "AssumeRole"]);
    assert_eq!(ran.err.matches("cannot be entered").count(), 1, "{ran:#?}");
    let ran = inventory(&["--account", "b-other", "-o", "json"]).ended(0);
    assert_eq!(seen(&ran), [row(OTHER, "theirs"), row(OTHER, "web")]);
    let ran = inventory(&["-o", "json"]).ended(0);
    assert_eq!(seen(&ran), [row(OWN, "web")]);
    let ran = inventory(&[
        "--account",
        "b-other",
        "--account",
        "c-again",
        "--account",
        "a-home",
        "-o",
        "json",
    ])
    .ended(0);
    assert_eq!(seen(&ran), [row(OTHER, "theirs"), row(OTHER, "web"), row(OWN, "web")]);

    // A column where there are several, and always in what is for programs.
    let ran = inventory(&["--all-accounts", "--all-regions"]).ended(1);
    assert!(ran.out.starts_with("ACCOUNT"), "{ran:#?}");
    assert_eq!(ran.out.matches(OTHER).count(), 2, "{ran:#?}");
    assert!(!inventory(&[]).ended(0).out.contains("ACCOUNT"));
    let csv = inventory(&["-o", "csv"]).ended(0);
    assert!(
        csv.out.lines().next().is_some_and(|line| line.ends_with(",account")),
        "{csv:#?}"
    );
    csv.says(&[&format!(",{OWN}\r\n")]);

    // What a state has in one account is not its own in another.
    let held = state(OTHER, "web", "i-0acc0acc");
    let ran = inventory(&["--all-accounts", "--terraform-state", path(&held)]).ended(1);
    let line = |id: &str| {
        ran.out
            .lines()
            .find(|line| line.starts_with(id) && line.contains(" web "))
    };
    assert!(
        line(OTHER).is_some_and(|line| line.contains("terraform/aws_elb.web")),
        "{ran:#?}"
    );
    assert!(line(OWN).is_some_and(|line| !line.contains("terraform")), "{ran:#?}");

    inventory(&["--account", "nobody-knows"]).fails(1, &["no AWSAccount called \"nobody-knows\""]);
    inventory(&["--account", "d-lost"]).complains(&["AWSAccount d-lost cannot be entered"]);
    inventory(&["--account", "a-home", "--all-accounts"]).ended(2);
    Ok(())
}
