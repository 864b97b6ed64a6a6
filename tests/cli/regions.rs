//! `kubectl clb regions`.

use std::path::Path;

use serde_json::json;
use testkit::Result;

use crate::{BINARY, Person, Ran};

#[tokio::test(flavor = "multi_thread")]
async fn regions_come_from_ec2_and_without_credentials_from_the_table() -> Result<()> {
    let person = Person::new().await?;
    let asked = person.run(&["regions", "-o", "json"]).ended(0).json();
    assert_eq!(asked["source"], "ec2");
    let regions = asked["regions"].as_array().expect("a list");
    let ireland = regions
        .iter()
        .find(|region| region["name"] == "eu-west-1")
        .expect("eu-west-1");
    assert_eq!(ireland["endpoint"], "elasticloadbalancing.eu-west-1.amazonaws.com");
    assert_eq!(ireland["enabled"], true);
    person.run(&["regions", "--region", "cn-north-1"]).ended(0).says(&[
        "elasticloadbalancing.cn-northwest-1.amazonaws.com.cn",
        "China (Ningxia)",
    ]);

    let mut poor = person.command(Path::new(BINARY), &["regions"]);
    let poor = poor.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let poor = Ran::of(poor).ended(0);
    poor.says(&[
        "us-gov-west-1",
        "elasticloadbalancing.us-iso-east-1.c2s.ic.gov",
        "US West (Oregon)",
    ]);
    poor.complains(&["no AWS credentials"]);
    assert_eq!(poor.err.lines().count(), 1);
    assert_eq!(poor.out, person.run(&["regions", "--offline"]).ended(0).out);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_of_the_regions_says_the_same() -> Result<()> {
    let person = Person::new().await?;
    for offline in [&["--offline"][..], &[]] {
        let show = |format| person.run(&[&["regions", "-o", format], offline].concat()).ended(0);
        let json = show("json").json();
        assert_eq!(json, show("yaml").yaml());
        let regions = json["regions"].as_array().expect("a list");
        let (table, wide) = (show("table"), show("wide"));
        assert_eq!(table.out.lines().count(), regions.len() + 1);
        for (row, region) in regions.iter().enumerate() {
            let wide = wide.out.lines().nth(row + 1).expect("a row");
            let table = table.out.lines().nth(row + 1).expect("a row");
            for member in ["name", "endpoint", "description"] {
                let text = region[member].as_str().expect("text");
                assert!(wide.contains(text) && table.contains(text), "{text}: {wide}");
            }
            assert!(wide.contains(region["partition"].as_str().expect("text")), "{wide}");
            assert_eq!(region.get("enabled").is_some(), offline.is_empty());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_ask_the_table_is_shown_and_with_wrong_credentials_it_is_not() -> Result<()> {
    let person = Person::new().await?;
    let error = json!({"code": "UnauthorizedOperation", "status": 403, "message": "You are not authorized"});
    let fault = json!({"match": {"operation": "DescribeRegions", "region": "sa-east-1"}, "do": {"error": error}});
    person.stack.simulator().fault(&fault).await?;
    let ran = person.run(&["regions", "--region", "sa-east-1"]).ended(0);
    ran.says(&["us-gov-west-1"]);
    ran.complains(&["UnauthorizedOperation", "the regions that this version knows"]);
    person
        .with(&[("AWS_SECRET_ACCESS_KEY", "wrong")], &["regions"])
        .fails(1, &["SignatureDoesNotMatch", "--offline"]);
    Ok(())
}
