//! Short clips of several kinds: those that play at once, and those of which each kind of job makes
//! something; and two that must be refused.

use virga_testkit::Clip;

/// A kind of file.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// What people call it.
    pub(crate) name: &'static str,
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// Whether it must fail, with a reason.
    pub(crate) refused: bool,
    /// Whether it is watched while it is uploaded, in parts of which the first and the last go early.
    pub(crate) arrives: bool,
    /// Whether bytes may follow it, in a box that readers pass over.
    boxes: bool,
}

impl Kind {
    fn of(name: &'static str, clip: &Clip, boxes: bool) -> Self {
        Self {
            name,
            bytes: clip.bytes(),
            refused: false,
            arrives: false,
            boxes,
        }
    }

    /// The file, `extra` bytes longer where that changes nothing of it.
    pub(crate) fn longer_by(&self, extra: usize, fill: u8) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if let Ok(size) = u32::try_from(extra)
            && self.boxes
            && extra >= 8
        {
            bytes.extend_from_slice(&size.to_be_bytes());
            bytes.extend_from_slice(b"free");
            bytes.resize(self.bytes.len() + extra, fill);
        }
        bytes
    }
}

/// All kinds.
pub(crate) fn all() -> Vec<Kind> {
    let h264 = |seconds: f64| Clip::default().seconds(seconds);
    let mpeg2 = ["-c:v", "mpeg2video", "-q:v", "6", "-g", "12"];
    let mpeg4 = ["-c:v", "mpeg4", "-q:v", "6", "-g", "25"];
    let hevc = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-tag:v",
        "hvc1",
        "-x265-params",
        "log-level=none",
    ];
    let copied = [
        "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p",
    ];
    let pcm = [&copied[..], &["-c:a", "pcm_s16le"]].concat();
    let fragmented = ["-movflags", "frag_keyframe+empty_moov"];
    let whole = h264(2.0).bytes();
    let mut kinds = vec![
        Kind::of("mp4", &h264(2.0), true),
        Kind::of("mp4 of 0.2 s", &h264(0.2), true),
        Kind::of("mp4 720p", &h264(1.0).size("1280x720"), true),
        Kind::of(
            "mp4 fragmented",
            &h264(3.0).file("clip.mp4", &fragmented),
            false,
        ),
        Kind::of("mkv", &h264(3.0).file("clip.mkv", &[]), false),
        Kind::of(
            "mov with pcm",
            &h264(4.0).encoder(&pcm).file("clip.mov", &[]),
            true,
        ),
        Kind::of("hevc", &h264(2.0).encoder(&hevc), true),
        Kind::of(
            "mpeg-2",
            &h264(8.0).encoder(&mpeg2).file("clip.mkv", &[]),
            false,
        ),
        Kind::of(
            "mpeg-4 480p in spans",
            &h264(7.0).size("608x456").encoder(&mpeg4),
            true,
        ),
    ];
    let steady = [
        &copied[..2],
        &["-preset", "ultrafast", "-b:v", "2M"],
        &copied[4..],
    ]
    .concat();
    kinds.push(Kind {
        arrives: true,
        ..Kind::of("mp4 in parts", &h264(30.0).encoder(&steady), true)
    });
    let half = whole[..whole.len() / 2].to_vec();
    for (name, bytes) in [("cut off", half), ("no film", vec![0x5a; 20_000])] {
        kinds.push(Kind {
            name,
            bytes,
            refused: true,
            arrives: false,
            boxes: false,
        });
    }
    kinds
}
