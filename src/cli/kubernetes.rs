//! The flags of kubectl, and the client that they speak of.

use std::error::Error as _;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, CustomResourceExt as _};

use super::failure::{Failure, causes};
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerBinding};
use crate::controller::Kind;

/// Which API server, which namespace, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub(super) struct Kubernetes {
    /// The namespace. Default: the context's, else `default`.
    #[arg(short, long, value_parser = name)]
    namespace: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Which API server, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub(super) struct Server {
    /// The kubeconfig file. Default: KUBECONFIG, else ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. Default: its current one.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    context: Option<String>,
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

/// What a binding is called before its name, besides the names that its definition has.
pub(super) const BINDING: &str = "binding";

/// An object by its kind and its name. It is shown as a person would name it: `web`, `binding/web`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Owner => f.write_str(&self.name),
            Kind::Binding => write!(f, "{BINDING}/{}", self.name),
        }
    }
}

/// An object, alone or after its kind as kubectl takes it: `web`, `clb/web`, `binding/web`.
pub(super) fn named(text: &str) -> Result<Named, String> {
    let Some((given, own)) = text.split_once('/') else {
        return Ok(Named {
            kind: Kind::Owner,
            name: name(text)?,
        });
    };
    let binding = ClassicLoadBalancerBinding::crd();
    let kind = if is_called(given, &ClassicLoadBalancer::crd(), None) {
        Kind::Owner
    } else if is_called(given, &binding, Some(BINDING)) {
        Kind::Binding
    } else {
        return Err(format!(
            "{given} is no kind that this command knows: give clb/NAME, or NAME alone, or {BINDING}/NAME"
        ));
    };
    Ok(Named { kind, name: name(own)? })
}

/// Whether a kind is meant. Behind its name may stand the group, before that the version.
fn is_called(given: &str, definition: &CustomResourceDefinition, also: Option<&str>) -> bool {
    let resource = &definition.spec;
    let (given, group) = given.split_once('.').unwrap_or((given, &resource.group));
    let names = &resource.names;
    let short = names.short_names.iter().flatten().map(String::as_str);
    let known = [
        Some(names.plural.as_str()),
        names.singular.as_deref(),
        Some(names.kind.as_str()),
        also,
    ];
    let mut known = known.into_iter().flatten().chain(short);
    let in_group = group == resource.group || group.split_once('.').is_some_and(|(_, group)| group == resource.group);
    in_group && known.any(|known| known.eq_ignore_ascii_case(given))
}

/// An object that has a load balancer of its own: `web`, `clb/web`.
pub(super) fn object(text: &str) -> Result<Named, String> {
    let named = named(text)?;
    match named.kind {
        Kind::Owner => Ok(named),
        Kind::Binding => Err("a binding has no load balancer of its own: give clb/NAME".to_owned()),
    }
}

/// An object, and the namespace where that was named with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) namespace: Option<String>,
    pub(super) object: Named,
}

/// An object alone, after its kind, or after its namespace: `web`, `clb/web`, `binding/web`, `shop/web`.
pub(super) fn placed(text: &str) -> Result<Placed, String> {
    let (namespace, object) = match (named(text), text.split_once('/')) {
        (Ok(object), _) => (None, object),
        (Err(_), Some((namespace, own))) => (Some(name(namespace)?), named(&name(own)?)?),
        (Err(why), None) => return Err(why),
    };
    Ok(Placed { namespace, object })
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
pub(super) struct Timeout(pub(super) Option<Duration>);

/// As kubectl: a bare number counts seconds, 0 is no limit.
pub(super) fn timeout(text: &str) -> Result<Timeout, String> {
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
                placed.object, self.namespace
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
        self.server.request_timeout = Timeout(Some(limit));
        self
    }

    /// The namespace that a flag names.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        self.server.connect(self.namespace()).await
    }
}

impl Server {
    /// The connection, to work in this namespace or in that of the context.
    pub(super) async fn connect(&self, namespace: Option<&str>) -> Result<Connection, Failure> {
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
        let named = namespace.is_some();
        let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
        let client = Client::try_from(config)
            .map_err(|error| Failure::new(format!("the kubeconfig cannot be used: {}", causes(&error))))?;
        Ok(Connection {
            client,
            namespace,
            named,
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

/// How often a request is made where somebody else writes to the same object, and how long the first wait is. Each is
/// twice the last.
const CONFLICTS: (u32, Duration) = (6, Duration::from_millis(100));

/// Asks again, ever more slowly, while the API server says that somebody else has written to the object meanwhile: that
/// is no word on what is asked. `error`: of an answer.
pub(super) async fn past_conflicts<T>(ask: impl AsyncFn() -> T, error: impl Fn(&T) -> Option<&kube::Error>) -> T {
    let (times, mut wait) = CONFLICTS;
    for _ in 0..times {
        let answer = ask().await;
        if !error(&answer).is_some_and(is_conflict) {
            return answer;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    ask().await
}

/// Fields that another manager applied are its own, whatever the patience.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && !status.message.starts_with("Apply failed with"))
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
            assert_eq!(
                object(text).map(|named| named.to_string()).as_deref(),
                Ok("web"),
                "{text}"
            );
        }
        for text in ["svc/web", "clb.apps/web", "clb/", "clb/a/b", "Web", "", "binding/web"] {
            assert!(object(text).is_err(), "{text}");
        }
        for text in [
            "binding/web",
            "clbb/web",
            "ClassicLoadBalancerBinding/web",
            "classicloadbalancerbindings.classiclb.dev/web",
        ] {
            let named = named(text).expect("an object");
            assert_eq!(
                (named.kind, named.to_string().as_str()),
                (Kind::Binding, "binding/web"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_namespace_may_stand_before_the_name() {
        let read = |text| placed(text).map(|placed| (placed.namespace, placed.object.to_string()));
        assert_eq!(read("web"), Ok((None, "web".to_owned())));
        assert_eq!(read("clb/web"), Ok((None, "web".to_owned())));
        assert_eq!(read("shop/web"), Ok((Some("shop".to_owned()), "web".to_owned())));
        assert_eq!(read("clbb/web"), Ok((None, "binding/web".to_owned())));
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

    #[tokio::test(start_paused = true)]
    async fn who_writes_meanwhile_is_let_pass() {
        let refused = |code: u16, message: &str| {
            kube::Error::Api(Box::new(kube::core::Status {
                code,
                message: message.to_owned(),
                ..kube::core::Status::default()
            }))
        };
        for (code, said, asked) in [
            (
                409,
                "the object has been modified; please apply your changes to the latest version",
                3,
            ),
            (409, "Apply failed with 1 conflict: conflict with \"helm\"", 1),
            (422, "spec is invalid", 1),
        ] {
            let times = std::sync::atomic::AtomicU32::new(0);
            let ask = async || match times.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 | 1 => Err(refused(code, said)),
                _ => Ok(()),
            };
            let answer = past_conflicts(ask, |answer| answer.as_ref().err()).await;
            assert_eq!((times.into_inner(), answer.is_ok()), (asked, asked == 3), "{said}");
        }
    }
}
