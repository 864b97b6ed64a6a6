//! Tests of the API in memory. What does not need a fault is asked of a real API server too, so that both agree.

mod faults;
mod scenarios;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use serde_json::json;

use super::Kubernetes;
use scenarios::Scenario;

/// What time it is when a test begins.
pub(super) fn base() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().expect("a time")
}

async fn holds(scenario: Scenario) {
    let server = Kubernetes::new(base());
    scenario(server.client(), "default".to_owned()).await;
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        const SCENARIOS: &[(&str, Scenario)] = &[$((stringify!($name), |client, namespace| Box::pin(scenarios::$name(client, namespace)))),*];

        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                holds(|client, namespace| Box::pin(scenarios::$name(client, namespace))).await;
            }
        )*
    };
}

scenarios![
    a_created_object_gets_identity_defaults_and_no_status,
    a_name_is_taken_once,
    a_list_comes_in_pages_of_one_moment,
    metadata_alone_can_be_read,
    a_watch_tells_of_what_happened_since,
    a_watch_with_labels_tells_of_what_comes_and_goes,
    a_watch_ends_after_its_timeout,
    a_replacement_needs_the_latest_version,
    a_merge_patch_keeps_what_it_does_not_name,
    a_merge_patch_can_name_a_version,
    a_write_names_the_object_it_means,
    a_patch_of_the_status_does_not_look_at_the_uid,
    a_json_patch_is_carried_out_whole_or_not_at_all,
    the_generation_counts_changes_of_the_spec,
    the_status_is_written_apart,
    an_applied_status_holds_what_was_sent_last,
    what_empties_under_server_side_apply,
    null_is_as_good_as_absent_where_the_schema_does_not_permit_it,
    applied_conditions_leave_room_for_others,
    an_applied_field_of_another_manager_conflicts,
    applying_makes_an_object,
    a_finalizer_holds_a_deleted_object,
    nothing_changes_where_nothing_differs,
    leases_and_events_are_kept,
];

/// The same of a real API server: what the one in memory is believed to do, it does.
#[tokio::test]
async fn a_real_api_server_does_the_same() {
    let control_plane = testkit::ControlPlane::start().await.expect("a control plane");
    control_plane.install().await.expect("the definitions");
    let client = control_plane.client().await.expect("a client");
    let namespaces: kube::Api<Namespace> = kube::Api::all(client.clone());
    let mut failed = Vec::new();
    for (place, (name, scenario)) in SCENARIOS.iter().enumerate() {
        let namespace = format!("scenario-{place}");
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
        namespaces
            .create(&PostParams::default(), &object)
            .await
            .expect("created");
        // A task of its own, so that a panic ends it alone and all that differs is told at once.
        if tokio::spawn(scenario(client.clone(), namespace)).await.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "it does not: {failed:#?}");
}
