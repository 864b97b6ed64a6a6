//! The account of AWS that an object is in, and how whoever runs this gets there: the same way for every command.

use std::fmt;
use std::sync::Arc;

use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::failure::Failure;
use crate::api::{AWSAccount, AccountRef, Permission};
use crate::aws::{AccountRegion, Accounts, Class, Role};
use crate::controller::preview::role_into;

/// An account, as it is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// The `AWSAccount`; none: whoever runs this is asked as they are.
    named: Option<Named>,
}

#[derive(Clone, Debug)]
struct Named {
    name: String,
    /// The id that it says.
    id: String,
    /// None: the credentials are of the account, or it names no role.
    role: Option<Role>,
    /// Which load balancers of others its objects may register with; none: as the operator's flag says.
    binding: Option<Permission>,
}

impl Account {
    /// The `AWSAccount` of this name, to which an object refers; without a name that of the credentials.
    pub(super) async fn of(client: &Client, aws: &Accounts, name: Option<&str>) -> Result<Self, Failure> {
        let Some(name) = name else {
            return Ok(Self::default());
        };
        let found = Api::<AWSAccount>::all(client.clone()).get_opt(name).await;
        let found = found.map_err(|error| Failure::kube(&format!("reading AWSAccount {name}"), &error))?;
        let account = found.ok_or_else(|| not_found(name))?;
        Ok(Self::entered(aws, name.to_owned(), &account).await)
    }

    /// The `AWSAccount` of this name, or the one of this id; without one the account of the credentials, where that has the id.
    pub(super) async fn called(client: &Client, aws: &Accounts, called: &str) -> Result<Self, Failure> {
        if !is_id(called) {
            return Self::of(client, aws, Some(called)).await;
        }
        let list = Api::<AWSAccount>::all(client.clone())
            .list(&ListParams::default())
            .await;
        let list = list.map_err(|error| Failure::kube("listing AWSAccounts", &error))?;
        let mut found = list
            .items
            .into_iter()
            .filter(|account| account.spec.account_id == called);
        match found.next() {
            Some(account) => Ok(Self::entered(aws, account.name_any(), &account).await),
            None => Err(Failure::new(format!(
                "no AWSAccount is account {called}, and these credentials are of another one; see kubectl get awsaccounts"
            ))),
        }
    }

    /// An `AWSAccount` that was read before.
    pub(super) async fn entered(aws: &Accounts, name: String, account: &AWSAccount) -> Self {
        let named = Named {
            name,
            id: account.spec.account_id.clone(),
            role: role_into(aws, &account.spec).await,
            binding: account.spec.binding,
        };
        Self { named: Some(named) }
    }

    /// A reference to it for a manifest.
    pub(super) fn reference(&self) -> Option<AccountRef> {
        let name = self.named.as_ref()?.name.clone();
        Some(AccountRef { name })
    }

    /// Its name, where it is an `AWSAccount`, and which load balancers of others it lets objects register with.
    pub(super) fn binding(&self) -> (Option<&str>, Option<Permission>) {
        let named = self.named.as_ref();
        (
            named.map(|named| named.name.as_str()),
            named.and_then(|named| named.binding),
        )
    }

    /// The region in which it is asked what holds for all of it.
    pub(super) fn home(&self, aws: &Accounts) -> String {
        aws.home(self.named.as_ref().and_then(|named| named.role.as_ref()))
    }

    /// A region of it. Who answers is compared with the `AWSAccount`, and with the account where something is `known` to be:
    /// what another account has under the same name is something else.
    pub(super) async fn region(
        &self,
        aws: &Accounts,
        region: &str,
        known: Option<&str>,
    ) -> Result<Arc<AccountRegion>, Failure> {
        let role = self.named.as_ref().and_then(|named| named.role.as_ref());
        let asked = aws.region_in(role, region);
        if self.named.is_none() && known.is_none() {
            return Ok(asked);
        }
        let answering = match asked.account().await {
            Ok(answering) => answering.id,
            // The calls that matter tell what is wrong.
            Err(error) if self.named.is_none() && error.class != Class::Denied => return Ok(asked),
            Err(error) => {
                let why = Failure::aws(region, &error);
                return Err(self.named.as_ref().map_or(why, |named| {
                    Failure::new(format!(
                        "AWSAccount {} cannot be entered: {}",
                        named.name,
                        Failure::aws(region, &error)
                    ))
                }));
            }
        };
        match (&self.named, known) {
            (Some(named), _) if named.id != answering => Err(named.is_another(&answering)),
            (_, Some(known)) if *known != answering => Err(elsewhere(known, &answering)),
            _ => Ok(asked),
        }
    }
}

impl fmt::Display for Account {
    /// Behind the name of a region; nothing where whoever runs this is asked as they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.named
            .as_ref()
            .map_or(Ok(()), |named| write!(f, " of AWSAccount {}", named.name))
    }
}

impl Named {
    fn is_another(&self, answering: &str) -> Failure {
        let Self { name, id, role, .. } = self;
        Failure::new(match role {
            Some(role) => format!(
                "AWSAccount {name} is account {id}, but its role {} leads to {answering}: correct its spec",
                role.arn
            ),
            None => format!(
                "AWSAccount {name} is account {id} and names no role, and these credentials are of {answering}: set \
                 AWS_PROFILE"
            ),
        })
    }
}

/// Whether it is the id of an account. A name of twelve digits would be one, too.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What to say of a load balancer that is in another account than the one that answers.
pub(super) fn elsewhere(theirs: &str, answering: &str) -> Failure {
    Failure::new(format!(
        "the load balancer is in AWS account {theirs}, but these credentials are of {answering}: set AWS_PROFILE"
    ))
}

/// What to say of a name that no `AWSAccount` has.
pub(super) fn not_found(name: &str) -> Failure {
    Failure::new(format!("no AWSAccount called {name:?}; see kubectl get awsaccounts"))
}
