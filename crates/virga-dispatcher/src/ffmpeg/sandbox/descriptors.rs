//! Descriptors that the launcher inherited beyond input, output and error are closed.

use std::{fs, io};

/// Where the list of open descriptors is missing, as many are closed.
const GUESS: i32 = 4096;

/// Closes all but the first three.
pub(in crate::ffmpeg) fn close_inherited() -> io::Result<()> {
    let open: Vec<i32> = match fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect(),
        Err(_) => (0..GUESS).collect(),
    };
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        match nix::unistd::close(descriptor) {
            // The list itself was read through one that is closed by now.
            Ok(()) | Err(nix::errno::Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
