//! What the API server refuses of an `AWSAccount`, in words that name the field.

use testkit::{Result, Stack};

/// Specs that the API server refuses, and words that it must have.
const REFUSED: &str = "
accountId: '12345678901' => spec.accountId
accountId: '123456789012', roleArn: 'arn:aws:iam::210987654321:role/a' => roleArn must be a role of the account accountId
accountId: '123456789012', roleArn: 'arn:aws:sts::123456789012:assumed-role/a/b' => spec.roleArn
accountId: '123456789012', externalId: tenant => externalId and sessionName can be given only with roleArn
accountId: '123456789012', namespaces: {from: Selector} => selector must be given where from is Selector
accountId: '123456789012', namespaces: {from: All, selector: {}} => selector must be given where from is Selector
accountId: '123456789012', allow: {instancePorts: ['0']} => instancePorts must be ports from 1 to 65535
accountId: '123456789012', allow: {instancePorts: [90-80]} => instancePorts must be ports from 1 to 65535
accountId: '123456789012', allow: {instancePorts: [http]} => spec.allow.instancePorts[0]
accountId: '123456789012', allow: {loadBalancerNames: []} => spec.allow.loadBalancerNames
accountId: '123456789012', allow: {loadBalancerNames: ['$(pod)-*']} => spec.allow.loadBalancerNames[0]
accountId: '123456789012', allow: {logBuckets: ['a b']} => spec.allow.logBuckets[0]
accountId: '123456789012', defaultTags: {'aws:x': z} => keys of defaultTags must not start with aws:
accountId: '123456789012', defaultTags: {x: $(pod)} => defaultTags may hold letters
accountId: '123456789012', schemes: [public] => spec.schemes[0]
accountId: '123456789012', adoption: never => spec.adoption
accountId: '123456789012', rateShare: 0 => spec.rateShare
accountId: '123456789012', regions: [us-east-1a] => spec.regions[0]
";

#[tokio::test(flavor = "multi_thread")]
async fn what_no_account_can_be_is_refused_in_words_that_name_the_field() -> Result<()> {
    let namespace = Stack::shared().await?.namespace().await?;
    for line in REFUSED.lines().filter(|line| !line.is_empty()) {
        let (spec, words) = line.split_once(" => ").expect("words");
        let all = if spec.contains("namespaces:") {
            ""
        } else {
            ", namespaces: {from: All}"
        };
        let object = format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: AWSAccount\nmetadata: {{name: refused}}\nspec: {{{spec}{all}}}"
        );
        let refused = namespace.create(&object).await.expect_err(spec).to_string();
        assert!(refused.contains(words), "{spec}: {refused}");
    }
    let nobody = "apiVersion: classiclb.dev/v1alpha1\nkind: AWSAccount\nmetadata: {name: refused}\nspec: {accountId: '123456789012'}";
    let refused = namespace.create(nobody).await.expect_err("no namespaces").to_string();
    assert!(refused.contains("spec.namespaces"), "{refused}");
    Ok(())
}
