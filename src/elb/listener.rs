//! Pure: listeners.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::{DEFAULT_TLS_POLICY, PolicyName, Port};

/// A protocol of either side of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// A byte stream.
    Tcp,
    /// A byte stream over TLS.
    Ssl,
}

impl Protocol {
    /// AWS's word, in the upper case it answers with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
            Self::Ssl => "SSL",
        }
    }

    /// Whether TLS is spoken.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Ssl)
    }

    /// The policies that AWS attaches to a new listener of this kind by itself.
    pub fn policies_at_creation(self) -> BTreeSet<PolicyName> {
        self.is_secure()
            .then(|| DEFAULT_TLS_POLICY.to_owned())
            .into_iter()
            .collect()
    }

    /// Whether HTTP is read; cookies need that.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

impl FromStr for Protocol {
    type Err = String;

    /// AWS takes any case and answers in upper case.
    fn from_str(word: &str) -> Result<Self, String> {
        match word.to_ascii_uppercase().as_str() {
            "HTTP" => Ok(Self::Http),
            "HTTPS" => Ok(Self::Https),
            "TCP" => Ok(Self::Tcp),
            "SSL" => Ok(Self::Ssl),
            _ => Err(format!("unknown protocol {word:?}")),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a load balancer accepts on one port and where it sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The port clients connect to.
    pub port: Port,
    /// The protocol clients speak.
    pub protocol: Protocol,
    /// The port on the instances.
    pub instance_port: Port,
    /// The protocol instances speak.
    pub instance_protocol: Protocol,
    /// The ARN of the server certificate; present exactly where `protocol` is secure.
    pub certificate: Option<String>,
    /// The policies in force, at most one of each kind.
    pub policies: BTreeSet<PolicyName>,
}

impl Listener {
    /// Whether the two differ in what only a rebuilt listener can have. AWS has no call that modifies a listener;
    /// certificate and policies have calls of their own.
    pub fn needs_rebuild(&self, wanted: &Self) -> bool {
        (self.protocol, self.instance_port, self.instance_protocol)
            != (wanted.protocol, wanted.instance_port, wanted.instance_protocol)
    }

    /// Whether the two are declared alike; policies are not declared.
    pub fn is_declared_as(&self, other: &Self) -> bool {
        !self.needs_rebuild(other) && self.has_certificate_of(other)
    }

    /// Whether both send to the same port but disagree on TLS, which AWS refuses for two listeners of one load
    /// balancer.
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.instance_port == other.instance_port
            && self.instance_protocol.is_secure() != other.instance_protocol.is_secure()
    }

    /// Whether the certificates are the same. AWS compares ARNs without regard to case.
    pub fn has_certificate_of(&self, other: &Self) -> bool {
        match (&self.certificate, &other.certificate) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} to {} {}",
            self.protocol, self.port, self.instance_protocol, self.instance_port
        )
    }
}
