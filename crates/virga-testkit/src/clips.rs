//! Clips made by ffmpeg: a moving test picture and a tone, small and short.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What to make. `Default`: two seconds of 320x180 H.264 with AAC, index last.
#[derive(Clone, Debug)]
pub struct Clip {
    seconds: f64,
    size: String,
    audio: bool,
    subtitles: Option<String>,
    args: Vec<String>,
    name: String,
    muxer: Vec<String>,
}

impl Default for Clip {
    fn default() -> Self {
        Self {
            seconds: 2.0,
            size: "320x180".to_owned(),
            audio: true,
            subtitles: None,
            args: [
                "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p",
            ]
            .map(str::to_owned)
            .to_vec(),
            name: "clip.mp4".to_owned(),
            muxer: Vec::new(),
        }
    }
}

impl Clip {
    /// How long.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    /// `WIDTHxHEIGHT`.
    #[must_use]
    pub fn size(mut self, size: &str) -> Self {
        size.clone_into(&mut self.size);
        self
    }

    /// Without sound.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.audio = false;
        self
    }

    /// With subtitles in English that say this for two seconds.
    #[must_use]
    pub fn subtitles(mut self, text: &str) -> Self {
        self.subtitles = Some(text.to_owned());
        self
    }

    /// In place of the encoder's arguments.
    #[must_use]
    pub fn encoder(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(ToString::to_string).collect();
        self
    }

    /// File name (its extension chooses the container) and muxer arguments.
    #[must_use]
    pub fn file(mut self, name: &str, muxer: &[&str]) -> Self {
        name.clone_into(&mut self.name);
        self.muxer = muxer.iter().map(ToString::to_string).collect();
        self
    }

    /// Makes it in `folder`.
    ///
    /// # Panics
    /// Where ffmpeg is missing or refuses.
    pub fn make(&self, folder: &Path) -> PathBuf {
        let file = folder.join(&self.name);
        #[expect(
            clippy::disallowed_methods,
            reason = "tests make their clips with ffmpeg"
        )]
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i"]);
        ffmpeg.arg(format!(
            "testsrc2=size={}:rate=25:duration={}",
            self.size, self.seconds
        ));
        if self.audio {
            let tone = format!(
                "sine=frequency=440:sample_rate=48000:duration={}",
                self.seconds
            );
            ffmpeg.args(["-f", "lavfi", "-i"]).arg(tone);
        }
        if let Some(text) = &self.subtitles {
            let script = folder.join("clip.srt");
            let cue = format!("1\n00:00:00,000 --> 00:00:02,000\n{text}\n");
            std::fs::write(&script, cue).expect("a folder to write to");
            ffmpeg.arg("-i").arg(script);
            ffmpeg.args(["-c:s", "mov_text", "-metadata:s:s:0", "language=eng"]);
        }
        if self.audio {
            ffmpeg.args(["-c:a", "aac"]);
        }
        ffmpeg.args(&self.args).args(&self.muxer).arg(&file);
        let status = ffmpeg
            .stdout(Stdio::null())
            .status()
            .expect("ffmpeg is installed");
        assert!(status.success(), "ffmpeg could not make {self:?}");
        file
    }

    /// Makes it and reads it.
    ///
    /// # Panics
    /// Where ffmpeg is missing or refuses.
    pub fn bytes(&self) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::read(self.make(folder.path())).expect("the clip was made")
    }
}
