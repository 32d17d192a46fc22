//! The store suite, on SQLite, MariaDB and PostgreSQL: one server of each kind, a database a case.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod children;
mod future;
mod growing;
mod keys;
mod migrations;
mod names;
mod queue;
mod rivals;
mod size;
mod store;
mod tracks;
mod transactions;

use virga_db::Db;
use virga_testkit::{Sql, SqlServer};

use crate::store::Store;

/// Where databases come from.
pub(crate) enum Bench {
    Sqlite(tempfile::TempDir),
    Server(SqlServer),
}

impl Bench {
    fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    async fn server(sql: Sql) -> Self {
        Self::Server(SqlServer::start(sql).await)
    }

    /// Makes an empty database.
    pub(crate) async fn database(&self, name: &str) -> String {
        match self {
            Self::Sqlite(folder) => folder.path().join(name).display().to_string(),
            Self::Server(server) => server.database(name).await,
        }
    }

    /// Opens one.
    pub(crate) async fn open(&self, database: &str) -> Db {
        match self {
            Self::Sqlite(_) => Db::open_sqlite(database.as_ref()).await.unwrap(),
            Self::Server(..) => Db::connect(database, None).await.unwrap(),
        }
    }

    /// Tells which cases ran, so that a failure says where it stands.
    #[expect(clippy::print_stdout, reason = "a test's own words")]
    async fn store(&self, case: &str) -> Store {
        println!("{case}");
        let name = case.rsplit("::").next().unwrap_or(case);
        let database = self.database(&name[..name.len().min(60)]).await;
        Store::on(self.open(&database).await).await
    }
}

macro_rules! on_a_store {
    ($bench:expr, $($case:path),* $(,)?) => {
        $({
            let store = $bench.store(&stringify!($case).replace(' ', "")).await;
            $case(&store).await;
            store.db.close().await;
        })*
    };
}

async fn suite(bench: Bench) {
    on_a_store!(
        bench,
        names::names_are_taken_whatever_their_case,
        names::no_two_names_look_alike,
        cases::sessions_end_by_time_by_choice_and_all_at_once,
        cases::two_hundred_jobs_are_each_claimed_once_by_four_workers,
        cases::a_dead_workers_job_is_taken_up_and_its_late_result_refused,
        cases::the_most_urgent_due_job_goes_first,
        cases::closed_jobs_are_forgotten_but_the_last_failure_of_a_kind,
        cases::accounts_take_turns,
        cases::short_films_go_first_for_a_while,
        cases::a_session_more_than_are_allowed_ends_the_one_unused_longest,
        cases::times_of_a_clock_that_was_wrong_hold_no_job_up,
        cases::a_video_has_one_open_upload_and_one_completer,
        cases::the_state_follows_the_rows_and_the_feed_hears_of_it,
        cases::publishing_needs_the_lease_and_the_present_version,
        cases::lists_page_without_gaps_and_search_takes_words_as_they_are,
        cases::a_view_counts_once_a_viewer_and_hour,
        cases::of_two_who_take_a_setting_one_gets_it,
        cases::numbers_and_texts_come_back_as_they_were,
        cases::pages_of_administrators_read_on_every_engine,
        children::of_two_children_that_end_at_once_one_enqueues_what_follows,
        children::a_child_that_fails_ends_its_parent_and_its_siblings,
        children::a_child_in_its_parents_place_ends_the_grandparent,
        children::deletion_ends_parents_and_children,
        children::a_follow_up_of_a_later_release_is_enqueued_as_it_stands,
        future::a_payload_of_a_later_release_is_passed_over,
        future::a_job_of_a_later_release_is_open_and_nobody_here_takes_it,
        future::the_scratch_of_a_later_releases_job_is_held,
        future::tracks_of_a_later_release_play_and_are_told_apart,
        future::words_of_a_later_release_are_read_with_care,
        growing::a_piece_is_there_when_its_row_is_and_the_worker_still_has_the_job,
        growing::a_track_plays_while_it_grows_and_no_longer_once_it_ended,
        keys::a_key_that_is_none_is_an_error,
        tracks::a_track_is_written_for_this_release_and_the_one_before,
        tracks::a_track_that_the_release_before_wrote_is_read,
        tracks::a_body_that_the_release_before_left_behind_is_not_believed,
        tracks::roles_and_bodies_of_a_later_release_are_kept_and_passed_over,
        rivals::the_feed_shows_each_change_once_while_many_write,
        rivals::a_line_holds_nobody_up_before_its_transaction_ends,
        rivals::of_two_who_end_the_last_jobs_the_second_sees_the_first,
        rivals::of_workers_that_saw_the_same_job_one_has_it,
        rivals::what_the_engine_undoes_is_run_again,
        rivals::an_accounts_row_is_one_writers_at_a_time,
        rivals::counters_lose_nothing,
        transactions::a_transaction_with_a_failed_statement_stores_nothing,
        transactions::a_transaction_that_the_engine_ended_spoils_none_after_it,
        transactions::a_connection_lost_in_a_transaction_spoils_none_after_it,
        transactions::a_transaction_that_idled_too_long_is_told_apart,
    );
    migrations::ten_open_a_new_file_at_once(&bench).await;
    migrations::ten_starts_at_once_migrate_once(&bench).await;
    migrations::the_printed_script_makes_the_same_tables(&bench).await;
    migrations::a_step_that_was_cut_in_two_runs_again(&bench).await;
    migrations::a_newer_releases_migration_is_no_concern_of_an_older_one(&bench).await;
    queue::a_long_queue_is_read_by_index(&bench).await;
    size::a_large_site_is_read_by_index(&bench).await;
    migrations::an_account_that_may_not_change_tables_can_start(&bench).await;
}

#[tokio::test]
async fn the_store_on_sqlite() {
    Box::pin(suite(Bench::sqlite())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_on_mariadb() {
    Box::pin(suite(Bench::server(Sql::MariaDb).await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_on_postgres() {
    Box::pin(suite(Bench::server(Sql::Postgres).await)).await;
}
