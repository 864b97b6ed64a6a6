//! I/O: Nodes are told how far they have drained.

use tracing::{info, warn};

use super::Drains;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::nodes::{Drain, Node, NodeDraining, Told};

/// Tells the Nodes what they do not know yet; `false`: some could not be told.
pub(in crate::controller) async fn tell_nodes(cx: &Context) -> bool {
    let mut news = Vec::new();
    cx.nodes.each(|name, node, told| {
        let wanted = wanted(node, told, &cx.drains, cx.rules.node_draining);
        if wanted != *told {
            news.push((name.to_owned(), told.clone(), wanted));
        }
    });
    let mut all = true;
    for (name, before, after) in news {
        let changes = cx.nodes.annotations().changes(&before, &after);
        match cx
            .kubernetes
            .annotate_node(&name, before.uid.as_deref(), &changes)
            .await
        {
            Ok(()) => {
                if before.drain != after.drain {
                    info!(node = name, drain = after.drain, "told a Node how far it has drained");
                }
                cx.nodes.was_told(&name, after);
            }
            Err(Error::NotLeader) => return false,
            Err(error) => {
                warn!(node = name, %error, "a Node could not be told how far it has drained");
                all = false;
            }
        }
    }
    all
}

/// What a Node shall be told.
fn wanted(node: &Node, told: &Told, drains: &Drains, draining: NodeDraining) -> Told {
    // No load balancer has what is no instance.
    let id = node.instance.as_ref();
    let drain = id.map_or(Drain::Done, |id| drains.of(id, node.leaving_since));
    Told {
        uid: told.uid.clone(),
        drain: node.leaving_since.map(|_| drain.as_str().to_owned()),
        delays: draining == NodeDraining::Delay && drain != Drain::Done,
    }
}
