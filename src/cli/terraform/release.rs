//! Pure: how Terraform lets go of load balancers without deleting them.

use std::collections::{BTreeMap, BTreeSet};

use super::known::Known;
use super::resource::{State, without_keys};

/// What makes Terraform forget resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Release {
    /// `removed` blocks for those of which all instances go, in the form of a file.
    pub(in crate::cli) blocks: String,
    /// Commands for the others.
    pub(in crate::cli) commands: Vec<String>,
}

/// Lets go of these load balancers and of all that belongs to them. They go together: a policy or an attachment that
/// stays behind and is destroyed later would empty the load balancer.
pub(in crate::cli) fn release(state: &State, known: &[&Known]) -> Release {
    let mut going: BTreeSet<&String> = known.iter().map(|known| &known.address).collect();
    going.extend(known.iter().flat_map(|known| &known.companions));
    release_of(state, &going)
}

/// Lets go of the resources of these addresses.
pub(in crate::cli) fn release_of(state: &State, going: &BTreeSet<&String>) -> Release {
    let mut blocks: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for &address in going {
        blocks.entry(without_keys(address)).or_default().push(address);
    }
    let mut release = Release::default();
    for (block, addresses) in blocks {
        let others = state.resources.iter().filter(|resource| resource.block() == block);
        let all_go = others.into_iter().all(|resource| going.contains(&resource.address));
        // A block has no keys, so it would let go of all instances.
        if all_go && state.knows_removed {
            release.blocks.push_str(&format!(
                "removed {{\n  from = {block}\n\n  lifecycle {{\n    destroy = false\n  }}\n}}\n\n"
            ));
        } else {
            let each = addresses
                .into_iter()
                .map(|address| format!("terraform state rm {}", quoted(address)));
            release.commands.extend(each);
        }
    }
    release
}

/// As a word of a shell.
fn quoted(address: &str) -> String {
    if address
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    {
        return address.to_owned();
    }
    format!("'{}'", address.replace('\'', "'\\''"))
}

impl Release {
    /// As lines of text, with what to do with them.
    pub(in crate::cli) fn text(&self) -> String {
        let mut text = String::new();
        if !self.blocks.is_empty() {
            text.push_str(
                "# Put these into the configuration in the place of the resource blocks, all in one apply. The plan must say\n\
                 # \"0 to destroy\".\n\n",
            );
            text.push_str(&self.blocks);
        }
        if !self.commands.is_empty() {
            text.push_str(
                "# Run these, and take the blocks or the keys of count and for_each out of the configuration.\n",
            );
            text.extend(self.commands.iter().map(|command| format!("#   {command}\n")));
        }
        text
    }
}
