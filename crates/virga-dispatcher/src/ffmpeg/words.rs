//! What a failed run means, and whether another try could change it.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use super::damaged;
use crate::outcome::JobError;

/// What the launcher exits with when the program cannot be started.
const NOT_STARTED: i32 = 127;

pub(super) fn explain(status: ExitStatus, complaints: &str) -> JobError {
    let last = last_line(complaints);
    tracing::debug!(%status, last, "ffmpeg failed");
    if let Some(signal) = status.signal() {
        return JobError::Retry(format!("ffmpeg was ended by signal {signal}: {last}"));
    }
    if status.code() == Some(NOT_STARTED) {
        return JobError::Retry(format!("ffmpeg could not be started: {last}"));
    }
    let says = |words: &[&str]| words.iter().any(|word| complaints.contains(word));
    if says(&["received signal"]) {
        // Someone stops the whole machine or container, before we are told.
        return JobError::Retry("ffmpeg was told to stop".to_owned());
    }
    if says(&["No space left on device", "Disk quota exceeded"]) {
        return JobError::NoRoom("the scratch disk is full".to_owned());
    }
    // An index that asks for more than there is asks for it at every try.
    if says(&["error reading header"]) {
        return damaged();
    }
    if says(&["Cannot allocate memory", "Resource temporarily unavailable"]) {
        return JobError::Retry(format!("ffmpeg ran out of memory: {last}"));
    }
    if says(&["File too large"]) {
        return JobError::Retry("the encoder wrote more than it should".to_owned());
    }
    if says(&["exceeds specified max pixel count"]) {
        return JobError::fail(
            "picture_too_large",
            "Its picture has more pixels than are taken here.",
        );
    }
    if says(&["Codec not on whitelist", "not on whitelist"]) {
        return JobError::fail(
            "coding_unsupported",
            "It is in a coding that is not taken here.",
        );
    }
    if says(DAMAGED) {
        return damaged();
    }
    JobError::Retry(format!("the encoder stopped: {last}"))
}

/// How ffmpeg says that the input is at fault.
const DAMAGED: &[&str] = &[
    "Invalid data found when processing input",
    "moov atom not found",
    "does not contain any stream",
    "matches no streams",
    "Could not find codec parameters",
    "could not find codec parameters",
    "Error while decoding",
    "Decoder (codec",
    "End of file",
    "Nothing was written",
    "nothing was encoded",
];

/// The last line that says something, shortened.
fn last_line(complaints: &str) -> &str {
    let line = complaints
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it said nothing");
    let end = line
        .char_indices()
        .nth(200)
        .map_or(line.len(), |(at, _)| at);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn a_broken_input_fails_at_once_and_a_full_disk_does_not() {
        let broken = "[mov] x\nin: Invalid data found when processing input\n";
        assert!(matches!(explain(exit(1), broken), JobError::Fail(_)));
        let forged = "[mov] error reading header\nin: Cannot allocate memory\n";
        assert!(matches!(explain(exit(1), forged), JobError::Fail(_)));
        let full = "av_interleaved_write_frame(): No space left on device\n";
        assert!(matches!(explain(exit(1), full), JobError::NoRoom(_)));
        assert!(matches!(explain(exit(127), ""), JobError::Retry(_)));
        let stopped = format!("{broken}Exiting normally, received signal 15.\n");
        assert!(matches!(explain(exit(255), &stopped), JobError::Retry(_)));
        let killed = ExitStatus::from_raw(9);
        assert!(matches!(explain(killed, broken), JobError::Retry(_)));
    }

    #[test]
    fn the_last_line_is_short() {
        let long = format!("one\n{}\n\n", "é".repeat(500));
        assert_eq!(last_line(&long).chars().count(), 200);
        assert_eq!(last_line("  \n"), "it said nothing");
    }
}
