//! IAM and STS, which know no regions.

use super::super::ask::Ask;
use super::Subject;

/// Server certificates are the only resources of IAM here.
pub(super) fn iam(subject: &Subject<'_>) -> Vec<Ask> {
    let params = subject.params;
    let Some(name) = params.str("ServerCertificateName").filter(|_| !subject.describes()) else {
        return vec![subject.ask(subject.operation, None)];
    };
    let known = subject
        .account()
        .and_then(|account| account.server_certificates.get(name));
    let arn = known.map_or_else(
        || {
            let (partition, account) = (subject.facts.partition(), &subject.caller.account);
            let path = params.non_empty("Path").unwrap_or("/");
            format!("arn:{partition}:iam::{account}:server-certificate{path}{name}")
        },
        |certificate| certificate.arn.clone(),
    );
    vec![subject.ask(subject.operation, Some(arn))]
}

/// Everybody may ask who they are, and a web identity has no policies yet.
pub(super) fn sts(subject: &Subject<'_>) -> Vec<Ask> {
    if subject.operation != "AssumeRole" {
        return Vec::new();
    }
    let text = |name: &str| subject.params.non_empty(name).map(str::to_owned);
    let ask = subject.ask(subject.operation, text("RoleArn"));
    vec![
        ask.with("sts:ExternalId", text("ExternalId"))
            .with("sts:RoleSessionName", text("RoleSessionName")),
    ]
}
