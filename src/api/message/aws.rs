//! What AWS answered, and what is told where it did not.

use crate::api::reason::{self, AWS_CODE};

messages! { AWS:
    under said(operation, code, message_of_aws) [AWS_CODE, reason::AWS_ERROR] "{operation}: {code}: {message_of_aws}";
    part no_message() [AWS_CODE] "no message";
    under put_back(message) [AWS_CODE] "{message}; the old listener was put back and serves";
    under closed(message, port) [AWS_CODE]
        "{message}; the old listener was taken down for it and could not be put back, so port {port} is closed until AWS \
         takes one of them: it is tried again";
    under at_field(field, message) [AWS_CODE] "{field}: {message}";
    under at_field_with_remedy(field, message, remedy) [AWS_CODE] "{message}; {field}: {remedy}";
    part correct_groups() [AWS_CODE] "correct the ids, or create the security groups in the load balancer's VPC";
    part correct_subnets() [AWS_CODE] "correct the ids, or create the subnets";
    part correct_certificates() [AWS_CODE]
        "correct the ARN, or issue or import the certificate in the load balancer's region and account";
    part correct_zones() [AWS_CODE] "name zones that the account can use in the load balancer's region";
    part correct_zones_to(zones) [AWS_CODE] "name some of {zones}: those have a default subnet in the load balancer's region";
    under no_such_policy(message, likely) [AWS_CODE]
        "spec.listeners[].sslPolicy.predefined: {message}; AWS has {likely}";
    under serves_as_before(port, message_of_aws) [AWS_CODE]
        "listener {port} was refused as declared and serves as before: {message_of_aws}; it is tried again at the next \
         resync, or when the spec changes";
    under two_of_one_zone(message) [AWS_CODE]
        "{message}: of the subnets declared and attached, two lie in one Availability Zone";
    part needs_bucket_policy(message_of_aws, bucket, region, statement) [AWS_CODE]
        "{message_of_aws}; the bucket {bucket} must exist in {region} and its policy must hold the statement {statement}";
    fn invalid_says_aws(message_of_aws) [reason::INVALID] "{message_of_aws}";
    under deletion_waits(message_of_aws) [AWS_CODE] "deletion waits: {message_of_aws}";
}

answers! { ANSWERS:
    fn not_leader() "NotLeader" "this process does not lead, so the call was not made";
    fn leads_no_more() "NotLeader"
        "this process leads no more, so the call was given up; whether AWS carried it out is seen at the next look";
    fn over_budget(bucket, wait) "WaitingForAWSRate"
        "this account's rate for calls of the kind {bucket} is used up; its turn comes within {wait}";
    fn timeout() "Timeout" "AWS did not answer in time";
    fn reply_lacks(what) "BadReply" "the reply lacks {what}";
    fn cut_short() "BadReply" "the reply of AWS was cut short";
    fn no_certificate_for(name) "CertificateNotFound"
        "no issued server certificate is found for the key: {name}";
}
