//! The API server.

use http_body_util::BodyExt as _;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::client::Body;

use super::{Checked, clock, of};
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;
use crate::cli::kubernetes::Connection;

/// The oldest Kubernetes that the chart takes.
const OLDEST: (u32, u32) = (1, 31);

/// No way to the API server.
pub(super) fn unreachable(failure: &Failure) -> Checked {
    of(
        "api-server",
        Finding::error("the API server cannot be asked").with(&failure.to_string()),
    )
}

/// Whether it answers, its version and its clock. `false`: it does not answer.
pub(super) async fn checks(connection: &Connection) -> (Vec<Checked>, bool) {
    let request = http::Request::get("/version").body(Body::empty());
    let Ok(request) = request else {
        return (Vec::new(), false);
    };
    let answer = match connection.client.send(request).await {
        Ok(answer) => answer,
        Err(error) => {
            return (
                vec![unreachable(&Failure::kube("asking for its version", &error))],
                false,
            );
        }
    };
    let (status, date) = (answer.status(), clock::told(&answer));
    let body = answer
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let info: Option<Info> = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
    // Whoever is not known may be kept from it; the next question tells.
    let Some(info) = info.filter(|_| status.is_success()) else {
        let told = format!("asking for its version: HTTP {}", status.as_u16());
        let hint = "check --kubeconfig, --context and that the credentials of the kubeconfig are accepted";
        let finding = Finding::error("the API server does not tell its version")
            .with(&told)
            .hint(hint);
        return (vec![of("api-server", finding)], false);
    };
    let mut checks = vec![of("api-server", Finding::success("the API server answers"))];
    checks.push(of("api-version", version(&info)));
    checks.push(clock::compared("api-clock", "the API server", date, clock::now()));
    (checks, true)
}

fn version(info: &Info) -> Finding {
    // Clouds write 33+.
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
    let told = format!("Kubernetes {}", info.git_version);
    match (number(&info.major), number(&info.minor)) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            let (major, minor) = OLDEST;
            Finding::error(format!("{told} is too old"))
                .hint(format!("upgrade the cluster to {major}.{minor} or later"))
        }
        _ => Finding::success(told),
    }
}
