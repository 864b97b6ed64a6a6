//! What can end a reconcile, or a watch.

use kube::runtime::watcher;

use crate::api::message;

/// Why a reconcile could not end with a status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Kubernetes API refused or did not answer.
    #[error("Kubernetes API: {0}")]
    Kube(#[source] Box<kube::Error>),
    /// The object lacks what every stored object has.
    #[error("the object has no {0}")]
    Incomplete(&'static str),
    /// It was deleted, or another object has its name.
    #[error("the object was deleted, and perhaps made anew")]
    Replaced,
    /// The operator of another cluster id has taken it up since it was read.
    #[error("the operator of the cluster id {0} has taken the object up")]
    TakenUp(String),
    /// AWS could not be asked.
    #[error("{0}")]
    Unread(String),
    /// This process does not lead, or does not any more, so nothing is written.
    #[error("this process does not lead any more")]
    NotLeader,
    /// The reconcile took longer than any should.
    #[error("the reconcile was given up after {0:?}")]
    Timeout(std::time::Duration),
    /// A defect. It is kept from the other objects.
    #[error("the reconcile panicked: {0}")]
    Panic(String),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}

/// Why a watch does not go on, in words for `/readyz`. kube prints a whole `Status` for a definition that is missing,
/// and of an API server that does not answer only that it does not.
pub(super) fn of_watch(error: &watcher::Error) -> String {
    use watcher::Error as Watch;
    match error {
        Watch::InitialListFailed(kube::Error::Api(status))
        | Watch::WatchStartFailed(kube::Error::Api(status))
        | Watch::WatchFailed(kube::Error::Api(status)) => match status.code {
            404 => message::unknown_to_kubernetes(),
            code => message::refused_by_kubernetes(&status.message, code),
        },
        other => with_cause(other),
    }
}

/// Whether there is nothing of this kind, since its definition is not installed.
pub(super) fn is_absent(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error)) = error else {
        return false;
    };
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// An error with what is at the bottom of it.
fn with_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    match std::iter::successors(error.source(), |cause| cause.source())
        .last()
        .map(ToString::to_string)
    {
        Some(cause) if !text.contains(&cause) => format!("{text}: {cause}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_ends_tells_why_in_one_line() {
        let refused = |code: u16, message: &str| {
            let status = kube::core::Status {
                code,
                message: message.to_owned(),
                ..kube::core::Status::default()
            };
            of_watch(&watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status))))
        };
        assert!(refused(404, "404 page not found").contains("CustomResourceDefinition"));
        assert_eq!(
            refused(401, "Unauthorized"),
            "the API server refuses: Unauthorized (401)"
        );
        let io = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "Connection refused");
        let silent = watcher::Error::WatchFailed(kube::Error::Service(Box::new(io)));
        assert!(
            of_watch(&silent).ends_with("Connection refused"),
            "{}",
            of_watch(&silent)
        );
    }
}
