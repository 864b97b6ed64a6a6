//! I/O: the public keys that `ConfigMaps` hold.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use super::found::Lookups;
use crate::api::message;
use crate::api::{ClassicLoadBalancerSpec, ConfigMapKeyRef};
use crate::plan::desired::Lookup;
use crate::plan::{Problem, Track};

/// Reads each key once.
pub(super) async fn look_up(spec: &ClassicLoadBalancerSpec, client: &Client, namespace: &str, lookups: &mut Lookups) {
    for backend in spec.backends.iter().flatten() {
        for key in backend.public_keys.iter().flatten() {
            let Some(reference) = &key.config_map_key_ref else {
                continue;
            };
            if !lookups.references.public_keys.contains_key(reference) {
                let field = format!("spec.backends[instancePort={}].publicKeys", backend.instance_port);
                let found = read(client, namespace, reference, &field).await;
                lookups.references.public_keys.insert(reference.clone(), found);
            }
        }
    }
}

async fn read(client: &Client, namespace: &str, reference: &ConfigMapKeyRef, field: &str) -> Lookup<String> {
    let missing = |message| Problem::missing(Track::Backends, message);
    let ConfigMapKeyRef { name, key } = reference;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let map = match api.get_opt(name).await {
        Ok(Some(map)) => map,
        Ok(None) => return Err(missing(message::no_config_map(field, name, namespace))),
        Err(error) => return Err(missing(message::config_map_unread(field, name, error))),
    };
    let pem = map
        .data
        .and_then(|mut data| data.remove(key))
        .ok_or_else(|| missing(message::no_config_map_key(field, name, key)))?;
    if pem.contains("-----BEGIN PUBLIC KEY-----") && pem.contains("-----END PUBLIC KEY-----") {
        return Ok(pem);
    }
    Err(missing(message::no_public_key(field, key, name)))
}
