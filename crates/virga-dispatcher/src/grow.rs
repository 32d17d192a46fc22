//! Tracks that play while they are encoded. Next to the encoder runs a reader of its files, which cuts what
//! is there into segments and makes pieces of them; once a player could not catch up any more, the pieces
//! are published, and when the encoder has ended, one object takes their place. What ffmpeg copies grows in
//! the same way, and is looked at on its way.

mod copied;
mod names;
mod pace;
mod tail;
mod track;

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;
use virga_core::{presentation::TrackBody, wire::Effect};
use virga_db::{GrowingRow, TrackRow, TrackRowKind, growing, tracks, videos};
use virga_media::{Announced, GrowingTrack, Movie, Rung, Sample, TrackTable, TranscodeReason};

use self::{
    copied::Copied,
    names::{picture_row, sound_row},
    pace::Pace,
    tail::FragmentTail,
    track::TrackGrowth,
};
use crate::{job_result::JobError, media::Media, pack, work::Work};

/// How often the encoder's files are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Sound that ends by more than this before the picture is continued by silence.
pub(crate) const EARLY_END: i64 = 100_000;
/// Sound further off than this from the picture must be encoded again, so it does not grow.
pub(crate) const TOLERANCE: i64 = 20_000;
/// AAC-LC, two channels: one packet of silence (ISO/IEC 14496-3, a channel pair without spectral data).
const SILENCE: [u8; 6] = [0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];
/// Samples of sound in a packet of AAC.
const PACKET: u32 = 1024;
/// An encoded packet that lasts less, in samples, comes for a moment that has one: two recordings meet there.
const DROWNED: u32 = PACKET / 8;

/// What is encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a> {
    /// `None`: the sound alone, whose 0 is the first frame of the source.
    pub(crate) picture: Option<Picture<'a>>,
    pub(crate) sound: Option<&'a Path>,
    /// The source's own picture or sound, which is published with what grows.
    pub(crate) own: Option<&'a TrackRow>,
    /// Frames a second of the picture.
    pub(crate) frame_rate: f64,
    /// The picture is shown at least until then, microseconds.
    pub(crate) until: i64,
    /// Length of the film, microseconds; 0 where it is not known.
    pub(crate) length: i64,
    /// When the first frame should be shown on the encoder's clock, microseconds.
    pub(crate) late: i64,
    /// Bits a second of the sound.
    pub(crate) sound_rate: u64,
    /// The sound is copied.
    pub(crate) sound_copied: bool,
}

/// A picture, and the encoder's file of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) of: Shown<'a>,
    pub(crate) path: &'a Path,
}

/// What a picture is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    /// Encoded.
    Rung(&'a Rung),
    /// The source's own, copied.
    Copied {
        /// Its shorter side.
        height: u32,
        /// Bits a second, about.
        rate: u64,
    },
}

impl Shown<'_> {
    /// Bits a second, at most and on average.
    fn rates(self) -> (u64, u64) {
        match self {
            // Boxes come to some per cent of a thin picture.
            Self::Rung(rung) => (u64::from(rung.maxrate) / 20 * 21, rung.maxrate.into()),
            Self::Copied { rate, .. } => (rate.saturating_mul(2), rate),
        }
    }
}

/// The encoder's files, read to their ends.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) picture: Option<Movie>,
    pub(crate) sound: Option<Movie>,
}

/// Tracks that grew to their ends.
#[derive(Debug)]
pub(crate) struct GrownTracks {
    pub(crate) rows: Vec<TrackRow>,
    pub(crate) picture: Option<TrackTable>,
}

/// The tracks of one encode.
#[derive(Debug)]
pub(crate) struct Growth<'a> {
    work: &'a Work<'a>,
    encoded: Encoded<'a>,
    picture: Option<Part>,
    sound: Option<Part>,
    pace: Pace,
    published: bool,
    /// What comes out of the encoder cannot play before it is whole.
    given_up: bool,
}

/// One file of the encoder, and the track that grows out of it.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    tail: FragmentTail,
    track: Option<TrackGrowth>,
    /// Looks at what is copied.
    copied: Option<Copied>,
}

impl Part {
    fn new(path: &Path, copied: Option<Copied>) -> Self {
        Self {
            path: path.to_owned(),
            tail: FragmentTail::new(path.to_owned()),
            track: None,
            copied,
        }
    }

    /// The samples of the next fragment, `None`: nothing new yet.
    async fn next(&mut self) -> Result<Option<Vec<Sample>>, JobError> {
        let Some(samples) = self.tail.next().await? else {
            return Ok(None);
        };
        match &mut self.copied {
            Some(copied) => Ok(Some(copied.pass(&mut self.tail, samples).await?)),
            None => Ok(Some(samples)),
        }
    }

    /// Begins the track; `false`: it cannot go on where an earlier try stopped. `origin`: the moment of the
    /// file that is 0, the first frame's where there is none.
    async fn begin(
        &mut self,
        work: &Work<'_>,
        origin: Option<i64>,
        announced: Announced,
        row: GrowingRow,
    ) -> Result<bool, JobError> {
        let Some(movie) = self.tail.movie().await? else {
            return Ok(false);
        };
        let of_kind = match row.kind {
            TrackRowKind::Video => movie.video(),
            TrackRowKind::Audio => movie.audio(),
        };
        let Some(index) = of_kind else {
            return Ok(false);
        };
        let track = GrowingTrack::new(&movie, index, origin, announced)?;
        let head = String::from_utf8_lossy(&track.head().to_json()).into_owned();
        let row = GrowingRow { head, ..row };
        let media = Media::scratch(&self.path)?;
        self.track = TrackGrowth::begin(work, track, row, media).await?;
        Ok(self.track.is_some())
    }

    async fn push(&mut self, work: &Work<'_>, samples: Vec<Sample>) -> Result<(), JobError> {
        match &mut self.track {
            Some(track) => track.push(work, samples).await,
            None => Ok(()),
        }
    }

    fn made(&self) -> i64 {
        self.track.as_ref().map_or(0, TrackGrowth::made)
    }

    fn found(&self) -> i64 {
        self.track.as_ref().map_or(0, TrackGrowth::found)
    }

    fn ends(&self) -> i64 {
        self.track.as_ref().map_or(0, TrackGrowth::ends)
    }
}

impl<'a> Growth<'a> {
    pub(crate) fn new(work: &'a Work<'a>, encoded: Encoded<'a>) -> Self {
        Self {
            work,
            encoded,
            picture: encoded.picture.map(|picture| {
                let copied = matches!(picture.of, Shown::Copied { .. });
                Part::new(picture.path, copied.then(Copied::picture))
            }),
            sound: encoded.sound.map(|path| {
                let copied = encoded.sound_copied.then(Copied::sound);
                Part::new(path, copied)
            }),
            pace: Pace::new(encoded.length),
            published: false,
            given_up: encoded.length <= 0,
        }
    }

    /// Reads along until the encoder has ended and all that it wrote is read.
    pub(crate) async fn follow(&mut self, ended: &CancellationToken) -> Result<(), JobError> {
        loop {
            let last = ended.is_cancelled();
            let picture = self.step_picture().await?;
            if self.given_up && self.is_copied() {
                // In vain: what is copied is of no use but as it grows.
                return Err(TranscodeReason::ChangingParameters.into());
            }
            if self.step_sound().await? || picture {
                self.publish_in_time().await?;
            } else if last {
                return Ok(());
            } else {
                tokio::select! {
                    () = ended.cancelled() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
    }

    /// Takes a fragment of the picture; whether there was one.
    async fn step_picture(&mut self) -> Result<bool, JobError> {
        let (Some(picture), Some(of)) = (&mut self.picture, self.encoded.picture) else {
            return Ok(false);
        };
        let Some(samples) = picture.next().await? else {
            return Ok(false);
        };
        if picture.track.is_none() && !self.given_up {
            let (bandwidth_peak, bandwidth_average) = of.of.rates();
            let announced = Announced {
                bandwidth_peak,
                bandwidth_average,
                frame_rate: self.encoded.frame_rate,
            };
            let row = picture_row(self.work, of.of);
            self.given_up |= !picture.begin(self.work, None, announced, row).await?;
        }
        picture.push(self.work, samples).await?;
        Ok(true)
    }

    /// Takes a fragment of the sound; whether there was one.
    async fn step_sound(&mut self) -> Result<bool, JobError> {
        let origin = self.origin();
        let late = self.lateness();
        let Some(sound) = &mut self.sound else {
            return Ok(false);
        };
        if origin.is_none() && !self.given_up {
            // Its 0 is the picture's first frame, which is not there yet.
            return Ok(false);
        }
        let Some(samples) = sound.next().await? else {
            return Ok(false);
        };
        if let (None, Some(origin), false) = (&sound.track, origin, self.given_up) {
            let rate = self.encoded.sound_rate;
            let announced = Announced {
                bandwidth_peak: rate + rate / 10,
                bandwidth_average: rate,
                frame_rate: 0.0,
            };
            let row = sound_row(self.work);
            let near = late.is_some_and(|late| late.abs() <= TOLERANCE);
            self.given_up = !near || !sound.begin(self.work, Some(origin), announced, row).await?;
        }
        let mut samples = samples;
        if !self.encoded.sound_copied {
            samples.retain(|sample| sample.duration >= DROWNED);
        }
        sound.push(self.work, samples).await?;
        Ok(true)
    }

    /// The moment of the sound's file that is the picture's first frame.
    fn origin(&self) -> Option<i64> {
        // Encoded sound begins with the first frame that is announced, copied sound where it did.
        let copied = self.encoded.sound_copied;
        let began = if copied { self.encoded.late } else { 0 };
        Some(began + self.lateness()?)
    }

    /// How far the picture's first frame is from where it is announced.
    fn lateness(&self) -> Option<i64> {
        let Some(picture) = &self.picture else {
            return Some(0);
        };
        Some(picture.track.as_ref()?.first_shown()? - self.encoded.late)
    }

    fn is_copied(&self) -> bool {
        let of = self.encoded.picture.map(|picture| picture.of);
        matches!(of, Some(Shown::Copied { .. }))
    }

    /// When what there is of all tracks ends, microseconds.
    pub(crate) fn reaches(&self) -> i64 {
        self.least(Part::ends)
    }

    /// The smaller one of the parts' figures.
    fn least(&self, figure: fn(&Part) -> i64) -> i64 {
        let parts = self.picture.iter().chain(&self.sound);
        parts.map(figure).min().unwrap_or(0)
    }

    /// Publishes the tracks once that is safe, and notes until then when it will be.
    async fn publish_in_time(&mut self) -> Result<(), JobError> {
        let made = self.least(Part::made);
        self.pace.found(self.least(Part::found));
        // The source's own sound is published with it, which keeps its place from there.
        let heard = |row: &TrackRow| row.kind == TrackRowKind::Audio;
        if !self.published && self.encoded.own.is_some_and(heard) {
            self.given_up |= self.lateness().is_some_and(|late| late.abs() > TOLERANCE);
        }
        if self.given_up || self.published || made == 0 || made == self.pace.standing() {
            return Ok(());
        }
        let now = Instant::now();
        self.pace.note(now, made);
        let Some(wait) = self.pace.wait(now) else {
            return Ok(());
        };
        let (app, job, own) = (self.work.app(), self.work.job, self.encoded.own);
        if !wait.is_zero() {
            let expected = app.clock.now().plus(wait);
            return Ok(growing::expect(app.db.write(), job, expected).await?);
        }
        let published = app.change(job.video, |change| async move {
            if !growing::publish(&change.tx, job, change.now).await? {
                return Ok(change.leave(false));
            }
            if let Some(row) = own {
                tracks::put(&change.tx, row).await?;
            }
            videos::set_failure(&change.tx, job.video, None).await?;
            videos::raise_version(&change.tx, job.video, Effect::Add, change.now).await?;
            Ok(change.store(true).await?)
        });
        if published.await? {
            tracing::info!(job = job.id, video = %job.video, made, "plays while it is encoded");
        }
        self.published = true;
        virga_app::fail::point("grow.published");
        Ok(())
    }

    /// The encoder has ended: the last pieces, and one object for each track. `None` where the tracks could
    /// not grow; the files are as they are.
    pub(crate) async fn finish(mut self) -> Result<(Files, Option<GrownTracks>), JobError> {
        let grown = self.end().await?;
        if let Some(sound) = &mut self.sound {
            // It may have waited for a picture that was too short to begin.
            while sound.next().await?.is_some() {}
        }
        let files = Files {
            picture: whole(self.picture)?,
            sound: whole(self.sound)?,
        };
        Ok((files, grown))
    }

    /// Whether it is known when the picture begins. So few frames that they may all still change places do not
    /// say it, and the sound waits for it.
    fn has_begun(&self) -> bool {
        let begun = |part: &Part| {
            let track = part.track.as_ref();
            track.is_some_and(|track| track.first_shown().is_some())
        };
        self.picture.as_ref().is_none_or(begun)
    }

    async fn end(&mut self) -> Result<Option<GrownTracks>, JobError> {
        if self.given_up || !self.has_begun() {
            return Ok(None);
        }
        let picture_ends = self.picture.as_ref().map_or(0, Part::ends);
        let mut until = picture_ends.max(self.encoded.until);
        let mut rows = Vec::new();
        if let Some(sound) = &mut self.sound
            && sound.track.is_some()
        {
            sound.last(self.work).await?;
            if picture_ends - sound.ends() > EARLY_END && sound.may_be_continued(picture_ends)? {
                sound.continue_in_silence(picture_ends).await?;
            }
            until = until.max(sound.ends());
            rows.push(sound.whole(self.work, 0, sound_row(self.work)).await?.0);
        }
        let mut table = None;
        if let (Some(picture), Some(of)) = (&mut self.picture, self.encoded.picture) {
            picture.check_end(until)?;
            let row = picture_row(self.work, of.of);
            let (row, made) = picture.whole(self.work, until, row).await?;
            rows.insert(0, row);
            table = Some(made);
        }
        Ok(Some(GrownTracks {
            rows,
            picture: table,
        }))
    }
}

/// The index of a file that was read to its end.
fn whole(part: Option<Part>) -> Result<Option<Movie>, JobError> {
    part.map_or(Ok(None), |part| part.tail.finish())
}

impl Part {
    /// Passes on what was held back until its end was known.
    async fn last(&mut self, work: &Work<'_>) -> Result<(), JobError> {
        let rest = self.copied.as_mut().and_then(Copied::rest);
        self.push(work, rest.into_iter().collect()).await
    }

    /// Whether silence may follow: what is copied need not be of our encoder's channels.
    fn may_be_continued(&self, until: i64) -> Result<bool, JobError> {
        let missing = until - self.ends();
        self.copied
            .as_ref()
            .map_or(Ok(true), |copied| copied.may_be_continued(missing))
    }

    /// Whether the last frame may be held until then.
    fn check_end(&self, until: i64) -> Result<(), JobError> {
        let held = until.max(self.ends());
        self.copied
            .as_ref()
            .map_or(Ok(()), |copied| copied.check_end(held))
    }

    /// Silent packets behind the encoder's, until `until` microseconds.
    async fn continue_in_silence(&mut self, until: i64) -> Result<(), JobError> {
        let path = self.path.clone();
        let append = move || -> std::io::Result<u64> {
            let mut file = File::options().append(true).open(path)?;
            let offset = file.metadata()?.len();
            file.write_all(&SILENCE)?;
            Ok(offset)
        };
        let offset = spawn_blocking(append).await??;
        match &mut self.track {
            Some(track) => track.push_silence(&SILENCE, PACKET, offset, until),
            None => Ok(()),
        }
    }

    /// Ends the track and makes one object of its pieces.
    async fn whole(
        &mut self,
        work: &Work<'_>,
        until: i64,
        row: GrowingRow,
    ) -> Result<(TrackRow, TrackTable), JobError> {
        let track = self.track.as_mut().ok_or_else(JobError::no_file)?;
        track.end(work, until).await?;
        let (object, table) = track.join(work).await?;
        let table_key = work.table_key(&row.name)?;
        let body = TrackBody::Object { object };
        let row = pack::row(work, row.name, row.rung, &table, &table_key, body);
        work.put(&table_key, table.to_json().into()).await?;
        Ok((row, table))
    }
}
