//! What is not simulated says so, by its name.

use serde_json::json;

use crate::client::{Aws, Refusal, Xml};

type Query = fn(&Aws, &str, &[(&str, &str)]) -> Result<Xml, Refusal>;

#[test]
fn an_operation_that_is_not_simulated_says_so_by_name() {
    let aws = Aws::new();
    let services: [(Query, &str); 4] = [
        (Aws::ec2, "DescribeFleets"),
        (Aws::autoscaling, "PutWarmPool"),
        (Aws::iam, "CreateUser"),
        (Aws::sts, "GetSessionToken"),
    ];
    for (call, operation) in services {
        let refused = call(&aws, operation, &[]).unwrap_err();
        assert_eq!((refused.status, refused.code.as_str()), (400, "InvalidAction"));
        assert!(
            refused.message.contains(&format!("{operation} is not simulated")),
            "{refused:?}"
        );
    }
    for (service, target) in [
        ("acm", "CertificateManager.RenewCertificate"),
        ("tagging", "ResourceGroupsTaggingAPI_20170126.GetComplianceSummary"),
    ] {
        let (status, refused) = aws.json(service, target, &json!({}));
        let operation = target.split('.').next_back().unwrap();
        assert_eq!((status, &refused["__type"]), (400, &json!("UnknownOperationException")));
        assert!(
            refused["message"]
                .to_string()
                .contains(&format!("{operation} is not simulated")),
            "{refused}"
        );
    }
    // Classic ELB is whole: what it has not, AWS has not.
    let refused = aws.elb("MakeTea", &[]).unwrap_err();
    assert_eq!(
        refused.message,
        "Could not find operation MakeTea for version 2012-06-01"
    );
}

#[test]
fn a_service_that_is_not_simulated_says_so_by_name() {
    let aws = Aws::new();
    let request = |uri: &str| aws.request("lambda").method("GET").uri(uri).body("".into()).unwrap();
    let (status, body) = aws.call(request("/2015-03-31/functions/")).unwrap();
    assert_eq!(status, 501);
    assert!(body.contains("The service lambda is not simulated"), "{body}");
    let (status, refused) = aws.json("dynamodb", "DynamoDB_20120810.ListTables", &json!({}));
    assert_eq!((status, &refused["__type"]), (501, &json!("NotImplemented")));
    assert!(
        refused["message"].to_string().contains("dynamodb is not simulated"),
        "{refused}"
    );
}
