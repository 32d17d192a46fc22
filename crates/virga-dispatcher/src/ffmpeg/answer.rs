//! What ffprobe answers, of which only what is asked for is read.

use std::time::Duration;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) streams: Vec<Stream>,
    #[serde(default)]
    pub(super) format: Format,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Format {
    pub(super) start_time: Option<String>,
    pub(super) duration: Option<String>,
    pub(super) bit_rate: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) index: usize,
    pub(super) codec_type: String,
    pub(super) codec_name: String,
    pub(super) profile: Option<String>,
    pub(super) pix_fmt: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect_ratio: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) avg_frame_rate: Option<String>,
    pub(super) r_frame_rate: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) duration: Option<String>,
    pub(super) bit_rate: Option<String>,
    pub(super) channels: u32,
    /// Frames that the decoder holds back to bring them in order.
    pub(super) has_b_frames: u32,
    pub(super) disposition: Disposition,
    pub(super) tags: Tags,
    pub(super) side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Disposition {
    pub(super) default: u8,
    pub(super) attached_pic: u8,
    pub(super) comment: u8,
    pub(super) forced: u8,
    pub(super) hearing_impaired: u8,
    pub(super) visual_impaired: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tags {
    pub(super) language: Option<String>,
    pub(super) title: Option<String>,
    pub(super) handler_name: Option<String>,
}

impl Tags {
    /// What the file calls the stream; may be empty.
    pub(super) fn name(self) -> String {
        // In MP4 a track's name may be its handler's, which else is the word of a program.
        let handler = self.handler_name.filter(|name| {
            let name = name.to_ascii_lowercase();
            !name.contains("handler") && !name.contains("gpac") && !name.contains("core media")
        });
        self.title.or(handler).unwrap_or_default()
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SideData {
    pub(super) rotation: Option<f64>,
}

impl Stream {
    /// When it begins, microseconds.
    pub(super) fn begins(&self) -> Option<i64> {
        micros(self.start_time.as_deref())
    }

    /// Whether it must be turned to be shown.
    pub(super) fn is_turned(&self) -> bool {
        let turns = self.side_data_list.iter().filter_map(|side| side.rotation);
        turns.into_iter().any(|turn| turn != 0.0)
    }
}

/// Seconds with a fraction, as microseconds.
pub(super) fn micros(text: Option<&str>) -> Option<i64> {
    let seconds: f64 = text?.parse().ok()?;
    let duration = Duration::try_from_secs_f64(seconds.abs()).ok()?;
    let micros = i64::try_from(duration.as_micros()).ok()?;
    Some(if seconds < 0.0 { -micros } else { micros })
}
