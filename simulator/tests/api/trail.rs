//! Who called what, as `CloudTrail` tells it.

use aws_simulator::Delays;
use serde_json::{Value, json};

use crate::client::Aws;

const TARGET: &str = "CloudTrail_20131101.LookupEvents";

fn lookup(aws: &Aws, input: &Value) -> (u16, Value) {
    aws.json("cloudtrail", TARGET, input)
}

fn by(key: &str, value: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]})
}

fn names(answer: &Value) -> Vec<&str> {
    let events = answer["Events"].as_array().unwrap().iter();
    events.map(|event| event["EventName"].as_str().unwrap()).collect()
}

#[test]
fn events_of_a_load_balancer_tell_who_when_and_what() {
    let aws = Aws::new();
    aws.create("lb");
    aws.create("other");
    aws.advance(60);
    let listener = [
        ("LoadBalancerName", "lb"),
        ("Listeners.member.1.Protocol", "TCP"),
        ("Listeners.member.1.LoadBalancerPort", "81"),
        ("Listeners.member.1.InstancePort", "81"),
    ];
    aws.elb("CreateLoadBalancerListeners", &listener).unwrap();
    aws.refused("DeleteLoadBalancerListeners", &[("LoadBalancerName", "lb")]);
    let (status, answer) = lookup(&aws, &by("ResourceName", "lb"));
    assert_eq!(status, 200, "{answer:#}");
    let expected = [
        "DeleteLoadBalancerListeners",
        "CreateLoadBalancerListeners",
        "CreateLoadBalancer",
    ];
    assert_eq!(names(&answer), expected, "the latest first: {answer:#}");
    let event = &answer["Events"][1];
    assert_eq!(event["Username"], "simulator");
    assert_eq!(event["AccessKeyId"], "AKIDEXAMPLE");
    assert_eq!(
        (&event["ReadOnly"], &event["EventTime"]),
        (&json!("false"), &json!(1_767_225_660.0))
    );
    let resource = json!({"ResourceType": "AWS::ElasticLoadBalancing::LoadBalancer", "ResourceName": "lb"});
    assert_eq!(event["Resources"], json!([resource]));
    let whole = |at: usize| -> Value {
        serde_json::from_str(answer["Events"][at]["CloudTrailEvent"].as_str().unwrap()).unwrap()
    };
    assert_eq!(
        whole(1)["requestParameters"],
        json!({"loadBalancerName": "lb", "listeners": [{"protocol": "TCP", "loadBalancerPort": 81, "instancePort": 81}]})
    );
    assert_eq!(
        (&whole(0)["errorCode"], whole(1).get("errorCode")),
        (&json!("ValidationError"), None)
    );
    // Other accounts and regions have events of their own.
    for elsewhere in [aws.as_key("AKIDOTHER"), aws.in_region("eu-west-1")] {
        assert_eq!(lookup(&elsewhere, &by("ResourceName", "lb")).1["Events"], json!([]));
    }
}

#[test]
fn events_are_looked_up_by_one_attribute_within_times_and_page_by_page() {
    let aws = Aws::new();
    for name in ["a", "b", "c"] {
        aws.create(name);
        aws.describe(name);
        aws.advance(10);
    }
    let count = |input: &Value| names(&lookup(&aws, input).1).len();
    for (key, value, expected) in [
        ("EventName", "CreateLoadBalancer", 3),
        // To look something up is an event too.
        ("ReadOnly", "true", 4),
        ("EventSource", "elasticloadbalancing.amazonaws.com", 6),
        ("AccessKeyId", "AKIDEXAMPLE", 9),
        ("Username", "nobody", 0),
        ("EventId", "00000000-0000-4000-8000-000000000001", 1),
        ("ResourceType", "AWS::ElasticLoadBalancing::LoadBalancer", 6),
    ] {
        assert_eq!(count(&by(key, value)), expected, "{key}");
    }
    let mut input = by("EventName", "CreateLoadBalancer");
    input["StartTime"] = json!(1_767_225_605.5);
    input["EndTime"] = json!(1_767_225_615.0);
    assert_eq!(count(&input), 1);
    let mut page = by("EventName", "CreateLoadBalancer");
    page["MaxResults"] = json!(2);
    let (_, first) = lookup(&aws, &page);
    page["NextToken"] = first["NextToken"].clone();
    let (_, second) = lookup(&aws, &page);
    assert_eq!((names(&first).len(), names(&second).len()), (2, 1));
    assert_eq!(second.get("NextToken"), None);

    let both = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"},
        {"AttributeKey": "Username", "AttributeValue": "x"}]});
    for (input, code) in [
        (both, "InvalidLookupAttributesException"),
        (by("Colour", "red"), "InvalidLookupAttributesException"),
        (json!({"MaxResults": 51}), "InvalidMaxResultsException"),
        (json!({"NextToken": "x"}), "InvalidNextTokenException"),
        (json!({"StartTime": 2, "EndTime": 1}), "InvalidTimeRangeException"),
    ] {
        let (status, refused) = lookup(&aws, &input);
        assert_eq!((status, &refused["__type"]), (400, &json!(code)), "{refused}");
    }
    let (status, refused) = aws.json("cloudtrail", "CloudTrail_20131101.CreateTrail", &json!({}));
    assert_eq!((status, &refused["__type"]), (400, &json!("UnknownOperationException")));
}

#[test]
fn as_in_aws_an_event_comes_late_and_is_not_kept_for_ever() {
    let aws = Aws::with(Delays::Aws);
    aws.create("lb");
    let count = || names(&lookup(&aws, &by("ResourceName", "lb")).1).len();
    assert_eq!(count(), 0);
    aws.advance(300);
    assert_eq!(count(), 1);
    aws.advance(90 * 24 * 3600);
    assert_eq!(count(), 0);
}
