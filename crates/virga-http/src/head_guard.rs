//! A socket that checks request heads strictly against RFC 9112 before the parser sees them. If two
//! parsers disagree on where a request ends, a second request can be smuggled past a load balancer.
//! So anything ambiguous is refused: bare line feeds, folded lines, two lengths, a length together
//! with a transfer coding.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::fair::Permit;

/// What of a header line is kept to look at: more than any length needs.
const KEPT: usize = 64;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Reads as the socket does, but for what is no request: there the parser meets a NUL, which it
/// answers with 400. A head that takes too long ends here, a peer that never says anything too: the
/// parser's own clock also runs between two requests, where waiting longer is right.
#[derive(Debug)]
pub(crate) struct GuardedIo<S> {
    socket: S,
    heads: HeadGuard,
    patience: Duration,
    /// Runs from the connection's beginning and inside a head.
    due: Option<Pin<Box<Sleep>>>,
    /// What was refused has got its end.
    ended: bool,
    /// Marked as used whenever bytes move.
    place: Option<Arc<Permit>>,
}

impl<S> GuardedIo<S> {
    /// A connection that says something within `patience`, and all of each head within it.
    pub(crate) fn new(socket: S, patience: Duration, place: Option<Arc<Permit>>) -> Self {
        Self {
            socket,
            heads: HeadGuard::default(),
            patience,
            due: Some(Box::pin(sleep(patience))),
            ended: false,
            place,
        }
    }

    fn touch(&self) {
        if let Some(place) = &self.place {
            place.touch();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The parser waits for the end of a head before it reads any of it.
        if this.heads.at == At::Refused && !this.ended {
            this.ended = true;
            buffer.put_slice(&HEAD_END[..HEAD_END.len().min(buffer.remaining())]);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.socket).poll_read(cx, buffer);
        if polled.is_ready() {
            this.touch();
            let began = this.heads.inside();
            this.heads.look(&mut buffer.filled_mut()[before..]);
            match (began, this.heads.inside()) {
                (_, false) => this.due = None,
                (false, true) => this.due = Some(Box::pin(sleep(this.patience))),
                (true, true) => {}
            }
        }
        // Also where bytes come: a head does not live by one of them now and then.
        if let Some(due) = &mut this.due
            && due.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if polled.is_ready() {
            self.touch();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        if polled.is_ready() {
            self.touch();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Position of the next byte within the requests of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Head,
    /// So many bytes of a body are still to come.
    Body(u64),
    /// This is no request, and nothing after it is looked at.
    Refused,
    /// The last request of this connection.
    Last,
}

/// How a head says where its body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Length {
    #[default]
    Unsaid,
    Bytes(u64),
    /// By a transfer coding.
    Coded,
}

/// Something that is no request.
#[derive(Debug)]
struct Refused;

/// The heads of one connection, read along.
#[derive(Debug, Default)]
struct HeadGuard {
    at: At,
    /// The request line was read.
    started: bool,
    /// The last byte was CR.
    returned: bool,
    /// The beginning of this line, and whether there is more of it.
    line: Vec<u8>,
    longer: bool,
    length: Length,
}

impl HeadGuard {
    fn look(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            match self.at {
                At::Refused | At::Last => return,
                At::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left - here as u64;
                    self.at = if left == 0 { At::Head } else { At::Body(left) };
                    bytes = &mut bytes[here..];
                }
                At::Head => {
                    if self.byte(bytes[0]).is_err() {
                        bytes[0] = 0;
                        self.at = At::Refused;
                    }
                    bytes = &mut bytes[1..];
                }
            }
        }
    }

    /// Whether a head has begun and not ended.
    fn inside(&self) -> bool {
        self.at == At::Head && (self.started || self.returned || !self.line.is_empty())
    }

    fn byte(&mut self, byte: u8) -> Result<(), Refused> {
        match byte {
            b'\n' if self.returned => {
                self.returned = false;
                self.line_ends()?;
                self.line.clear();
                self.longer = false;
                Ok(())
            }
            b'\n' => Err(Refused),
            _ if self.returned => Err(Refused),
            b'\r' => {
                self.returned = true;
                Ok(())
            }
            _ if self.line.len() < KEPT => {
                self.line.push(byte);
                Ok(())
            }
            _ => {
                self.longer = true;
                Ok(())
            }
        }
    }

    fn line_ends(&mut self) -> Result<(), Refused> {
        match (self.started, self.line.is_empty()) {
            // Empty lines before a request line are passed over, RFC 9112 §2.2.
            (false, true) => Ok(()),
            (false, false) => {
                self.started = true;
                Ok(())
            }
            (true, false) => self.header(),
            (true, true) => {
                self.head_ends();
                Ok(())
            }
        }
    }

    fn header(&mut self) -> Result<(), Refused> {
        let colon = self.line.iter().position(|&byte| byte == b':');
        let name = &self.line[..colon.unwrap_or(self.line.len())];
        if name.first().is_none_or(|&byte| is_space(byte))
            || name.last().is_some_and(|&it| is_space(it))
        {
            return Err(Refused);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if matches!(self.length, Length::Bytes(_)) {
                return Err(Refused);
            }
            self.length = Length::Coded;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = &self.line[name.len() + usize::from(colon.is_some())..];
            let value = std::str::from_utf8(value).map_err(|_| Refused)?;
            let value = value.trim_matches([' ', '\t']);
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            if self.longer || !digits || self.length != Length::Unsaid {
                return Err(Refused);
            }
            self.length = Length::Bytes(value.parse().map_err(|_| Refused)?);
        }
        Ok(())
    }

    fn head_ends(&mut self) {
        self.at = match self.length {
            // Answered once and closed: `layers`.
            Length::Coded => At::Last,
            Length::Unsaid | Length::Bytes(0) => At::Head,
            Length::Bytes(length) => At::Body(length),
        };
        (self.started, self.length) = (false, Length::Unsaid);
    }
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod differential;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it passes unchanged, however it is cut.
    fn passes(text: &str) -> bool {
        let results: Vec<bool> = (0..=text.len())
            .map(|cut| {
                let (mut heads, mut bytes) = (HeadGuard::default(), text.as_bytes().to_vec());
                let (first, second) = bytes.split_at_mut(cut);
                heads.look(first);
                heads.look(second);
                bytes == text.as_bytes()
            })
            .collect();
        assert!(results.iter().all(|it| it == &results[0]), "{text:?}");
        results[0]
    }

    #[test]
    fn requests_pass_as_they_are() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\n\r\n\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length:\t0 \r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n",
        ] {
            assert!(passes(text), "{text:?}");
        }
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(500));
        assert!(passes(&long));
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_does_not() {
        for text in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\n: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\n\r\n",
        ] {
            assert!(!passes(text), "{text:?}");
        }
        let padded = format!(
            "POST / HTTP/1.1\r\nContent-Length: {}1\r\n\r\n",
            " ".repeat(100)
        );
        assert!(!passes(&padded));
    }
}
