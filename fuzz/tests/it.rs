//! The corpus, replayed: the starts of real files, and whatever once failed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and says at which file"
)]

use std::path::{Path, PathBuf};
use virga_fuzz::{TARGETS, Target};

/// Bytes of a file of the corpus, and of all of them.
const LONGEST: usize = 8 << 10;
const MOST: usize = 200 << 10;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// One test: memory is counted for the whole process.
#[test]
fn the_corpus_breaks_no_promise() {
    let mut all = 0;
    for target in TARGETS {
        let files = corpus(target.name);
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        for (path, bytes) in files {
            assert!(bytes.len() <= LONGEST, "{}", path.display());
            all += bytes.len();
            replay(&target, &path, &bytes);
        }
    }
    assert!(all <= MOST, "{all} bytes of corpus");
    let greedy = Target {
        name: "greedy",
        run: |_| drop(std::hint::black_box(vec![1_u8; 1 << 20])),
        memory: |_| 1 << 19,
    };
    let caught = std::panic::catch_unwind(|| greedy.check(&[]));
    assert!(caught.is_err(), "memory is not counted");
}

/// The file as it is, cut off, and with some of its bytes wrong.
fn replay(target: &Target, path: &Path, bytes: &[u8]) {
    // Printed with a failure.
    println!("{} {}", target.name, path.display());
    target.check(bytes);
    target.check(&bytes[..bytes.len() / 2]);
    for at in [1, 7, 64, 300] {
        let mut wrong = bytes.to_vec();
        wrong
            .iter_mut()
            .skip(at)
            .step_by(997)
            .for_each(|byte| *byte ^= 0x80);
        target.check(&wrong);
    }
}
