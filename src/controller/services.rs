//! The node ports of the cluster's Services, for `listeners[].instancePortFrom`.
//!
//! A view that is not synced, or fails, closes no port: what it does not know is told as missing, and then the listener
//! stays as it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use kube::runtime::watcher::Event;
use tokio::sync::Notify;

use super::namespaces::Namespaces;
use crate::api::message::{self, Message};
use crate::api::{InstancePortFrom, Listener};
use crate::elb::Port;
use crate::plan::desired::Lookup;
use crate::plan::{Problem, Track};

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServicePort {
    name: Option<String>,
    port: i32,
    /// The port that every Node opens for it; `None` for Services that have none.
    node_port: Option<Port>,
}

/// Namespace and name.
type Key = (String, String);
type Services = BTreeMap<Key, Vec<ServicePort>>;

#[derive(Debug, Default)]
struct State {
    services: Services,
    /// What a list that is under way has brought so far.
    listing: Option<Services>,
    synced: bool,
    failure: Option<String>,
}

/// The view, fed by a watch.
#[derive(Debug, Default)]
pub(super) struct ServiceView {
    state: Mutex<State>,
    synced: Notify,
}

/// The views of the watched namespaces. Each has a watch of its own, so that one that fails hides no other; where all
/// namespaces are watched, there is one for all.
#[derive(Debug, Default)]
pub(super) struct ServiceViews {
    named: BTreeMap<String, ServiceView>,
    all: ServiceView,
}

impl ServiceViews {
    pub(super) fn new(namespaces: &Namespaces) -> Self {
        let named = namespaces.named();
        Self {
            named: named.map(|name| (name.to_owned(), ServiceView::default())).collect(),
            all: ServiceView::default(),
        }
    }

    /// The view of a namespace.
    pub(super) fn of(&self, namespace: &str) -> &ServiceView {
        self.named.get(namespace).unwrap_or(&self.all)
    }

    /// The view of all namespaces, and of those that are not watched.
    pub(super) fn all(&self) -> &ServiceView {
        &self.all
    }

    /// Every view that is to be fed, in the order of [`Namespaces::apis`].
    pub(super) fn watched(&self) -> impl Iterator<Item = &ServiceView> {
        let all = self.named.is_empty().then_some(&self.all);
        self.named.values().chain(all)
    }
}

impl ServiceView {
    /// Takes in an event of the watch. `true`: something changed that listeners may depend on.
    pub(super) fn take(&self, event: &Event<Service>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(event, Event::Init | Event::InitApply(_)) {
            state.failure = None;
        }
        match event {
            Event::Init => {
                state.listing = Some(Services::new());
                false
            }
            Event::InitApply(service) => {
                if let Some(listing) = &mut state.listing {
                    listing.insert(key(service), ports(service));
                }
                false
            }
            Event::InitDone => {
                let listed = state.listing.take().unwrap_or_default();
                let changed = !state.synced || listed != state.services;
                state.services = listed;
                state.synced = true;
                self.synced.notify_waiters();
                changed
            }
            Event::Apply(service) => {
                let read = ports(service);
                state.services.insert(key(service), read.clone()) != Some(read)
            }
            Event::Delete(service) => state.services.remove(&key(service)).is_some(),
        }
    }

    /// The watch failed. What is known stays in use: a port that is out of date serves more than none.
    pub(super) fn fail(&self, error: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(error);
    }

    /// Waits until the Services were listed.
    pub(super) async fn wait_synced(&self) {
        loop {
            let notified = self.synced.notified();
            if self.state.lock().unwrap_or_else(PoisonError::into_inner).synced {
                return;
            }
            notified.await;
        }
    }

    /// The node port of everything that the listeners of an object name.
    pub(super) fn resolve(&self, namespace: &str, listeners: &[Listener]) -> BTreeMap<InstancePortFrom, Lookup<Port>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let named = listeners
            .iter()
            .filter_map(|listener| Some((listener.port, listener.instance_port_from.as_ref()?)));
        named
            .map(|(port, from)| {
                let found = state.find(port, namespace, from);
                (
                    from.clone(),
                    found.map_err(|message| Problem::missing(Track::Listeners, message)),
                )
            })
            .collect()
    }
}

impl State {
    /// The node port for a listener, or why there is none and what to do.
    fn find(&self, listener: i32, namespace: &str, from: &InstancePortFrom) -> Result<Port, Message> {
        let name = &from.service_name;
        if !self.synced {
            return Err(match &self.failure {
                Some(why) => message::services_unread(listener, why),
                None => message::services_not_listed(listener),
            });
        }
        let ports = self
            .services
            .get(&(namespace.to_owned(), name.clone()))
            .ok_or_else(|| message::no_service(listener, name, namespace))?;
        let wanted = |port: &&ServicePort| match (&from.port_name, from.port) {
            (Some(name), _) => port.name.as_ref() == Some(name),
            (None, number) => Some(port.port) == number,
        };
        let none = || match (&from.port_name, from.port.unwrap_or_default()) {
            (Some(asked), _) => message::no_port_of_the_name(listener, name, asked, list(ports)),
            (None, number) => message::no_port_of_the_number(listener, name, number, list(ports)),
        };
        let port = ports.iter().find(wanted).ok_or_else(none)?;
        port.node_port
            .ok_or_else(|| message::no_node_port(listener, name, port.port))
    }
}

fn list(ports: &[ServicePort]) -> String {
    let one = |port: &ServicePort| match &port.name {
        Some(name) => format!("{name} ({})", port.port),
        None => port.port.to_string(),
    };
    ports.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn key(service: &Service) -> Key {
    (service.namespace().unwrap_or_default(), service.name_any())
}

fn ports(service: &Service) -> Vec<ServicePort> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    // A Classic load balancer speaks TCP, and a number may stand for a port of UDP too.
    ports
        .filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP")
        .map(|port| ServicePort {
            name: port.name.clone(),
            port: port.port,
            node_port: port
                .node_port
                .and_then(|port| Port::try_from(port).ok())
                .filter(|port| *port > 0),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(ports: &serde_json::Value) -> Service {
        let value = serde_json::json!({"metadata": {"namespace": "shop", "name": "web"}, "spec": {"ports": ports}});
        serde_json::from_value(value).expect("a service")
    }

    fn from(port_name: Option<&str>, port: Option<i32>) -> InstancePortFrom {
        InstancePortFrom {
            service_name: "web".into(),
            port_name: port_name.map(Into::into),
            port,
        }
    }

    fn reason(view: &ServiceView, namespace: &str, from: &InstancePortFrom) -> Result<Port, String> {
        let state = view.state.lock().expect("the state");
        state
            .find(80, namespace, from)
            .map_err(|message| message.reason().to_owned())
    }

    #[test]
    fn ports_are_found_by_name_and_by_number() {
        let view = ServiceView::default();
        assert_eq!(
            reason(&view, "shop", &from(None, Some(80))),
            Err("ServicesUnread".into())
        );
        view.take(&Event::Init);
        let ports = serde_json::json!([{"name": "http", "port": 80, "nodePort": 30080}, {"name": "admin", "port": 81}]);
        view.take(&Event::InitApply(service(&ports)));
        assert!(view.take(&Event::InitDone));
        assert_eq!(reason(&view, "shop", &from(None, Some(80))), Ok(30080));
        assert_eq!(reason(&view, "shop", &from(Some("http"), None)), Ok(30080));
        assert_eq!(
            reason(&view, "other", &from(None, Some(80))),
            Err("ServiceNotFound".into())
        );
        assert_eq!(
            reason(&view, "shop", &from(None, Some(82))),
            Err("ServicePortNotFound".into())
        );
        assert_eq!(
            reason(&view, "shop", &from(Some("admin"), None)),
            Err("NodePortNotFound".into())
        );
    }

    #[test]
    fn a_failed_watch_and_a_list_under_way_forget_nothing() {
        let view = ServiceView::default();
        view.take(&Event::Init);
        let ports = serde_json::json!([{"port": 80, "nodePort": 30080}]);
        view.take(&Event::InitApply(service(&ports)));
        view.take(&Event::InitDone);
        view.fail("forbidden".into());
        view.take(&Event::Init);
        assert_eq!(reason(&view, "shop", &from(None, Some(80))), Ok(30080));
        assert!(!view.take(&Event::Apply(service(&ports))), "nothing changed");
    }
}
