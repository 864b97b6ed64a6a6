//! Listeners, certificates, Services and `ConfigMaps` that a spec refers to.

use crate::api::reason::{self, AWS_CODE};

messages! { REFERENCES:
    fn no_certificate(field, name) [reason::CERTIFICATE_NOT_FOUND]
        "{field}: no certificate that is issued and valid is found for {name}; request or import one";
    under certificate_not_looked_up(field, name, message_of_aws) [AWS_CODE]
        "{field}: {name} could not be looked up: {message_of_aws}";

    fn listener_ignored(target, port) [reason::LISTENER_IGNORED]
        "spec.healthCheck is not set: {target} checks the instance port {port}, which only a declared listener brings, and \
         spec.ignoreDifferences leaves the listeners as AWS has them: open that listener in AWS, check another port, or \
         take Listeners out of spec.ignoreDifferences";

    fn backend_without_listener(port, ports) [reason::INVALID]
        "spec.backends[instancePort={port}]: backends must name an instancePort that a listener uses, but the listeners send \
         to {ports}: correct it, or take the entry out";

    fn services_unread(port, why) [reason::SERVICES_UNREAD]
        "spec.listeners[port={port}].instancePortFrom: Services cannot be read: {why}";
    fn services_not_listed(port) [reason::SERVICES_UNREAD]
        "spec.listeners[port={port}].instancePortFrom: Services cannot be read: they have not been listed yet";
    fn no_service(port, name, namespace) [reason::SERVICE_NOT_FOUND]
        "spec.listeners[port={port}].instancePortFrom: there is no Service {name} in namespace {namespace}: create it, or name \
         another";
    fn no_port_of_the_name(port, service, name, ports) [reason::SERVICE_PORT_NOT_FOUND]
        "spec.listeners[port={port}].instancePortFrom: the Service {service} has no port named {name}: its ports are {ports}";
    fn no_port_of_the_number(port, service, number, ports) [reason::SERVICE_PORT_NOT_FOUND]
        "spec.listeners[port={port}].instancePortFrom: the Service {service} has no port {number}: its ports are {ports}";
    fn no_node_port(port, service, service_port) [reason::NODE_PORT_NOT_FOUND]
        "spec.listeners[port={port}].instancePortFrom: port {service_port} of the Service {service} has no node port: make the \
         Service one of type NodePort or LoadBalancer";

    fn no_config_map(field, name, namespace) [reason::CONFIG_MAP_NOT_FOUND]
        "{field}: there is no ConfigMap {name} in namespace {namespace}; create it";
    fn no_config_map_key(field, name, key) [reason::CONFIG_MAP_KEY_NOT_FOUND]
        "{field}: the ConfigMap {name} has no key {key}; add it";
    fn config_map_unread(field, name, error) [reason::CONFIG_MAP_UNREADABLE]
        "{field}: the ConfigMap {name} could not be read: {error}; let the operator's ClusterRole get ConfigMaps";
    fn no_public_key(field, key, name) [reason::PUBLIC_KEY_INVALID]
        "{field}: the key {key} of the ConfigMap {name} holds no public key in PEM form, which begins with -----BEGIN PUBLIC KEY-----: \
         put one there, or name another key";
}
