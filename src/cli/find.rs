//! Objects of the cluster, by name and by label.

use clap::Args;
use kube::api::{ApiResource, DynamicObject, ListParams, TypeMeta};
use kube::{Api, Resource as _, ResourceExt as _};

use super::failure::Failure;
use super::kubernetes::{self, Connection, Named};
use super::screen;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerBinding};
use crate::controller::{Kind, Watched as _};

/// The arguments that say which objects, of every kind.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Objects: web or clb/web for a ClassicLoadBalancer, binding/web for a ClassicLoadBalancerBinding. Default: every one
    /// of the namespace.
    #[arg(value_name = "NAME", value_parser = kubernetes::named)]
    pub(super) names: Vec<Named>,
    /// Objects with these labels, such as app=web,tier!=test.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// In all namespaces, whatever -n says.
    #[arg(short = 'A', long)]
    pub(super) all_namespaces: bool,
}

impl Selection {
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            names: &self.names,
            kinds: EVERY_KIND,
            selector: self.selector.as_deref(),
            all_namespaces: self.all_namespaces,
        }
    }
}

/// Which objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// These, or all.
    pub(super) names: &'a [Named],
    /// All are of these kinds.
    pub(super) kinds: &'a [Kind],
    pub(super) selector: Option<&'a str>,
    pub(super) all_namespaces: bool,
}

/// Every kind there is, the one that people mean first.
pub(super) const EVERY_KIND: &[Kind] = &[Kind::Owner, Kind::Binding];

impl Wanted<'_> {
    /// The names that no object has.
    pub(super) fn missing(&self, objects: &[DynamicObject]) -> Vec<Named> {
        let missing = |named: &&Named| !objects.iter().any(|object| name_of(object) == **named);
        self.names.iter().filter(missing).cloned().collect()
    }

    /// What to say of such a name.
    pub(super) fn not_found(&self, connection: &Connection, named: &Named) -> String {
        let (kind, name) = (resource(named.kind).kind, &named.name);
        if self.all_namespaces {
            return format!("no {kind} called {name:?} in any namespace");
        }
        let labels = self
            .selector
            .map(|labels| format!(" with labels {labels}"))
            .unwrap_or_default();
        format!(
            "no {kind} called {name:?}{labels} in namespace {}; -n names another one, -A looks in all",
            connection.namespace
        )
    }

    /// Whether it is one of them, as far as its kind and its name tell.
    pub(super) fn has(&self, named: &Named) -> bool {
        self.names.is_empty() || self.names.contains(named)
    }

    /// The kinds of which some are wanted.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let wanted = |kind: &&Kind| self.names.is_empty() || self.names.iter().any(|named| named.kind == **kind);
        self.kinds.iter().filter(wanted).copied().collect()
    }
}

/// The resource of a kind.
pub(super) fn resource(kind: Kind) -> ApiResource {
    match kind {
        Kind::Owner => ApiResource::erase::<ClassicLoadBalancer>(&()),
        Kind::Binding => ApiResource::erase::<ClassicLoadBalancerBinding>(&()),
    }
}

/// The objects of a kind, where they are wanted.
pub(super) fn api(connection: &Connection, wanted: &Wanted<'_>, kind: Kind) -> Api<DynamicObject> {
    let client = connection.client.clone();
    if wanted.all_namespaces {
        Api::all_with(client, &resource(kind))
    } else {
        Api::namespaced_with(client, &connection.namespace, &resource(kind))
    }
}

/// The kind and the name of an object that [`find`] found.
pub(super) fn name_of(object: &DynamicObject) -> Named {
    let kind = object.types.as_ref().map(|types| types.kind.as_str());
    let is_binding = kind.is_some_and(|kind| kind == ClassicLoadBalancerBinding::kind(&()));
    Named {
        kind: if is_binding { Kind::Binding } else { Kind::Owner },
        name: object.name_any(),
    }
}

/// The objects, without what kubectl hides too.
pub(super) async fn find(connection: &Connection, wanted: &Wanted<'_>) -> Result<Vec<DynamicObject>, Failure> {
    let mut found = Vec::new();
    if !wanted.all_namespaces && wanted.selector.is_none() && !wanted.names.is_empty() {
        for named in wanted.names {
            let got = api(connection, wanted, named.kind).get_opt(&named.name).await;
            let got = got.map_err(|error| Failure::kube(&format!("reading {named}"), &error))?;
            found.extend(got.map(|object| plain(object, named.kind)));
        }
        return Ok(found);
    }
    for kind in wanted.kinds() {
        match list(connection, wanted, kind).await {
            Ok(objects) => found.extend(objects),
            // Whoever did not ask for bindings gets the others.
            Err(kube::Error::Api(status)) if may_be_without(wanted, kind) && matches!(status.code, 403 | 404) => {
                if status.code == 403 {
                    screen::note(&format!("bindings are left out: {}", status.message));
                }
            }
            Err(error) => {
                return Err(match (&error, wanted.selector) {
                    (kube::Error::Api(status), Some(labels)) if status.code == 400 => {
                        Failure::usage(format!("-l {labels:?}: {}", status.message))
                    }
                    _ => Failure::kube(&format!("listing {}s", resource(kind).kind), &error),
                });
            }
        }
    }
    Ok(found)
}

/// Whether nobody named one of this kind. An older installation has no bindings.
pub(super) fn may_be_without(wanted: &Wanted<'_>, kind: Kind) -> bool {
    kind == Kind::Binding && wanted.names.is_empty() && wanted.kinds.len() > 1
}

async fn list(connection: &Connection, wanted: &Wanted<'_>, kind: Kind) -> Result<Vec<DynamicObject>, kube::Error> {
    let page = ListParams {
        label_selector: wanted.selector.map(ToOwned::to_owned),
        ..ListParams::default()
    };
    let list = api(connection, wanted, kind).list(&page).await?;
    let objects = list.items.into_iter().map(|object| plain(object, kind));
    Ok(objects.filter(|object| wanted.has(&name_of(object))).collect())
}

/// Objects of a list come without their kind.
pub(super) fn plain(mut object: DynamicObject, kind: Kind) -> DynamicObject {
    let resource = resource(kind);
    object.metadata.managed_fields = None;
    object.types.get_or_insert(TypeMeta {
        api_version: resource.api_version,
        kind: resource.kind,
    });
    object
}

/// An object as this version knows it.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) kind: Kind,
    /// The object. A binding is one that declares the targets of its load balancer, and nothing else.
    pub(super) object: ClassicLoadBalancer,
}

impl Read {
    /// As a person names it.
    pub(super) fn named(&self) -> Named {
        Named {
            kind: self.kind,
            name: self.object.name_any(),
        }
    }
}

/// A binding, as the part of a load balancer that it declares.
pub(super) fn as_owner(binding: ClassicLoadBalancerBinding) -> ClassicLoadBalancer {
    ClassicLoadBalancer {
        spec: binding.spec(),
        metadata: binding.metadata,
        status: binding.status,
    }
}

/// The object as this version knows it.
pub(super) fn typed(object: DynamicObject) -> Result<Read, Failure> {
    let named = name_of(&object);
    let read = match named.kind {
        Kind::Owner => object.try_parse(),
        Kind::Binding => object.try_parse().map(as_owner),
    };
    let object = read.map_err(|error| {
        Failure::new(format!(
            "{named} cannot be read by this version, another one may be installed in the cluster: {error}"
        ))
    })?;
    Ok(Read {
        kind: named.kind,
        object,
    })
}
