//! Pure: the load balancers of an object, and what each is declared to be.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::message::{self, Message};
use crate::api::{
    ClassicLoadBalancerSpec, ClassicLoadBalancerStatus, Part, RecreatePolicy, ReplacementPhase, ReplacementPolicy,
    ReplacementStatus, Scheme,
};
use crate::controller::memory::Memory;
use crate::controller::object::{Object, Place, Stays};
use crate::controller::status::Verdict;
use crate::plan::replacement::{Beside, Course, Identity, Service, Vpc, Wanted, needed};

/// How long a load balancer that clients have used is kept unless the object says so, in seconds.
const KEPT: i32 = 600;
/// The longest message in `status.replacement`.
const MESSAGE: usize = 1024;

/// An object that has, or may have, two load balancers.
pub(super) struct Pair<'a> {
    object: &'a Object,
    /// The status of the object, which is about the one that clients are sent to.
    pub(super) status: ClassicLoadBalancerStatus,
    pub(super) wanted: Wanted,
    pub(super) serving: Identity,
    /// Why it cannot be told which VPC the spec asks for, where that is so.
    doubt: Option<String>,
}

/// What the spec asks for, where the object is one that may have two.
pub(super) fn wanted(cluster_id: &str, object: &Object, status: &ClassicLoadBalancerStatus) -> Option<Wanted> {
    let other = status.cluster_id.as_deref().is_some_and(|other| other != cluster_id);
    if object.is_binding() || other {
        return None;
    }
    let given = object.spec.load_balancer_name.as_deref();
    let namespace = object.namespace()?;
    let scheme = word(object.spec.scheme);
    let wanted = Wanted::new(cluster_id, &namespace, &object.name_any(), given, scheme);
    let second = status.load_balancer_name.as_deref() == Some(wanted.second_name());
    (second || is_permitted(&object.spec) || status.replacement.is_some()).then_some(wanted)
}

fn is_permitted(spec: &ClassicLoadBalancerSpec) -> bool {
    spec.replacement == Some(ReplacementPolicy::BlueGreen)
}

fn word(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::InternetFacing => "internet-facing",
        Scheme::Internal => "internal",
    }
}

/// A spec for a load balancer of this scheme; `None`: whatever the spec says.
fn with_scheme(spec: &mut ClassicLoadBalancerSpec, scheme: Option<&str>) {
    match scheme {
        Some("internal") => spec.scheme = Scheme::Internal,
        Some(_) => spec.scheme = Scheme::InternetFacing,
        None => {}
    }
}

/// Until when a load balancer is kept that clients were sent to until then.
pub(super) fn kept_until(object: &Object, since: Timestamp) -> Timestamp {
    let seconds = i64::from(object.spec.replacement_keep_seconds.unwrap_or(KEPT));
    let until = since.as_second().saturating_add(seconds);
    Timestamp::from_second(until).unwrap_or(since)
}

fn service(status: &ClassicLoadBalancerStatus) -> Service {
    status
        .instances
        .as_ref()
        .map_or_else(Service::default, |instances| Service {
            wanted: instances.desired,
            in_service: instances.in_service,
        })
}

impl<'a> Pair<'a> {
    /// `None`: nothing is known of a load balancer.
    pub(super) fn new(object: &'a Object, wanted: Wanted, status: ClassicLoadBalancerStatus) -> Option<Self> {
        let serving = Identity {
            name: status.load_balancer_name.clone()?,
            scheme: status.scheme.clone(),
            vpc: status.vpc_id.clone(),
        };
        let made = status.created_time.is_some() || status.creation_pending == Some(true);
        (made || status.replacement.is_some()).then_some(Self {
            object,
            status,
            wanted,
            serving,
            doubt: None,
        })
    }

    /// Whether the VPC that the spec asks for plays a part.
    pub(super) fn may_move(&self) -> bool {
        is_permitted(&self.object.spec) || self.status.replacement.is_some()
    }

    /// The same, with the VPC that the spec asks for, or why it cannot be told.
    #[must_use]
    pub(super) fn asking_for(mut self, vpc: Result<Vpc, String>) -> Self {
        self.doubt = vpc.as_ref().err().cloned();
        self.wanted.vpc = vpc.unwrap_or(Vpc::Unknown);
        self
    }

    /// Whether it is not known where the load balancer is to be.
    pub(super) fn is_doubted(&self) -> bool {
        self.doubt.is_some()
    }

    /// The VPC of a successor, where that can be told before there is one.
    pub(super) fn vpc_of_successor(&self) -> Option<String> {
        match &self.wanted.vpc {
            Vpc::Of(vpc) => Some(vpc.clone()),
            Vpc::Any | Vpc::Unknown => None,
        }
    }

    fn beside(&self) -> Option<Beside> {
        let beside = self.status.replacement.as_ref()?;
        Some(Beside {
            identity: Identity {
                name: beside.load_balancer_name.clone(),
                scheme: beside.scheme.clone(),
                vpc: beside.vpc_id.clone(),
            },
            kept_until: self.kept(beside),
        })
    }

    /// Until when the one beside is kept, by the spec as it is now; `None`: no client has used it.
    fn kept(&self, beside: &ReplacementStatus) -> Option<Timestamp> {
        let told = beside.kept_until.as_ref()?;
        let since = beside
            .since
            .as_ref()
            .filter(|_| beside.phase == ReplacementPhase::Keeping);
        let since = since.and_then(|since| since.parse().ok());
        // What cannot be read is kept no longer than what is over.
        let told = || told.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        Some(since.map_or_else(told, |since| kept_until(self.object, since)))
    }

    /// Whether only the VPC would tell which of the two is asked for, and that is not known.
    fn is_torn(&self) -> bool {
        let beside = self.beside();
        beside.is_some_and(|beside| self.wanted.is_torn(&self.serving, &beside.identity))
    }

    /// What of one of the two stays as it is. One that is still to be made is made as the spec says.
    fn stays(&self, one: &Identity, is_made: bool) -> Stays {
        Stays {
            place: is_made && (!self.wanted.is_met_by(one) || self.is_torn()),
            members: !self.wanted.is_where_asked(one),
        }
    }

    /// What comes next.
    pub(super) fn course(&self, memory: &Memory, now: Timestamp) -> Course {
        let may_begin = is_permitted(&self.object.spec) && self.status.created_time.is_some();
        let beside = self.beside();
        self.wanted
            .course(&self.serving, beside.as_ref(), may_begin, self.serves(memory), now)
    }

    /// Whether the one that clients are sent to is as declared by a look of this process, and serves.
    fn serves(&self, memory: &Memory) -> bool {
        let own = service(&self.status);
        memory.published.verdict().is_some_and(Verdict::lets_work)
            && own.in_service >= self.needed(Service::default(), own)
    }

    fn needed(&self, serving: Service, successor: Service) -> i32 {
        let spec = &self.object.spec;
        let registration = spec.registration.as_ref();
        let at_least = registration.and_then(|registration| registration.min_in_service);
        let ignores = spec
            .ignore_differences
            .iter()
            .flatten()
            .any(|part| *part == Part::Instances);
        needed(
            serving,
            successor,
            at_least.unwrap_or(1),
            spec.targets.is_some() && !ignores,
        )
    }

    /// Whether the one beside can take over: it is as declared, and enough instances are in service there. How many that is
    /// follows from those of the one that clients are sent to, so that is known, or it is gone.
    pub(super) fn can_succeed(&self, memory: &Memory, status: &ClassicLoadBalancerStatus, serving: &Memory) -> bool {
        let successor = service(status);
        let health = &serving.health;
        let gone = !serving.published.verdict().is_some_and(Verdict::lets_work);
        if !gone && (!health.is_read() || health.is_missed()) {
            return false;
        }
        memory.published.verdict() == Some(&Verdict::Programmed)
            && status.created_time.is_some()
            && successor.in_service >= self.needed(service(&self.status), successor)
    }

    /// Until when the one that clients are sent to is kept once they are sent to another one.
    pub(super) fn kept_until(&self, now: Timestamp) -> Timestamp {
        kept_until(self.object, now)
    }

    /// The object, about the one that clients are sent to.
    pub(super) fn first(&self, beside: Option<ReplacementStatus>, waits: Option<Message>) -> Object {
        let mut first = self.object.clone();
        first.aws_name = Some(self.serving.name.clone());
        if !self.wanted.is_met_by(&self.serving) {
            with_scheme(&mut first.spec, self.serving.scheme.as_deref());
        }
        first.stays = self.stays(&self.serving, self.status.created_time.is_some());
        if let Some(beside) = beside {
            first.place = Place::First {
                beside: Some(Box::new(beside)),
                waits,
            };
        }
        first
    }

    /// The same, where another one is asked for and must not come, since the spec permits that no more.
    pub(super) fn first_alone(&self) -> Object {
        let mut first = self.first(None, None);
        if !self.wanted.is_met_by(&self.serving) && !is_permitted(&self.object.spec) {
            let successor = self.wanted.free_name(&self.serving.name);
            let waits = message::replacement_not_permitted();
            first.place = Place::First {
                beside: None,
                waits: Some(message::replacing(&self.serving.name, successor, waits)),
            };
        }
        first
    }

    /// The same, where it is only planned what comes next.
    pub(super) fn first_of_a_plan(&self, course: &Course) -> Object {
        let mut first = self.first(None, None);
        let successor = match course {
            Course::Begin(name) => name,
            _ if self.wanted.is_met_by(&self.serving) => return first,
            _ => self.wanted.free_name(&self.serving.name),
        };
        let would = message::successor_would_come();
        first.place = Place::First {
            beside: None,
            waits: Some(message::replacing(&self.serving.name, successor, would)),
        };
        first
    }

    /// The object, about the one beside.
    pub(super) fn second(&self) -> Option<Object> {
        let told = self.status.replacement.as_ref()?;
        let beside = self.beside()?;
        let mut second = self.object.clone();
        let is_wanted = self.wanted.is_met_by(&beside.identity);
        if !is_wanted {
            with_scheme(&mut second.spec, beside.identity.scheme.as_deref());
        }
        second.stays = self.stays(&beside.identity, told.created_time.is_some());
        second.aws_name = Some(beside.identity.name);
        second.spec.adopt = None;
        // Nobody uses one that is still to come: lost, it is made again.
        second.spec.recreate_policy = is_wanted.then_some(RecreatePolicy::Always);
        if beside.kept_until.is_none() {
            second.spec.deletion_policy = None;
        }
        second.status = Some(told.alone(&self.status));
        second.place = Place::Beside(Box::new(self.status.clone()));
        Some(second)
    }

    /// What is told of the one beside, which is `status`, once it was worked on.
    pub(super) fn told(
        &self,
        course: &Course,
        verdict: Option<&Verdict>,
        status: &ClassicLoadBalancerStatus,
        now: Timestamp,
    ) -> Option<ReplacementStatus> {
        let before = self.status.replacement.clone()?;
        let problem = verdict.and_then(Verdict::problem).map(|problem| &problem.message);
        let troubled = problem.map(message::successor_troubled);
        let (phase, message) = match course {
            Course::Wait if before.kept_until.is_some() => {
                let torn = message::vpc_not_told(self.doubt.as_deref().unwrap_or_default());
                (ReplacementPhase::Keeping, torn.text().to_owned())
            }
            Course::Keep(until) if now < *until => (ReplacementPhase::Keeping, message::former_kept(until)),
            Course::Keep(_) => {
                let longer = message::former_kept_longer(&self.serving.name);
                (ReplacementPhase::Keeping, longer)
            }
            Course::Remove => (ReplacementPhase::Removing, message::being_removed()),
            _ if status.created_time.is_none() => {
                let message = troubled.unwrap_or_else(message::successor_comes);
                (ReplacementPhase::Creating, message)
            }
            _ => {
                let successor = service(status);
                let needed = self.needed(service(&self.status), successor);
                let warms = || message::successor_warms(successor.in_service, needed);
                (ReplacementPhase::WaitingForHealth, troubled.unwrap_or_else(warms))
            }
        };
        let mut told = before.at(phase, now.to_string());
        if let Course::Keep(until) = course {
            told.kept_until = Some(until.to_string());
        }
        told.message = Some(message.chars().take(MESSAGE).collect());
        Some(told.of(status))
    }

    /// Why the one that clients are sent to is not as the spec asks, where that is so.
    pub(super) fn waits(&self, told: &ReplacementStatus, problem: Option<&Message>) -> Option<Message> {
        if self.is_torn() {
            return self.doubt.as_ref().map(message::vpc_not_told);
        }
        if self.wanted.is_met_by(&self.serving) {
            return None;
        }
        let successor = match told.phase {
            ReplacementPhase::Creating | ReplacementPhase::WaitingForHealth => told.load_balancer_name.as_str(),
            ReplacementPhase::Keeping | ReplacementPhase::Removing => self.wanted.free_name(&self.serving.name),
        };
        let waits = match (told.phase, problem) {
            (ReplacementPhase::Keeping, _) => message::another_kept(&told.load_balancer_name),
            (ReplacementPhase::Removing, _) => message::another_goes(&told.load_balancer_name),
            (_, Some(problem)) => message::successor_troubled(problem),
            (ReplacementPhase::Creating, None) => message::successor_comes(),
            (ReplacementPhase::WaitingForHealth, None) => message::successor_warms_up(),
        };
        Some(message::replacing(&self.serving.name, successor, waits))
    }
}
