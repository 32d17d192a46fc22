//! What a failed run means, and whether another try could change it.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};
use virga_core::Code;

use super::{
    damaged,
    launcher::{NOT_CONFINED, NOT_STARTED},
};
use crate::job_result::JobError;

/// Signals by which a program ends over its own fault: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE,
/// SIGSEGV, SIGSYS.
const CRASHES: [i32; 7] = [4, 5, 6, 7, 8, 11, 31];

pub(super) fn explain(status: ExitStatus, complaints: &str) -> JobError {
    let last = last_line(complaints);
    tracing::debug!(%status, last, "ffmpeg failed");
    if let Some(signal) = status.signal() {
        let why = format!("ffmpeg was ended by signal {signal}: {last}");
        return if CRASHES.contains(&signal) {
            JobError::Broke(why)
        } else {
            JobError::Retry(why)
        };
    }
    let code = |code: u8| status.code() == Some(i32::from(code));
    if code(NOT_STARTED) {
        return JobError::Retry(format!("ffmpeg could not be started: {last}"));
    }
    if code(NOT_CONFINED) {
        return JobError::NotConfined(format!(
            "{last}. Nothing is encoded here unless dispatcher.unconfined is set"
        ));
    }
    let says = |words: &[&str]| words.iter().any(|word| complaints.contains(word));
    if says(&["received signal"]) {
        // The whole machine or container is being stopped, and our own signal comes later.
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
            Code::PictureTooLarge,
            "Its picture has more pixels than are taken here.",
        );
    }
    // Streams that nobody decodes are named as well.
    if says(&["not on whitelist"]) && says(&["Error while opening decoder"]) {
        return JobError::fail(
            Code::CodingUnsupported,
            "It is in a coding that is not taken here. Convert the video to MP4 and upload that.",
        );
    }
    if says(&["Unknown encoder"]) {
        return JobError::LacksEncoder(format!("ffmpeg lacks an encoder: {last}"));
    }
    if says(DAMAGED) {
        return damaged();
    }
    JobError::Broke(format!("the encoder stopped: {last}"))
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

/// Decoders that were refused, by ffmpeg's own names: `Codec (tta) not on whitelist`.
pub(super) fn unlisted(complaints: &str) -> Vec<String> {
    let mut names: Vec<String> = complaints
        .lines()
        .filter_map(|line| {
            let (before, _) = line.split_once(") not on whitelist")?;
            Some(before.rsplit_once("Codec (")?.1.to_owned())
        })
        .filter(|name| {
            let known = |mark: char| mark.is_ascii_alphanumeric() || mark == '_' || mark == '-';
            !name.is_empty() && name.len() < 40 && name.chars().all(known)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Its complaints as a person reads them: without addresses of memory and without control characters.
pub(super) fn readable(complaints: &str) -> String {
    let lines = complaints.split(['\n', '\r']).map(|line| {
        let mut line = without_addresses(line);
        line.retain(|mark| !mark.is_control());
        line
    });
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// The last line that says something, without addresses of memory, shortened.
fn last_line(complaints: &str) -> String {
    let lines = complaints.lines().rev().map(without_addresses);
    let mut lines = lines.filter(|line| !line.is_empty());
    let line = lines.next();
    let line = line.unwrap_or_else(|| "it said nothing".to_owned());
    line.chars().take(200).collect()
}

/// Codes of formats are as long as this; longer numbers are addresses.
const LONGEST_CODE: usize = "0x31637661".len();

/// A line without the addresses that ffmpeg names its parts by: `[opus @ 0x5639…]` is `[opus]`.
fn without_addresses(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line.trim();
    while let Some(at) = rest.find("0x") {
        let (before, number) = rest.split_at(at);
        let after = number[2..].trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
        let (number, after) = number.split_at(number.len() - after.len());
        kept += match before.strip_suffix("@ ") {
            Some(before) => before.trim_end(),
            None => before,
        };
        if !before.ends_with("@ ") && number.len() <= LONGEST_CODE {
            kept += number;
        }
        rest = after;
    }
    kept + rest
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
        let named =
            "[opus @ 0x56398a6c46c0] Channel mapping 0 is [x @ 0xab] wrong at 0x7f00deadbeef";
        assert_eq!(
            last_line(named),
            "[opus] Channel mapping 0 is [x] wrong at "
        );
        let code = "é 0x tag 0x31637661";
        assert_eq!(last_line(code), code);
        assert_eq!(last_line("  \n"), "it said nothing");
    }
}
