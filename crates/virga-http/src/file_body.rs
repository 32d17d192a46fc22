//! A body out of stretches of one file and bytes between them.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, IoSliceMut},
    os::unix::fs::FileExt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use rustix::io::ReadWriteFlags;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::sendfile::{FileQueue, LONGEST};

/// Bytes that are read at once where they are not in memory.
const READ: usize = 256 * 1024;
/// One byte in so many is looked at to learn whether a stretch is in memory: the kernel reads ahead and
/// forgets in stretches about as long.
const PROBED: usize = 64 * 1024;

/// What a body consists of.
#[derive(Clone, Debug)]
pub enum BodyPart {
    /// These bytes.
    Bytes(Bytes),
    /// Bytes of the file.
    File {
        /// The first one.
        offset: u64,
        /// How many.
        length: u64,
    },
}

impl BodyPart {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }
}

/// A body that the kernel sends from the file itself as far as the file is in memory; where it cannot, that is
/// read at once. The rest is read by threads that may wait for a disk. At most one read of 256 KiB is in memory
/// at a time.
#[derive(Debug)]
pub struct FileBody {
    queue: Option<FileQueue>,
    file: Arc<File>,
    parts: VecDeque<BodyPart>,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// The parts one after another, on the connection whose queue this is.
    pub fn new(queue: Option<FileQueue>, file: Arc<File>, parts: Vec<BodyPart>) -> Self {
        Self {
            queue,
            file,
            left: parts.iter().map(BodyPart::len).sum(),
            parts: parts.into(),
            reading: None,
        }
    }

    /// The next bytes, or their stand-in; `None` if a read was started that will deliver them.
    fn next(&mut self) -> Option<Bytes> {
        match self.parts.pop_front()? {
            BodyPart::Bytes(bytes) => Some(bytes),
            BodyPart::File { offset, length } => {
                let here = |most: usize| usize::try_from(length).map_or(most, |it| it.min(most));
                let resident = self
                    .queue
                    .as_ref()
                    .filter(|_| is_resident(&self.file, offset, here(LONGEST)));
                let taken = here(if resident.is_some() { LONGEST } else { READ });
                let rest = length - taken as u64;
                if rest > 0 {
                    let offset = offset + taken as u64;
                    let length = rest;
                    self.parts.push_front(BodyPart::File { offset, length });
                }
                let file = Arc::clone(&self.file);
                if let Some(queue) = resident {
                    return Some(queue.announce(file, offset, taken));
                }
                if self.queue.is_none()
                    && let Some(bytes) = read_resident(&file, offset, taken)
                {
                    return Some(bytes);
                }
                self.reading = Some(spawn_blocking(move || read(&file, offset, taken)));
                None
            }
        }
    }
}

fn read(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, offset)?;
    Ok(buffer.into())
}

/// The bytes of a stretch if all of it can be read without waiting for a disk.
fn read_resident(file: &File, offset: u64, length: usize) -> Option<Bytes> {
    if !is_resident(file, offset, length) {
        return None;
    }
    let mut buffer = vec![0; length];
    let buffers = &mut [IoSliceMut::new(&mut buffer)];
    let read = rustix::io::preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT);
    (read == Ok(length)).then(|| buffer.into())
}

/// Whether a stretch of a file can be read without waiting for a disk. No where the file system cannot tell.
fn is_resident(file: &File, offset: u64, length: usize) -> bool {
    let last = length.saturating_sub(1);
    (0..last).step_by(PROBED).chain([last]).all(|at| {
        let mut byte = [0];
        let buffers = &mut [IoSliceMut::new(&mut byte)];
        let place = offset + at as u64;
        rustix::io::preadv2(file, buffers, place, ReadWriteFlags::NOWAIT) == Ok(1)
    })
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let bytes = loop {
            if let Some(reading) = &mut this.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                this.reading = None;
                match read.map_err(io::Error::other).flatten() {
                    Ok(bytes) => break bytes,
                    Err(error) => {
                        tracing::warn!(%error, "a response was interrupted");
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
            if this.parts.is_empty() {
                return Poll::Ready(None);
            }
            match this.next() {
                Some(bytes) if bytes.is_empty() => {}
                Some(bytes) => break bytes,
                None => {}
            }
        };
        this.left = this.left.saturating_sub(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod over_sockets;
