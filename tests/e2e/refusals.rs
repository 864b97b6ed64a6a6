//! What AWS refuses a new balancer with, and what becomes of that in conditions.

use serde_json::json;
use testkit::Result;

use crate::setup::minimal;
use crate::{Test, describe, error, unique};

/// The code, the HTTP status, the condition that is False, its reason, and whether it goes on.
const REFUSALS: &str = "
TooManyLoadBalancers        400 Programmed TooManyLoadBalancers  Stalled
AccessDenied                403 Programmed AccessDenied          Reconciling
ExpiredToken                403 Programmed ExpiredToken          Reconciling
DependencyThrottle          400 Programmed DependencyThrottle    Reconciling
SubnetNotFound              400 Accepted   SubnetNotFound        Reconciling
InvalidSecurityGroup        409 Accepted   SecurityGroupNotFound Reconciling
CertificateNotFound         400 Accepted   CertificateNotFound   Reconciling
InvalidConfigurationRequest 409 Accepted   Invalid               Stalled
DuplicateLoadBalancerName   400 Accepted   Conflict              Stalled
SomethingNew                400 Programmed SomethingNew          Reconciling
";

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_told_by_its_kind_and_forgotten_when_aws_relents() -> Result<()> {
    let test = Test::new().await?;
    for line in REFUSALS.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [code, status, condition, reason, progress] = words[..] else {
            panic!("{line}");
        };
        let name = format!("refused-{}", unique());
        let refusal = error(code, status.parse().expect("a status"), "not today");
        let create = json!({"operation": "CreateLoadBalancer", "loadBalancer": name, "count": 1});
        let rule = json!({"match": create, "do": refusal});
        test.simulator().fault(&rule).await?;
        test.apply(&minimal(&format!("loadBalancerName: {name}"))).await?;
        let message = test.until_reason(condition, reason).await?;
        assert!(message.contains("not today"), "{code}: {message}");
        let web = test.get().await?;
        assert!(web.has(condition, "False"), "{code}: {condition}");
        assert!(web.has("Ready", "False") && web.says("Ready", reason), "{code}");
        assert!(web.has(progress, "True"), "{code}: {progress}");
        assert_eq!(web.text("/errors/0/code"), code);
        assert!(describe(&test.stack, &name).await.is_none(), "{code}");

        test.request().await?;
        let ready = test.until_ready().await?;
        assert!(ready.status("/errors").is_null(), "{code}");
        test.delete().await?;
    }
    Ok(())
}
