//! Reads an MP4 in fragments while ffmpeg writes it.

use std::{fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc};

use tokio::task::spawn_blocking;
use virga_media::{FragmentIndex, Fragments, Movie, Sample};

use crate::job_result::JobError;

/// Our own encoder's index of fragments is smaller than this by far.
const LIMIT: u64 = 64 << 20;

/// The file, as far as it was read.
#[derive(Debug)]
pub(super) struct FragmentTail {
    path: PathBuf,
    file: Option<Arc<File>>,
    at: u64,
    index: Option<Index>,
}

/// The description of the tracks, and the fragments after it.
#[derive(Debug)]
struct Index {
    movie: Arc<Movie>,
    next: Fragments,
    all: FragmentIndex,
}

/// A box at the top of the file.
#[derive(Clone, Copy, Debug)]
struct TopBox {
    kind: [u8; 4],
    len: u64,
}

impl FragmentTail {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            at: 0,
            index: None,
        }
    }

    /// The tracks, once their description is there.
    pub(super) async fn movie(&mut self) -> Result<Option<Arc<Movie>>, JobError> {
        while self.index.is_none() {
            let Some(found) = self.whole_box(self.at).await? else {
                return Ok(None);
            };
            if &found.kind == b"moov" {
                let moov = self.read(self.at, found.len).await?;
                // Fragments lie beyond what there is of the file now.
                let movie = Movie::parse(&moov, u64::MAX).map_err(|error| own(&error))?;
                self.index = Some(Index {
                    next: Fragments::new(&movie),
                    all: FragmentIndex::new(&movie, u64::MAX).map_err(|error| own(&error))?,
                    movie: Arc::new(movie),
                });
            }
            self.at += found.len;
        }
        Ok(self.index.as_ref().map(|index| Arc::clone(&index.movie)))
    }

    /// The samples of the next fragment that is there with its media; `None`: nothing new yet. The file has
    /// one track.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Sample>>, JobError> {
        if self.movie().await?.is_none() {
            return Ok(None);
        }
        loop {
            let Some(found) = self.whole_box(self.at).await? else {
                return Ok(None);
            };
            if &found.kind != b"moof" {
                self.at += found.len;
                continue;
            }
            let media = self.at + found.len;
            let Some(mdat) = self.whole_box(media).await? else {
                return Ok(None);
            };
            let moof = self.read(self.at, found.len).await?;
            let at = std::mem::replace(&mut self.at, media + mdat.len);
            let Some(index) = &mut self.index else {
                return Ok(None);
            };
            index.all.add(&moof, at).map_err(|error| own(&error))?;
            let found = index.next.read(&moof, at).map_err(|error| own(&error))?;
            let samples = found.into_iter().flat_map(|of_track| of_track.samples);
            return Ok(Some(samples.collect()));
        }
    }

    /// The whole file's index, once all of it was read.
    pub(super) fn finish(self) -> Result<Option<Movie>, JobError> {
        let Some(index) = self.index else {
            return Ok(None);
        };
        let mut movie = Arc::unwrap_or_clone(index.movie);
        index.all.finish(&mut movie).map_err(|error| own(&error))?;
        Ok(Some(movie))
    }

    /// Bytes that are there.
    pub(super) async fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, JobError> {
        let missing = || JobError::Retry("the encoder's file is gone".to_owned());
        let file = Arc::clone(self.file.as_ref().ok_or_else(missing)?);
        let read = spawn_blocking(move || {
            let mut buffer = vec![0; usize::try_from(len).unwrap_or(0)];
            file.read_exact_at(&mut buffer, offset).map(|()| buffer)
        });
        Ok(read.await??)
    }

    /// The box that begins here, if all of it is there.
    async fn whole_box(&mut self, at: u64) -> Result<Option<TopBox>, JobError> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(Arc::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.into()),
            };
        }
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let size = file.metadata()?.len();
        if size < at + 16 {
            return Ok(None);
        }
        let head = self.read(at, 16).await?;
        let (short, kind, long) = (&head[..4], &head[4..8], &head[8..16]);
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |all, byte| all << 8 | u64::from(*byte))
        };
        let len = match number(short) {
            1 => number(long),
            short => short,
        };
        if len < 8 || (kind != b"mdat" && len > LIMIT) {
            return Err(JobError::Retry("the encoder's file is broken".to_owned()));
        }
        let kind = [kind[0], kind[1], kind[2], kind[3]];
        Ok((at + len <= size).then_some(TopBox { kind, len }))
    }
}

fn own(error: &virga_media::MediaError) -> JobError {
    JobError::Retry(format!("the encoder's output: {error}"))
}
