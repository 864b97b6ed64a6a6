//! Pure: attributes of a load balancer.

use std::fmt;

/// What is done with requests that proxies may read in two ways (`elb.http.desyncmitigationmode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DesyncMitigationMode {
    /// They are passed on and counted.
    Monitor,
    /// Those that are a risk are passed on alone or refused.
    #[default]
    Defensive,
    /// Only those that follow RFC 7230 are passed on.
    Strictest,
}

impl DesyncMitigationMode {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Defensive => "defensive",
            Self::Strictest => "strictest",
        }
    }

    /// Reads AWS's word.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Monitor, Self::Defensive, Self::Strictest]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}

/// Where requests are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The S3 bucket.
    pub bucket: String,
    /// What the names of the logs begin with; empty: nothing.
    pub prefix: String,
    /// Minutes that one log covers, 5 or 60.
    pub emit_interval: i32,
}

/// One attribute and its value. What AWS stores beside a switch that is off does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Whether each node spreads requests over all zones.
    CrossZone(bool),
    /// Seconds that a connection may be idle, 1-4000.
    IdleTimeout(i32),
    /// Seconds that deregistered instances have to finish their requests, 1-3600; `None`: they have none.
    ConnectionDraining(Option<i32>),
    /// Where requests are logged; `None`: nowhere.
    AccessLog(Option<AccessLog>),
    /// What is done with ambiguous requests.
    DesyncMitigationMode(DesyncMitigationMode),
}

impl Attribute {
    /// Whether both are values of the same attribute.
    pub fn is_same_attribute(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// The attributes of a load balancer; `None`: not known, or not declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// See [`Attribute::CrossZone`].
    pub cross_zone: Option<bool>,
    /// See [`Attribute::IdleTimeout`].
    pub idle_timeout: Option<i32>,
    /// See [`Attribute::ConnectionDraining`].
    #[allow(clippy::option_option)] // not known, off, or on
    pub connection_draining: Option<Option<i32>>,
    /// See [`Attribute::AccessLog`].
    #[allow(clippy::option_option)]
    pub access_log: Option<Option<AccessLog>>,
    /// See [`Attribute::DesyncMitigationMode`].
    pub desync_mitigation_mode: Option<DesyncMitigationMode>,
}

impl Attributes {
    /// Seconds that a connection may be idle, unless somebody changed it.
    pub const IDLE_TIMEOUT: i32 = 60;
    /// Seconds for draining where none are given.
    pub const DRAINING_TIMEOUT: i32 = 300;
    /// Minutes that a log covers where none are given.
    pub const EMIT_INTERVAL: i32 = 60;

    /// What a new load balancer has.
    pub fn at_creation() -> Self {
        Self {
            cross_zone: Some(false),
            idle_timeout: Some(Self::IDLE_TIMEOUT),
            connection_draining: Some(None),
            access_log: Some(None),
            desync_mitigation_mode: Some(DesyncMitigationMode::default()),
        }
    }

    /// Those that have a value.
    pub fn all(&self) -> Vec<Attribute> {
        [
            self.cross_zone.map(Attribute::CrossZone),
            self.idle_timeout.map(Attribute::IdleTimeout),
            self.connection_draining.map(Attribute::ConnectionDraining),
            self.access_log.clone().map(Attribute::AccessLog),
            self.desync_mitigation_mode.map(Attribute::DesyncMitigationMode),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Gives one a value.
    pub fn set(&mut self, attribute: Attribute) {
        match attribute {
            Attribute::CrossZone(on) => self.cross_zone = Some(on),
            Attribute::IdleTimeout(seconds) => self.idle_timeout = Some(seconds),
            Attribute::ConnectionDraining(seconds) => self.connection_draining = Some(seconds),
            Attribute::AccessLog(log) => self.access_log = Some(log),
            Attribute::DesyncMitigationMode(mode) => self.desync_mitigation_mode = Some(mode),
        }
    }

    /// These, and where they have none, the values of `other`.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let mut all = other.clone();
        for attribute in self.all() {
            all.set(attribute);
        }
        all
    }
}

/// For people: plans, logs and events.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrossZone(on) => write!(f, "crossZone {on}"),
            Self::IdleTimeout(seconds) => write!(f, "idleTimeout {seconds} s"),
            Self::ConnectionDraining(None) => f.write_str("connectionDraining off"),
            Self::ConnectionDraining(Some(seconds)) => write!(f, "connectionDraining {seconds} s"),
            Self::AccessLog(None) => f.write_str("accessLog off"),
            Self::AccessLog(Some(log)) => write!(f, "accessLog to {}/{}", log.bucket, log.prefix),
            Self::DesyncMitigationMode(mode) => write!(f, "desyncMitigationMode {}", mode.as_str()),
        }
    }
}
