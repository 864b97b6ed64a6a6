//! `kubectl clb import --bindings`: objects for what a Terraform state attaches to load balancers of others.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Checked;
use super::from_terraform::of_account;
use super::manifest::{self, Manifest};
use super::{Import, Made, tell, write};
use crate::api::{AutoScalingGroupTarget, ClassicLoadBalancerSpec, Permission, Targets};
use crate::aws::{AccountRegion, Accounts};
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::fleet::{Fleet, Wanted};
use crate::cli::terraform::{self, Attached, State};
use crate::cli::{Exit, screen};
use crate::controller::Kind;
use crate::elb::{LoadBalancer, Owner, TAG_BIND_BY};
use crate::plan::Step;
use crate::plan::binding::Bond;

/// What a state attaches to a load balancer, with the state by its number.
struct Wish {
    state: usize,
    attached: Attached,
}

fn place(Wish { attached, .. }: &Wish) -> (Option<&str>, &str) {
    let address = attached.addresses.first();
    (attached.account.as_deref(), address.unwrap_or(&attached.name))
}

impl Import {
    /// A manifest for each load balancer that something is attached to.
    pub(super) async fn bind(&self, aws: &Accounts) -> Result<Exit, Failure> {
        let (namespace, cluster) = self.place().await;
        let account = self.account(aws, &cluster).await?;
        let (terms, _) = self.terms(cluster, &[namespace.clone()].into()).await?;
        let states = self.states().await?;
        let (mut exit, mut made, mut taken) = (Exit::Ok, Vec::new(), BTreeSet::new());
        let (named, permission) = account.binding();
        let who = (named, permission.is_some());
        let mut going = vec![BTreeSet::new(); states.len()];
        for (region, wishes) in self.by_region(&states, aws.default_region())? {
            let asked = account.region(aws, &region, None).await?;
            let wishes = of_account(&asked, wishes, place, &mut exit).await?;
            let fleet = read(&asked, &wishes).await?;
            for Wish { state, attached } in wishes {
                let name = attached.name.as_str();
                let Some(lb) = found(&fleet, name, &region, &mut exit) else {
                    continue;
                };
                let own = self.namespace_of(lb).unwrap_or_else(|| namespace.clone());
                let object = manifest::object_name(name, &region, &own, &mut taken);
                let by = Owner {
                    cluster: terms.cluster_id.clone(),
                    object: format!("{own}/{object}"),
                    uid: String::new(),
                };
                let bond = Bond {
                    binding: permission.unwrap_or(terms.rules.binding),
                    by: &by,
                    name,
                    region: &region,
                    tags: &lb.tags,
                };
                let mut one = one(&bond, who, (own, object), lb, &attached, fleet.knows_groups());
                one.manifest.spec.account_ref = account.reference();
                made.push(one);
                going[state].extend(attached.addresses);
            }
        }
        let release = states.iter().zip(&going);
        let release: String = release
            .map(|((state, _), going)| terraform::release_of(state, &going.iter().collect()).text())
            .collect();
        write::write(self.output, self.output_dir.as_deref(), &made, &release)?;
        Ok(tell(&made, exit))
    }

    /// The states, with what each attaches.
    async fn states(&self) -> Result<Vec<(State, Vec<Attached>)>, Failure> {
        let mut states = Vec::new();
        for file in files::read(&self.from_terraform, false).await {
            let state = file
                .text
                .and_then(|text| terraform::parse(&text).map_err(|why| Failure::new(format!("{} {why}", file.from))))?;
            let (all, told) = terraform::attached(&state);
            for line in &told {
                screen::note(line);
            }
            if all.is_empty() && told.is_empty() {
                screen::note(&format!("{} holds no aws_elb_attachment", file.from));
            }
            states.push((state, all));
        }
        Ok(states)
    }

    fn by_region(
        &self,
        states: &[(State, Vec<Attached>)],
        default: Option<&str>,
    ) -> Result<BTreeMap<String, Vec<Wish>>, Failure> {
        let mut all: BTreeMap<String, Vec<Wish>> = BTreeMap::new();
        for (state, (_, each)) in states.iter().enumerate() {
            for attached in each {
                let region = attached.region.as_deref().or(self.region.as_deref()).or(default);
                let region = region.ok_or_else(|| {
                    let name = &attached.name;
                    Failure::usage(format!("the state does not tell the region of {name}: give --region"))
                })?;
                let wishes = all.entry(region.to_owned()).or_default();
                // Where the state tells the region of one and not of the other, they may be of one load balancer.
                let is_same = |wish: &&mut Wish| {
                    let of = |attached: &Attached| (attached.name.clone(), attached.account.clone());
                    wish.state == state && of(&wish.attached) == of(attached)
                };
                match wishes.iter_mut().find(is_same) {
                    Some(wish) => wish.attached.add(attached.clone()),
                    None => wishes.push(Wish {
                        state,
                        attached: attached.clone(),
                    }),
                }
            }
        }
        Ok(all)
    }
}

/// All load balancers that are wished for, at once.
async fn read(asked: &AccountRegion, wishes: &[Wish]) -> Result<Fleet, Failure> {
    if wishes.is_empty() {
        return Ok(Fleet::default());
    }
    let names: BTreeSet<&str> = wishes.iter().map(|wish| wish.attached.name.as_str()).collect();
    let wanted = Wanted {
        names: names.into_iter().map(ToOwned::to_owned).collect(),
        ..Wanted::default()
    };
    let fleet = Fleet::read(asked, &wanted).await?;
    for (name, error) in &fleet.unread {
        screen::note(&format!("{name}: {}", Failure::aws(&asked.region, error)));
    }
    Ok(fleet)
}

/// The load balancer as AWS has it.
fn found<'a>(fleet: &'a Fleet, name: &str, region: &str, exit: &mut Exit) -> Option<&'a LoadBalancer> {
    let found = fleet.balancers.iter().find(|lb| lb.name == name);
    if found.is_none() {
        if !fleet.unread.iter().any(|(unread, _)| unread == name) {
            screen::note(&format!("AWS has no load balancer {name} in {region}"));
        }
        *exit = Exit::Failed;
    }
    found
}

/// The binding of one load balancer.
fn one(
    bond: &Bond<'_>,
    who: (Option<&str>, bool),
    (namespace, name): (String, String),
    lb: &LoadBalancer,
    attached: &Attached,
    knows_groups: bool,
) -> Made {
    let addresses: Vec<&str> = attached.addresses.iter().map(String::as_str).collect();
    let mut comments = vec![format!("of Terraform: {}", addresses.join(", "))];
    comments.extend(refused(bond, who));
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
    let spec = ClassicLoadBalancerSpec {
        region: Some(bond.region.to_owned()),
        load_balancer_name: Some(lb.name.clone()),
        targets: Some(targets),
        ..ClassicLoadBalancerSpec::default()
    };
    Made {
        region: bond.region.to_owned(),
        load_balancer: lb.name.clone(),
        origins: Vec::new(),
        manifest: Manifest {
            kind: Kind::Binding,
            namespace,
            name,
            spec,
            comments,
        },
        checked: checked(lb, attached, knows_groups),
    }
}

/// Why the binding may not register anything yet, and what to do. `who`: the `AWSAccount` that it refers to, and whether that says
/// itself what may be bound.
fn refused(bond: &Bond<'_>, (account, says): (Option<&str>, bool)) -> Option<String> {
    bond.refusal()?;
    let account = account.map(|name| format!("AWSAccount {name}"));
    if bond.binding == Permission::Never {
        return Some(match account.filter(|_| says) {
            Some(account) => format!("{account} lets nothing be bound: its spec.binding is Never"),
            None => "the operator lets nothing be bound: it runs with --binding=never".to_owned(),
        });
    }
    let mut told = format!(
        "it is not offered yet: set the tag {TAG_BIND_BY} with {} in its value on the load balancer",
        bond.by.path()
    );
    if let Some(account) = account.filter(|_| bond.binding == Permission::Tagged) {
        told.push_str(&format!(
            ", unless {account} shall permit it without, by spec.binding: Any"
        ));
    }
    Some(told)
}

/// What applying the binding would do.
fn checked(lb: &LoadBalancer, attached: &Attached, knows_groups: bool) -> Checked {
    let absent = attached.instances.difference(&lb.instances);
    let mut differences: Vec<String> = absent
        .map(|id| format!("RegisterInstancesWithLoadBalancer {id}"))
        .collect();
    let mut problems = Vec::new();
    if knows_groups {
        let apart = attached.groups.difference(&lb.auto_scaling_groups);
        differences.extend(apart.map(|group| Step::AttachAutoScalingGroup(group.clone()).to_string()));
    } else if !attached.groups.is_empty() {
        let groups: Vec<&str> = attached.groups.iter().map(String::as_str).collect();
        problems.push(format!("whether {} is attached to it is not known", groups.join(", ")));
    }
    Checked { differences, problems }
}
