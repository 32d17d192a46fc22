//! Small clips made by ffmpeg, the walk that indexes them as a server would, and what ffmpeg says
//! of a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use virga_media::{MediaError, MoovLocator, Movie, PlannedTrack, Step, segment};

/// Picture and sound of every clip.
pub(crate) const PICTURE: &str = "testsrc2=size=320x180:rate=25";
pub(crate) const SOUND: &str = "sine=frequency=440:sample_rate=44100";
/// H.264 as browsers play it, AAC, a key frame every second.
pub(crate) const SAFE: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -c:a aac";

/// The same with open groups of pictures: frames before a key frame need the group before.
pub(crate) const OPEN: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 27 -c:a aac \
     -x264-params open-gop=1:bframes=3:b-adapt=0:scenecut=0";

/// A file in a folder of its own, removed with it.
#[derive(Debug)]
pub(crate) struct Clip {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Clip {
    /// Runs ffmpeg with these words; the last names the output within the clip's folder.
    pub(crate) fn make(words: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run_in(
            folder.path(),
            "ffmpeg",
            &format!("-nostdin -v error -y {words}"),
        );
        let path = folder.path().join(words.split_whitespace().last().unwrap());
        let bytes = std::fs::read(&path).unwrap();
        Self {
            folder,
            path,
            bytes,
        }
    }

    /// These bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.mp4");
        std::fs::write(&path, bytes).unwrap();
        Self {
            folder,
            path,
            bytes: bytes.to_vec(),
        }
    }

    /// `seconds` of the test picture and sound, coded by `options`, in `name`.
    pub(crate) fn with_sound(seconds: u32, options: &str, name: &str) -> Self {
        Self::make(&format!(
            "-f lavfi -i {PICTURE} -f lavfi -i {SOUND} -t {seconds} {options} {name}"
        ))
    }

    /// The same without sound.
    pub(crate) fn silent(seconds: u32, options: &str, name: &str) -> Self {
        Self::make(&format!(
            "-f lavfi -i {PICTURE} -t {seconds} {options} {name}"
        ))
    }

    /// A clip with sound, held upright while recording: the index says to turn it.
    pub(crate) fn turned(seconds: u32) -> Self {
        let level = Self::with_sound(seconds, SAFE, "level.mp4");
        let words = "-nostdin -i level.mp4 -c copy -metadata:s:v rotate=90 turned.mp4";
        let bytes = level.ffmpeg(words, "turned.mp4");
        Self {
            path: level.folder.path().join("turned.mp4"),
            folder: level.folder,
            bytes,
        }
    }

    pub(crate) fn movie(&self) -> Movie {
        index(&self.bytes).unwrap()
    }

    /// Runs ffmpeg in the clip's folder and reads what it made.
    pub(crate) fn ffmpeg(&self, words: &str, made: &str) -> Vec<u8> {
        run_in(
            self.folder.path(),
            "ffmpeg",
            &format!("-v error -y {words}"),
        );
        std::fs::read(self.folder.path().join(made)).unwrap()
    }

    /// Writes bytes beside the clip.
    pub(crate) fn beside(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Finds and reads the index by ranged reads, as a server does.
pub(crate) fn index(file: &[u8]) -> Result<Movie, MediaError> {
    let mut locator = MoovLocator::new(file.len() as u64);
    loop {
        match locator.step()? {
            Step::Read { offset, len } => locator.feed(range(file, offset, len)),
            Step::Found { offset, len } => {
                return Movie::parse(range(file, offset, len), file.len() as u64);
            }
        }
    }
}

pub(crate) fn range(file: &[u8], offset: u64, len: u64) -> &[u8] {
    let start = usize::try_from(offset).unwrap();
    &file[start..start + usize::try_from(len).unwrap()]
}

/// The CMAF track object: init and every segment, each checked against its table.
pub(crate) fn track_object(planned: &PlannedTrack, source: &[u8]) -> Vec<u8> {
    let table = &planned.table;
    let mut object = table.init.clone();
    for n in 0..table.segments() {
        let (offset, len) = table.sample_block_range(n).unwrap();
        let block = range(&planned.samples, offset, len);
        let layout = segment(table, n, block).unwrap();
        assert_eq!(layout, segment(table, n, block).unwrap());
        assert_eq!(table.byte_range(n).unwrap().0, object.len() as u64);
        let before = object.len();
        object.extend_from_slice(&layout.head);
        for (offset, len) in layout.body {
            object.extend_from_slice(range(source, offset, len.into()));
        }
        assert_eq!(
            (object.len() - before) as u64,
            table.byte_range(n).unwrap().1
        );
    }
    assert_eq!(object.len() as u64, table.object_len());
    object
}

/// Time since the first and digest of every frame or packet, as ffmpeg's `framemd5` lists them.
pub(crate) fn digests(file: &Path, before: &str, after: &str) -> Vec<(i64, String)> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let words = format!("-nostdin -v error {before} -i {name} {after} -f framemd5 -");
    let listing = run_in(file.parent().unwrap(), "ffmpeg", &words);
    let rows: Vec<(i64, String)> = listing
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            (cells[2].parse().unwrap(), cells[5].to_owned())
        })
        .collect();
    let first = rows.first().expect("something to compare").0;
    rows.into_iter()
        .map(|(pts, digest)| (pts - first, digest))
        .collect()
}

/// Every decoded frame, unturned and at its own time.
pub(crate) fn frames(file: &Path) -> Vec<(i64, String)> {
    digests(
        file,
        "-noautorotate",
        "-map 0:v:0 -vsync passthrough -enc_time_base -1",
    )
}

/// Every packet of sound, edit list left aside so that priming counts too.
pub(crate) fn packets(file: &Path) -> Vec<(i64, String)> {
    digests(file, "-ignore_editlist 1", "-map 0:a:0 -c copy")
}

/// What `ffprobe` prints for these words.
pub(crate) fn probe(file: &Path, words: &str) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    let words = format!("-v error {words} -of default=nw=1:nk=1 {name}");
    run_in(file.parent().unwrap(), "ffprobe", &words)
}

/// The same, several values of one thing side by side.
pub(crate) fn list(file: &Path, words: &str) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    let words = format!("-v error {words} -of compact=p=0 {name}");
    run_in(file.parent().unwrap(), "ffprobe", &words)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clips of these tests come from ffmpeg"
)]
fn run_in(folder: &Path, program: &str, words: &str) -> String {
    let output = Command::new(program)
        .current_dir(folder)
        .args(words.split_whitespace())
        .output()
        .expect("ffmpeg is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
