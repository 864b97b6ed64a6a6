//! `kubectl clb import --bindings`: objects for what a Terraform state attaches to load balancers of others.

use std::collections::BTreeSet;

use super::check::Checked;
use super::manifest::{self, Manifest};
use super::{Import, Made, tell, write};
use crate::api::{AutoScalingGroupTarget, ClassicLoadBalancerSpec, Permission, Targets};
use crate::aws::Accounts;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::fleet::{Fleet, Wanted};
use crate::cli::terraform::{self, Attached};
use crate::cli::{Exit, screen};
use crate::controller::Kind;
use crate::elb::{LoadBalancer, Owner, TAG_BIND_BY};
use crate::plan::binding::Bond;

impl Import {
    /// A manifest for each load balancer that something is attached to.
    pub(super) async fn bind(&self, aws: &Accounts) -> Result<Exit, Failure> {
        let (namespace, cluster) = self.place().await;
        let (terms, _) = self.terms(cluster, &[namespace.clone()].into()).await?;
        let (mut exit, mut made, mut release) = (Exit::Ok, Vec::new(), String::new());
        let mut taken = BTreeSet::new();
        for file in files::read(&self.from_terraform, false).await {
            let state = file
                .text
                .and_then(|text| terraform::parse(&text).map_err(|why| Failure::new(format!("{} {why}", file.from))))?;
            let all = terraform::attached(&state);
            if all.is_empty() {
                screen::note(&format!("{} holds no aws_elb_attachment", file.from));
            }
            let mut going = BTreeSet::new();
            for (name, attached) in &all {
                let Some((region, lb)) = self.find(aws, name, attached, &mut exit).await? else {
                    continue;
                };
                let own = self.namespace_of(&lb).unwrap_or_else(|| namespace.clone());
                let object = manifest::object_name(name, &region, &own, &mut taken);
                let by = Owner {
                    cluster: terms.cluster_id.clone(),
                    object: format!("{own}/{object}"),
                    uid: String::new(),
                };
                made.push(one(
                    &by,
                    &own,
                    object.clone(),
                    (region, lb),
                    attached,
                    terms.rules.binding,
                ));
                going.extend(&attached.addresses);
            }
            release.push_str(&terraform::release_of(&state, &going).text());
        }
        write::write(self.output, self.output_dir.as_deref(), &made, &release)?;
        Ok(tell(&made, exit))
    }

    /// The load balancer as AWS has it.
    async fn find(
        &self,
        aws: &Accounts,
        name: &str,
        attached: &Attached,
        exit: &mut Exit,
    ) -> Result<Option<(String, LoadBalancer)>, Failure> {
        let region = attached
            .region
            .as_deref()
            .or(self.region.as_deref())
            .or(aws.default_region());
        let region = region
            .ok_or_else(|| Failure::usage(format!("the state does not tell the region of {name}: give --region")))?;
        let wanted = Wanted {
            names: vec![name.to_owned()],
            ..Wanted::default()
        };
        let mut fleet = Fleet::read(&aws.region(region), &wanted).await?;
        for (name, error) in &fleet.unread {
            screen::note(&format!("{name}: {}", Failure::aws(region, error)));
        }
        let found = fleet.balancers.pop();
        if found.is_none() {
            if fleet.unread.is_empty() {
                screen::note(&format!("AWS has no load balancer {name} in {region}"));
            }
            *exit = Exit::Failed;
        }
        Ok(found.map(|lb| (region.to_owned(), lb)))
    }
}

/// The binding of one load balancer.
fn one(
    by: &Owner,
    namespace: &str,
    object: String,
    (region, lb): (String, LoadBalancer),
    attached: &Attached,
    binding: Permission,
) -> Made {
    let bond = Bond {
        binding,
        by,
        name: &lb.name,
        region: &region,
        tags: &lb.tags,
    };
    let addresses: Vec<&str> = attached.addresses.iter().map(String::as_str).collect();
    let mut comments = vec![format!("of Terraform: {}", addresses.join(", "))];
    if bond.refusal().is_some() {
        comments.push(format!(
            "it is not offered yet: set the tag {TAG_BIND_BY} with {} in its value on the load balancer",
            by.path()
        ));
    }
    comments.push("instances that are registered already stay when the binding is deleted".to_owned());
    let groups = attached.groups.iter().map(|name| AutoScalingGroupTarget {
        name: name.clone(),
        mode: None,
    });
    let groups: Vec<_> = groups.collect();
    let ids: Vec<String> = attached.instances.iter().cloned().collect();
    let targets = Targets {
        instance_ids: Some(ids).filter(|ids| !ids.is_empty()),
        auto_scaling_groups: Some(groups).filter(|groups| !groups.is_empty()),
        ..Targets::default()
    };
    let absent = attached.instances.difference(&lb.instances);
    let differences = absent
        .map(|id| format!("RegisterInstancesWithLoadBalancer {id}"))
        .collect();
    let spec = ClassicLoadBalancerSpec {
        region: Some(region.clone()),
        load_balancer_name: Some(lb.name.clone()),
        targets: Some(targets),
        ..ClassicLoadBalancerSpec::default()
    };
    Made {
        region,
        load_balancer: lb.name,
        origins: Vec::new(),
        manifest: Manifest {
            kind: Kind::Binding,
            namespace: namespace.to_owned(),
            name: object,
            spec,
            comments,
        },
        checked: Checked {
            differences,
            ..Checked::default()
        },
    }
}
