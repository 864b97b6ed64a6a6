//! Flux and Argo CD on one object: two more writers than the operator needs, and no fight.

use testkit::{Kind, Result, object};

use crate::argocd::Argo;
use crate::flux::Flux;
use crate::lab::{Turn, managers};

#[tokio::test(flavor = "multi_thread")]
async fn all_three_write_their_own_and_none_writes_again() -> Result<()> {
    let turn = Turn::begin("both").await?.with_flux().await?.with_argocd().await?;
    let web = Turn::manifest("both", "  attributes: {idleTimeoutSeconds: 90}\n");
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&web))]);
    let flux = Flux::load_balancers(&turn).await?;
    flux.until_ready(&commit).await?;
    let argo = Argo::load_balancers(&turn).await?;
    argo.until_synced(&commit, "Healthy").await?;
    let before = turn.namespace.get(Kind::CLB, "both").await?;
    assert_eq!(
        managers(&before),
        [
            "argocd-controller Apply",
            "classic-lb-operator Apply status",
            "classic-lb-operator Update",
            "kustomize-controller Apply"
        ]
    );
    assert!(object::is_ready(&before));
    for _ in 0..2 {
        flux.pass().await?;
        argo.pass().await?;
    }
    let after = turn.namespace.get(Kind::CLB, "both").await?;
    assert_eq!(
        after.metadata.resource_version, before.metadata.resource_version,
        "{after:?}"
    );
    argo.until_synced(&commit, "Healthy").await.map(drop)
}
