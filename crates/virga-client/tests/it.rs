//! The client against a real socket: what goes out, and how each way of failing reads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use virga_client::{ApiClient, Caller, ClientError};
use virga_core::{
    Clock, FakeClock, OsEntropy,
    keys::{KeyRing, VOUCHER_HEADER, Voucher},
    wire::Credentials,
};

type Answer = Response<Full<Bytes>>;

/// A server of one answer a request; lives as long as the test's runtime.
async fn server(answer: impl Fn(Request<Bytes>) -> Answer + Clone + Send + 'static) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    Ok::<_, Infallible>(answer(Request::from_parts(head, body)))
                }
            });
            let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), service)
                .await;
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the test's own runtime"
    )]
    drop(tokio::spawn(serve));
    address
}

struct Setup {
    ring: KeyRing,
    clock: Arc<FakeClock>,
}

fn setup() -> Setup {
    Setup {
        ring: KeyRing::generate(&OsEntropy),
        clock: Arc::new(FakeClock::new()),
    }
}

fn voucher() -> Voucher {
    Voucher {
        address: "2001:db8::7".parse().unwrap(),
        request_id: "r-1".into(),
    }
}

fn caller(setup: &Setup, address: SocketAddr) -> virga_client::ApiCaller {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let base = format!("http://{address}").parse().unwrap();
    let clock = Arc::<FakeClock>::clone(&setup.clock);
    ApiClient::over_http(&base, http, setup.ring.clone(), clock).as_caller(Caller {
        token: Some("secret".into()),
        voucher: voucher(),
    })
}

fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status.try_into().unwrap();
    answer
}

#[tokio::test]
async fn token_and_sealed_voucher_go_along_and_names_are_encoded() {
    let setup = setup();
    let (ring, now) = (setup.ring.clone(), setup.clock.now());
    let address = server(move |request| {
        assert_eq!(request.uri(), "/api/v1/users/a%2F%E4%BA%91");
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer secret");
        let sealed = request.headers()[VOUCHER_HEADER].to_str().unwrap();
        assert_eq!(Voucher::open(&ring, sealed, now).unwrap(), voucher());
        answer(
            200,
            r#"{"name": "a", "created_at": "2026-01-01T00:00:00Z", "videos": 2}"#,
        )
    })
    .await;
    let user = caller(&setup, address).user("a/云").await.unwrap();
    assert_eq!(user.videos, 2);
}

#[tokio::test]
async fn a_refusal_is_told_from_a_fault_and_from_an_absent_api() {
    let setup = setup();
    let credentials = Credentials {
        name: "a".into(),
        password: "b".into(),
    };
    let problem =
        r#"{"type": "", "title": "", "status": 401, "detail": "no", "code": "sign-in.wrong"}"#;
    let refused = server(move |request| {
        assert_eq!(request.body(), r#"{"name":"a","password":"b"}"#);
        answer(401, problem)
    })
    .await;
    let error = caller(&setup, refused)
        .sign_in(&credentials)
        .await
        .unwrap_err();
    assert_eq!(error.problem().unwrap().code, "sign-in.wrong");

    let balancer = server(|_| answer(503, "<html>busy</html>")).await;
    let error = caller(&setup, balancer).site().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable(_)), "{error:?}");

    let stranger = server(|_| answer(200, "<html>hello</html>")).await;
    let error = caller(&setup, stranger).site().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreadable(..)), "{error:?}");

    let endless = server(|_| answer(200, vec![b' '; 5 << 20])).await;
    let error = caller(&setup, endless).site().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreadable(..)), "{error:?}");

    // A port that nobody listens on any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let error = caller(&setup, address).site().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable(_)), "{error:?}");
}
