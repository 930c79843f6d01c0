//! The stores. Every case of the conformance suite runs on each; what concerns one of them alone follows.

mod accepts;
mod audit;
pub mod database;
mod editor_links;
mod erasure;
mod file;
mod first_steps;
mod health;
mod hours;
mod incidents;
mod log;
pub mod make;
mod moves;
mod nodes;
mod outcomes;
mod people;
mod queue;
mod random;
mod resends;
mod search;
mod settings;
mod telling;
mod upgrade;

use std::path::Path;

use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::vault::{SecretsKey, Vault};
use groundswell_engine::store::{Accepted, Batch, Store};
use tempfile::TempDir;

use self::database::Database;

/// Runs the cases on the in-memory oracle, on SQLite, and on PostgreSQL, itself and behind a pooler. A case that is not named here is dead code, which the
/// compiler reports.
macro_rules! conformance {
    ($($module:ident: $($case:ident)+;)+) => {
        mod memory {
            $(mod $module {
                $(#[tokio::test]
                async fn $case() {
                    crate::store::$module::$case(&crate::store::Memory::new()).await;
                })+
            })+
        }

        mod sqlite {
            $(mod $module {
                $(#[tokio::test]
                async fn $case() {
                    let file = crate::store::File::new();
                    let store = file.open().await;
                    crate::store::$module::$case(&store).await;
                    crate::store::Store::close(&store).await;
                })+
            })+
        }

        mod postgres {
            $(mod $module {
                $(#[tokio::test]
                async fn $case() {
                    let database = crate::store::Database::new().await;
                    let store = database.open().await;
                    crate::store::$module::$case(&store).await;
                    crate::store::Store::close(&store).await;
                })+
            })+
        }

        mod pooled {
            $(mod $module {
                $(#[tokio::test]
                async fn $case() {
                    let database = crate::store::Database::new().await;
                    let store = database.open_pooled().await;
                    crate::store::$module::$case(&store).await;
                    crate::store::Store::close(&store).await;
                })+
            })+
        }
    };
}

conformance! {
    accepts:
        an_event_is_stored_once_with_a_pending_row_per_webhook
        an_event_without_webhooks_is_stored_but_not_in_the_log
        a_disabled_webhook_gets_its_delivery_parked
        a_repeated_key_answers_as_before_and_writes_nothing
        a_repeated_key_with_other_content_is_a_conflict
        equal_keys_within_a_batch_deduplicate
        equal_keys_of_two_programs_are_two_keys
        an_expired_key_is_forgotten
        an_event_id_used_twice_is_rejected_and_nothing_written
        too_many_targets_are_rejected
        batches_of_every_size_are_written_whole
        the_highest_event_id_is_known;
    audit:
        what_was_done_reads_back_newest_first
        the_audit_log_is_filtered_and_paged_by_team
        what_was_begun_is_in_the_log_once_it_is_known_what_came_of_it
        old_entries_of_the_audit_log_are_forgotten_oldest_first;
    erasure:
        all_events_of_a_program_are_found_in_order
        a_step_leaves_nothing_of_bodies_and_answers
        an_erasure_runs_until_it_ends_and_then_says_nobody
        retention_forgets_which_events_were_erased
        requests_are_removed_from_the_inbox_of_their_program_alone;
    health:
        a_heartbeat_moves_the_end_of_its_run_on
        troubles_read_back_and_are_replaced
        waits_add_up_by_bound_from_a_slot_on
        what_is_old_of_health_is_forgotten
        what_is_due_is_counted_to_a_cap;
    hours:
        counts_of_an_hour_add_up
        hours_are_read_of_some_endpoints_and_from_one_on
        old_hours_are_forgotten_oldest_first_a_few_at_a_time;
    incidents:
        an_incident_reads_back_with_what_was_said_newest_first
        an_incident_changes_and_keeps_what_was_said
        incidents_are_listed_by_kind_newest_first;
    outcomes:
        a_success_ends_the_delivery
        a_failure_moves_the_delivery_to_its_next_attempt
        a_delivery_can_be_removed_from_where_it_may_stand
        a_later_outcome_of_a_batch_counts
        an_attempt_logged_twice_is_rejected_and_nothing_written
        accepts_and_outcomes_commit_together
        health_is_kept_and_replaced;
    queue:
        a_queue_is_read_in_windows_without_gaps
        parked_deliveries_are_in_no_window
        the_earliest_due_time_of_each_endpoint_is_found
        bodies_are_found_by_event
        only_small_bodies_are_found_where_only_those_are_wanted
        backlogs_are_counted_to_a_cap
        what_expired_while_held_is_found;
    settings:
        programs_are_listed_by_creation
        a_program_changes_name_and_status
        a_change_of_a_missing_program_is_rejected
        webhooks_are_added_changed_and_removed
        an_old_secret_is_changed_and_erased_without_a_new_version
        a_public_id_is_free_again_once_its_webhook_is_gone
        two_live_webhooks_cannot_have_one_public_id
        webhooks_changed_meanwhile_are_not_overwritten
        a_removed_webhook_takes_its_health_along_and_its_log_stays
        a_draft_is_saved_only_over_the_one_it_was_made_from
        publishing_clears_the_draft
        history_is_kept_by_program_and_read_from_any_version
        notices_are_listed_by_program_and_in_order;
    moves:
        disabling_parks_and_releasing_sends_again
        discarding_removes_only_what_is_parked
        what_is_parked_after_a_release_or_discarding_began_stays_parked
        what_waits_for_a_retry_can_go_out_at_once
        rows_of_a_removed_webhook_are_found_and_deleted
        a_step_looks_at_no_more_rows_than_its_limit;
    log:
        events_are_listed_newest_first_by_program
        attempts_are_read_in_brief_and_in_full
        every_kind_of_attempt_reads_back
        pending_rows_are_found_by_key
        a_test_delivery_reads_back_in_its_program_only;
    first_steps:
        an_inbox_has_one_address
        a_request_reads_back_in_its_program_only
        an_inbox_keeps_its_newest_requests
        requests_are_forgotten_by_age_and_by_program
        tests_are_listed_newest_first
        a_checklist_ends_once_and_for_its_program;
    search:
        events_are_found_by_kind_webhook_and_what_they_say
        a_search_of_events_says_how_far_it_came
        deliveries_are_found_by_what_became_of_them
        the_webhooks_of_a_program_are_known_when_they_are_gone;
    people:
        api_keys_are_kept_until_removed
        an_api_key_keeps_what_it_may_do_and_when_it_was_used
        an_api_key_used_twice_is_rejected
        a_sign_in_link_works_once_and_in_time
        somebodys_sign_in_links_end_together
        invitations_end_with_who_made_them
        a_session_lasts_until_it_ends
        a_new_database_has_a_team_with_an_owner
        people_are_found_by_what_is_theirs_alone
        a_team_never_loses_its_last_owner
        an_invitation_brings_somebody_in_once_and_in_time
        who_joins_a_further_team_keeps_one_session_and_no_links
        sessions_and_devices_are_somebodys
        that_somebody_signed_in_is_remembered
        starts_after_an_unclean_end_are_known;
    editor_links:
        an_editor_link_becomes_a_session_once_and_in_time
        an_editor_link_ends_before_and_after_it_was_used
        editor_links_that_have_expired_are_swept;
    telling:
        a_notice_is_told_once_together_with_its_letters
        what_a_team_was_told_is_found_newest_first
        letters_wait_until_they_are_due_and_go_when_they_are_sent
        recipients_are_a_webhooks_and_an_address_is_one_of_them_once
        who_refuses_letters_is_no_recipient_anywhere
        a_removed_webhook_takes_its_digests_along_and_its_recipients_keep_their_links
        what_was_said_of_an_address_outlives_a_question
        who_has_not_answered_for_long_is_forgotten
        the_language_of_somebody_is_the_last_one;
    resends:
        resends_are_pending_and_are_found
        a_resend_whose_id_is_used_is_rejected_and_nothing_written
        a_job_keeps_its_place
        retention_removes_events_with_all_that_is_theirs
        retention_leaves_an_event_that_is_sent_again_since_it_looked
        retention_removes_what_was_parked_and_old_keys;
}

/// A database file of its own, in a directory that goes with it.
struct File {
    directory: TempDir,
}

impl File {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("there is a temporary directory") }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("groundswell.db")
    }

    async fn open(&self) -> Sqlite {
        open(&self.path()).await
    }
}

fn options() -> Options {
    Options::new(0, vault(1))
}

/// Of keys that differ by a number.
pub fn vault(number: u8) -> Vault {
    Vault::new(&SecretsKey::from_bytes([number; 32]))
}

async fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, options()).await.expect("the database opens")
}

/// Commits a batch that has nothing to be rejected for.
async fn commit(store: &dyn Store, batch: Batch) -> Vec<Accepted> {
    store.commit(&batch).await.expect("the batch commits")
}
