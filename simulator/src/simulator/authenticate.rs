//! Who sent a request.

use http::request::Parts;

use super::Simulator;
use super::prepare::Prepared;
use crate::config::{DEFAULT_ACCOUNT, Signatures};
use crate::sts::state::{Caller, Session};
use crate::wire::route::Credential;
use crate::wire::{ApiError, Value, signature};

impl Simulator {
    pub(super) fn authenticate(&self, prepared: &Prepared) -> Result<Caller, ApiError> {
        if let Some(error) = &prepared.malformed {
            return Err(error.clone());
        }
        let Prepared {
            parts,
            body,
            params,
            routed,
            ..
        } = prepared;
        let mode = self.inner.config.signatures;
        // Web identities are proven by their token and not by a signature.
        let anonymous = routed
            .as_ref()
            .is_some_and(|(_, operation)| operation == "AssumeRoleWithWebIdentity");
        let Some(credential) = &prepared.credential else {
            if mode == Signatures::Required && !anonymous {
                return Err(ApiError::new(
                    403,
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token",
                ));
            }
            return Ok(Self::default_caller());
        };
        let (caller, secret) = if let Some(key) = self.inner.config.keys.get(&credential.key_id) {
            (Caller::user(&key.account), key.secret.clone())
        } else if let Some(session) = self.state().world.sessions.get(&credential.key_id).cloned() {
            if mode != Signatures::Ignored {
                self.check_session(&session, parts, params)?;
            }
            (Caller::from(&session), session.secret)
        } else if mode == Signatures::Required {
            let message = "The security token included in the request is invalid.";
            return Err(ApiError::new(403, "InvalidClientTokenId", message));
        } else {
            return Ok(Self::default_caller());
        };
        if mode != Signatures::Ignored {
            signature::verify(parts, body, credential, params, &secret)?;
        }
        Ok(caller)
    }

    fn check_session(&self, session: &Session, parts: &Parts, params: &Value) -> Result<(), ApiError> {
        let header = parts
            .headers
            .get("x-amz-security-token")
            .and_then(|value| value.to_str().ok());
        let token = header
            .or_else(|| params.str("SecurityToken"))
            .or_else(|| params.str("X-Amz-Security-Token"));
        if token != Some(session.token.as_str()) {
            let message = "The security token included in the request is invalid.";
            return Err(ApiError::new(403, "InvalidClientTokenId", message));
        }
        if self.inner.config.clock.now() >= session.expires {
            let message = "The security token included in the request is expired";
            return Err(ApiError::new(403, "ExpiredToken", message));
        }
        Ok(())
    }

    /// The account a key belongs to, whether or not its signature holds.
    pub(super) fn account_of(&self, credential: Option<&Credential>) -> String {
        let key_id = credential
            .map(|credential| credential.key_id.as_str())
            .unwrap_or_default();
        if let Some(key) = self.inner.config.keys.get(key_id) {
            return key.account.clone();
        }
        match self.state().world.sessions.get(key_id) {
            Some(session) => session.account.clone(),
            None => DEFAULT_ACCOUNT.to_owned(),
        }
    }

    fn default_caller() -> Caller {
        Caller::user(DEFAULT_ACCOUNT)
    }
}
