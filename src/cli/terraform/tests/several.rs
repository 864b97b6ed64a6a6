//! Load balancers of one name in one state.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{attached, known, parse, release};

/// A state of version 4 with these: address, provider, dependencies and attributes.
fn of_several(resources: &[(&str, &str, &[&str], Value)]) -> Value {
    let resources = resources.iter().map(|(address, provider, dependencies, values)| {
        let (module, block) = match address.rsplit_once(".aws_") {
            Some((module, block)) => (json!(module), format!("aws_{block}")),
            None => (Value::Null, (*address).to_owned()),
        };
        let (kind, name) = block.split_once('.').expect("a type and a name");
        json!({"mode": "managed", "module": module, "type": kind, "name": name,
            "provider": format!("provider[\"registry.terraform.io/hashicorp/aws\"]{provider}"),
            "instances": [{"schema_version": 0, "attributes": values, "dependencies": dependencies}]})
    });
    json!({"version": 4, "terraform_version": "1.11.4", "resources": resources.collect::<Vec<_>>()})
}

fn in_region(region: &str) -> Value {
    json!({"name": "web", "arn": format!("arn:aws:elasticloadbalancing:{region}:123456789012:loadbalancer/web")})
}

fn attachment(instance: &str, region: Option<&str>) -> Value {
    json!({"elb": "web", "instance": instance, "region": region})
}

#[test]
fn of_load_balancers_of_one_name_each_has_what_is_its_own() {
    let eu = r#"module.shop["eu"]"#;
    let us = r#"module.shop["us"]"#;
    for (state, [first, second], [own, others]) in [
        (
            // By what they refer to.
            of_several(&[
                ("aws_elb.us", ".us", &[], in_region("us-east-1")),
                ("aws_elb.eu", "", &[], in_region("eu-west-1")),
                ("aws_elb_attachment.a", "", &["aws_elb.us"], attachment("i-us", None)),
                ("aws_elb_attachment.b", ".us", &["aws_elb.eu"], attachment("i-eu", None)),
            ]),
            ["aws_elb.us", "aws_elb.eu"],
            ["aws_elb_attachment.a", "aws_elb_attachment.b"],
        ),
        (
            // By the region that provider 6 writes down.
            of_several(&[
                ("aws_elb.us", "", &[], in_region("us-east-1")),
                ("aws_elb.eu", "", &[], in_region("eu-west-1")),
                ("aws_elb_attachment.a", "", &[], attachment("i-us", Some("us-east-1"))),
                ("aws_elb_attachment.b", "", &[], attachment("i-eu", Some("eu-west-1"))),
            ]),
            ["aws_elb.us", "aws_elb.eu"],
            ["aws_elb_attachment.a", "aws_elb_attachment.b"],
        ),
        (
            // By the alias of the provider.
            of_several(&[
                ("aws_elb.us", ".us", &[], in_region("us-east-1")),
                ("aws_elb.eu", "", &[], in_region("eu-west-1")),
                ("aws_elb_attachment.a", ".us", &[], attachment("i-us", None)),
                ("aws_elb_attachment.b", "", &[], attachment("i-eu", None)),
            ]),
            ["aws_elb.us", "aws_elb.eu"],
            ["aws_elb_attachment.a", "aws_elb_attachment.b"],
        ),
        (
            // By the key of the module.
            of_several(&[
                (
                    &format!("{us}.module.elb.aws_elb.this"),
                    "",
                    &[],
                    in_region("us-east-1"),
                ),
                (
                    &format!("{eu}.module.elb.aws_elb.this"),
                    "",
                    &[],
                    in_region("eu-west-1"),
                ),
                (
                    &format!("{us}.module.at.aws_elb_attachment.this"),
                    "",
                    &["module.shop.module.elb.aws_elb.this"],
                    attachment("i-us", None),
                ),
                (
                    &format!("{eu}.module.at.aws_elb_attachment.this"),
                    "",
                    &["module.shop.module.elb.aws_elb.this"],
                    attachment("i-eu", None),
                ),
            ]),
            [
                r#"module.shop["us"].module.elb.aws_elb.this"#,
                r#"module.shop["eu"].module.elb.aws_elb.this"#,
            ],
            [
                r#"module.shop["us"].module.at.aws_elb_attachment.this"#,
                r#"module.shop["eu"].module.at.aws_elb_attachment.this"#,
            ],
        ),
    ] {
        let parsed = parse(&state.to_string()).expect("a state");
        let (all, told) = known(&parsed);
        assert_eq!(told, Vec::<String>::new());
        for (address, companion, instance) in [(first, own, "i-us"), (second, others, "i-eu")] {
            let one = all.iter().find(|one| one.address == address).expect("it is known");
            assert_eq!(one.companions, BTreeSet::from([companion.to_owned()]), "{address}");
            assert_eq!(one.lb.instances, BTreeSet::from([instance.to_owned()]), "{address}");
        }
        let (bound, told) = attached(&parsed);
        assert_eq!(told, Vec::<String>::new());
        let bound: Vec<_> = bound
            .iter()
            .map(|one| (one.region.as_deref(), one.instances.first(), one.addresses.first()))
            .collect();
        let expected = [("eu-west-1", "i-eu", others), ("us-east-1", "i-us", own)];
        let expected = expected.map(|(region, id, address)| (Some(region), id.to_owned(), address.to_owned()));
        let expected: Vec<_> = expected
            .iter()
            .map(|(region, id, address)| (*region, Some(id), Some(address)))
            .collect();
        assert_eq!(bound, expected);
    }
}

#[test]
fn what_may_belong_to_several_is_told_and_goes_with_each() {
    let state = of_several(&[
        ("aws_elb.us", "", &[], in_region("us-east-1")),
        ("aws_elb.eu", "", &[], in_region("eu-west-1")),
        ("aws_elb_attachment.a", "", &[], attachment("i-1", None)),
        ("aws_elb_attachment.b", "", &[], attachment("i-2", Some("ap-south-1"))),
    ]);
    let parsed = parse(&state.to_string()).expect("a state");
    let (all, told) = known(&parsed);
    for one in &all {
        assert!(one.companions.contains("aws_elb_attachment.a"), "{one:?}");
        assert!(one.lb.instances.is_empty(), "it may be the other's: {one:?}");
        assert!(
            release(&parsed, &[one])
                .blocks
                .contains("from = aws_elb_attachment.a\n")
        );
    }
    assert_eq!(told.len(), 2);
    assert!(
        told[0].contains("aws_elb_attachment.a") && told[0].contains("aws_elb.us or aws_elb.eu"),
        "{told:?}"
    );
    assert!(
        told[1].contains("aws_elb_attachment.b: its load balancer web is not in this state"),
        "{told:?}"
    );
    let (bound, told) = attached(&parsed);
    assert_eq!(bound.len(), 1, "that of a region without the load balancer: {bound:?}");
    assert_eq!(bound[0].region.as_deref(), Some("ap-south-1"));
    assert!(
        told[0].contains("aws_elb_attachment.a") && told[0].contains("stays Terraform's"),
        "{told:?}"
    );
}
