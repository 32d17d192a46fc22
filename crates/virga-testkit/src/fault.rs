//! A line to a server that can be slowed, frozen and cut.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// As it should be.
    None,
    /// What is sent comes this much later; so does a fresh connection.
    Slow(Duration),
    /// Nothing passes, and nobody is told.
    Frozen,
    /// Connections are broken off, fresh ones at once.
    Cut,
}

/// A line from a port of its own to another port of this machine. It ends when this is dropped.
#[derive(Debug)]
pub struct FaultyLine {
    port: u16,
    fault: watch::Sender<LineFault>,
}

impl FaultyLine {
    /// To this port, without a fault.
    ///
    /// # Panics
    /// Where this machine has no port left.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("it is bound").port();
        let (fault, seen) = watch::channel(LineFault::None);
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        #[expect(clippy::disallowed_methods, reason = "it ends with the sender")]
        let _running = tokio::spawn(run(listener, target, seen));
        Self { port: own, fault }
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes how it is, for open connections too.
    pub fn set(&self, fault: LineFault) {
        self.fault.send_replace(fault);
    }
}

async fn run(listener: TcpListener, target: SocketAddr, fault: watch::Receiver<LineFault>) {
    let mut gone = fault.clone();
    let mut lines = JoinSet::new();
    loop {
        let near = tokio::select! {
            accepted = listener.accept() => accepted,
            () = async { while gone.changed().await.is_ok() {} } => return,
        };
        let Ok((near, _)) = near else { continue };
        let fault = fault.clone();
        lines.spawn(async move {
            let mut cut = fault.clone();
            tokio::select! {
                _ = connect(near, target, fault) => {}
                _ = cut.wait_for(|fault| *fault == LineFault::Cut) => {}
            }
        });
        while lines.try_join_next().is_some() {}
    }
}

async fn connect(
    near: TcpStream,
    target: SocketAddr,
    mut fault: watch::Receiver<LineFault>,
) -> std::io::Result<()> {
    let _ = near.set_nodelay(true);
    pass(&mut fault).await;
    let far = TcpStream::connect(target).await?;
    let _ = far.set_nodelay(true);
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let up = pump(near_in, far_out, fault.clone());
    let down = pump(far_in, near_out, fault);
    tokio::try_join!(up, down)?;
    Ok(())
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<LineFault>,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut bytes).await?;
        pass(&mut fault).await;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// Waits as the line has it.
async fn pass(fault: &mut watch::Receiver<LineFault>) {
    let is = fault.wait_for(|fault| *fault != LineFault::Frozen).await;
    let is = is.map_or(LineFault::Cut, |fault| *fault);
    if let LineFault::Slow(late) = is {
        sleep(late).await;
    }
}
