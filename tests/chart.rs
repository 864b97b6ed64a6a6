//! The chart, and everything that is rendered from it or shipped beside it: with the real Helm, and installed on a real
//! API server.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and so may the functions they share"
)]

#[path = "chart/alerts.rs"]
mod alerts;
#[path = "chart/argocd.rs"]
mod argocd;
#[path = "chart/book.rs"]
mod book;
#[path = "chart/commands.rs"]
mod commands;
#[path = "chart/deploy.rs"]
mod deploy;
#[path = "chart/helm.rs"]
mod helm;
#[path = "chart/iam.rs"]
mod iam;
#[path = "chart/install.rs"]
mod install;
#[path = "chart/kstatus.rs"]
mod kstatus;
#[path = "chart/objects.rs"]
mod objects;
#[path = "chart/options.rs"]
mod options;
#[path = "chart/pages.rs"]
mod pages;
#[path = "chart/papers.rs"]
mod papers;
#[path = "chart/published.rs"]
mod published;
#[path = "chart/reference.rs"]
mod reference;
#[path = "chart/refused.rs"]
mod refused;
#[path = "chart/release.rs"]
mod release;
#[path = "chart/released.rs"]
mod released;
#[path = "chart/rights.rs"]
mod rights;
#[path = "chart/roles.rs"]
mod roles;
#[path = "chart/said.rs"]
mod said;
#[path = "chart/selected.rs"]
mod selected;
#[path = "chart/taken.rs"]
mod taken;
#[path = "chart/together.rs"]
mod together;
#[path = "chart/values.rs"]
mod values;
#[path = "chart/versions.rs"]
mod versions;
#[path = "chart/warnings.rs"]
mod warnings;
#[path = "chart/wrong_values.rs"]
mod wrong_values;
