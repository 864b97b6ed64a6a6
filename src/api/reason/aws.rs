//! Codes of AWS that become reasons as they are, by what follows from them.

/// What codes have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that the request names does not exist, or not yet.
    MissingReference,
    /// The request can never succeed as it is.
    Invalid,
    /// A load balancer of that name was made in the same moment.
    Duplicate,
    /// The load balancer does not exist.
    Gone,
    /// A quota of the account is used up.
    Quota,
    /// The credentials are missing, expired, or not allowed to.
    Denied,
    /// AWS asks for fewer requests.
    Throttled,
    /// AWS is still busy with an earlier change.
    Settling,
    /// The process does not lead.
    NotLeader,
    /// Our share of AWS's rate is used up.
    OverBudget,
    /// AWS did not answer, or not usefully.
    Unavailable,
}

impl Kind {
    /// For the page.
    pub fn text(self) -> &'static str {
        match self {
            Self::MissingReference => "Something that the request names does not exist, or not yet",
            Self::Invalid => "The request can never succeed as it is",
            Self::Duplicate => "A load balancer of that name was made in the same moment",
            Self::Gone => "The load balancer does not exist",
            Self::Quota => "A quota of the account is used up",
            Self::Denied => "The credentials are missing, expired, or not allowed to",
            Self::Throttled => "AWS asks for fewer requests",
            Self::Settling => "AWS is still busy with an earlier change",
            Self::NotLeader => "The process does not lead, or does not any more",
            Self::OverBudget => "The operator's share of what AWS lets the account ask is used up for the moment",
            Self::Unavailable => "AWS did not answer, or not usefully",
        }
    }
}

/// Of which kind a code is, and the reason that it becomes where that is another word; `None`: nobody knows it.
pub fn known_code(code: &str) -> Option<(Kind, Option<&'static str>)> {
    AWS_CODES.iter().find_map(|codes| {
        let (_, reason) = codes.codes.iter().find(|(known, _)| *known == code)?;
        Some((codes.kind, *reason))
    })
}

/// Codes from which the same follows.
#[derive(Clone, Copy, Debug)]
pub struct Codes {
    /// What they have in common.
    pub kind: Kind,
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
        kind: Kind::MissingReference,
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
        stands: "`Accepted=False` where the load balancer cannot be created, otherwise `Programmed=False`; \
                 `Reconciling`",
        remedy: "Create it, or correct the field. It is tried again by itself. `InvalidConfigurationRequest` that speaks \
                 of a bucket, and `ValidationError` of Auto Scaling that says a group is not found, are of this kind too.",
    },
    Codes {
        kind: Kind::Invalid,
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
        stands: "reason `Invalid`, `Accepted=False` and `Stalled` where the load balancer cannot be created; \
                 otherwise the code, `Programmed=False` and `Reconciling`, of its own part alone, and after ten minutes `Stalled`",
        remedy: "Change the field that AWS's message speaks of; `status.errors` says which part of the load balancer \
                 it is.",
    },
    Codes {
        kind: Kind::Duplicate,
        codes: codes!["DuplicateLoadBalancerName" => super::CONFLICT],
        stands: "`Accepted=False`; `Stalled`. It is looked at first: where AWS shows it, its tags decide, see `Conflict` and \
                 `NotAdopted`",
        remedy: "Make the object anew with another `loadBalancerName`, or take the load balancer over: \
                 [adoption](../adoption.md).",
    },
    Codes {
        kind: Kind::Gone,
        codes: codes!["LoadBalancerNotFound"],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Nothing: the next reconcile finds out whether it is `Lost` or was only not visible.",
    },
    Codes {
        kind: Kind::Quota,
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
        kind: Kind::Denied,
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
        kind: Kind::Throttled,
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
        kind: Kind::Settling,
        codes: codes!["DuplicateListener", "ResourceContention", "ScalingActivityInProgress"],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Nothing: it is tried again.",
    },
    Codes {
        kind: Kind::NotLeader,
        codes: codes!["NotLeader"],
        stands: "`Programmed=False`; `Reconciling`",
        remedy: "Nothing: the leader makes the call.",
    },
    Codes {
        kind: Kind::OverBudget,
        codes: codes!["WaitingForAWSRate"],
        stands: "`Programmed=False`; `Reconciling`. No failure: the object waits for its turn",
        remedy: "Nothing: it comes. Where AWS has raised the account's limits, set `rateLimits`; where nothing else calls \
                 this API, a larger `rateShare`.",
    },
    Codes {
        kind: Kind::Unavailable,
        codes: codes!["Timeout", "Unreachable", "RequestNotSent", "BadReply", "NoReply"],
        stands: "`Programmed=False`; `Reconciling`. A reply of status 5xx without a code is `HTTP` with that number",
        remedy: "Nothing, if it passes. Otherwise see whether the pod reaches the endpoints of AWS: routes, proxies, \
                 `AWS_ENDPOINT_URL`.",
    },
];
