//! Pure: which actions of AWS the objects of a cluster need.

use std::collections::BTreeSet;

use crate::api::{
    AWSAccount, AutoScalingGroupMode, ClassicLoadBalancer, ClassicLoadBalancerStatus, DeletionPolicy, Listener,
    Management, Permission, Protocol, ReplacementPolicy,
};
use crate::controller::Rules;
use crate::plan::adoption::Adoption;

/// What a set of objects needs.
#[derive(Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each says whether a statement is needed
pub(super) struct Needs {
    pub(super) actions: BTreeSet<&'static str>,
    /// Whether a load balancer may be made.
    pub(super) create: bool,
    /// Whether one may be taken over.
    pub(super) adopt: bool,
    /// Whether one that nobody offers may be.
    pub(super) adopt_any: bool,
    /// Whether it could be the first one of the account.
    pub(super) first: bool,
    /// Whether instances are registered with load balancers of others.
    pub(super) bind: bool,
    /// Also with those that nobody offers.
    pub(super) bind_any: bool,
}

impl Needs {
    /// Adds what bindings need, given as the load balancers of which they declare the targets: reads, and what is done with
    /// Auto Scaling groups and instances.
    pub(super) fn add_bindings(&mut self, objects: &[&ClassicLoadBalancer], accounts: &[&AWSAccount], rules: &Rules) {
        let of_targets = |action: &str| action.contains(":Describe") || action.starts_with("autoscaling:");
        for object in objects {
            let asker = Asker {
                object,
                accounts,
                rules,
            };
            let needed = ACTIONS.iter().filter(|(_, asks)| asks(&asker));
            self.actions
                .extend(needed.map(|(action, _)| *action).filter(|action| of_targets(action)));
            let permission = asker.account().and_then(|account| account.spec.binding);
            let permission = permission.unwrap_or(rules.binding);
            self.bind |= asker.writes() && permission != Permission::Never;
            self.bind_any |= asker.writes() && permission == Permission::Any;
        }
    }
}

/// Of one object, what it needs.
type Asks = fn(&Asker) -> bool;

/// An object and the rules that it is worked on by.
pub(super) struct Asker<'a> {
    object: &'a ClassicLoadBalancer,
    accounts: &'a [&'a AWSAccount],
    rules: &'a Rules,
}

/// Each action, and whether an object needs it. Reads that any object brings about are needed without one, too.
pub(super) const ACTIONS: &[(&str, Asks)] = &[
    ("elasticloadbalancing:DescribeInstanceHealth", |_| true),
    ("elasticloadbalancing:DescribeLoadBalancerAttributes", |a| {
        a.has("attributes")
    }),
    ("elasticloadbalancing:DescribeLoadBalancerPolicies", |a| a.policies()),
    ("elasticloadbalancing:DescribeLoadBalancers", |_| true),
    ("elasticloadbalancing:DescribeTags", |_| true),
    ("autoscaling:DescribeAutoScalingGroups", |a| {
        a.has("targets") || a.allows(|x| x.auto_scaling_group_tags.is_some())
    }),
    ("autoscaling:DescribeAutoScalingInstances", |a| a.has("targets")),
    ("autoscaling:DescribeLoadBalancers", |a| a.attaches()),
    ("acm:ListCertificates", |a| {
        a.listens(|l| l.certificate.as_ref().is_some_and(|c| c.acm_domain_name.is_some()))
    }),
    ("ec2:DescribeInstances", |a| a.has("targets")),
    ("ec2:DescribeRouteTables", |a| {
        let role = a
            .object
            .spec
            .subnet_selector
            .as_ref()
            .is_some_and(|selector| selector.role.is_some());
        role || a.object.spec.allow_temporary_subnet == Some(true)
    }),
    ("ec2:DescribeSecurityGroups", |a| {
        a.has("securityGroups") || a.has("securityGroupSelector") || a.allows(|x| x.security_group_tags.is_some())
    }),
    ("ec2:DescribeSubnets", |_| true),
    ("acm:DescribeCertificate", |a| a.certificate(false)),
    ("acm:ListTagsForCertificate", |a| {
        a.allows(|x| x.certificate_tags.is_some())
    }),
    ("iam:GetServerCertificate", |a| a.certificate(true)),
    ("elasticloadbalancing:CreateLoadBalancer", |a| a.creates()),
    ("elasticloadbalancing:AddTags", |a| a.writes()),
    ("elasticloadbalancing:ApplySecurityGroupsToLoadBalancer", |a| {
        a.writes() && (a.has("securityGroups") || a.has("securityGroupSelector"))
    }),
    ("elasticloadbalancing:AttachLoadBalancerToSubnets", |a| {
        a.writes() && a.by_subnets()
    }),
    ("elasticloadbalancing:ConfigureHealthCheck", |a| a.writes()),
    ("elasticloadbalancing:CreateAppCookieStickinessPolicy", |a| {
        a.writes() && a.sticks(false)
    }),
    ("elasticloadbalancing:CreateLBCookieStickinessPolicy", |a| {
        a.writes() && a.sticks(true)
    }),
    ("elasticloadbalancing:CreateLoadBalancerListeners", |a| a.writes()),
    ("elasticloadbalancing:CreateLoadBalancerPolicy", |a| {
        a.writes() && (a.has("backends") || a.listens(|l| l.ssl_policy.is_some()))
    }),
    ("elasticloadbalancing:DeleteLoadBalancer", |a| {
        a.writes() && (!a.leaves() || a.replaces())
    }),
    ("elasticloadbalancing:DeleteLoadBalancerListeners", |a| a.writes()),
    ("elasticloadbalancing:DeleteLoadBalancerPolicy", |a| {
        a.writes() && a.policies()
    }),
    ("elasticloadbalancing:DeregisterInstancesFromLoadBalancer", |a| {
        a.writes() && a.has("targets")
    }),
    ("elasticloadbalancing:DetachLoadBalancerFromSubnets", |a| {
        a.writes() && a.by_subnets()
    }),
    ("elasticloadbalancing:DisableAvailabilityZonesForLoadBalancer", |a| {
        a.writes() && a.by_zones()
    }),
    ("elasticloadbalancing:EnableAvailabilityZonesForLoadBalancer", |a| {
        a.writes() && a.by_zones()
    }),
    ("elasticloadbalancing:ModifyLoadBalancerAttributes", |a| {
        a.writes() && a.has("attributes")
    }),
    ("elasticloadbalancing:RegisterInstancesWithLoadBalancer", |a| {
        a.writes() && a.has("targets")
    }),
    ("elasticloadbalancing:RemoveTags", |a| a.writes() && a.removes_tags()),
    ("elasticloadbalancing:SetLoadBalancerListenerSSLCertificate", |a| {
        a.writes() && a.listens(|l| l.certificate.is_some())
    }),
    ("elasticloadbalancing:SetLoadBalancerPoliciesForBackendServer", |a| {
        a.writes() && a.has("backends")
    }),
    ("elasticloadbalancing:SetLoadBalancerPoliciesOfListener", |a| {
        a.writes() && a.listener_policies()
    }),
    ("autoscaling:AttachLoadBalancers", |a| a.writes() && a.attaches()),
    ("autoscaling:DetachLoadBalancers", |a| a.writes() && a.attaches()),
];

/// What these objects need, whose accounts these are.
pub(super) fn needed(objects: &[&ClassicLoadBalancer], accounts: &[&AWSAccount], rules: &Rules) -> Needs {
    let asker = |object| Asker {
        object,
        accounts,
        rules,
    };
    let mut needs = Needs::default();
    // What an operator asks before the first object is there: its own region is looked at.
    let always = [
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTags",
    ];
    needs.actions.extend(always);
    for object in objects {
        let asker = asker(*object);
        needs.actions.extend(
            ACTIONS
                .iter()
                .filter(|(_, asks)| asks(&asker))
                .map(|(action, _)| *action),
        );
        needs.create |= asker.creates();
        let permission = asker.account().and_then(|account| account.spec.adoption);
        let adopts = |at_most: Permission, by_rules: Adoption| match permission {
            Some(permission) => permission == at_most,
            None => rules.adoption == by_rules,
        };
        if asker.writes() && object.spec.adopt == Some(true) {
            needs.adopt |= !adopts(Permission::Never, Adoption::Never);
            needs.adopt_any |= adopts(Permission::Any, Adoption::Any);
        }
    }
    let made = |object: &&ClassicLoadBalancer| {
        object
            .status
            .as_ref()
            .is_some_and(|status| status.created_time.is_some())
    };
    needs.first = needs.create && !objects.iter().any(made);
    needs
}

impl Asker<'_> {
    fn status(&self) -> Option<&ClassicLoadBalancerStatus> {
        self.object.status.as_ref()
    }

    /// Whether a field of the spec, by its name, is declared, or was applied and is still to go back to AWS's default.
    fn has(&self, field: &str) -> bool {
        let spec = &self.object.spec;
        let declared = match field {
            "attributes" => spec.attributes.is_some(),
            "backends" => spec.backends.is_some(),
            "securityGroups" => spec.security_groups.is_some(),
            "securityGroupSelector" => spec.security_group_selector.is_some(),
            "targets" => spec.targets.is_some(),
            _ => false,
        };
        let applied = self.status().and_then(|status| status.applied.as_ref());
        let applied = applied.map(|applied| applied.fields.as_slice()).unwrap_or_default();
        declared || applied.iter().any(|name| name.split(['.', '[']).next() == Some(field))
    }

    /// The account that the object refers to.
    fn account(&self) -> Option<&AWSAccount> {
        let name = &self.object.spec.account_ref.as_ref()?.name;
        let mut accounts = self.accounts.iter();
        accounts
            .find(|account| account.metadata.name.as_ref() == Some(name))
            .copied()
    }

    fn writes(&self) -> bool {
        !self.rules.read_only && self.object.spec.management != Some(Management::Observe)
    }

    fn creates(&self) -> bool {
        self.writes() && (self.object.spec.adopt != Some(true) || self.replaces())
    }

    /// Whether another load balancer may be made in the place of the one that is there, which is deleted then.
    fn replaces(&self) -> bool {
        let under_way = self.status().is_some_and(|status| status.replacement.is_some());
        under_way || self.object.spec.replacement == Some(ReplacementPolicy::BlueGreen)
    }

    /// Whether the load balancer stays when nothing is declared for it any more.
    fn leaves(&self) -> bool {
        match self.object.spec.deletion_policy {
            Some(policy) => policy == DeletionPolicy::Retain,
            None => self.object.spec.adopt == Some(true),
        }
    }

    fn removes_tags(&self) -> bool {
        let applied = self.status().and_then(|status| status.applied.as_ref());
        let tagged = applied.is_some_and(|applied| !applied.tag_keys.is_empty());
        let by_account = self.accounts.iter().any(|account| account.spec.default_tags.is_some());
        tagged || by_account || self.object.spec.tags.is_some() || !self.rules.default_tags.is_empty() || self.leaves()
    }

    /// One that may be replaced may stand in subnets now and in zones then.
    fn by_subnets(&self) -> bool {
        self.object.spec.availability_zones.is_none() || self.replaces()
    }

    fn by_zones(&self) -> bool {
        self.object.spec.availability_zones.is_some() || self.replaces()
    }

    fn listens(&self, does: impl Fn(&Listener) -> bool) -> bool {
        self.object.spec.listeners.iter().any(does)
    }

    /// Whether a certificate stands in IAM, or else in ACM.
    fn certificate(&self, in_iam: bool) -> bool {
        self.listens(|listener| {
            listener.certificate.as_ref().is_some_and(|certificate| {
                let by_arn = certificate
                    .arn
                    .as_ref()
                    .is_some_and(|arn| arn.contains(":server-certificate/") == in_iam);
                let by_name = if in_iam {
                    &certificate.iam_server_certificate_name
                } else {
                    &certificate.acm_domain_name
                };
                by_arn || by_name.is_some()
            })
        })
    }

    fn sticks(&self, by_load_balancer: bool) -> bool {
        self.listens(|listener| {
            listener.stickiness.as_ref().is_some_and(|stickiness| {
                if by_load_balancer {
                    stickiness.load_balancer_cookie.is_some()
                } else {
                    stickiness.application_cookie.is_some()
                }
            })
        })
    }

    /// Whether policies are made or were made.
    fn policies(&self) -> bool {
        let applied = self.status().and_then(|status| status.applied.as_ref());
        let before = applied.is_some_and(|applied| applied.fields.iter().any(|field| field.starts_with("listeners")));
        before || self.has("backends") || self.listens(|l| l.ssl_policy.is_some() || l.stickiness.is_some())
    }

    /// Whether a listener has policies, declared or not: one that is rebuilt gets them again.
    fn listener_policies(&self) -> bool {
        let has = self
            .status()
            .is_some_and(|status| status.listeners.iter().any(|l| !l.policies.is_empty()));
        let secure = |l: &Listener| matches!(l.protocol, Protocol::Https | Protocol::Ssl);
        has || self.policies() || self.listens(secure)
    }

    /// Whether a group is attached, or was.
    fn attaches(&self) -> bool {
        let groups = self
            .object
            .spec
            .targets
            .as_ref()
            .and_then(|targets| targets.auto_scaling_groups.as_ref());
        let attach = |mode: Option<AutoScalingGroupMode>| mode.unwrap_or_default() == AutoScalingGroupMode::Attach;
        let applied = self.status().and_then(|status| status.applied.as_ref());
        groups.is_some_and(|groups| groups.iter().any(|group| attach(group.mode)))
            || applied.is_some_and(|applied| !applied.auto_scaling_groups.is_empty())
    }

    fn allows(&self, has: impl Fn(&crate::api::Allow) -> bool) -> bool {
        let rules = self.accounts.iter().filter_map(|account| account.spec.allow.as_ref());
        rules.into_iter().any(has)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SUBNETS: [&str; 2] = [
        "elasticloadbalancing:AttachLoadBalancerToSubnets",
        "elasticloadbalancing:DetachLoadBalancerFromSubnets",
    ];
    const ZONES: [&str; 2] = [
        "elasticloadbalancing:EnableAvailabilityZonesForLoadBalancer",
        "elasticloadbalancing:DisableAvailabilityZonesForLoadBalancer",
    ];

    /// What one that was adopted needs, with this besides.
    fn of(spec: &Value, status: &Value) -> Needs {
        let mut object = json!({
            "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"adopt": true, "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 8080}]},
            "status": status,
        });
        let more = spec.as_object().expect("members").clone();
        object["spec"].as_object_mut().expect("members").extend(more);
        let object: ClassicLoadBalancer = serde_json::from_value(object).expect("an object");
        needed(&[&object], &[], &Rules::default())
    }

    #[test]
    fn what_may_be_replaced_is_made_and_deleted_by_subnets_and_by_zones() {
        let delete = "elasticloadbalancing:DeleteLoadBalancer";
        for (given, other, placed) in [
            (SUBNETS, ZONES, json!({"subnets": ["subnet-0123456789abcdef0"]})),
            (ZONES, SUBNETS, json!({"availabilityZones": ["us-east-1a"]})),
        ] {
            let plain = of(&placed, &json!({}));
            assert!(!plain.create && !plain.actions.contains(delete), "{plain:?}");
            assert!(given.iter().all(|action| plain.actions.contains(action)), "{plain:?}");
            assert!(!other.iter().any(|action| plain.actions.contains(action)), "{plain:?}");
            let mut permitted = placed.clone();
            permitted["replacement"] = json!("BlueGreen");
            let under_way = json!({"replacement": {"loadBalancerName": "web-2", "phase": "Keeping"}});
            for needs in [of(&permitted, &json!({})), of(&placed, &under_way)] {
                assert!(needs.create && needs.actions.contains(delete), "{needs:?}");
                let all = [SUBNETS, ZONES].concat();
                assert!(all.iter().all(|action| needs.actions.contains(action)), "{needs:?}");
                assert!(
                    needs.actions.contains("elasticloadbalancing:RemoveTags"),
                    "the one before is let go: {needs:?}"
                );
            }
        }
    }
}
