//! I/O: whether the account of an object and its region let it in: who answers is looked at before anything else is asked.

use super::stop::{Halt, Stop};
use super::subject::Subject;
use crate::api::message;
use crate::aws;
use crate::plan::{Problem, Track};

/// Compares the account that answers with the one that the object refers to, and looks whether the region lets it in. `Ok`: it
/// may be worked in.
pub(in crate::controller) async fn enter(subject: &Subject<'_>) -> Result<(), Stop> {
    if let Some((name, account)) = subject.terms.account() {
        compare(subject, &name, account).await?;
    }
    let exists = subject.previous.created_time.is_some();
    match subject.region.knock(&subject.name, exists).await {
        Err(error) if error.may_be_of_the_region() => Err(unreadable(subject, &error).await),
        // What else is wrong is told by whoever asks next.
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn compare(subject: &Subject<'_>, name: &str, account: &str) -> Result<(), Stop> {
    if let Some(known) = subject.previous.account_id.as_deref().filter(|known| *known != account) {
        return Err(Halt::account_changed(&subject.name, known, account).into());
    }
    let why = match subject.region.account().await {
        Ok(answering) if answering.id == account => return Ok(()),
        Ok(answering) => message::account_mismatch(account, answering.id).text().to_owned(),
        Err(error) if error.wait.is_some() => return Err(subject.unreadable(&error)),
        Err(error) => error.to_string(),
    };
    Err(not_ready(name, why).into())
}

/// AWS could not be asked about the load balancer itself. Where its region refuses credentials that are good elsewhere, it is
/// not enabled.
pub(super) async fn unreadable(subject: &Subject<'_>, error: &aws::Error) -> Stop {
    if !error.may_be_of_the_region() {
        return subject.unreadable(error);
    }
    match (subject.region.verify().await, subject.terms.account()) {
        (Ok(_), account) if subject.region.is_verified_elsewhere() => {
            let account = account.map_or_else(message::own_account, |(name, _)| message::named_account(name));
            let message = message::region_not_enabled(account, &subject.region.region, error);
            Halt::not_found(&Problem::missing(Track::LoadBalancer, message)).into()
        }
        (Err(error), Some((name, _))) => not_ready(&name, error.to_string()).into(),
        _ => subject.unreadable(error),
    }
}

fn not_ready(account: &str, why: String) -> Halt {
    let message = message::account_not_ready(account, why);
    Halt::not_found(&Problem::missing(Track::LoadBalancer, message))
}
