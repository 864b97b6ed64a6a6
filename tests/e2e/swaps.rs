//! Subnets exchanged for others of their zones.

use serde_json::json;
use testkit::{Calls, Result};

use crate::network::Vpc;
use crate::{Test, error, set};

pub(crate) const ATTACH: &str = "AttachLoadBalancerToSubnets";
pub(crate) const DETACH: &str = "DetachLoadBalancerFromSubnets";

pub(crate) fn spec(subnets: &[&String]) -> String {
    let list: Vec<&str> = subnets.iter().map(|subnet| subnet.as_str()).collect();
    format!(
        "scheme: internal\nsubnets: [{}]\nlisteners: [{{port: 80, protocol: TCP, instancePort: 80}}]",
        list.join(", ")
    )
}

/// Each write with the subnets that it names.
fn moves(calls: &Calls) -> Vec<String> {
    let writes = calls.writes();
    let sign = |operation: &str| match operation {
        ATTACH => "+",
        DETACH => "-",
        other => panic!("{other}"),
    };
    let list = writes.iter().map(|call| {
        let subnets = call.members("Subnets.member.").into_iter();
        let subnets: Vec<String> = subnets.map(|(_, subnet)| subnet).collect();
        format!("{}{}", sign(&call.operation), subnets.join(" "))
    });
    list.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_within_zones_is_made_without_a_refusal() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let made = vpc
        .subnets(&["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1b", "us-east-1c"])
        .await?;
    let [a, a2, b, b2, c] = [0, 1, 2, 3, 4].map(|index| &made[index]);
    test.ready(&spec(&[a, b])).await?;
    // The old ones of both zones are exchanged one after the other, in the order of the new ids.
    let mut pairs = [(a, a2), (b2, b)];
    pairs.sort();
    let complete = pairs
        .iter()
        .flat_map(|(new, old)| [format!("-{old}"), format!("+{new}")])
        .collect();
    for (wanted, expected) in [
        (vec![a2, b], vec![format!("-{a}"), format!("+{a2}")]),
        (vec![a, b2], complete),
        (
            vec![a2, c],
            vec![format!("+{c}"), format!("-{a}"), format!("+{a2}"), format!("-{b2}")],
        ),
        (vec![a], vec![format!("-{a2}"), format!("+{a}"), format!("-{c}")]),
        (vec![a2, b], vec![format!("+{b}"), format!("-{a}"), format!("+{a2}")]),
    ] {
        let mark = test.mark()?;
        let ready = test.ready(&spec(&wanted)).await?;
        let calls = test.calls(mark).await?;
        assert_eq!(moves(&calls), expected);
        assert!(calls.iter().all(|call| call.status == Some(200)), "{calls}");
        let zones = ready.status("/availabilityZones").as_array();
        assert_eq!(zones.map(Vec::len), Some(wanted.len()), "the zones in status follow");
    }
    test.pass().await?;
    let mark = test.mark()?;
    test.idle("a second pass").await?;
    let looked = test.simulator().calls(mark)?.of("DescribeSubnets").naming(a2);
    assert!(looked.is_empty(), "nothing to look at: {looked}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_subnet_is_exchanged_through_another_zone_where_that_is_permitted() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let made = vpc
        .subnets(&["us-east-1a", "us-east-1a", "us-east-1-bos-1a", "us-east-1b"])
        .await?;
    let [a, a2, _, b] = [0, 1, 2, 3].map(|index| &made[index]);
    test.ready(&spec(&[a])).await?;

    let mark = test.mark()?;
    test.apply(&format!("{}\ntags: {{team: net}}", spec(&[a2]))).await?;
    let message = test.until_reason("Programmed", "NeedsTemporarySubnet").await?;
    assert!(message.contains("set spec.allowTemporarySubnet to true"), "{message}");
    let calls = test.calls(mark).await?;
    assert!(calls.of(ATTACH).is_empty() && calls.of(DETACH).is_empty(), "{calls}");
    assert_eq!(test.tags().await?["team"], "net", "everything else follows");

    let mark = test.mark()?;
    test.change(json!({"allowTemporarySubnet": true})).await?;
    let expected = [format!("+{b}"), format!("-{a}"), format!("+{a2}"), format!("-{b}")];
    assert_eq!(moves(&test.calls(mark).await?), expected);
    assert_eq!(test.attached().await?, set([a2]));

    // Refused halfway, it goes on from there, and what was lent does not stay.
    let mut at = a2;
    for (operation, nth) in [(ATTACH, 1), (DETACH, 1), (ATTACH, 2), (DETACH, 2)] {
        let to = if at == a { a2 } else { a };
        let refusal = error("SomethingNew", 400, "not now");
        test.fault(operation, &json!({"nth": nth}), &refusal).await?;
        let mark = test.mark()?;
        test.ready(&format!("{}\nallowTemporarySubnet: true", spec(&[to])))
            .await?;
        let calls = test.calls(mark).await?;
        let refused = calls.only(|call| call.error_code.as_deref() == Some("SomethingNew"));
        assert_eq!(refused.operations(), [operation], "{calls}");
        assert_eq!(test.attached().await?, set([to]), "{operation} {nth}");
        at = to;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_subnet_to_borrow_the_only_one_stays() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let made = vpc.subnets(&["us-east-1a", "us-east-1a"]).await?;
    test.ready(&spec(&[&made[0]])).await?;
    test.apply(&format!("{}\nallowTemporarySubnet: true", spec(&[&made[1]])))
        .await?;
    let message = test.until_reason("Programmed", "NeedsTemporarySubnet").await?;
    assert!(message.contains("create one"), "{message}");
    assert_eq!(test.attached().await?, set(&made[..1]));
    let other = vpc.subnet("us-east-1b").await?;
    test.request().await?;
    test.until_ready().await?;
    let left = test.attached().await?;
    assert_eq!(left, set(&made[1..]), "{other} was lent and is gone");
    Ok(())
}
