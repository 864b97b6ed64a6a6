//! I/O: the public keys that `ConfigMaps` hold.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use super::Remote;
use crate::api::reason;
use crate::api::{ClassicLoadBalancerSpec, ConfigMapKeyRef};
use crate::plan::desired::{Lookup, Missing};
use crate::plan::track;

/// Reads each key once.
pub(super) async fn look_up(spec: &ClassicLoadBalancerSpec, client: &Client, namespace: &str, remote: &mut Remote) {
    for backend in spec.backends.iter().flatten() {
        for key in backend.public_keys.iter().flatten() {
            let Some(reference) = &key.config_map_key_ref else {
                continue;
            };
            if !remote.references.public_keys.contains_key(reference) {
                let field = format!("spec.backends[instancePort={}].publicKeys", backend.instance_port);
                let found = read(client, namespace, reference, &field).await;
                remote.references.public_keys.insert(reference.clone(), found);
            }
        }
    }
}

async fn read(client: &Client, namespace: &str, reference: &ConfigMapKeyRef, field: &str) -> Lookup<String> {
    let missing = |reason: &str, what: String| Missing {
        track: track::BACKENDS,
        reason: reason.to_owned(),
        message: format!("{field}: {what}"),
    };
    let ConfigMapKeyRef { name, key } = reference;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let map = match api.get_opt(name).await {
        Ok(Some(map)) => map,
        Ok(None) => {
            let what = format!("there is no ConfigMap {name} in namespace {namespace}; create it");
            return Err(missing(reason::CONFIG_MAP_NOT_FOUND, what));
        }
        Err(error) => {
            let what = format!("the ConfigMap {name} could not be read: {error}");
            return Err(missing(reason::CONFIG_MAP_UNREADABLE, what));
        }
    };
    let pem = map.data.and_then(|mut data| data.remove(key)).ok_or_else(|| {
        let what = format!("the ConfigMap {name} has no key {key}; add it");
        missing(reason::CONFIG_MAP_KEY_NOT_FOUND, what)
    })?;
    if pem.contains("-----BEGIN PUBLIC KEY-----") && pem.contains("-----END PUBLIC KEY-----") {
        return Ok(pem);
    }
    let what = format!("the key {key} of the ConfigMap {name} holds no public key in PEM form");
    Err(missing(reason::PUBLIC_KEY_INVALID, what))
}
