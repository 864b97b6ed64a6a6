//! The kinds that are served.

use serde_json::Value;

use super::schema::Schema;

/// A kind and the rules that hold for it.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each says whether a rule holds
pub(crate) struct Kind {
    /// The group, empty for the core one.
    pub(crate) group: String,
    /// The version.
    pub(crate) version: String,
    /// The resource, as it stands in paths.
    pub(crate) plural: String,
    /// The name of the kind.
    pub(crate) name: String,
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
    /// Whether the status is a subresource, so that writes to the object leave it alone.
    pub(crate) status: bool,
    /// Whether a new object loses its status.
    pub(crate) status_at_creation: bool,
    /// Whether changes are counted in `metadata.generation`.
    pub(crate) generation: bool,
    /// Whether a replacement may leave the version out.
    pub(crate) unconditional: bool,
    /// Whether a replacement makes an object that is not there.
    pub(crate) create_on_update: bool,
    /// The schema, where it is known; without one all lists are replaced as a whole.
    pub(crate) schema: Schema,
}

impl Kind {
    fn built_in(group: &str, plural: &str, name: &str, namespaced: bool) -> Self {
        Self {
            group: group.to_owned(),
            version: "v1".to_owned(),
            plural: plural.to_owned(),
            name: name.to_owned(),
            namespaced,
            status: false,
            status_at_creation: true,
            generation: false,
            unconditional: true,
            create_on_update: false,
            schema: Schema::default(),
        }
    }

    /// A kind as its definition describes it.
    fn custom(definition: &Value) -> Self {
        let text = |pointer: &str| super::text(definition, pointer).to_owned();
        let version = &definition["spec"]["versions"][0];
        Self {
            group: text("/spec/group"),
            version: super::text(version, "/name").to_owned(),
            plural: text("/spec/names/plural"),
            name: text("/spec/names/kind"),
            namespaced: text("/spec/scope") == "Namespaced",
            status: version["subresources"].get("status").is_some(),
            status_at_creation: false,
            generation: true,
            unconditional: false,
            create_on_update: false,
            schema: Schema::new(version["schema"]["openAPIV3Schema"].clone()),
        }
    }

    /// As it stands in `apiVersion`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// As error messages name it.
    pub(crate) fn resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

/// What the operator reads and writes.
pub(super) fn all() -> Vec<Kind> {
    let definition = classic_lb_operator::api::crd::definition().expect("a definition");
    let bindings = classic_lb_operator::api::crd::binding_definition().expect("a definition");
    let with_status = |kind: Kind| Kind { status: true, ..kind };
    vec![
        Kind::custom(&definition),
        Kind::custom(&bindings),
        with_status(Kind::built_in("", "nodes", "Node", false)),
        Kind {
            status_at_creation: false,
            ..with_status(Kind::built_in("", "services", "Service", true))
        },
        with_status(Kind::built_in("", "namespaces", "Namespace", false)),
        Kind::built_in("", "configmaps", "ConfigMap", true),
        Kind::built_in("events.k8s.io", "events", "Event", true),
        Kind {
            unconditional: false,
            create_on_update: true,
            ..Kind::built_in("coordination.k8s.io", "leases", "Lease", true)
        },
    ]
}
