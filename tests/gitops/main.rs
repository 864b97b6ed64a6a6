//! What tools that deploy out of Git make of load balancers, said by the tools themselves: Flux and Argo CD, a scheduler and a
//! node that only seems to be one, on a real API server with its controllers, out of a Git server on loopback.
//! `make test-gitops` builds them first.
//!
//! The manifests of `deploy/flux/` and `deploy/argocd/` are applied as they stand there, but for addresses, names and namespaces.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // tests may

mod argocd;
mod argocd_states;
mod both;
mod examples;
mod flux;
mod flux_states;
mod git;
mod lab;
mod nodes;
mod operator;
