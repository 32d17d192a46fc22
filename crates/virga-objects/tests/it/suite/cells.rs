//! The cells of the matrix, a test each: a failure names its backend and its case. What a backend lacks
//! has its reason in [`super::hole`].

use super::{Backend, Case, hole};

/// Makes tests `BACKEND::MODULE::CASE`, and lists them.
macro_rules! cells {
    ($($name:ident = $backend:ident { $($about:ident { $($case:ident),+ $(,)? })+ })+) => {
        $(mod $name {
            $(mod $about {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    use crate::suite::{Backend, $about, run};
                    run(Backend::$backend, $about::$case).await;
                })+
            })+
        })+

        const CELLS: &[(Backend, &[Case])] =
            &[$((Backend::$backend, &[$($((stringify!($about), stringify!($case))),+),+])),+];
    };
}

cells! {
    disk = Disk {
        objects {
            an_object_is_read_as_it_was_put,
            what_is_not_there_is_said_before_the_first_byte,
            a_writer_shows_nothing_until_it_commits,
            a_writer_that_is_dropped_leaves_nothing,
            files_are_taken_in_and_linked_out,
            listing_and_removal_keep_to_their_prefix,
            lists_and_removals_go_on_over_pages,
            any_pieces_come_as_if_they_were_one,
            the_store_answers_and_can_be_written,
        }
        sessions {
            parts_in_any_order_become_the_file,
            a_session_goes_on_in_another_process,
            complete_may_be_said_again_and_says_when_parts_are_lost,
            complete_names_the_parts_that_are_missing,
            a_part_sent_again_replaces_the_first,
            the_same_part_sent_twice_at_once_is_one_whole_part,
            a_body_of_another_length_becomes_no_part,
            a_silent_or_broken_sender_is_dropped_and_may_come_again,
            a_part_that_the_file_does_not_have_is_refused,
            two_that_open_a_session_at_once_have_one,
            a_session_is_listed_and_dropped,
            what_is_held_can_be_read_and_stays,
        }
    }
    seaweed = Seaweed {
        objects {
            an_object_is_read_as_it_was_put,
            what_is_not_there_is_said_before_the_first_byte,
            a_writer_shows_nothing_until_it_commits,
            a_writer_that_is_dropped_leaves_nothing,
            files_are_taken_in_and_linked_out,
            listing_and_removal_keep_to_their_prefix,
            lists_and_removals_go_on_over_pages,
            any_pieces_come_as_if_they_were_one,
            the_store_answers_and_can_be_written,
        }
        sessions {
            parts_in_any_order_become_the_file,
            a_session_goes_on_in_another_process,
            complete_may_be_said_again_and_says_when_parts_are_lost,
            what_another_process_has_just_completed_is_complete,
            complete_names_the_parts_that_are_missing,
            a_part_sent_again_replaces_the_first,
            the_same_part_sent_twice_at_once_is_one_whole_part,
            a_body_of_another_length_becomes_no_part,
            a_silent_or_broken_sender_is_dropped_and_may_come_again,
            a_part_that_the_file_does_not_have_is_refused,
            two_that_open_a_session_at_once_have_one,
            a_session_is_listed_and_dropped,
            what_is_held_can_be_read_and_stays,
            a_half_made_session_is_found_and_dropped,
            what_dead_writers_left_goes_and_live_sessions_stay,
        }
        direct {
            a_signed_address_reads_one_object_for_a_while,
            a_signed_put_takes_exactly_its_size,
            signed_parts_become_the_file,
            a_form_takes_one_file_of_its_size_key_and_type,
            pages_of_the_site_may_use_the_bucket_and_others_not,
            nothing_is_read_or_listed_unsigned,
        }
        broken {
            a_stream_that_breaks_goes_on_where_it_broke,
            a_bucket_that_is_busy_is_asked_again,
            a_bucket_that_is_away_is_said_to_be,
            wrong_credentials_are_named_and_no_secret_is_shown,
        }
    }
    s3s = S3s {
        objects {
            an_object_is_read_as_it_was_put,
            a_writer_shows_nothing_until_it_commits,
            files_are_taken_in_and_linked_out,
            any_pieces_come_as_if_they_were_one,
        }
        sessions {
            a_part_that_the_file_does_not_have_is_refused,
            what_is_held_can_be_read_and_stays,
        }
        direct {
            a_signed_address_reads_one_object_for_a_while,
            a_signed_put_takes_exactly_its_size,
            a_form_takes_one_file_of_its_size_key_and_type,
        }
        broken {
            a_bucket_that_is_busy_is_asked_again,
            a_bucket_that_is_away_is_said_to_be,
            wrong_credentials_are_named_and_no_secret_is_shown,
        }
    }
    oss = Oss {
        objects {
            an_object_is_read_as_it_was_put,
            what_is_not_there_is_said_before_the_first_byte,
            a_writer_shows_nothing_until_it_commits,
            a_writer_that_is_dropped_leaves_nothing,
            files_are_taken_in_and_linked_out,
            listing_and_removal_keep_to_their_prefix,
            lists_and_removals_go_on_over_pages,
            any_pieces_come_as_if_they_were_one,
            the_store_answers_and_can_be_written,
        }
        sessions {
            parts_in_any_order_become_the_file,
            a_session_goes_on_in_another_process,
            complete_may_be_said_again_and_says_when_parts_are_lost,
            what_another_process_has_just_completed_is_complete,
            complete_names_the_parts_that_are_missing,
            a_part_sent_again_replaces_the_first,
            the_same_part_sent_twice_at_once_is_one_whole_part,
            a_body_of_another_length_becomes_no_part,
            a_silent_or_broken_sender_is_dropped_and_may_come_again,
            a_part_that_the_file_does_not_have_is_refused,
            two_that_open_a_session_at_once_have_one,
            a_session_is_listed_and_dropped,
            what_is_held_can_be_read_and_stays,
            a_half_made_session_is_found_and_dropped,
            what_dead_writers_left_goes_and_live_sessions_stay,
        }
        direct {
            a_signed_address_reads_one_object_for_a_while,
            a_signed_put_takes_exactly_its_size,
            signed_parts_become_the_file,
            a_form_takes_one_file_of_its_size_key_and_type,
            the_service_tells_of_a_form_and_nobody_else,
            pages_of_the_site_may_use_the_bucket_and_others_not,
            nothing_is_read_or_listed_unsigned,
        }
        broken {
            a_stream_that_breaks_goes_on_where_it_broke,
            a_bucket_that_is_busy_is_asked_again,
            a_bucket_that_is_away_is_said_to_be,
            wrong_credentials_are_named_and_no_secret_is_shown,
        }
    }
    kodo = Kodo {
        sessions {
            parts_in_any_order_become_the_file,
            a_session_goes_on_in_another_process,
            complete_may_be_said_again_and_says_when_parts_are_lost,
            what_another_process_has_just_completed_is_complete,
            complete_names_the_parts_that_are_missing,
            a_part_sent_again_replaces_the_first,
            the_same_part_sent_twice_at_once_is_one_whole_part,
            a_body_of_another_length_becomes_no_part,
            a_silent_or_broken_sender_is_dropped_and_may_come_again,
            a_part_that_the_file_does_not_have_is_refused,
            two_that_open_a_session_at_once_have_one,
            a_session_is_listed_and_dropped,
            what_is_held_can_be_read_and_stays,
            a_half_made_session_is_found_and_dropped,
            what_dead_writers_left_goes_and_live_sessions_stay,
        }
        direct {
            a_form_takes_one_file_of_its_size_key_and_type,
            the_service_tells_of_a_form_and_nobody_else,
        }
    }
}

/// Every case that some backend has runs on all of them, or there is a reason why not.
#[test]
fn what_is_no_cell_has_a_reason() {
    let all: std::collections::BTreeSet<Case> = CELLS
        .iter()
        .flat_map(|(_, cases)| *cases)
        .copied()
        .collect();
    for (backend, cases) in CELLS {
        for (about, case) in &all {
            let runs = cases.contains(&(*about, *case));
            let reason = hole(*backend, about, case);
            assert_ne!(
                runs,
                reason.is_some(),
                "{backend:?} {about}::{case}: {reason:?}"
            );
        }
    }
}
