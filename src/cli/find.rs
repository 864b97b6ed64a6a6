//! Objects of the cluster, by name and by label.

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, ResourceExt as _};

use super::failure::Failure;
use super::kubernetes::Connection;
use crate::api::ClassicLoadBalancer;

/// Which objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// These, or all.
    pub(super) names: &'a [String],
    pub(super) selector: Option<&'a str>,
    pub(super) all_namespaces: bool,
}

impl Wanted<'_> {
    /// The names that no object has.
    pub(super) fn missing(&self, objects: &[DynamicObject]) -> Vec<String> {
        let missing = |name: &&String| !objects.iter().any(|object| object.name_any() == **name);
        self.names.iter().filter(missing).cloned().collect()
    }

    /// What to say of such a name.
    pub(super) fn not_found(&self, connection: &Connection, name: &str) -> String {
        if self.all_namespaces {
            return format!("no ClassicLoadBalancer called {name:?} in any namespace");
        }
        let labels = self
            .selector
            .map(|labels| format!(" with labels {labels}"))
            .unwrap_or_default();
        format!(
            "no ClassicLoadBalancer called {name:?}{labels} in namespace {}; -n names another one, -A looks in all",
            connection.namespace
        )
    }
}

/// The objects, without what kubectl hides too.
pub(super) async fn find(connection: &Connection, wanted: &Wanted<'_>) -> Result<Vec<DynamicObject>, Failure> {
    let resource = ApiResource::erase::<ClassicLoadBalancer>(&());
    let client = connection.client.clone();
    let api: Api<DynamicObject> = if wanted.all_namespaces {
        Api::all_with(client, &resource)
    } else {
        Api::namespaced_with(client, &connection.namespace, &resource)
    };
    let mut found = Vec::new();
    if !wanted.all_namespaces && wanted.selector.is_none() && !wanted.names.is_empty() {
        for name in wanted.names {
            let got = api.get_opt(name).await;
            found.extend(got.map_err(|error| Failure::kube(&format!("reading {name}"), &error))?);
        }
    } else {
        let page = ListParams {
            label_selector: wanted.selector.map(ToOwned::to_owned),
            ..ListParams::default()
        };
        let list = api.list(&page).await;
        let list = list.map_err(|error| match (&error, wanted.selector) {
            (kube::Error::Api(status), Some(labels)) if status.code == 400 => {
                Failure::usage(format!("-l {labels:?}: {}", status.message))
            }
            _ => Failure::kube("listing ClassicLoadBalancers", &error),
        })?;
        let named = |object: &DynamicObject| wanted.names.is_empty() || wanted.names.contains(&object.name_any());
        found.extend(list.items.into_iter().filter(named));
    }
    for object in &mut found {
        object.metadata.managed_fields = None;
        // Objects of a list come without their kind.
        object.types.get_or_insert_with(|| kube::api::TypeMeta {
            api_version: resource.api_version.clone(),
            kind: resource.kind.clone(),
        });
    }
    Ok(found)
}

/// The object as this version knows it.
pub(super) fn typed(object: DynamicObject) -> Result<ClassicLoadBalancer, Failure> {
    let name = object.name_any();
    object.try_parse().map_err(|error| {
        Failure::new(format!(
            "{name} cannot be read by this version, another one may be installed in the cluster: {error}"
        ))
    })
}
