//! Codes of AWS that become reasons as they are, by what follows from them.

/// Codes from which the same follows.
#[derive(Clone, Copy, Debug)]
pub struct Codes {
    /// What they have in common.
    pub kind: &'static str,
    /// The codes, each with the reason that it becomes where that is another word.
    pub codes: &'static [(&'static str, Option<&'static str>)],
    /// Where they stand.
    pub stands: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

macro_rules! codes {
    ($( $code:literal $(=> $reason:expr)? ),* $(,)?) => {
        &[$( ($code, codes!(@ $($reason)?)) ),*]
    };
    (@) => { None };
    (@ $reason:expr) => { Some($reason) };
}

/// Every code that the operator knows. Others are treated as refusals or failures that pass, and tried again.
pub const AWS_CODES: &[Codes] = &[
    Codes {
        kind: "Something that the request names does not exist, or not yet",
        codes: codes![
            "SubnetNotFound",
            "InvalidSubnet",
            "InvalidSubnetID.NotFound" => super::SUBNET_NOT_FOUND,
            "InvalidVpcID.NotFound" => super::VPC_NOT_FOUND,
            "InvalidSecurityGroup" => super::SECURITY_GROUP_NOT_FOUND,
            "InvalidGroup.NotFound" => super::SECURITY_GROUP_NOT_FOUND,
            "CertificateNotFound",
            "PolicyNotFound",
            "PolicyTypeNotFound",
            "InvalidInstance" => super::INSTANCE_NOT_FOUND,
            "ListenerNotFound",
        ],
        stands: "`Accepted=False` where the balancer cannot be created, otherwise `Programmed=False`; `Reconciling`",
        remedy: "Create it, or correct the field. It is tried again by itself. `InvalidConfigurationRequest` that speaks \
                 of a bucket, and `ValidationError` of Auto Scaling that says a group is not found, are of this kind too.",
    },
    Codes {
        kind: "The request can never succeed as it is",
        codes: codes![
            "InvalidConfigurationRequest",
            "ValidationError",
            "UnsupportedProtocol",
            "InvalidScheme",
            "DuplicateTagKeys",
            "DuplicatePolicyName",
            "LoadBalancerAttributeNotFound",
            "InvalidParameterValue",
        ],
        stands: "reason `Invalid`, `Accepted=False` and `Stalled` where the balancer cannot be created; otherwise the \
                 code, `Programmed=False` and `Reconciling`, of its own part alone",
        remedy: "Change the field that AWS's message speaks of; `status.errors` says which part of the balancer it is.",
    },
    Codes {
        kind: "A balancer of that name was made in the same moment",
        codes: codes!["DuplicateLoadBalancerName" => super::CONFLICT],
        stands: "`Accepted=False`; `Stalled`. It is looked at first: where AWS shows it, its tags decide, see `Conflict` and \
                 `NotAdopted`",
        remedy: "Make the object anew with another `loadBalancerName`, or take the balancer over: \
                 [adoption](../adoption.md).",
    },
    Codes {
        kind: "The balancer does not exist",
        codes: codes!["LoadBalancerNotFound"],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Nothing: the next pass finds out whether it is `Lost` or was only not visible.",
    },
    Codes {
        kind: "A quota of the account is used up",
        codes: codes![
            "TooManyLoadBalancers",
            "TooManyPolicies",
            "TooManyTags",
            "LimitExceeded"
        ],
        stands: "`Programmed=False`; `Stalled`",
        remedy: "Raise the quota, or delete what is not needed. It is tried again every 10 minutes, and sooner where the resync period is shorter.",
    },
    Codes {
        kind: "The credentials are missing, expired, or not allowed to",
        codes: codes![
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "OperationNotPermitted",
            "OptInRequired",
            "MissingAuthenticationToken",
            "IncompleteSignature",
            "RequestExpired",
            "CredentialsNotLoaded",
        ],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Give the operator's role the action that the message names ([IAM](../iam.md)). `CredentialsNotLoaded`: \
                 give its service account a role and restart the pod. `OptInRequired`: enable the region for the \
                 account. `SignatureDoesNotMatch` and `RequestExpired`: set the clock of the node.",
    },
    Codes {
        kind: "AWS asks for fewer requests",
        codes: codes![
            "Throttling",
            "ThrottlingException",
            "DependencyThrottle",
            "RequestLimitExceeded",
            "TooManyRequests",
            "TooManyRequestsException",
            "RequestThrottled",
            "SlowDown",
        ],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Nothing: it is tried again, ever more slowly. If it lasts, see what else calls this API in the account.",
    },
    Codes {
        kind: "AWS is still busy with an earlier change",
        codes: codes!["DuplicateListener", "ResourceContention", "ScalingActivityInProgress"],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Nothing: it is tried again.",
    },
    Codes {
        kind: "The process does not lead, or does not any more",
        codes: codes!["NotLeader"],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Nothing: the leader makes the call.",
    },
    Codes {
        kind: "AWS did not answer, or not usefully",
        codes: codes!["Timeout", "Unreachable", "RequestNotSent", "BadReply", "NoReply"],
        stands: "`Programmed=False`; `Reconciling`. A reply of status 5xx without a code is `HTTP` with that number",
        remedy: "Nothing, if it passes. Otherwise see whether the pod reaches the endpoints of AWS: routes, proxies, \
                 `AWS_ENDPOINT_URL`.",
    },
];
