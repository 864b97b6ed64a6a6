//! The preview itself, as `kubectl clb plan` and whoever else builds upon it gets it.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use classic_lb_operator::api::ClassicLoadBalancer;
use classic_lb_operator::aws::Accounts;
use classic_lb_operator::controller::preview::{Preview, preview};
use classic_lb_operator::controller::{Error, Rules};
use classic_lb_operator::lease::Leadership;
use classic_lb_operator::metrics::Metrics;
use classic_lb_operator::plan::adoption::Adoption;
use testkit::cluster::Kind;
use testkit::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use testkit::{Result, object};

use crate::{MINIMAL, Test, manifest, unique};

/// AWS at this address.
fn aws(url: &str, region: Option<&str>) -> Accounts {
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(region.map(|region| Region::new(region.to_owned())))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    Accounts::new(config.build(), Leadership::sole(), Arc::new(Metrics::new()))
}

/// An object as a file has it.
fn declared(test: &Test, spec: &str) -> ClassicLoadBalancer {
    let mut object: ClassicLoadBalancer = serde_saphyr::from_str(&manifest(spec)).expect("an object");
    object.metadata.namespace = Some(test.namespace.namespace().to_owned());
    object
}

async fn ask(test: &Test, rules: Rules, object: &ClassicLoadBalancer) -> Preview {
    let (client, aws) = (test.namespace.client(), aws(test.stack.simulator().url(), Some(REGION)));
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
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    let spec = format!(
        "{MINIMAL}\nattributes: {{crossZone: true}}\ntargets: {{instanceIds: [{}]}}",
        ids[0]
    );
    let mark = test.mark()?;
    let foreseen = ask(&test, Rules::default(), &declared(&test, &spec)).await;
    assert!(foreseen.problems.is_empty(), "{foreseen:?}");
    assert!(
        test.namespace.find(Kind::CLB, "web").await?.is_none(),
        "nothing is stored"
    );

    test.ready(&spec).await?;
    let name = test.name().await?;
    let calls = test.stack.simulator().calls(mark)?.writes().naming(&name);
    assert_eq!(operations(&foreseen), calls.operations(), "{calls}");

    // What is done is not foreseen again, and a version that is not stored takes the memory of the stored one.
    assert_eq!(
        ask(&test, Rules::default(), &declared(&test, &spec)).await,
        Preview::default()
    );
    let foreseen = ask(&test, Rules::default(), &declared(&test, MINIMAL)).await;
    let expected = ["ModifyLoadBalancerAttributes"];
    assert_eq!(
        operations(&foreseen),
        expected,
        "targets absent leaves instances alone: {foreseen:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_decide_over_tags_and_adoption() -> Result<()> {
    let test = Test::new().await?;
    let object = test.ready(MINIMAL).await?;
    let rules = |adoption, tags: &[(&str, &str)]| Rules {
        adoption,
        default_tags: tags
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        ..Rules::default()
    };
    let stored: ClassicLoadBalancer = object.try_parse().expect("an object");
    assert_eq!(
        ask(&test, rules(Adoption::Never, &[]), &stored).await,
        Preview::default()
    );
    let tagged = ask(&test, rules(Adoption::Never, &[("team", "web")]), &stored).await;
    assert_eq!(tagged.steps, ["AddTags team=web"]);
    // A rule that lets nothing be written is none about what is missing.
    let read_only = Rules {
        read_only: true,
        ..rules(Adoption::Never, &[("team", "web")])
    };
    assert_eq!(ask(&test, read_only, &stored).await, tagged);

    let name = format!("hand-{}", unique());
    crate::adoption::plain(test.stack, &name).await?;
    let mut wanting = declared(&test, &format!("loadBalancerName: {name}\nadopt: true\n{MINIMAL}"));
    wanting.metadata.name = Some("wanting".to_owned());
    for (adoption, words) in [
        (Adoption::Never, Some("--adoption=never".to_owned())),
        (
            Adoption::Tagged,
            Some(format!(
                "classiclb.dev/adopt-by=test/{}/wanting",
                test.namespace.namespace()
            )),
        ),
        (Adoption::Any, None),
    ] {
        let foreseen = ask(&test, rules(adoption, &[]), &wanting).await;
        if let Some(words) = words {
            let told = foreseen.problems.iter().any(|problem| problem.contains(&words));
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
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    let role = unique();
    let node = |at: usize| (format!("node-{}", ids[at]), format!("aws:///us-east-1a/{}", ids[at]));
    let (name, provider) = node(0);
    test.namespace.node(&name, Some(&provider), &[("role", &role)]).await?;
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: app}\nspec: {type: NodePort, selector: {a: b}, ports: \
                   [{name: http, port: 80}]}";
    let service = test.namespace.apply(service).await?.remove(0);
    let port = object::at(&service, "/spec/ports/0/nodePort").cloned().expect("a port");
    let spec = format!(
        "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePortFrom: {{serviceName: app, \
         portName: http}}}}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
    );
    let fresh = ask(&test, Rules::default(), &declared(&test, &spec)).await;
    assert!(fresh.problems.is_empty(), "{fresh:?}");
    assert!(
        fresh.steps.iter().any(|step| step.contains(&format!("TCP:{port}"))),
        "{fresh:?}"
    );
    assert!(fresh.steps.iter().any(|step| step.contains(&ids[0])), "{fresh:?}");

    test.ready(&spec).await?;
    let object: ClassicLoadBalancer = test.get().await?.try_parse().expect("an object");
    assert_eq!(ask(&test, Rules::default(), &object).await, Preview::default());
    test.namespace.delete(Kind("v1", "Service"), "app").await?;
    let foreseen = ask(&test, Rules::default(), &object).await;
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
    let here = aws(test.stack.simulator().url(), None);
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
    test.apply(&format!("{MINIMAL}\nmanagement: Suspended")).await?;
    test.until_reason("Ready", "Suspended").await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    let object: ClassicLoadBalancer = test.get().await?.try_parse().expect("an object");
    let deleted = ask(&test, Rules::default(), &object).await;
    assert!(deleted.problems[0].contains("is being deleted"), "{deleted:?}");
    test.apply(MINIMAL).await?;
    test.namespace.until_gone(Kind::CLB, "web").await
}
