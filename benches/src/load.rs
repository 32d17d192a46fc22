//! Many who ask for the same thing as fast as it is answered, and what that costs the server.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{Round, Series, Target};

/// Requests on their way at once.
const VIEWERS: usize = 16;
/// One measurement.
const LASTS: Duration = Duration::from_secs(2);
/// How far two measurements of one process may differ.
const MARGIN: f64 = 0.15;
/// Bytes that a viewer takes at once.
const TAKEN: usize = 256 * 1024;

/// Who is asked: an address and what its processor time is read from.
#[expect(missing_debug_implementations, reason = "a function has none")]
pub struct Server<'a> {
    /// Host and port.
    pub address: String,
    /// Seconds of processor that it took so far.
    pub cpu: &'a dyn Fn() -> anyhow::Result<f64>,
    /// Over TLS, whom to trust.
    pub tls: Option<Arc<ClientConfig>>,
}

/// What is asked of one.
#[derive(Debug)]
pub struct Asked {
    /// Its address on the server.
    pub path: String,
    /// Counted by answers where they are small, else by bytes.
    pub by_answers: bool,
}

/// Bytes or answers for each second of the server's processor.
///
/// # Errors
/// Where an answer is not 200.
pub fn measure(server: &Server<'_>, asked: &Asked) -> anyhow::Result<f64> {
    let (answers, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    let viewers: Vec<_> = (0..VIEWERS)
        .map(|_| {
            let (address, path) = (server.address.clone(), asked.path.clone());
            let (answers, bytes) = (Arc::clone(&answers), Arc::clone(&bytes));
            let (over, tls) = (Arc::clone(&over), server.tls.clone());
            thread::spawn(move || {
                let wire = TcpStream::connect(&address)?;
                wire.set_nodelay(true)?;
                match tls {
                    None => view(wire, &address, &path, &over, &answers, &bytes),
                    Some(tls) => {
                        let host = ServerName::from(wire.peer_addr()?.ip());
                        let wire = StreamOwned::new(ClientConnection::new(tls, host)?, wire);
                        view(wire, &address, &path, &over, &answers, &bytes)
                    }
                }
            })
        })
        .collect();
    thread::sleep(LASTS / 4);
    let count = if asked.by_answers { &answers } else { &bytes };
    let (spent, done) = ((server.cpu)()?, count.load(Ordering::Relaxed));
    thread::sleep(LASTS);
    let (spent, done) = (
        (server.cpu)()? - spent,
        count.load(Ordering::Relaxed) - done,
    );
    over.store(true, Ordering::Relaxed);
    for viewer in viewers {
        viewer
            .join()
            .map_err(|_| anyhow::anyhow!("a viewer panicked"))??;
    }
    ensure!(spent > 0.0, "no time was spent");
    #[expect(
        clippy::cast_precision_loss,
        reason = "a few digits are all that is printed"
    )]
    let done = done as f64;
    Ok(done / spent)
}

/// Asks again and again on one connection.
fn view(
    wire: impl Read + Write,
    address: &str,
    path: &str,
    over: &AtomicBool,
    answers: &AtomicU64,
    bytes: &AtomicU64,
) -> anyhow::Result<()> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut from = BufReader::new(wire);
    let mut taken = vec![0; TAKEN];
    while !over.load(Ordering::Relaxed) {
        from.get_mut().write_all(head.as_bytes())?;
        from.get_mut().flush()?;
        let mut left = length(&mut from)?;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(TAKEN).min(TAKEN);
            let read = from.read(&mut taken[..most])?;
            ensure!(read > 0, "an answer to {path} ended early");
            left -= read as u64;
            bytes.fetch_add(read as u64, Ordering::Relaxed);
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads the head of an answer; how long its body is.
fn length(from: &mut impl BufRead) -> anyhow::Result<u64> {
    let (mut line, mut length) = (String::new(), None);
    from.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line != "\r\n" {
        line.clear();
        ensure!(from.read_line(&mut line)? > 0, "a head that has no end");
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = Some(value.trim().parse()?);
        }
    }
    length.context("an answer says how long it is")
}

/// Prints the figure of what is asked of one server over what is asked of another.
///
/// # Errors
/// Where an answer is not 200.
pub fn compare(
    name: &'static str,
    target: f64,
    reference: (&Server<'_>, &Asked),
    subject: (&Server<'_>, &Asked),
) -> anyhow::Result<()> {
    let mut series = Series::new(MARGIN);
    while series.wants_more() {
        let round = Round {
            before: measure(reference.0, reference.1)?,
            subject: measure(subject.0, subject.1)?,
            after: measure(reference.0, reference.1)?,
        };
        let counts = if series.take(round) { "" } else { " repeated" };
        println!(
            "note {name} reference {:.4e}, subject {:.4e}, reference {:.4e} a processor second{counts}",
            round.before, round.subject, round.after
        );
    }
    println!("{}", series.figure(name, Target::AtLeast(target)));
    Ok(())
}
