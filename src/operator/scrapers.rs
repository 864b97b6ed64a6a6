//! Who may read the metrics: the API server says whose a token is, and whether that may get `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::Mutex;

use crate::server::{Admission, Admits};

/// How long the API server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What judges tokens.
pub(super) fn admits(client: Client) -> Admits {
    // One question at a time: whoever floods the port asks the API server no faster.
    let turn = Arc::new(Mutex::new(()));
    Arc::new(move |token| {
        let (client, turn) = (client.clone(), Arc::clone(&turn));
        Box::pin(async move {
            let _turn = turn.lock().await;
            match tokio::time::timeout(ANSWER, judge(client, token)).await {
                Ok(Ok(admission)) => admission,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the API server could not be asked who may read the metrics");
                    Admission::Unanswered
                }
                Err(_) => Admission::Unanswered,
            }
        })
    })
}

async fn judge(client: Client, token: String) -> kube::Result<Admission> {
    let review = TokenReview {
        spec: TokenReviewSpec {
            token: Some(token),
            ..TokenReviewSpec::default()
        },
        ..TokenReview::default()
    };
    let review = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    let status = review.status.unwrap_or_default();
    let Some(user) = status.user.filter(|_| status.authenticated == Some(true)) else {
        return Ok(Admission::Unknown);
    };
    let review = may_get_metrics(user);
    let review = Api::all(client).create(&PostParams::default(), &review).await?;
    Ok(if review.status.is_some_and(|status| status.allowed) {
        Admission::Granted
    } else {
        Admission::Refused
    })
}

fn may_get_metrics(user: UserInfo) -> SubjectAccessReview {
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: user.username,
            uid: user.uid,
            groups: user.groups,
            extra: user.extra,
            non_resource_attributes: Some(NonResourceAttributes {
                path: Some("/metrics".into()),
                verb: Some("get".into()),
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}
