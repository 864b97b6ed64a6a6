//! Pure: what keeps a load balancer from being as declared.

use super::Track;
use crate::api::message::{Message, Refusal};
use crate::api::reason::OF_ACCOUNTS;
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

    /// Whether it is for whoever wrote the object, or owns what it refers to: neither the operator nor AWS failed.
    pub fn is_for_its_owner(&self) -> bool {
        match self.cause {
            Cause::Invalid | Cause::Blocked | Cause::Waiting | Cause::Replaced => true,
            Cause::Refused(class) => {
                matches!(
                    class,
                    Class::MissingReference | Class::Invalid | Class::Duplicate | Class::Quota
                )
            }
            // What could not be looked for has the code with which AWS refused that.
            Cause::Missing => self.message.reason().ends_with("NotFound"),
            Cause::Doubt => false,
        }
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
            Cause::Missing | Cause::Refused(_) | Cause::Doubt | Cause::Waiting | Cause::Replaced => {
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
