//! Pages that bring a load balancer from one hand into another, played on the stack of `testkit up`: the commands as they stand there,
//! and what AWS has before and after them.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancing as elb;
use serde_json::{Value, json};
use testkit::{Kind, object};

use crate::shell::{Shell, commands, section};
use crate::{Down, cluster};

async fn tags(client: &elb::Client, name: &str) -> BTreeMap<String, String> {
    let reply = client.describe_tags().load_balancer_names(name).send().await.unwrap();
    let tags = reply.tag_descriptions.unwrap_or_default().into_iter();
    let tags = tags.flat_map(|described| described.tags.unwrap_or_default());
    tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
}

async fn described(client: &elb::Client, name: &str) -> Option<elb::types::LoadBalancerDescription> {
    let reply = client.describe_load_balancers().load_balancer_names(name).send().await;
    reply.ok()?.load_balancer_descriptions?.pop()
}

/// Everything that AWS tells of a load balancer.
async fn everything(client: &elb::Client, name: &str) -> (String, BTreeMap<String, String>) {
    let lb = described(client, name).await.expect("a load balancer");
    let attributes = client
        .describe_load_balancer_attributes()
        .load_balancer_name(name)
        .send()
        .await
        .unwrap();
    let policies = client
        .describe_load_balancer_policies()
        .load_balancer_name(name)
        .send()
        .await
        .unwrap();
    let (attributes, policies) = (attributes.load_balancer_attributes, policies.policy_descriptions);
    (
        format!("{lb:?}\n{attributes:?}\n{policies:?}"),
        tags(client, name).await,
    )
}

fn is_ours(tags: &BTreeMap<String, String>) -> bool {
    tags.keys().any(|key| key.starts_with("classiclb.dev/"))
}

/// The operations about a load balancer that can have changed something, in order.
fn writes(shell: &Shell, name: &str) -> Vec<String> {
    let log = shell.prints("curl -s \"$AWS_ENDPOINT_URL/_simulator/requests\"");
    let calls = log
        .lines()
        .map(|line| serde_json::from_str::<testkit::Call>(line).unwrap());
    calls
        .filter(|call| call.is_write() && call.names(name))
        .map(|call| call.operation)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_that_was_let_go_is_taken_back_as_the_page_of_backups_says() {
    let temporary = tempfile::tempdir().unwrap();
    let home = temporary.path().canonicalize().unwrap();
    let _down = Down(home.join(".local"));
    let shell = Shell::on_a_stack(&home);
    shell.prints(
        "kubectl apply -f examples/tutorial.yaml && kubectl wait --for=condition=Ready clb/my-lb --timeout=90s",
    );
    let client = shell.elb();
    let dns_name = described(&client, "my-lb").await.unwrap().dns_name;
    for (place, line) in section("docs/how-to/backup.md", "## Try it") {
        if !shell.replaced(&line).await {
            shell.until(&place, &line, 0, &[], false).await;
        }
        if line.starts_with("kubectl delete") {
            assert!(
                !is_ours(&tags(&client, "my-lb").await),
                "the operator's tags went with the object"
            );
        }
    }
    assert_eq!(described(&client, "my-lb").await.unwrap().dns_name, dns_name);
    assert_eq!(tags(&client, "my-lb").await["classiclb.dev/origin"], "adopted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_is_changed_as_its_page_says() {
    let temporary = tempfile::tempdir().unwrap();
    let home = temporary.path().canonicalize().unwrap();
    let _down = Down(home.join(".local"));
    let shell = Shell::on_a_stack(&home);
    let cluster = cluster(&shell.local.join("kubeconfig")).await;
    let web = "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {name: web}\nspec:\n  \
               availabilityZones: [us-east-1a, us-east-1b]\n  listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]\n  \
               targets: {instanceIds: [i-4f8cf126, i-0bb7ca62]}\n";
    cluster.apply(web).await.unwrap();
    let before = cluster.until_ready("web").await.unwrap();
    let old = object::text(&before, "/status/loadBalancerName").to_owned();
    let (mut patched, mut shown) = (false, false);
    for (place, line) in commands("docs/how-to/blue-green.md") {
        if line.contains("--watch") {
            // What a watch shows, looked at again and again.
            let line = line.replace(" --watch", "");
            shell.until(&place, &line, 0, &["Keeping", " internal-"], true).await;
            shown = true;
        } else {
            shell.until(&place, &line, 0, &[], false).await;
            patched = true;
        }
    }
    assert!(
        patched && shown,
        "the page changes the scheme and looks at what becomes of it"
    );
    // Nothing is lost until it was kept as long as it says; deleted, both go.
    let client = shell.elb();
    let after = cluster.get(Kind::CLB, "web").await.unwrap();
    let new = object::text(&after, "/status/loadBalancerName").to_owned();
    assert_eq!(object::text(&after, "/status/replacement/loadBalancerName"), old);
    for name in [&old, &new] {
        assert!(described(&client, name).await.is_some(), "{name} serves");
    }
    cluster.delete_and_wait(Kind::CLB, "web").await.unwrap();
    for name in [&old, &new] {
        assert!(described(&client, name).await.is_none(), "{name} is left behind");
    }
}

/// What Terraform has written down of a load balancer.
fn state(name: &str) -> Value {
    json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {},
        "resources": [{
            "mode": "managed", "type": "aws_elb", "name": "web",
            "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
            "instances": [{"schema_version": 0, "attributes": {
                "id": name, "name": name, "internal": false,
                "arn": format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/{name}"),
            }}],
        }],
    })
}

/// As Terraform would: with a listener, a check, attributes, an instance and a tag.
async fn made_by_terraform(client: &elb::Client, name: &str) {
    let listener = elb::types::Listener::builder()
        .protocol("HTTP")
        .load_balancer_port(80)
        .instance_port(8080);
    let tag = elb::types::Tag::builder().key("team").value("shop").build().unwrap();
    let create = client
        .create_load_balancer()
        .load_balancer_name(name)
        .listeners(listener.build().unwrap());
    let create = create
        .availability_zones("us-east-1a")
        .availability_zones("us-east-1b")
        .tags(tag);
    create.send().await.unwrap();
    let check = elb::types::HealthCheck::builder()
        .target("HTTP:8080/health")
        .interval(20)
        .timeout(4);
    let check = check.unhealthy_threshold(5).healthy_threshold(3).build().unwrap();
    let configure = client
        .configure_health_check()
        .load_balancer_name(name)
        .health_check(check);
    configure.send().await.unwrap();
    let instance = elb::types::Instance::builder().instance_id("i-4f8cf126").build();
    let register = client
        .register_instances_with_load_balancer()
        .load_balancer_name(name)
        .instances(instance);
    register.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_of_terraform_goes_over_with_tags_alone_and_is_left_as_found() {
    let temporary = tempfile::tempdir().unwrap();
    let home = temporary.path().canonicalize().unwrap();
    let _down = Down(home.join(".local"));
    let shell = Shell::on_a_stack(&home);
    let (client, name) = (shell.elb(), "of-terraform");
    made_by_terraform(&client, name).await;
    std::fs::write(home.join("state.json"), state(name).to_string()).unwrap();
    let found = everything(&client, name).await;
    let before = writes(&shell, name).len();
    shell.prints("kubectl create namespace shop");
    let mut played = 0;
    for (place, line) in commands("docs/how-to/terraform.md") {
        // Terraform itself is not here, and neither is a cluster that is called so.
        if line.starts_with("terraform ") {
            continue;
        }
        shell
            .until(&place, &line.replace("production", "local"), 0, &[], false)
            .await;
        played += 1;
    }
    assert!(played >= 3, "only {played} commands");
    let letting_go = std::fs::read_to_string(home.join("manifests/letting-go.txt")).unwrap();
    assert!(
        letting_go.contains("from = aws_elb.web") && letting_go.contains("destroy = false"),
        "{letting_go}"
    );
    let cluster = cluster(&shell.local.join("kubeconfig")).await.in_namespace("shop");
    cluster.until_ready(name).await.unwrap();
    assert_eq!(tags(&client, name).await["classiclb.dev/origin"], "adopted");
    // One to offer it, and one of the operator's own tags.
    assert_eq!(writes(&shell, name)[before..], ["AddTags", "AddTags"]);

    cluster.delete_and_wait(Kind::CLB, name).await.unwrap();
    assert_eq!(writes(&shell, name)[before + 2..], ["RemoveTags"]);
    assert_eq!(everything(&client, name).await, found);
}
