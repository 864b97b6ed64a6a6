//! Which regions of which accounts are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::{Format, Inventory};
use crate::api::AWSAccount;
use crate::aws::{AccountRegion, Accounts, Class, Error};
use crate::cli::account::{Account, not_found};
use crate::cli::failure::Failure;
use crate::cli::{region, regions, screen};

/// A region of an account.
pub(super) struct Place {
    pub(super) asked: Arc<AccountRegion>,
    /// The id of the account, where it is known.
    pub(super) account: Option<String>,
    /// Whether a table names the region, and not the account.
    guessed: bool,
    /// Whether there are other accounts.
    among_others: bool,
}

impl Place {
    /// Why it could not be read.
    pub(super) fn told(&self, why: &str) -> String {
        match &self.account {
            Some(account) if self.among_others => format!("account {account}: {why}"),
            _ => why.to_owned(),
        }
    }

    /// Whether the account seems to do without a region that only a table names: AWS knows no credentials there.
    pub(super) fn is_closed(&self, error: &Error) -> bool {
        const CODES: [&str; 5] = [
            "AuthFailure",
            "InvalidClientTokenId",
            "OptInRequired",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ];
        self.guessed && error.class == Class::Denied && CODES.contains(&error.code.as_str())
    }
}

/// An account with its id, where that is known.
type Held = (Account, Option<String>);

impl Inventory {
    /// What is to be read. What cannot be entered is told in `failed`.
    pub(super) async fn places(
        &self,
        aws: &Accounts,
        wants_ids: bool,
        failed: &mut Vec<String>,
    ) -> Result<Vec<Place>, Failure> {
        let is_for_people = matches!(self.output, Format::Table | Format::Wide);
        let several = self.all_accounts || self.account.len() > 1;
        let accounts = self
            .accounts(aws, wants_ids || several || !is_for_people, failed)
            .await?;
        let mut places = Vec::new();
        for (account, id) in &accounts {
            let told = |why: Failure| match (id, several) {
                (Some(id), true) => format!("account {id}: {why}"),
                _ => why.to_string(),
            };
            let (regions, guessed) = match self.regions(aws, account).await {
                Ok(regions) => regions,
                Err(why) if !several => return Err(why),
                Err(why) => {
                    failed.push(told(why));
                    continue;
                }
            };
            for region in &regions {
                match account.region(aws, region, None).await {
                    Ok(asked) => places.push(Place {
                        asked,
                        account: id.clone(),
                        guessed,
                        among_others: several,
                    }),
                    Err(why) => failed.push(told(why)),
                }
            }
        }
        Ok(places)
    }

    /// The accounts, each once, however many roles lead there.
    async fn accounts(&self, aws: &Accounts, ids: bool, failed: &mut Vec<String>) -> Result<Vec<Held>, Failure> {
        let own = if ids {
            aws.region(&aws.home(None)).account().await.ok().map(|own| own.id)
        } else {
            None
        };
        let mut held = Vec::new();
        if self.account.is_empty() {
            held.push((Account::default(), own.clone()));
        }
        if held.len() == 1 && !self.all_accounts {
            return Ok(held);
        }
        let named = match self.named().await {
            Ok(named) => named,
            // The own account can be read.
            Err(why) if self.all_accounts => {
                failed.push(why.to_string());
                return Ok(held);
            }
            Err(why) => return Err(why),
        };
        let mut seen: BTreeSet<String> = own.into_iter().filter(|_| self.all_accounts).collect();
        let mut refused: BTreeMap<String, String> = BTreeMap::new();
        for (name, account) in named {
            let id = account.spec.account_id.clone();
            if seen.contains(&id) {
                continue;
            }
            let account = Account::entered(aws, name, &account).await;
            match account.region(aws, &account.home(aws), None).await {
                Ok(_) => {
                    refused.remove(&id);
                    seen.insert(id.clone());
                    held.push((account, Some(id)));
                }
                Err(why) => drop(refused.entry(id).or_insert_with(|| why.to_string())),
            }
        }
        failed.extend(refused.into_values());
        Ok(held)
    }

    /// The `AWSAccount`s that are meant.
    async fn named(&self) -> Result<Vec<(String, AWSAccount)>, Failure> {
        let connection = self.kubernetes.connect().await?;
        let api: Api<AWSAccount> = Api::all(connection.client);
        let list = api.list(&ListParams::default()).await;
        let list = list.map_err(|error| Failure::kube("listing AWSAccounts", &error))?;
        let all = list.items.into_iter().map(|account| (account.name_any(), account));
        if self.all_accounts {
            return Ok(all.collect());
        }
        let all: BTreeMap<String, AWSAccount> = all.collect();
        let found = |name: &String| {
            let account = all.get(name).cloned().ok_or_else(|| not_found(name))?;
            Ok((name.clone(), account))
        };
        self.account.iter().map(found).collect()
    }

    /// The regions of an account, and whether a table names them.
    async fn regions(&self, aws: &Accounts, account: &Account) -> Result<(Vec<String>, bool), Failure> {
        if !self.all_regions {
            let own = self.region.as_deref().or(aws.default_region());
            let own = own.ok_or_else(|| Failure::usage("no AWS region: give --region or set AWS_REGION"))?;
            return Ok((vec![own.to_owned()], false));
        }
        let home = account.home(aws);
        let asked = account.region(aws, &home, None).await?;
        match asked.client.regions().await {
            Ok(found) => {
                let enabled = found
                    .into_iter()
                    .filter(|region| region.opt_in_status.as_deref() != Some("not-opted-in"));
                let mut names: Vec<String> = enabled.map(|region| region.name).collect();
                names.sort();
                Ok((names, false))
            }
            Err(error) if regions::is_not_allowed(&error) => {
                screen::note(&format!(
                    "{error}; asking in every region that this version knows, of which the account may not have enabled all"
                ));
                let partition = region::find(&home).map(|facts| facts.partition);
                let there = region::all().filter(|facts| partition.is_none_or(|own| own == facts.partition));
                Ok((there.map(|facts| facts.name.to_owned()).collect(), true))
            }
            Err(error) => Err(Failure::aws(&home, &error)),
        }
    }
}
