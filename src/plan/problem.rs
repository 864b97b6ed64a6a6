//! Pure: what keeps a load balancer from being as declared.

use super::Track;
use crate::api::message::{self, Message, Refusal};
use crate::api::reason::{self, OF_ACCOUNTS, Progress as Standing};
use crate::elb::Class;

/// Whether a problem heals without somebody changing the spec or the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is tried again by itself.
    Reconciling,
    /// It is not.
    Stalled,
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The spec asks for what cannot be had.
    Invalid,
    /// The load balancer is not this object's to change, or is gone: a person must decide.
    Blocked,
    /// Something that the spec refers to does not exist (yet), or could not be looked for.
    Missing,
    /// AWS refused a call.
    Refused(Class),
    /// What is known cannot be trusted, so nothing is taken away on the strength of it.
    Doubt,
    /// What the spec selects has come to nothing, which is more likely a mistake in it than a wish.
    Emptied,
    /// Nothing is wrong: the next step has its own time.
    Waiting,
    /// Another load balancer is about to take its place.
    Replaced,
}

/// What keeps a load balancer from being as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The part of the load balancer that waits for it.
    pub track: Track,
    /// What kind it is.
    pub cause: Cause,
    /// What a person reads.
    pub message: Message,
}

impl Problem {
    /// A problem of one part.
    pub fn new(track: Track, cause: Cause, message: Message) -> Self {
        Self { track, cause, message }
    }

    /// Something that a part refers to was not found, or could not be looked for.
    pub fn missing(track: Track, message: Message) -> Self {
        Self::new(track, Cause::Missing, message)
    }

    /// A part asks for what cannot be had.
    pub fn invalid(track: Track, message: Message) -> Self {
        Self::new(track, Cause::Invalid, message)
    }

    /// The load balancer is not to be changed until a person decides.
    pub fn blocked(message: Message) -> Self {
        Self::new(Track::LoadBalancer, Cause::Blocked, message)
    }

    /// What is looked for or tried again by itself.
    pub fn waiting(message: Message) -> Self {
        Self::new(Track::LoadBalancer, Cause::Waiting, message)
    }

    /// The first of several, told for all of them.
    #[must_use]
    pub fn and_more(mut self, count: usize) -> Self {
        if count > 0 {
            let reason = self.message.reason().to_owned();
            self.message = message::and_more(reason, self.message, count);
        }
        self
    }

    /// Whether it is for whoever wrote the object, or owns what it refers to: neither the operator nor AWS failed.
    pub fn is_for_its_owner(&self) -> bool {
        match self.cause {
            Cause::Invalid | Cause::Blocked | Cause::Emptied | Cause::Waiting | Cause::Replaced => true,
            Cause::Refused(class) => {
                matches!(
                    class,
                    Class::MissingReference | Class::Invalid | Class::Duplicate | Class::Quota
                )
            }
            // What could not be looked for has the code with which AWS refused that.
            Cause::Missing => matches!(self.of_reason(), Some(Standing::Awaited | Standing::Stalled)),
            Cause::Doubt => false,
        }
    }

    /// Whether it waits for something that the spec refers to and that may come, or for a change of what AWS refuses as it is.
    pub fn is_awaited(&self) -> bool {
        match self.cause {
            Cause::Missing => self.of_reason() == Some(Standing::Awaited),
            cause => matches!(
                cause,
                Cause::Emptied | Cause::Refused(Class::MissingReference | Class::Invalid)
            ),
        }
    }

    /// What the table of reasons says of its own.
    fn of_reason(&self) -> Option<Standing> {
        reason::progress_of(self.message.reason())
    }

    /// Whether the account keeps the object out.
    pub fn is_of_account(&self) -> bool {
        OF_ACCOUNTS.contains(&self.message.reason())
    }

    /// Whether the spec must change.
    pub fn is_invalid(&self) -> bool {
        self.cause == Cause::Invalid
    }

    /// Whether it is tried again by itself.
    pub fn progress(&self) -> Progress {
        match self.cause {
            Cause::Invalid | Cause::Blocked | Cause::Refused(Class::Quota) => Progress::Stalled,
            Cause::Missing if self.of_reason() == Some(Standing::Stalled) => Progress::Stalled,
            Cause::Missing | Cause::Refused(_) | Cause::Doubt | Cause::Emptied | Cause::Waiting | Cause::Replaced => {
                Progress::Reconciling
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::invalid(Track::LoadBalancer, refusal.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it waits for somebody, and whether that is its owner, as a problem of what a spec refers to.
    fn told(reason: &str) -> (Progress, bool, bool) {
        let problem = Problem::missing(Track::Listeners, message::at_field(reason, "spec", ""));
        (problem.progress(), problem.is_awaited(), problem.is_for_its_owner())
    }

    #[test]
    fn every_reference_says_whose_it_is_and_whether_it_may_come() {
        let comes = (Progress::Reconciling, true, true);
        let changes = (Progress::Stalled, false, true);
        let of_the_operator = (Progress::Reconciling, false, false);
        for (reasons, expected) in [
            (
                vec![
                    reason::SUBNET_NOT_FOUND,
                    reason::VPC_NOT_FOUND,
                    reason::SECURITY_GROUP_NOT_FOUND,
                    reason::CERTIFICATE_NOT_FOUND,
                    reason::SERVICE_NOT_FOUND,
                    reason::SERVICE_PORT_NOT_FOUND,
                    reason::NODE_PORT_NOT_FOUND,
                    reason::CONFIG_MAP_NOT_FOUND,
                    reason::CONFIG_MAP_KEY_NOT_FOUND,
                    reason::INSTANCE_NOT_FOUND,
                    reason::AUTO_SCALING_GROUP_NOT_FOUND,
                    reason::LOAD_BALANCER_NOT_FOUND,
                    reason::ACCOUNT_NOT_FOUND,
                    reason::NOT_ENOUGH_ADDRESSES,
                    reason::TARGETS_SUSPECT,
                ],
                comes,
            ),
            (
                vec![
                    reason::AMBIGUOUS_VPC,
                    reason::NEEDS_TEMPORARY_SUBNET,
                    reason::PUBLIC_KEY_INVALID,
                    reason::LISTENER_IGNORED,
                ],
                changes,
            ),
            (
                vec![
                    reason::SERVICES_UNREAD,
                    reason::CONFIG_MAP_UNREADABLE,
                    reason::NODE_VIEW_SUSPECT,
                    reason::AWS_ERROR,
                    "AccessDenied",
                    "Throttling",
                    "Timeout",
                ],
                of_the_operator,
            ),
        ] {
            for reason in reasons {
                assert_eq!(told(reason), expected, "{reason}");
            }
        }
    }
}
