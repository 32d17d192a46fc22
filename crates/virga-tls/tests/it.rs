//! Orders from a real authority: what must not be asked of it again and again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use virga_core::{Clock, FakeClock, SharedClock, SystemClock};
use virga_testkit::{Authority, free_port};
use virga_tls::{AcmeConfig, Challenges, Orders, ServedCertificate};

const HOST: &str = "videos.test";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const PROMPT: Duration = Duration::from_secs(30);

/// Answers challenges at a port and counts them.
async fn answer(port: u16, challenges: Challenges, asked: Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let length = socket.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        let token = head.split([' ', '/']).nth(4).unwrap_or_default().to_owned();
        let body = challenges.answer(&token).unwrap_or_default();
        asked.fetch_add(1, Ordering::SeqCst);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = socket.write_all(answer.as_bytes()).await;
    }
}

async fn until(holds: impl Fn() -> bool + Send + Sync) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PROMPT, waiting).await.expect("it holds");
}

fn config(authority: &Authority) -> AcmeConfig {
    AcmeConfig {
        directory: authority.directory(),
        root: Some(authority.root()),
        ..AcmeConfig::default()
    }
}

fn orders(
    config: AcmeConfig,
    folder: &Path,
    challenges: &Challenges,
    clock: SharedClock,
) -> Orders {
    Orders::new(HOST, config, folder, challenges.clone(), clock)
}

/// Everything it does within the time that it takes for two orders.
async fn for_a_while(orders: Orders, served: &ServedCertificate) {
    let stop = CancellationToken::new();
    let _ = timeout(Duration::from_secs(4), orders.run(served, stop)).await;
}

#[tokio::test]
async fn a_clock_that_is_years_ahead_orders_once_and_is_named() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let port = free_port();
    let authority = Authority::start("127.0.0.1", port, YEAR).await;
    let folder = tempfile::tempdir().unwrap();
    let (challenges, asked) = (Challenges::default(), Arc::new(AtomicUsize::new(0)));
    let clock = FakeClock::new();
    clock.advance(SystemClock.now().since(clock.now()) + 3 * YEAR);
    let clock: SharedClock = Arc::new(clock);
    let orders = orders(
        config(&authority),
        folder.path(),
        &challenges,
        Arc::clone(&clock),
    );
    let served = ServedCertificate::default();
    tokio::select! {
        () = answer(port, challenges, Arc::clone(&asked)) => {}
        () = for_a_while(orders, &served) => {}
    }
    let why = served.why_not(clock.now()).unwrap();
    assert!(why.contains("clock"), "{why}");
    // Each order is looked at three times.
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn nothing_is_ordered_that_could_not_be_kept() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::start("127.0.0.1", free_port(), YEAR).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tls"), "a file, and no folder").unwrap();
    let clock: SharedClock = Arc::new(SystemClock);
    let challenges = Challenges::default();
    let orders = orders(
        config(&authority),
        &folder.path().join("tls"),
        &challenges,
        clock,
    );
    let served = ServedCertificate::default();
    for_a_while(orders, &served).await;
    let why = served.why_not(SystemClock.now()).unwrap();
    assert!(why.contains("cannot be kept"), "{why}");
    assert_eq!(authority.accounts(), 0);
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_made_anew() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let port = free_port();
    let authority = Authority::start("127.0.0.1", port, YEAR).await;
    let folder = tempfile::tempdir().unwrap();
    let (challenges, asked) = (Challenges::default(), Arc::new(AtomicUsize::new(0)));
    let (served, clock) = (ServedCertificate::default(), Arc::new(SystemClock));
    let first = orders(
        config(&authority),
        folder.path(),
        &challenges,
        Arc::<SystemClock>::clone(&clock),
    );
    let second = orders(config(&authority), folder.path(), &challenges, clock);
    let answering = answer(port, challenges, asked);
    let stop = CancellationToken::new();
    let ordering = async {
        let ready = || served.why_not(SystemClock.now()).is_none();
        tokio::select! {
            () = first.run(&served, stop.clone()) => {}
            () = until(ready) => {}
        }
        let kept = fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .next()
            .unwrap()
            .path();
        fs::write(kept.join("account.json"), "{\"cut").unwrap();
        fs::remove_file(kept.join(format!("{HOST}.pem"))).unwrap();
        let written = || kept.join(format!("{HOST}.pem")).exists();
        tokio::select! {
            () = second.run(&served, stop.clone()) => {}
            () = until(written) => {}
        }
    };
    tokio::select! {
        () = answering => {}
        () = ordering => {}
    }
    assert_eq!(authority.accounts(), 2);
}

#[tokio::test]
async fn an_authority_that_says_nothing_holds_up_no_stop() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = AcmeConfig {
        directory: format!("https://{}/dir", silent.local_addr().unwrap()),
        ..AcmeConfig::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let (challenges, served) = (Challenges::default(), ServedCertificate::default());
    let orders = orders(config, folder.path(), &challenges, Arc::new(SystemClock));
    let stop = CancellationToken::new();
    let stopping = async {
        let (asked, _) = silent.accept().await.unwrap();
        stop.cancel();
        asked
    };
    let (ended, _asked) =
        tokio::join!(timeout(PROMPT, orders.run(&served, stop.clone())), stopping);
    ended.expect("it ends at once");
}
