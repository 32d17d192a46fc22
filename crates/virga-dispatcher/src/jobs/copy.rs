//! A picture that browsers play, in a container that only ffmpeg reads: it is copied and not encoded, and
//! plays while it is copied. So does its sound; where browsers do not play that, it is encoded along.
//! What proves unfit on the way is withdrawn and encoded whole.

use tokio_util::sync::CancellationToken;
use virga_core::job::Job;
use virga_media::TranscodeReason;

use super::{
    copied::{as_copied, copyable},
    encoding::Ready,
    probe::{as_row, beside},
};
use crate::{
    ffmpeg::{self, Copyable},
    grow::{Encoded, GrownTracks, Growth, Picture, Shown},
    job_result::{JobError, JobResult, Outcome},
    scratch,
    work::Work,
};

/// A copy that ends with an error so close to the announced end is whole: the recording was cut off there.
const CUT_OFF: i64 = 1_000_000;

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let ready = Ready::open(work, &row).await?;
    let Some(may) = copyable(ready.source.container, &ready.probed) else {
        return Ok(encode_all().into());
    };
    let grown = match Box::pin(copy(work, &ready, may)).await {
        Ok(grown) => grown,
        Err(JobError::Fail(reason)) => {
            tracing::info!(%reason, "the picture is not copied");
            return Ok(encode_all().into());
        }
        Err(error) => return Err(error),
    };
    let table = grown.picture.ok_or_else(JobError::no_file)?;
    let shape = as_copied(&ready.probed, &table);
    Ok(Outcome {
        ends_growing: true,
        shape: Some(as_row(&shape, table.duration_micros())),
        next: vec![beside(work, &shape)],
        tracks: grown.rows,
        ..Outcome::default()
    }
    .into())
}

/// What was published of it goes: it has no end.
fn encode_all() -> Outcome {
    Outcome {
        withdraws_growing: true,
        next: vec![Job::FirstRung],
        ..Outcome::default()
    }
}

async fn copy(work: &Work<'_>, ready: &Ready, may: Copyable) -> Result<GrownTracks, JobError> {
    let (session, probed) = (ready.session(work), &ready.probed);
    let (len, shape) = (ready.source.media.len, &probed.shape);
    // In scratch, and as pieces and as a whole in the store.
    scratch::require(work, ffmpeg::most_copied(len).saturating_mul(3))?;
    let micros = u64::try_from(shape.duration_micros).unwrap_or(0).max(1);
    let rate = u64::try_from(u128::from(len) * 8_000_000 / u128::from(micros));
    let (picture, sound) = (
        ffmpeg::copied_path(&session),
        ffmpeg::sound_path(&session, probed),
    );
    let mut growth = Growth::new(
        work,
        Encoded {
            picture: Some(Picture {
                of: Shown::Copied {
                    height: shape.width.min(shape.height),
                    rate: rate.unwrap_or(0),
                },
                path: &picture,
            }),
            sound: sound.as_deref(),
            own: None,
            until: 0,
            frame_rate: shape.frame_rate,
            length: shape.duration_micros,
            late: probed.late_micros,
            sound_rate: ffmpeg::SOUND_RATE,
            sound_copied: may.sound,
        },
    );
    let ended = CancellationToken::new();
    let copying = async {
        let _ended = ended.clone().drop_guard();
        Ok(ffmpeg::copy(&session, probed, len).await)
    };
    let (copied, ()) = tokio::try_join!(copying, growth.follow(&ended))?;
    match copied {
        Err(JobError::Broke(why)) if shape.duration_micros - growth.reaches() > CUT_OFF => {
            tracing::info!(why, "the copy ended early");
            return Err(TranscodeReason::Truncated.into());
        }
        Ok(()) | Err(JobError::Broke(_)) => {}
        Err(error) => return Err(error),
    }
    let (_, grown) = growth.finish().await?;
    // Another ffmpeg began it, or the first frame is not the one that was announced.
    grown.ok_or_else(|| TranscodeReason::ChangingParameters.into())
}
