//! What AWS refuses a new balancer with, and what becomes of that in conditions.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{Test, describe, unique};

/// `(code, HTTP status, condition that is False, its reason, Stalled or Reconciling)`.
const REFUSALS: &[(&str, u16, &str, &str, &str)] = &[
    (
        "TooManyLoadBalancers",
        400,
        "Programmed",
        "TooManyLoadBalancers",
        "Stalled",
    ),
    ("AccessDenied", 403, "Programmed", "AccessDenied", "Reconciling"),
    ("ExpiredToken", 403, "Programmed", "ExpiredToken", "Reconciling"),
    (
        "DependencyThrottle",
        400,
        "Programmed",
        "DependencyThrottle",
        "Reconciling",
    ),
    ("SubnetNotFound", 400, "Accepted", "SubnetNotFound", "Reconciling"),
    (
        "InvalidSecurityGroup",
        409,
        "Accepted",
        "SecurityGroupNotFound",
        "Reconciling",
    ),
    (
        "CertificateNotFound",
        400,
        "Accepted",
        "CertificateNotFound",
        "Reconciling",
    ),
    ("InvalidConfigurationRequest", 409, "Accepted", "Invalid", "Stalled"),
    ("DuplicateLoadBalancerName", 400, "Accepted", "Conflict", "Stalled"),
    ("SomethingNew", 400, "Programmed", "SomethingNew", "Reconciling"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_told_by_its_kind_and_forgotten_when_aws_relents() -> Result<()> {
    let test = Test::new().await?;
    for (code, status, condition, reason, progress) in REFUSALS {
        let name = format!("refused-{}", unique());
        let fault = json!({
            "match": {"operation": "CreateLoadBalancer", "loadBalancer": name, "count": 1},
            "do": {"error": {"code": code, "status": status, "message": "not today"}},
        });
        test.stack.simulator().fault(&fault).await?;
        test.apply(&format!("loadBalancerName: {name}\n{}", crate::MINIMAL))
            .await?;
        let message = test.until_reason(condition, reason).await?;
        assert!(message.contains("not today"), "{code}: {message}");
        let object = test.get().await?;
        assert!(object::has(&object, condition, "False"), "{code}: {condition}");
        assert!(
            object::has(&object, "Ready", "False") && object::has_reason(&object, "Ready", reason),
            "{code}"
        );
        assert!(object::has(&object, progress, "True"), "{code}: {progress}");
        assert_eq!(object::text(&object, "/status/errors/0/code"), *code);
        assert!(describe(test.stack, &name).await.is_none(), "{code}");

        test.request().await?;
        let ready = test.namespace.until_ready("web").await?;
        assert_eq!(object::at(&ready, "/status/errors"), None, "{code}");
        test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    }
    Ok(())
}
