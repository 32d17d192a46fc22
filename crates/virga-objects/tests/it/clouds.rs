//! What is particular to Aliyun OSS and Qiniu Kodo: who we are there, trying a bucket out, Kodo's
//! upload token. What they have in common with other stores is the suite's.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use tempfile::NamedTempFile;
use virga_bucket::{
    BucketAddressing, BucketCredentials, BucketOptions, BucketStore, Dialect, InvalidBucket,
    KodoForms, Outcome, ProbeOptions,
};
use virga_core::{Clock, MediaKey, OsEntropy, SystemClock, UploadId, VideoId};
use virga_objects::{DirectAccess, MediaStore, ObjectError, PostForm, Validity};
use virga_testkit::{BucketDouble, BucketServer};

const REGION: &str = "cn-hangzhou";
const SITE: &str = "https://videos.example";

fn files(double: &BucketDouble) -> BucketCredentials {
    let (access_key, secret_key) = double.key_files();
    BucketCredentials::Files {
        access_key,
        secret_key,
    }
}

fn surroundings(variables: &[(&str, &str)]) -> BucketCredentials {
    let pairs = variables.iter().copied();
    BucketCredentials::Surroundings {
        variables: pairs
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect::<HashMap<_, _>>(),
        home: None,
    }
}

/// As a site's production configuration has it.
fn oss(double: &BucketDouble, bucket: &str, credentials: BucketCredentials) -> BucketOptions {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let inside = format!("http://oss-{REGION}-internal.aliyuncs.com");
    let mut options = BucketOptions::new(&inside, REGION, bucket, credentials);
    options.dialect = Dialect::Oss;
    options.addressing = BucketAddressing::Virtual;
    options.proxy = Some(double.proxy());
    options.public = Some((
        format!("http://{bucket}.media.example"),
        BucketAddressing::Domain,
    ));
    options
}

fn source() -> MediaKey {
    MediaKey::source(VideoId::random(&OsEntropy), UploadId::random(&OsEntropy))
}

fn now() -> Validity {
    Validity {
        from: SystemClock.now(),
        lasts: Duration::from_secs(600),
    }
}

async fn works(options: BucketOptions) -> Result<(), ObjectError> {
    let (store, key) = (BucketStore::new(options).unwrap(), source());
    store.check_answers().await?;
    store.put(&key, Bytes::from_static(b"0123456789")).await?;
    assert_eq!(store.read(&key, 2..5).await?, "234");
    // What others use carries what was lent as well.
    let proxy = store.sign_get(&key, now()).await?;
    assert!(proxy.url.contains("x-oss-signature="));
    store.delete(&key).await
}

#[tokio::test]
async fn keys_come_from_variables_a_machines_role_or_a_pods() {
    let double = BucketDouble::start().await;
    double.bucket("site", REGION).await;
    let secret = double.secret();
    let keys = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "virga-test"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret),
    ];
    works(oss(&double, "site", surroundings(&keys)))
        .await
        .unwrap();
    // The role of a machine, from where such machines ask for it.
    let machine = [(
        "ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT",
        "http://metadata.example",
    )];
    works(oss(&double, "site", surroundings(&machine)))
        .await
        .unwrap();
    // The role of a pod: its token is exchanged, and nothing else is tried.
    let token = NamedTempFile::new().unwrap();
    let path = token.path().display().to_string();
    let pod = [
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/site"),
        (
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
            "acs:ram::1:oidc-provider/cluster",
        ),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", path.as_str()),
        ("ALIBABA_CLOUD_STS_ENDPOINT", "http://sts.example"),
        machine[0],
    ];
    std::fs::write(token.path(), "pod-token").unwrap();
    works(oss(&double, "site", surroundings(&pod)))
        .await
        .unwrap();
    std::fs::write(token.path(), "another-token").unwrap();
    let refused = works(oss(&double, "site", surroundings(&pod)))
        .await
        .unwrap_err();
    assert!(matches!(refused, ObjectError::Denied { .. }), "{refused}");
    // Nothing at all: said so, without a word of what was tried.
    let none = [("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")];
    let refused = works(oss(&double, "site", surroundings(&none)))
        .await
        .unwrap_err();
    assert!(matches!(refused, ObjectError::Denied { .. }), "{refused}");
}

#[tokio::test]
async fn a_range_beyond_the_end_is_not_answered_with_the_whole() {
    let double = BucketDouble::start().await;
    double.bucket("site", REGION).await;
    let (store, key) = (
        BucketStore::new(oss(&double, "site", files(&double))).unwrap(),
        source(),
    );
    let bytes = Bytes::from_static(b"0123456789");
    store.put(&key, bytes).await.unwrap();
    for range in [8..12, 10..11, 20..30] {
        let beyond = store.read(&key, range).await;
        assert!(matches!(beyond, Err(ObjectError::OutOfRange { size: 10 })));
    }
    assert_eq!(double.whole().await, 0);
}

#[tokio::test]
async fn what_was_lent_signs_addresses_and_forms_too() {
    let double = BucketDouble::start().await;
    double.bucket("site", REGION).await;
    let machine = [(
        "ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT",
        "http://metadata.example",
    )];
    let store = BucketStore::new(oss(&double, "site", surroundings(&machine))).unwrap();
    let (one, two) = (source(), source());
    let body = Bytes::from_static(b"0123456789");
    let put = store.sign_put(&one, 10, now()).await.unwrap();
    let browser = browser(&double);
    let sent = browser
        .put(&put.url)
        .body(body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    let form = store.sign_form(&two, 10, now(), None).await.unwrap();
    assert!(form.fields.iter().any(|it| it.0 == "x-oss-security-token"));
    assert_eq!(post(&browser, &form, &body).await, 204);
    for key in [one, two] {
        assert_eq!(store.read_all(&key, 99).await.unwrap(), body);
    }
}

fn browser(double: &BucketDouble) -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    let client = client.proxy(reqwest::Proxy::all(double.proxy()).unwrap());
    client.build().unwrap()
}

async fn post(browser: &reqwest::Client, form: &PostForm, body: &[u8]) -> u16 {
    let mut text = Vec::new();
    for (name, value) in &form.fields {
        let field = format!(
            "--xyzzy\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        text.extend_from_slice(field.as_bytes());
    }
    let file = "--xyzzy\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    text.extend_from_slice(file.as_bytes());
    text.extend_from_slice(body);
    text.extend_from_slice(b"\r\n--xyzzy--\r\n");
    let asked = browser
        .post(&form.url)
        .header("content-type", "multipart/form-data; boundary=xyzzy")
        .body(text);
    asked.send().await.unwrap().status().as_u16()
}

async fn tried(options: BucketOptions, fix: bool) -> HashMap<&'static str, Outcome> {
    let store = BucketStore::new(options).unwrap();
    let options = ProbeOptions {
        fix,
        origins: vec![SITE.to_owned()],
    };
    let probes = store.probe(&options).await;
    probes
        .into_iter()
        .map(|it| (it.about, it.outcome))
        .collect()
}

#[tokio::test]
async fn a_bucket_of_aliyuns_is_tried_out_and_mended() {
    let double = BucketDouble::start().await;
    double.bucket("site", REGION).await;
    let options = oss(&double, "site", files(&double));
    let first = tried(options.clone(), false).await;
    for about in [
        "clock",
        "signature",
        "objects",
        "ranges",
        "create-only",
        "multipart",
        "custom domain",
        "presign",
        "form",
    ] {
        assert!(
            matches!(first[about], Outcome::Right(_)),
            "{about}: {first:?}"
        );
    }
    assert!(matches!(first["cors"], Outcome::Wrong(_)), "{first:?}");
    assert!(
        matches!(first["abort rule"], Outcome::Lacking(_)),
        "{first:?}"
    );
    let mended = tried(options.clone(), true).await;
    for about in ["cors", "abort rule"] {
        assert!(matches!(mended[about], Outcome::Mended(_)), "{mended:?}");
    }
    let again = tried(options, false).await;
    assert_eq!(again.len(), 11);
    assert!(
        again.values().all(|it| matches!(it, Outcome::Right(_))),
        "{again:?}"
    );
}

#[tokio::test]
async fn the_rule_of_the_mainland_is_said_in_words() {
    let double = BucketDouble::start().await;
    double.bucket("site", REGION).await;
    let public = "http://oss-cn-hangzhou.aliyuncs.com".to_owned();
    let mut options = oss(&double, "site", files(&double));
    options.public = Some((public.clone(), BucketAddressing::Virtual));
    let browsers = tried(options.clone(), false).await;
    let Outcome::Lacking(words) = &browsers["custom domain"] else {
        panic!("{browsers:?}");
    };
    assert!(
        words.contains("Bind a domain") && words.contains("\"domain\""),
        "{words}"
    );
    assert!(matches!(&browsers["presign"], Outcome::Wrong(it) if it.contains("custom domain")));
    // The site's own requests, too.
    options.endpoint = public;
    let servers = tried(options.clone(), false).await;
    let Outcome::Wrong(words) = &servers["objects"] else {
        panic!("{servers:?}");
    };
    assert!(
        words.contains("PublicEndpointForbidden") && words.contains("-internal"),
        "{words}"
    );
    // Another region's endpoint, and the bucket's name in the path.
    options.endpoint = "http://oss-cn-beijing-internal.aliyuncs.com".to_owned();
    let elsewhere = tried(options.clone(), false).await;
    let Outcome::Wrong(words) = &elsewhere["signature"] else {
        panic!("{elsewhere:?}");
    };
    assert!(words.contains("of the bucket's region"), "{words}");
    options.endpoint = "http://oss-cn-hangzhou-internal.aliyuncs.com".to_owned();
    options.addressing = BucketAddressing::Path;
    let path = tried(options.clone(), false).await;
    let Outcome::Wrong(words) = &path["signature"] else {
        panic!("{path:?}");
    };
    assert!(
        words.contains("objects.addressing = \"virtual\""),
        "{words}"
    );
    // An address that no browser can reach is none for browsers.
    options.public = Some((options.endpoint.clone(), BucketAddressing::Virtual));
    let refused = BucketStore::new(options).unwrap_err();
    assert!(matches!(refused, InvalidBucket::Other(_)), "{refused}");
}

/// Kodo's forms are the double's, the rest is played by another server of the S3 dialect.
fn kodo(double: &BucketDouble, server: &BucketServer) -> BucketStore {
    let _ = rustls::crypto::ring::default_provider().install_default();
    assert_eq!(double.secret(), server.secret());
    let variables = [
        ("QINIU_ACCESS_KEY", "virga-test"),
        ("QINIU_SECRET_KEY", double.secret()),
    ];
    let keys = surroundings(&variables);
    let mut options = BucketOptions::new(&server.url(), server.region(), "site", keys);
    options.dialect = Dialect::Kodo;
    options.proxy = Some(double.proxy());
    options.public = Some((server.url(), BucketAddressing::Path));
    let forms = Dialect::Kodo.form_endpoint("cn-east-2").unwrap();
    assert_eq!(forms, "https://upload-cn-east-2.qiniup.com");
    options.kodo_forms = Some(KodoForms {
        // The double speaks no TLS.
        endpoint: forms.replace("https", "http"),
        bucket: "site".to_owned(),
    });
    BucketStore::new(options).unwrap()
}

#[tokio::test]
async fn a_form_of_kodos_takes_one_file_of_its_size_and_key() {
    let double = BucketDouble::start().await;
    let server = BucketServer::start().await;
    server.bucket("site").await;
    double.kodo_bucket("site", &server).await;
    let (store, browser, key) = (kodo(&double, &server), browser(&double), source());
    let form = store.sign_form(&key, 10, now(), None).await.unwrap();
    assert!(!format!("{form:?}").contains(&form.fields[1].1));
    assert_eq!(
        form.fields.iter().map(|it| it.0).collect::<Vec<_>>(),
        ["key", "token"]
    );
    let over = Validity {
        from: SystemClock.now().minus(Duration::from_secs(700)),
        lasts: Duration::from_secs(600),
    };
    let mut other_key = form.clone();
    other_key.fields[0].1 = source().to_string();
    let mut no_token = form.clone();
    no_token.fields.truncate(1);
    let mut breaches = vec![
        (
            "late",
            store.sign_form(&key, 10, over, None).await.unwrap(),
            "0123456789",
            401,
        ),
        ("larger", form.clone(), "01234567890", 413),
        ("smaller", form.clone(), "012345678", 413),
        ("other key", other_key, "0123456789", 403),
        ("no token", no_token, "0123456789", 401),
    ];
    let token = &form.fields[1].1;
    for at in [
        0,
        token.find(':').unwrap() + 3,
        token.rfind(':').unwrap() + 20,
    ] {
        let mut altered = form.clone();
        let other = if &token[at..=at] == "x" { "y" } else { "x" };
        altered.fields[1].1.replace_range(at..=at, other);
        breaches.push(("altered", altered, "0123456789", 401));
    }
    for (what, form, body, status) in breaches {
        assert_eq!(
            post(&browser, &form, body.as_bytes()).await,
            status,
            "{what}"
        );
        let stands = store.stat(&key).await;
        assert!(stands.is_err_and(|error| error.is_not_found()), "{what}");
    }
    assert_eq!(post(&browser, &form, b"0123456789").await, 200);
    assert_eq!(store.read_all(&key, 99).await.unwrap(), "0123456789");
}

#[tokio::test]
async fn a_bucket_of_kodos_is_tried_out_with_its_own_api() {
    let (double, server) = (BucketDouble::start().await, BucketServer::start().await);
    server.bucket("site").await;
    let tried = async |store: &BucketStore| {
        let probes = store.probe(&ProbeOptions::default()).await;
        probes
            .into_iter()
            .map(|it| (it.about, it.outcome))
            .collect::<HashMap<_, _>>()
    };
    let store = kodo(&double, &server);
    let unknown = tried(&store).await;
    let Outcome::Wrong(words) = &unknown["create-only"] else {
        panic!("{unknown:?}");
    };
    assert!(
        words.contains("NoSuchBucket") && words.contains("objects.kodo_bucket"),
        "{words}"
    );
    double.kodo_bucket("site", &server).await;
    let known = tried(&store).await;
    for about in ["create-only", "multipart", "presign", "form"] {
        assert!(matches!(known[about], Outcome::Right(_)), "{known:?}");
    }
}
