//! The one thing that `import` and `adopt` write to AWS: the tag that offers a load balancer to an object.

use super::Made;
use crate::aws::{AccountRegion, Accounts, patiently};
use crate::cli::account::Account;
use crate::cli::failure::Failure;
use crate::cli::{Exit, screen};
use crate::elb::{TAG_ADOPT_BY, TAG_CLUSTER};
use crate::plan::Step;

/// Offers each that its manifest leaves as it is.
pub(super) async fn offer(
    (aws, account): (&Accounts, &Account),
    cluster_id: &str,
    made: &[Made],
    mut exit: Exit,
) -> Exit {
    for one in made {
        let object = format!("{}/{}", one.manifest.namespace, one.manifest.name);
        let name = &one.load_balancer;
        if !one.is_clean() {
            screen::note(&format!(
                "{name} is not offered, since its manifest would not leave it as it is"
            ));
            continue;
        }
        let to = format!("{cluster_id}/{object}");
        let offered = async { one_offer(&*account.region(aws, &one.region, None).await?, name, &to).await };
        match offered.await {
            Ok(true) => screen::note(&format!("{name} is offered to {object} of cluster {cluster_id}")),
            Ok(false) => screen::note(&format!(
                "{name} was offered to {object} of cluster {cluster_id} before"
            )),
            Err(why) => {
                screen::note(&format!("{name} is not offered: {why}"));
                exit = Exit::Failed;
            }
        }
    }
    exit
}

/// Offers a load balancer that nobody owns and that nobody else is offered. `false`: it was offered already.
pub(in crate::cli) async fn one_offer(region: &AccountRegion, name: &str, to: &str) -> Result<bool, Failure> {
    let failed = |error| Failure::aws(&region.region, &error);
    // What was read before is minutes old.
    let now = region.view.now();
    let tags = patiently(|| now.tags(name)).await.map_err(failed)?;
    if let Some(cluster) = tags.get(TAG_CLUSTER) {
        return Err(Failure::new(format!("an object of cluster {cluster} owns it")));
    }
    match tags.get(TAG_ADOPT_BY) {
        Some(offered) if offered == to => return Ok(false),
        Some(other) => {
            return Err(Failure::new(format!(
                "it is offered to {other}: remove its tag {TAG_ADOPT_BY} first"
            )));
        }
        None => {}
    }
    let step = Step::AddTags([(TAG_ADOPT_BY.to_owned(), to.to_owned())].into());
    patiently(|| region.run(name, &step)).await.map_err(failed)?;
    Ok(true)
}
