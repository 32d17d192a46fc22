//! How large a video may be.

use virga_core::Code;
use virga_media::SourceShape;

use crate::{DispatcherConfig, job_result::JobError};

const LONG_SIDE: u32 = 8192;
const SHORT_SIDE: u32 = 4320;
const FRAME_RATE: f64 = 240.0;

/// Refuses what is beyond the limits.
pub(super) fn check(config: &DispatcherConfig, shape: &SourceShape) -> Result<(), JobError> {
    check_picture(shape)?;
    let most = config.limits.max_duration_seconds;
    let seconds = u64::try_from(shape.duration_micros / 1_000_000).unwrap_or(0);
    if seconds > most {
        let (is, most) = (seconds.div_ceil(60), most / 60);
        let text = format!("It is {is} minutes long. At most {most} minutes are taken here.");
        return Err(JobError::fail(Code::TooLong, text));
    }
    check_work(config.limits.max_pixel_frames, shape)?;
    // The average of a very short file says little.
    if shape.frame_rate > FRAME_RATE && seconds > 1 {
        let rate = shape.frame_rate;
        let text =
            format!("It has {rate:.0} frames a second. At most {FRAME_RATE:.0} are taken here.");
        return Err(JobError::fail(Code::FrameRateTooHigh, text));
    }
    Ok(())
}

/// Refuses what would take too long to encode.
fn check_work(most: u64, shape: &SourceShape) -> Result<(), JobError> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, positive and in range"
    )]
    let (frames, per_minute) = {
        let rate = shape.frame_rate.clamp(1.0, FRAME_RATE);
        let seconds = shape.duration_micros.max(0) as f64 / 1e6;
        ((rate * seconds) as u64, (rate * 60.0) as u64)
    };
    let pixels = u64::from(shape.width) * u64::from(shape.height);
    if pixels.saturating_mul(frames) <= most {
        return Ok(());
    }
    let minutes = most / pixels.saturating_mul(per_minute).max(1);
    let (width, height, rate) = (shape.width, shape.height, shape.frame_rate);
    let text = format!(
        "At its size and frame rate ({width}x{height}, {rate:.0} a second) at most {minutes} minutes \
         are taken here."
    );
    Err(JobError::fail(Code::TooLong, text))
}

/// Refuses a picture beyond the limits.
pub(super) fn check_picture(shape: &SourceShape) -> Result<(), JobError> {
    let (width, height) = (shape.width, shape.height);
    if width.max(height) <= LONG_SIDE && width.min(height) <= SHORT_SIDE {
        return Ok(());
    }
    let text = format!(
        "Its picture has {width}x{height} pixels. At most {LONG_SIDE}x{SHORT_SIDE} are taken here."
    );
    Err(JobError::fail(Code::PictureTooLarge, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> SourceShape {
        SourceShape {
            width: 4320,
            height: 8192,
            frame_rate: 240.0,
            duration_micros: 600 * 1_000_000,
            video_bitrate: 0,
            instant_bitrate: None,
            has_audio: true,
        }
    }

    #[test]
    fn each_limit_is_named_in_its_refusal() {
        let config = DispatcherConfig::default();
        assert!(check(&config, &shape()).is_ok());
        let cases = [
            (
                SourceShape {
                    width: 4322,
                    ..shape()
                },
                "pixels",
            ),
            (
                SourceShape {
                    height: 8194,
                    ..shape()
                },
                "pixels",
            ),
            (
                SourceShape {
                    duration_micros: 12 * 3600 * 1_000_000 + 1_000_000,
                    ..shape()
                },
                "is 721 minutes",
            ),
            (
                SourceShape {
                    duration_micros: 3600 * 1_000_000,
                    ..shape()
                },
                "at most 10 minutes",
            ),
            (
                SourceShape {
                    frame_rate: 1000.0,
                    ..shape()
                },
                "frames",
            ),
        ];
        for (shape, word) in cases {
            let error = check(&config, &shape).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
