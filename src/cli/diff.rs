//! `kubectl clb diff`.

mod fields;
mod who;

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::failure::Failure;
use super::output::{self, Format};
use super::plan::{Plan, Planned};
use super::screen::{self, Colour, Paint};
use super::table::Table;
use crate::aws::{Change, patiently};
use crate::elb::LoadBalancer;
use crate::plan::Step;
use fields::{applied, fields};
use who::{ChangedBy, changed_by};

/// Compare an object with its load balancer, field by field: declared, applied, in AWS.
///
/// DECLARED is what the load balancer would be after the calls that plan shows, with every name and selector resolved and
/// AWS's own values where nothing is declared. APPLIED is what the object's status has of it: a value, or `set` where it
/// only remembers that the field was applied. IN AWS is what AWS has now. Fields that differ are shown; --all shows the
/// others too. With --who CloudTrail is asked which call changed each of them last. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb diff web -n shop
  kubectl clb diff -f web.yaml                 what applying this file would change
  kubectl clb diff web --all
  kubectl clb diff web --who                   and who changed it in AWS
  kubectl clb diff -A -o json | jq -r '.objects[].fields[] | select(.differs) | .field'

Exit status: 0 no field differs, 1 the comparison has problems or could not be made, 3 fields differ.")]
pub(super) struct Diff {
    /// Show fields that do not differ, too.
    #[arg(long)]
    all: bool,
    /// Ask CloudTrail who changed the fields in AWS last: for the last 90 days, but for the last minutes. It needs
    /// cloudtrail:LookupEvents, and answers an account twice a second.
    #[arg(long)]
    who: bool,
    #[command(flatten)]
    plan: Plan,
}

/// A field of a load balancer. What is absent is not there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // it is what readers of the JSON see
struct Field {
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_aws: Option<String>,
    differs: bool,
    /// Who changed it in AWS last, where that was asked and is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_by: Option<ChangedBy>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    namespace: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    fields: Vec<Field>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    differences: bool,
    objects: Vec<Object>,
}

impl Diff {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let (planned, _, missing) = Box::pin(self.plan.planned()).await?;
        let (mut objects, mut untold) = (Vec::new(), BTreeSet::new());
        for planned in planned {
            let differs = |field: &Field| field.differs;
            let (asked, observed) = (
                planned.asked.clone(),
                planned.observed.as_ref().map(|lb| lb.name.clone()),
            );
            let mut object = self.object(planned);
            if let (true, Some(asked), Some(name)) = (self.who && object.fields.iter().any(differs), asked, observed) {
                match patiently(|| asked.client.changes(&name)).await {
                    Ok(changes) => object.changed(&changes),
                    Err(error) => drop(untold.insert(Failure::aws(&asked.region, &error).to_string())),
                }
            }
            objects.push(object);
        }
        for why in untold {
            screen::note(&format!("who changed it is not known: {why}"));
        }
        let differs = |object: &Object| object.fields.iter().any(|field| field.differs);
        let shown = Shown {
            differences: objects.iter().any(differs),
            objects,
        };
        match self.plan.output() {
            Format::Text => screen::show(&render(&shown, self.who, Paint::for_output()))?,
            Format::Json => output::json(&shown)?,
            Format::Yaml => output::yaml(&shown)?,
        }
        let wrong = missing || shown.objects.iter().any(|object| !object.problems.is_empty());
        Ok(match (wrong, shown.differences) {
            (true, _) => Exit::Failed,
            (false, true) => Exit::Differences,
            (false, false) => Exit::Ok,
        })
    }

    fn object(&self, planned: Planned) -> Object {
        let steps = planned.explained.iter().map(|explained| &explained.step);
        let declared = after(planned.observed.as_ref(), steps);
        let declared = declared.as_ref().map(fields).unwrap_or_default();
        let in_aws = planned.observed.as_ref().map(fields).unwrap_or_default();
        let applied = planned.status.as_deref().map(applied).unwrap_or_default();
        let mut names: Vec<&String> = declared.keys().chain(in_aws.keys()).collect();
        names.sort();
        names.dedup();
        let all = names.into_iter().map(|name| Field {
            field: name.clone(),
            declared: declared.get(name).cloned(),
            applied: applied.get(name).cloned(),
            in_aws: in_aws.get(name).cloned(),
            differs: declared.get(name) != in_aws.get(name),
            changed_by: None,
        });
        Object {
            fields: all.filter(|field| self.all || field.differs).collect(),
            namespace: planned.namespace,
            name: planned.name,
            region: planned.region,
            problems: planned.problems,
        }
    }
}

impl Object {
    /// Puts in which of these calls changed each field last.
    fn changed(&mut self, changes: &[Change]) {
        for field in &mut self.fields {
            field.changed_by = changed_by(&field.field, changes);
        }
    }
}

/// The load balancer after these calls.
fn after<'a>(observed: Option<&LoadBalancer>, steps: impl Iterator<Item = &'a Step>) -> Option<LoadBalancer> {
    let mut lb = observed.cloned();
    for step in steps {
        match (step, &mut lb) {
            (Step::CreateLoadBalancer(created), _) => lb = Some(created.as_ref().clone()),
            (step, Some(lb)) => step.apply_to(lb),
            (_, None) => {}
        }
    }
    lb
}

fn render(shown: &Shown, who: bool, paint: Paint) -> String {
    let mut text = String::new();
    for object in &shown.objects {
        let mut title = object.name.clone();
        if !object.namespace.is_empty() {
            title = format!("{}/{title}", object.namespace);
        }
        if let Some(region) = &object.region {
            title.push_str(&format!(" in {region}"));
        }
        text.push_str(&format!("{}\n", paint.paint(Colour::Bold, &title)));
        if object.fields.is_empty() && object.problems.is_empty() {
            text.push_str("  no field differs\n");
        } else if !object.fields.is_empty() {
            let header = ["", "FIELD", "DECLARED", "APPLIED", "IN AWS", "CHANGED BY"];
            let mut table = Table::new(&header[..header.len() - usize::from(!who)]);
            for field in &object.fields {
                let mark = if field.differs { "≠" } else { "=" };
                let cell = |value: &Option<String>| value.clone().unwrap_or_default();
                let mut cells = vec![
                    mark.to_owned(),
                    field.field.clone(),
                    cell(&field.declared),
                    cell(&field.applied),
                    cell(&field.in_aws),
                ];
                if who {
                    cells.push(field.changed_by.as_ref().map(ChangedBy::short).unwrap_or_default());
                }
                table.row(cells);
            }
            text.push_str(&table.render(2));
        }
        for problem in &object.problems {
            text.push_str(&format!("  {} {problem}\n", paint.paint(Colour::Red, "problem:")));
        }
    }
    text
}
