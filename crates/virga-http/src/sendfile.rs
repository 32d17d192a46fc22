//! Bytes of files on their way from the page cache to a socket without passing through this process
//! (sendfile(2)).
//!
//! It happens beneath hyper, so that one implementation of HTTP decides what is sent, whatever it is. hyper
//! knows a body as bytes in memory only; so a stretch of a file is handed to it as a stand-in of the same
//! length: bytes of one region that nothing else uses and nobody reads. Where such bytes arrive at the socket,
//! the stretch that was announced for them is sent in their place. Both come in the order of the body.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// The longest stretch that is announced at once, bytes.
pub(crate) const LONGEST: usize = 1024 * 1024;

/// The region that stand-ins are slices of. Its pages are never written, so it takes up no memory.
static STAND_IN: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![0; LONGEST]));

/// Whether these bytes stand in for those of a file.
fn stands_in(bytes: &[u8]) -> bool {
    !bytes.is_empty() && STAND_IN.as_ptr_range().contains(&bytes.as_ptr())
}

/// A stretch of a file that is not all sent yet.
#[derive(Debug)]
struct Stretch {
    file: Arc<File>,
    offset: u64,
    left: usize,
}

/// The stretches of files on their way out on one connection. Whoever makes a body finds it among the
/// request's extensions; without one, bytes of files are read into memory.
#[derive(Clone, Debug, Default)]
pub struct FileQueue(Arc<Mutex<VecDeque<Stretch>>>);

impl FileQueue {
    /// Puts a stretch of at most [`LONGEST`] bytes last in the queue; what the body holds in its place.
    pub(crate) fn announce(&self, file: Arc<File>, offset: u64, length: usize) -> Bytes {
        let left = length.min(LONGEST);
        let stretch = Stretch { file, offset, left };
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back(stretch);
        STAND_IN.slice(..left)
    }

    /// Sends up to `most` bytes of the first stretch.
    fn send(&self, socket: &TcpStream, most: usize) -> io::Result<usize> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = queue.front_mut().filter(|first| first.left >= most);
        // Nothing but these bytes may be sent here; the connection ends with the error.
        let first = first.ok_or_else(|| io::Error::other("no file was announced"))?;
        let sent = rustix::fs::sendfile(socket, &*first.file, Some(&mut first.offset), most)?;
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        first.left -= sent;
        if first.left == 0 {
            queue.pop_front();
        }
        Ok(sent)
    }
}

/// A socket that sends files where their stand-ins are written to it.
#[derive(Debug)]
pub(crate) struct FileSocket {
    socket: TcpStream,
    queue: FileQueue,
}

impl FileSocket {
    /// Over a connection, and what announces files for it.
    pub(crate) fn new(socket: TcpStream) -> (Self, FileQueue) {
        let queue = FileQueue::default();
        let announced = queue.clone();
        (Self { socket, queue }, announced)
    }

    /// Tries again whenever the socket has room.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        mut send: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            match self.socket.try_io(Interest::WRITABLE, &mut send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncRead for FileSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for FileSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let slices = match slices.iter().position(|slice| !slice.is_empty()) {
            Some(first) => &slices[first..],
            None => return Poll::Ready(Ok(0)),
        };
        match slices.iter().position(|slice| stands_in(slice)) {
            Some(0) => {
                let most = slices[0].len();
                self.poll_send(cx, || self.queue.send(&self.socket, most))
            }
            // More follows: the head leaves in one packet with the file's first bytes.
            Some(files) => self.poll_send(cx, || {
                let mut none = SendAncillaryBuffer::default();
                let (head, flags) = (&slices[..files], SendFlags::MORE | SendFlags::NOSIGNAL);
                Ok(rustix::net::sendmsg(&self.socket, head, &mut none, flags)?)
            }),
            None => Pin::new(&mut self.socket).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        // hyper then passes a body's bytes on as they are, and copies none of them together.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
