//! What can end a pass.

/// Why a pass could not end with a status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Kubernetes API refused or did not answer.
    #[error("Kubernetes API: {0}")]
    Kube(#[source] Box<kube::Error>),
    /// The object lacks what every stored object has.
    #[error("the object has no {0}")]
    Incomplete(&'static str),
    /// AWS could not be asked.
    #[error("{0}")]
    Unread(String),
    /// The pass took longer than any pass should.
    #[error("the pass was given up after {0:?}")]
    Timeout(std::time::Duration),
    /// A defect. It is kept from the other objects.
    #[error("the pass panicked: {0}")]
    Panic(String),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}
