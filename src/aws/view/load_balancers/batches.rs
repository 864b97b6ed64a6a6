//! Questions about many load balancers at once, taken apart where one of them is gone.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt as _};

use super::{Description, Tags, is_over_budget};
use crate::aws::Class;
use crate::aws::client::Client;

/// Reads these by name. AWS does not say which of a batch is missing, so that is halved until each is alone.
pub(super) fn by_names<'a>(client: &'a Client, names: &'a [String]) -> BoxFuture<'a, Vec<(String, Description)>> {
    async move {
        if let [name] = names {
            return vec![(name.clone(), client.find(name).await)];
        }
        match client.find_all(names).await {
            Ok(found) => found,
            Err(error) if error.class == Class::Gone => {
                let (one, other) = names.split_at(names.len() / 2);
                let mut answers = by_names(client, one).await;
                answers.extend(by_names(client, other).await);
                answers
            }
            Err(error) => names.iter().map(|name| (name.clone(), Err(error.clone()))).collect(),
        }
    }
    .boxed()
}

/// The tags of those that were asked for, and of further ones where they can be had in the same call.
pub(super) async fn tags_of(
    client: &Client,
    asked: &[String],
    further: Vec<String>,
) -> (Vec<(String, Tags)>, BTreeMap<String, BTreeMap<String, String>>) {
    if !further.is_empty() {
        let names: Vec<String> = asked.iter().cloned().chain(further).collect();
        // One that is gone fails the whole call; then only those are asked for that somebody waits for.
        match client.tags_of_batch(&names).await {
            Ok(mut all) if asked.iter().all(|name| all.contains_key(name)) => {
                let answers = asked
                    .iter()
                    .filter_map(|name| Some((name.clone(), Ok(all.remove(name)?))));
                return (answers.collect(), all);
            }
            Err(error) if is_over_budget(&error) => {
                let failed = asked.iter().map(|name| (name.clone(), Err(error.clone())));
                return (failed.collect(), BTreeMap::new());
            }
            Ok(_) | Err(_) => {}
        }
    }
    (tags_by_name(client, asked).await, BTreeMap::new())
}

fn tags_by_name<'a>(client: &'a Client, names: &'a [String]) -> BoxFuture<'a, Vec<(String, Tags)>> {
    async move {
        if let [name] = names {
            return vec![(name.clone(), client.tags(name).await)];
        }
        match client.tags_of_batch(names).await {
            Ok(mut all) => names
                .iter()
                .map(|name| (name.clone(), all.remove(name).ok_or_else(|| client.lacks_tags())))
                .collect(),
            Err(error) if error.class == Class::Gone => {
                let (one, other) = names.split_at(names.len() / 2);
                let mut answers = tags_by_name(client, one).await;
                answers.extend(tags_by_name(client, other).await);
                answers
            }
            Err(error) => names.iter().map(|name| (name.clone(), Err(error.clone()))).collect(),
        }
    }
    .boxed()
}
