//! The account that an object refers to, and what of it the object may use.

use crate::api::reason::{self, AWS_CODE};

messages! { ACCOUNTS:
    fn no_account(name) [reason::ACCOUNT_NOT_FOUND]
        "spec.accountRef.name: there is no AWSAccount {name}: create it, or delete this object and make it anew with \
         another accountRef. Nothing is read from or written to AWS";
    fn account_not_ready(name, why) [reason::ACCOUNT_NOT_READY]
        "spec.accountRef.name: the AWSAccount {name} cannot be used: {why}. Nothing is read from or written to AWS";
    part accounts_not_listed() [reason::ACCOUNT_NOT_READY] "AWSAccounts have not been listed yet";
    part accounts_unread(why) [reason::ACCOUNT_NOT_READY] "AWSAccounts cannot be read: {why}";
    part namespaces_not_listed() [reason::ACCOUNT_NOT_READY] "the labels of namespaces have not been listed yet";
    part namespaces_unread(why) [reason::ACCOUNT_NOT_READY] "the labels of namespaces cannot be read: {why}";
    part bad_namespace_selector(why) [reason::ACCOUNT_NOT_READY] "its spec.namespaces.selector is none: {why}";
    part undecodable_account(why) [reason::ACCOUNT_NOT_READY] "this version of the operator cannot read it: {why}";

    fn account_ready(account, arn) [reason::READY] "account {account} answers as {arn}";
    fn account_mismatch(account, answering) [reason::ACCOUNT_MISMATCH]
        "spec.accountId is {account}, but account {answering} answers: correct spec.accountId or spec.roleArn, or give the \
         operator credentials of {account}";
    under account_refused(why) [AWS_CODE]
        "{why}: let the role be assumed by the operator's identity, with spec.externalId where its trust policy asks for one";

    fn account_required() [reason::ACCOUNT_NOT_ALLOWED]
        "spec.accountRef is required, since the operator runs with --default-account=off: delete this object and make it anew \
         with accountRef, which cannot be added. Nothing is read from or written to AWS";
    fn namespace_not_allowed(account, namespace) [reason::ACCOUNT_NOT_ALLOWED]
        "spec.accountRef.name: the AWSAccount {account} is not for the namespace {namespace}: its spec.namespaces does not \
         select it. Nothing is read from or written to AWS; a load balancer that exists stays as it is";
    fn region_not_allowed(account, region, regions) [reason::ACCOUNT_NOT_ALLOWED]
        "spec.region: {region} is not allowed by the AWSAccount {account}, whose spec.regions are {regions}. Nothing is read \
         from or written to AWS; a load balancer that exists stays as it is";
    fn scheme_not_allowed(account, scheme, schemes) [reason::ACCOUNT_NOT_ALLOWED]
        "spec.scheme: {scheme} is not allowed by the AWSAccount {account}, whose spec.schemes are {schemes}. Nothing is written \
         to AWS; a load balancer that exists stays as it is";
    part nothing_listed() [reason::ACCOUNT_NOT_ALLOWED] "none, since that list was emptied";
    fn value_not_allowed(field, value, account, rule, allowed) [reason::ACCOUNT_NOT_ALLOWED]
        "{field}: {value} is not allowed by the AWSAccount {account}, whose spec.allow.{rule} are {allowed}. Nothing is written \
         to AWS; a load balancer that exists stays as it is";
    fn tags_not_allowed(field, what, account, rule, tags) [reason::ACCOUNT_NOT_ALLOWED]
        "{field}: {what} is not allowed by the AWSAccount {account}, whose spec.allow.{rule} asks for the tags {tags}. Nothing \
         is written to AWS; a load balancer that exists stays as it is";
    fn groups_must_be_named(account) [reason::ACCOUNT_NOT_ALLOWED]
        "spec.securityGroups: must be given, or spec.securityGroupSelector, since spec.allow.securityGroupTags of the \
         AWSAccount {account} asks for tags and AWS would choose the default group of the VPC";
    fn vpc_must_be_named(account) [reason::ACCOUNT_NOT_ALLOWED]
        "spec.targets.instanceTags[].vpcId: must be given, since spec.allow.instanceTags of the AWSAccount {account} asks for tags \
         of the instances, and the VPC that the load balancer would be made in could not be found";
    part default_subnet(subnet, zone) [reason::ACCOUNT_NOT_ALLOWED] "{subnet}, the default subnet of {zone},";
    under tags_of_account_unread(field, account, rule, message_of_aws) [AWS_CODE]
        "{field}: the tags that spec.allow.{rule} of the AWSAccount {account} asks for could not be read: {message_of_aws}";
    under tagged_not_shown(field, ids, rule, account)
        [reason::SUBNET_NOT_FOUND, reason::SECURITY_GROUP_NOT_FOUND, reason::AUTO_SCALING_GROUP_NOT_FOUND,
         reason::INSTANCE_NOT_FOUND, reason::CERTIFICATE_NOT_FOUND]
        "{field}: AWS does not show {ids}, so that the tags which spec.allow.{rule} of the AWSAccount {account} asks for cannot be \
         looked at: correct it, or wait until AWS shows it; until then it is left as it is";
    fn region_not_enabled(account, region, message_of_aws) [reason::ACCOUNT_NOT_READY]
        "spec.region: {region} does not let {account} in, as where a region is not enabled: enable it for the account, or make \
         the object anew in another region: {message_of_aws}";
    part named_account(name) [reason::ACCOUNT_NOT_READY] "the AWSAccount {name}";
    part own_account() [reason::ACCOUNT_NOT_READY] "the operator's own account";
    fn released_outside(why) [reason::RELEASED]
        "nothing is written to AWS, so this object is released, and its load balancer, if there is one, stays with its tags: {why}";
    fn deletion_not_allowed(why) [reason::DELETING]
        "deletion waits: {why}. To let the object go and leave the load balancer as it is, set spec.management: Observe";
}
