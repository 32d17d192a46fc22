//! ffmpeg's sandbox, tried by a program in its place that wants to get out. What it reaches must be
//! what the reported layers leave open: no more, and no less, so that no layer is reported that
//! does nothing.

use std::{
    collections::BTreeSet,
    fs,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixListener},
            process::ExitStatusExt,
        },
    },
    path::PathBuf,
    process::{Command, Output},
    time::{Duration, Instant},
};
use virga_testkit::{Clip, Role, Site, Targets, intruder, without_sandbox};

use crate::VIRGA;

/// The intruder, and what it tries to reach.
struct Attack {
    folder: tempfile::TempDir,
    tcp: TcpListener,
    udp: UdpSocket,
    _socket: UnixListener,
    targets: Targets,
}

impl Attack {
    fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["secret", "source"] {
            fs::write(path.join(name), "of the site").unwrap();
        }
        fs::create_dir_all(path.join("work/out")).unwrap();
        fs::create_dir(path.join("victim")).unwrap();
        let name = format!("virga-test-{}", path.file_name().unwrap().to_string_lossy());
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_nonblocking(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let targets = Targets {
            secret: path.join("secret"),
            source: path.join("source"),
            folder: path.join("victim"),
            tcp: tcp.local_addr().unwrap().port(),
            udp: udp.local_addr().unwrap().port(),
            socket: name.clone(),
        };
        let socket = SocketAddr::from_abstract_name(&name).unwrap();
        let attack = Self {
            tcp,
            udp,
            _socket: UnixListener::bind_addr(&socket).unwrap(),
            targets,
            folder,
        };
        intruder(&attack.targets, &attack.program());
        attack
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("intruder")
    }

    /// Everything as it was before anyone tried.
    fn reset(&self) {
        let (path, victim) = (self.folder.path(), &self.targets.folder);
        for file in [
            victim.join("long"),
            victim.join("removed"),
            path.join("work/in"),
        ] {
            fs::write(file, "0123456789").unwrap();
        }
        let source = &self.targets.source;
        fs::set_permissions(source, fs::Permissions::from_mode(0o600)).unwrap();
        for left in ["work/out/linked", "work/out/made", "work/out-of-it"] {
            let _ = fs::remove_file(path.join(left));
        }
        let _ = fs::remove_file(victim.join("written"));
    }

    /// Runs it with an open file to inherit, through the launcher or on its own.
    fn run(&self, launcher: Option<&[&str]>, word: &[&str]) -> Output {
        self.reset();
        let mut words: Vec<String> = Vec::new();
        if let Some(switches) = launcher {
            words.extend([VIRGA, "launch-ffmpeg"].map(str::to_owned));
            words.extend(settings());
            words.extend(["read=../in", "write=."].map(str::to_owned));
            words.extend(switches.iter().map(ToString::to_string));
            words.push("--".to_owned());
        }
        words.push(self.program().display().to_string());
        words.extend(word.iter().map(ToString::to_string));
        #[expect(clippy::disallowed_methods, reason = "the launcher is a process")]
        Command::new("sh")
            .args(["-c", "exec 9<\"$0\"; exec \"$@\""])
            .arg(&self.targets.secret)
            .args(words)
            .current_dir(self.folder.path().join("work/out"))
            .output()
            .unwrap()
    }

    /// Connections and datagrams that came.
    fn called(&self) -> bool {
        let mut byte = [0];
        let tcp = self.tcp.accept().is_ok();
        self.udp.recv(&mut byte).is_ok() || tcp
    }
}

fn settings() -> [String; 4] {
    let parent = format!("parent={}", std::process::id());
    ["memory=4294967296", "cpu=60", "file=1048576", &parent].map(str::to_owned)
}

/// What it said that it reached.
fn reached(output: &Output) -> BTreeSet<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.strip_prefix("reached:"));
    let names = line.unwrap_or_else(|| panic!("it did not run to its end: {output:?}"));
    names.split_whitespace().map(str::to_owned).collect()
}

/// The layers that the launcher reports under these switches.
fn layers(switches: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "the launcher is a process")]
    let output = Command::new(VIRGA)
        .arg("launch-ffmpeg")
        .args(settings())
        .args(switches)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Each act, and the layers of which any one prevents it: L and a number for that version of
/// Landlock, S for the filter of system calls, N for the namespace, P for what always holds, R for
/// the lack of capabilities that a site of root has.
const ACTS: [(&str, &str); 33] = [
    ("secret", "L1"),
    ("source", "L1"),
    ("environ", "L1 N R"),
    ("write", "L1"),
    ("truncate", "L3 S"),
    ("empty-input", "L3 S"),
    ("write-input", "L1"),
    ("rename-input", "L1"),
    ("link-input", "L1 S"),
    ("mode", "S"),
    ("attribute", "S"),
    ("remove", "L1"),
    ("tcp", "L4 S N"),
    ("udp", "S N"),
    ("abstract", "L6 S N"),
    ("descriptor", "P"),
    ("signal", "L6 S"),
    ("thread-signal", "L6 S"),
    ("fork", "S"),
    ("clone3", "S"),
    ("setsid", "S"),
    ("setpgid", "S"),
    ("limits", "S"),
    ("memory", "L1 S N R"),
    ("mount", "P"),
    ("namespace", "S N"),
    ("io-uring", "S"),
    ("bpf", "S"),
    ("userfaultfd", "S"),
    ("keyctl", "S"),
    ("ptrace", "S"),
    ("work", ""),
    ("input", ""),
];

/// Every layer that was not switched off holds, unless the kernel may lack it.
fn must_hold(layers: &str, switches: &[&str]) {
    assert!(layers.contains("no new privileges"), "{layers}");
    let known = cfg!(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ));
    if known && !switches.contains(&"syscalls=no") {
        assert!(layers.contains("system call filter"), "{layers}");
    }
    let enabled = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    if enabled.contains("landlock") && !switches.contains(&"landlock=0") {
        assert!(layers.contains("Landlock"), "{layers}");
    }
}

/// What these layers leave open.
fn open_under(layers: &str) -> BTreeSet<String> {
    let landlock = layers
        .split_once("Landlock ")
        .and_then(|(_, rest)| rest.split(',').next()?.trim().parse::<u32>().ok());
    let landlock = landlock.unwrap_or(0);
    let holds = |layer: &str| match layer {
        "S" => layers.contains("system call filter"),
        "N" => layers.contains("network namespace"),
        "R" => layers.contains("no new privileges") && rustix::process::getuid().is_root(),
        "P" => layers.contains("no new privileges"),
        version => version[1..].parse::<u32>().unwrap() <= landlock,
    };
    ACTS.iter()
        .filter(|(_, against)| !against.split_whitespace().any(holds))
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

#[test]
fn the_sandbox_holds_what_it_reports_layer_by_layer() {
    let attack = Attack::prepare();
    // Outside, so that each act is known to do something here.
    let free = reached(&attack.run(None, &[]));
    assert!(attack.called());
    let possible = open_under("");
    // A container may lack these itself.
    let special = [
        "mount",
        "attribute",
        "io-uring",
        "bpf",
        "userfaultfd",
        "keyctl",
        "namespace",
    ];
    for name in possible.difference(&free) {
        assert!(
            special.contains(&name.as_str()),
            "{name} fails outside as well"
        );
    }
    for switches in [
        &[][..],
        &["landlock=2"],
        &["landlock=2", "syscalls=no", "namespace=no"],
        &["syscalls=no", "namespace=no"],
        &["landlock=0", "syscalls=no"],
        &["landlock=0", "namespace=no", "unconfined=yes"],
        &[
            "landlock=0",
            "namespace=no",
            "syscalls=no",
            "unconfined=yes",
        ],
    ] {
        let layers = layers(switches);
        must_hold(&layers, switches);
        let open: BTreeSet<String> = open_under(&layers).intersection(&free).cloned().collect();
        let got = reached(&attack.run(Some(switches), &[]));
        assert_eq!(got, open, "{switches:?}: {layers}");
        let network = open.contains("tcp") || open.contains("udp");
        assert_eq!(attack.called(), network, "{switches:?}");
        let killed = attack.run(Some(switches), &["foreign"]).status.signal() == Some(31);
        let filtered = layers.contains("system call filter");
        assert_eq!(
            killed,
            filtered && cfg!(target_arch = "x86_64"),
            "{switches:?}"
        );
        let another = attack.run(Some(switches), &["another"]).status.success();
        assert_eq!(another, !layers.contains("Landlock"), "{switches:?}");
    }
    let refused = attack.run(Some(&["landlock=0", "namespace=no"]), &[]);
    assert_eq!(refused.status.code(), Some(125), "{refused:?}");
}

#[tokio::test]
async fn an_intruder_in_the_place_of_ffprobe_reaches_nothing_of_the_site() {
    let mut attack = Attack::prepare();
    let program = attack.program();
    fs::remove_file(&program).unwrap();
    let site = Site::of(VIRGA)
        .set("VIRGA_DISPATCHER__FFPROBE", &program.to_string_lossy())
        .start();
    let ann = site.register("ann").await;
    // Plays as it is; only its further versions need the intruder.
    ann.upload("Hers", "private", &Clip::default().bytes())
        .await;
    attack.targets.secret = site.data().join("keys/site");
    attack.targets.source = site
        .objects()
        .into_iter()
        .find(|path| path.to_string_lossy().contains("/v/"))
        .unwrap();
    intruder(&attack.targets, &program);
    attack.reset();
    let foreign = Clip::default()
        .encoder(&["-c:v", "mpeg4", "-q:v", "8"])
        .file("foreign.avi", &[]);
    let video = ann.upload("Foreign", "public", &foreign.bytes()).await;
    let shown = ann.wait_for(&video, &["failed"]).await;
    let layers = layers(&[]);
    let open = open_under(&layers);
    let why = shown["failure"].to_string();
    let (_, said) = why
        .split_once("reached:")
        .unwrap_or_else(|| panic!("{shown}"));
    let said = said.split(|mark: char| !mark.is_ascii_alphanumeric() && !" -".contains(mark));
    let got: BTreeSet<String> = said
        .take(1)
        .flat_map(|names| names.split_whitespace())
        .map(str::to_owned)
        .collect();
    if layers.contains("Landlock") && layers.contains("system call filter") {
        assert_eq!(got, BTreeSet::from(["input", "work"].map(str::to_owned)));
    }
    assert!(got.is_subset(&open), "{got:?} of {open:?}");
    assert!(!attack.called());
    let output = site.output();
    let tries = output
        .lines()
        .filter(|line| line.contains("reached:") && line.contains(&video));
    assert_eq!(
        tries.count(),
        2,
        "the same failure twice is the file's fault"
    );
    // The same program outside reaches it all.
    let free = reached(&attack.run(None, &[]));
    assert!(free.contains("secret") && free.contains("source") && free.contains("tcp"));
}

#[tokio::test]
async fn without_a_sandbox_nothing_is_encoded_and_no_try_is_used_up() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("virga");
    without_sandbox(VIRGA, &program);
    let mut site = Site::of(&program).start();
    assert!(
        site.output().contains("nothing is encoded"),
        "{}",
        site.output()
    );
    let ready = site.stranger().get("/readyz").await.expect(200).text();
    assert!(ready.contains("without a sandbox for ffmpeg"), "{ready}");
    let ann = site.register("ann").await;
    let clip = Clip::default()
        .encoder(&["-c:v", "mpeg4"])
        .file("a.avi", &[]);
    let video = ann.upload("Waits", "public", &clip.bytes()).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !site
        .output()
        .contains("neither Landlock nor a network namespace (it has:")
    {
        assert!(Instant::now() < deadline, "{}", site.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let shown = ann.get(&format!("/api/v1/videos/{video}")).await.json();
    assert_eq!(shown["state"], "processing", "{shown}");
    let (code, text) = site.run(&["doctor"]);
    assert!(code == 1 && text.contains("WRONG  sandbox"), "{text}");
    site.kill(Role::Serve);
    site.set("VIRGA_DISPATCHER__UNCONFINED", "true");
    site.start(Role::Serve);
    let warned = "ffmpeg can reach the site's files";
    assert!(site.output().contains(warned), "{}", site.output());
    let video = ann.upload("Played", "public", &clip.bytes()).await;
    ann.wait_for(&video, &["ready"]).await;
}
