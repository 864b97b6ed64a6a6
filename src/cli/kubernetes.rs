//! The flags of kubectl, and the client that they speak of.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, CustomResourceExt as _};

use super::failure::{Failure, causes};
use crate::api::ClassicLoadBalancer;

/// Which API server, which namespace, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub(super) struct Kubernetes {
    /// The kubeconfig file. Default: KUBECONFIG, else ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. Default: its current one.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    context: Option<String>,
    /// The namespace. Default: the context's, else `default`.
    #[arg(short, long, value_parser = name)]
    namespace: Option<String>,
    /// Act as this user.
    #[arg(long = "as", value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    as_user: Option<String>,
    /// Act as a member of this group; can be given several times.
    #[arg(long = "as-group", value_name = "GROUP", requires = "as_user", value_parser = NonEmptyStringValueParser::new())]
    as_groups: Vec<String>,
    /// How long one request may take, such as 10s or 1m; 0: without limit.
    #[arg(long, default_value = "30s", value_parser = timeout, value_name = "TIME")]
    request_timeout: Timeout,
}

/// Longer than anybody waits, and short enough to be added to a time.
const LONGEST: Duration = Duration::from_hours(24);

/// The name of an object, alone or after its kind as kubectl takes it: `web`, `clb/web`.
pub(super) fn object(text: &str) -> Result<String, String> {
    let Some((kind, own)) = text.split_once('/') else {
        return name(text);
    };
    let resource = ClassicLoadBalancer::crd().spec;
    // Behind the kind may stand the group, before it the version.
    let (kind, group) = kind.split_once('.').unwrap_or((kind, &resource.group));
    let names = &resource.names;
    let short = names.short_names.iter().flatten();
    let known = [Some(&names.plural), names.singular.as_ref(), Some(&names.kind)];
    let known = known.into_iter().flatten().chain(short);
    let is_ours = known.into_iter().any(|known| known.eq_ignore_ascii_case(kind));
    let in_group = group == resource.group || group.split_once('.').is_some_and(|(_, group)| group == resource.group);
    if !is_ours || !in_group {
        return Err(format!(
            "{kind} is no kind that this command knows: give clb/NAME, or NAME alone"
        ));
    }
    name(own)
}

/// An object, and the namespace where that was named with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

/// The name of an object, alone, after its kind, or after its namespace: `web`, `clb/web`, `shop/web`.
pub(super) fn placed(text: &str) -> Result<Placed, String> {
    let (namespace, name) = match (object(text), text.split_once('/')) {
        (Ok(name), _) => (None, name),
        (Err(_), Some((namespace, own))) => (Some(name(namespace)?), name(own)?),
        (Err(why), None) => return Err(why),
    };
    Ok(Placed { namespace, name })
}

/// The name of a namespace, or that of an object.
pub(super) fn name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if text.is_empty() || !text.chars().all(legal) {
        return Err("must be a name of small letters, digits, hyphens and dots".to_owned());
    }
    Ok(text.to_owned())
}

/// A limit, or none.
#[derive(Clone, Copy, Debug)]
struct Timeout(Option<Duration>);

/// As kubectl: a bare number counts seconds, 0 is no limit.
fn timeout(text: &str) -> Result<Timeout, String> {
    let wrong = || "must be a time such as 10s or 1m, or 0".to_owned();
    let duration = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let signed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
        Duration::try_from(signed).map_err(|_| wrong())?
    };
    if duration > LONGEST {
        return Err("must be at most 24h, or 0 for no limit".to_owned());
    }
    Ok(Timeout((!duration.is_zero()).then_some(duration)))
}

/// A connection that was prepared; nothing was asked yet.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// The namespace to work in.
    pub(super) namespace: String,
    /// Whether the namespace was named by a flag.
    pub(super) named: bool,
}

impl Connection {
    /// Works where an object is named to be.
    pub(super) fn place(&mut self, placed: &Placed) -> Result<(), Failure> {
        let Some(namespace) = &placed.namespace else {
            return Ok(());
        };
        if self.named && *namespace != self.namespace {
            return Err(Failure::usage(format!(
                "{namespace}/{} is in namespace {namespace}, but -n names {}",
                placed.name, self.namespace
            )));
        }
        self.namespace.clone_from(namespace);
        self.named = true;
        Ok(())
    }
}

impl Kubernetes {
    /// The same with another limit of time for a request.
    pub(super) fn within(mut self, limit: Duration) -> Self {
        self.request_timeout = Timeout(Some(limit));
        self
    }

    /// The namespace that a flag names.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let mut config = self.config().await?;
        // The client would panic.
        if !matches!(config.cluster_url.scheme_str(), Some("http" | "https")) {
            return Err(Failure::new(format!(
                "the kubeconfig cannot be used: its server {} must begin with https://",
                config.cluster_url
            )));
        }
        let Timeout(limit) = self.request_timeout;
        config.connect_timeout = limit;
        config.read_timeout = limit;
        config.default_retry = false;
        if self.as_user.is_some() {
            config.auth_info.impersonate.clone_from(&self.as_user);
            config.auth_info.impersonate_groups = (!self.as_groups.is_empty()).then(|| self.as_groups.clone());
        }
        let namespace = self
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config)
            .map_err(|error| Failure::new(format!("the kubeconfig cannot be used: {}", causes(&error))))?;
        Ok(Connection {
            client,
            namespace,
            named: self.namespace.is_some(),
        })
    }

    async fn config(&self) -> Result<Config, Failure> {
        if self.kubeconfig.is_none() && self.context.is_none() {
            return Config::infer().await.map_err(|error| {
                // Of the two ways that were tried the kubeconfig is the one that a person has.
                let kubeconfig = error.source().map(causes);
                Failure::new(format!(
                    "no way to a Kubernetes API server: {}; give --kubeconfig or set KUBECONFIG",
                    kubeconfig.unwrap_or_else(|| causes(&error))
                ))
            });
        }
        let wrong = |error: &(dyn std::error::Error + 'static)| {
            let file = self.kubeconfig.as_deref().map(|path| format!(" {}", path.display()));
            Failure::new(format!(
                "the kubeconfig{} cannot be used: {}; see kubectl config get-contexts",
                file.unwrap_or_default(),
                causes(error)
            ))
        };
        let file = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let file = file.map_err(|error| wrong(&error))?;
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|error| wrong(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_as_for_kubectl() {
        for text in [
            "web",
            "clb/web",
            "ClassicLoadBalancer/web",
            "classicloadbalancers/web",
            "classicloadbalancer.classiclb.dev/web",
            "classicloadbalancers.v1alpha1.classiclb.dev/web",
        ] {
            assert_eq!(object(text).as_deref(), Ok("web"), "{text}");
        }
        for text in ["svc/web", "clb.apps/web", "clb/", "clb/a/b", "Web", ""] {
            assert!(object(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_namespace_may_stand_before_the_name() {
        let read = |text| placed(text).map(|placed| (placed.namespace, placed.name));
        assert_eq!(read("web"), Ok((None, "web".to_owned())));
        assert_eq!(read("clb/web"), Ok((None, "web".to_owned())));
        assert_eq!(read("shop/web"), Ok((Some("shop".to_owned()), "web".to_owned())));
        assert!(
            ["", "shop/", "/web", "a/b/c", "Shop/web"]
                .iter()
                .all(|text| read(text).is_err())
        );
    }

    #[test]
    fn timeouts_are_read_as_kubectl_reads_them() {
        let read = |text| timeout(text).map(|Timeout(limit)| limit);
        assert_eq!(read("0"), Ok(None));
        assert_eq!(read("0s"), Ok(None));
        assert_eq!(read("5"), Ok(Some(Duration::from_secs(5))));
        assert_eq!(read("2m"), Ok(Some(Duration::from_mins(2))));
        assert!(
            ["soon", "-1s", "25h", "18446744073709551615"]
                .iter()
                .all(|&text| read(text).is_err())
        );
    }
}
