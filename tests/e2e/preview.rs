//! The preview itself, as `kubectl clb plan` and whoever else builds upon it gets it.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use classic_lb_operator::api::ClassicLoadBalancer;
use classic_lb_operator::aws::{Accounts, Limits, Rates};
use classic_lb_operator::controller::preview::{Preview, preview};
use classic_lb_operator::controller::{Error, Rules};
use classic_lb_operator::lease::Leadership;
use classic_lb_operator::metrics::Metrics;
use classic_lb_operator::plan::adoption::Adoption;
use testkit::cluster::Kind;
use testkit::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use testkit::{LoadBalancer, Result, object};

use crate::setup::{by_role, minimal};
use crate::{MINIMAL, Test, manifest, unique};

/// AWS at this address.
fn aws(url: &str, region: Option<&str>) -> Accounts {
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(region.map(|region| Region::new(region.to_owned())))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    Accounts::new(
        config.build(),
        Leadership::sole(),
        Arc::new(Metrics::new()),
        Rates::queued(Limits::none()),
    )
}

/// An object as it is stored.
fn stored(web: &LoadBalancer) -> ClassicLoadBalancer {
    (**web).clone().try_parse().expect("an object")
}

/// An object as a file has it.
fn declared(test: &Test, spec: &str) -> ClassicLoadBalancer {
    let mut object: ClassicLoadBalancer = serde_saphyr::from_str(&manifest(spec)).expect("an object");
    object.metadata.namespace = Some(test.namespace.namespace().to_owned());
    object
}

/// What is foreseen under the operator's defaults.
async fn foresee(test: &Test, object: &ClassicLoadBalancer) -> Preview {
    ask(test, Rules::default(), object).await
}

async fn ask(test: &Test, rules: Rules, object: &ClassicLoadBalancer) -> Preview {
    let (client, aws) = (test.namespace.client(), aws(test.simulator().url(), Some(REGION)));
    Box::pin(preview(client, &aws, "test", rules, object))
        .await
        .expect("a preview")
}

fn operations(preview: &Preview) -> Vec<&str> {
    let steps = preview.steps.iter();
    steps.map(|step| step.split(' ').next().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_object_that_is_not_there_the_creation_is_foreseen() -> Result<()> {
    let setup = Test::web().instances(1).by_id();
    let test = setup.with("attributes: {crossZone: true}").start().await?;
    let spec = test.spec("");
    let mark = test.mark()?;
    let foreseen = foresee(&test, &declared(&test, &spec)).await;
    assert!(foreseen.problems.is_empty(), "{foreseen:?}");
    let found = test.namespace.find(Kind::CLB, "web").await?;
    assert!(found.is_none(), "nothing is stored");

    test.ready(&spec).await?;
    let calls = test.writes(mark).await?;
    assert_eq!(operations(&foreseen), calls.operations(), "{calls}");

    // What is done is not foreseen again, and a version that is not stored takes the memory of the stored one.
    assert_eq!(foresee(&test, &declared(&test, &spec)).await, Preview::default());
    let foreseen = foresee(&test, &declared(&test, MINIMAL)).await;
    assert_eq!(
        operations(&foreseen),
        ["ModifyLoadBalancerAttributes"],
        "targets absent leaves instances alone: {foreseen:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_decide_over_tags_and_adoption() -> Result<()> {
    let test = Test::web().ready().await?;
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let rules = |adoption, tags: &[(&str, &str)]| Rules {
        adoption,
        default_tags: tags.iter().map(owned).collect(),
        ..Rules::default()
    };
    let stored = stored(&test.get().await?);
    let untagged = ask(&test, rules(Adoption::Never, &[]), &stored).await;
    assert_eq!(untagged, Preview::default());
    let tagged = ask(&test, rules(Adoption::Never, &[("team", "web")]), &stored).await;
    assert_eq!(tagged.steps, ["AddTags team=web"]);
    // A rule that lets nothing be written is none about what is missing.
    let read_only = Rules {
        read_only: true,
        ..rules(Adoption::Never, &[("team", "web")])
    };
    assert_eq!(ask(&test, read_only, &stored).await, tagged);

    let name = format!("hand-{}", unique());
    crate::adoption::plain(&test.stack, &name).await?;
    let lines = format!("loadBalancerName: {name}\nadopt: true");
    let mut wanting = declared(&test, &minimal(&lines));
    wanting.metadata.name = Some("wanting".to_owned());
    let offer = format!("classiclb.dev/adopt-by=test/{}/wanting", test.namespace.namespace());
    for (adoption, words) in [
        (Adoption::Never, Some("--adoption=never")),
        (Adoption::Tagged, Some(&*offer)),
        (Adoption::Any, None),
    ] {
        let foreseen = ask(&test, rules(adoption, &[]), &wanting).await;
        if let Some(words) = words {
            let told = foreseen.problems.iter().any(|problem| problem.contains(words));
            assert!(foreseen.steps.is_empty() && told, "{foreseen:?}");
        } else {
            assert!(foreseen.problems.is_empty(), "{foreseen:?}");
            assert_eq!(operations(&foreseen), ["AddTags"], "{foreseen:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_and_services_are_listed_for_it() -> Result<()> {
    let test = Test::web().instances(1).by_node().start().await?;
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: app}\nspec: {type: NodePort, selector: {a: b}, ports: \
                   [{name: http, port: 80}]}";
    let service = test.namespace.apply(service).await?.remove(0);
    let port = object::at(&service, "/spec/ports/0/nodePort").cloned().expect("a port");
    let spec = format!(
        "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePortFrom: {{serviceName: app, \
         portName: http}}}}\n{}",
        by_role(&test.role)
    );
    let fresh = foresee(&test, &declared(&test, &spec)).await;
    assert!(fresh.problems.is_empty(), "{fresh:?}");
    for words in [&format!("TCP:{port}"), &test.ids[0]] {
        assert!(fresh.steps.iter().any(|step| step.contains(words)), "{fresh:?}");
    }

    let object = stored(&test.ready(&spec).await?);
    assert_eq!(foresee(&test, &object).await, Preview::default());
    test.namespace.delete(Kind("v1", "Service"), "app").await?;
    let foreseen = foresee(&test, &object).await;
    assert!(
        foreseen.problems.iter().any(|problem| problem.contains("Service app")),
        "{foreseen:?}"
    );
    assert!(
        !operations(&foreseen).contains(&"DeleteLoadBalancerListeners"),
        "{foreseen:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_foreseen_is_said() -> Result<()> {
    let test = Test::new().await?;
    let client = test.namespace.client();
    let here = aws(test.simulator().url(), None);
    let mut object = declared(&test, MINIMAL);
    let nowhere = Box::pin(preview(client.clone(), &here, "test", Rules::default(), &object)).await;
    let nowhere = nowhere.expect("a preview");
    assert!(nowhere.problems[0].contains("spec.region is not given"), "{nowhere:?}");

    let dead = aws("http://127.0.0.1:1", Some(REGION));
    let unread = Box::pin(preview(client.clone(), &dead, "test", Rules::default(), &object)).await;
    assert!(
        matches!(&unread, Err(Error::Unread(why)) if why.contains("refused")),
        "{unread:?}"
    );

    object.metadata.namespace = None;
    let homeless = Box::pin(preview(client, &here, "test", Rules::default(), &object)).await;
    assert!(matches!(homeless, Err(Error::Incomplete("namespace"))), "{homeless:?}");

    // Suspended, so that its deletion waits.
    test.ready(MINIMAL).await?;
    test.apply(&minimal("management: Suspended")).await?;
    test.until_reason("Ready", "Suspended").await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    let deleted = foresee(&test, &stored(&test.get().await?)).await;
    assert!(deleted.problems[0].contains("is being deleted"), "{deleted:?}");
    test.apply(MINIMAL).await?;
    test.namespace.until_gone(Kind::CLB, "web").await
}

#[tokio::test(flavor = "multi_thread")]
async fn that_another_one_would_take_its_place_is_foreseen() -> Result<()> {
    let test = Test::web().with("replacement: BlueGreen").ready().await?;
    let name = test.name().await?;
    let mark = test.mark()?;
    let spec = format!("{MINIMAL}\nreplacement: BlueGreen\nscheme: internal\n");
    let foreseen = foresee(&test, &declared(&test, &spec)).await;
    assert_eq!(operations(&foreseen)[0], "CreateLoadBalancer", "{foreseen:?}");
    let problems = foreseen.problems.join("; ");
    assert!(problems.contains(&format!("to take the place of {name}")), "{problems}");
    test.nothing_written(mark, "it was only foreseen").await
}
