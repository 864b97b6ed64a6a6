//! Who the credentials belong to: asked of STS once for each key that signs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::client::Client;
use super::signing_key::SigningKey;
use super::{Class, Error};
use crate::api::message;
use crate::elb::Account;

/// How long an answer of STS is waited for: nothing that only wants to name the account may hold a worker for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a failure STS is not asked again.
const ASKED_AGAIN: Duration = Duration::from_secs(30);

/// Who the credentials belong to.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) key: SigningKey,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// The account, and the key that had signed last when it was asked for.
    account: Option<(Option<String>, Account)>,
    failed: Option<(Instant, Error)>,
    /// The id of the account that answered last, also where nobody answers any more.
    last: Option<String>,
}

impl Identity {
    /// The account, asked for where other credentials have signed.
    pub(super) async fn account(&self, client: &Client) -> Result<Account, Error> {
        if let Some(answer) = self.answer() {
            return answer;
        }
        // One asks for all.
        let _asking = self.asking.lock().await;
        if let Some(answer) = self.answer() {
            return answer;
        }
        self.asked(client).await
    }

    /// The id of the account that answered last, if any has.
    pub(super) fn last_known(&self) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.last.clone()
    }

    /// The account, asked for whatever is known.
    pub(super) async fn verify(&self, client: &Client) -> Result<Account, Error> {
        let _asking = self.asking.lock().await;
        self.asked(client).await
    }

    async fn asked(&self, client: &Client) -> Result<Account, Error> {
        let asking = tokio::time::timeout(PATIENCE, self.ask(client)).await;
        let answer = asking.unwrap_or_else(|_| {
            let answer = message::timeout();
            let operation = "GetCallerIdentity";
            Err(Error::new(operation, Class::Unavailable, answer.code, answer.text))
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok((key, account)) => {
                known.last = Some(account.id.clone());
                known.account = Some((key, account.clone()));
                known.failed = None;
                Ok(account)
            }
            Err(error) => {
                known.failed = Some((Instant::now(), error.clone()));
                if error.class == Class::Denied {
                    known.account = None;
                }
                Err(error)
            }
        }
    }

    /// Asks until the key that signs is the same before and after: one that changed meanwhile may not be that which STS
    /// spoke of.
    async fn ask(&self, client: &Client) -> Result<(Option<String>, Account), Error> {
        loop {
            let before = self.key.last();
            let account = client.caller().await?;
            let key = self.key.last();
            if before.is_none() || before == key {
                return Ok((key, account));
            }
        }
    }

    /// What need not be asked.
    fn answer(&self) -> Option<Result<Account, Error>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.key.last();
        if let Some((_, account)) = known.account.as_ref().filter(|(of, _)| *of == key) {
            return Some(Ok(account.clone()));
        }
        let (at, error) = known.failed.as_ref()?;
        (at.elapsed() < ASKED_AGAIN).then(|| Err(error.clone()))
    }
}
