//! A real balancer with the configuration that `virga lb` prints, and the replicas behind it.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;

use crate::{Role, Site, free_port, servers::end};

/// A balancer and its fronts; ends when dropped.
#[derive(Debug)]
pub struct Balancer {
    child: Child,
    /// The public front.
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // Asked, not killed: it ends its workers then.
        end(self.child.id(), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Ports of a balancer, chosen before the roles that it stands before start.
#[derive(Debug)]
pub struct Fronts {
    public: u16,
    api: u16,
    stream: u16,
}

impl Fronts {
    /// Free ones.
    #[expect(clippy::new_without_default, reason = "each call takes other ports")]
    pub fn new() -> Self {
        Self {
            public: free_port(),
            api: free_port(),
            stream: free_port(),
        }
    }

    /// A site whose web and stream find api through the private front.
    pub fn site(&self, program: &str) -> Site {
        let api = format!("http://127.0.0.1:{}", self.api);
        Site::of(program)
            .set("VIRGA_SERVICES__API", &api)
            .set("VIRGA_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1/32\"]")
            .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "10")
            .build()
    }

    /// Checks the printed configuration with the balancer's own check, and starts it.
    ///
    /// # Panics
    /// Where it is not installed, or refuses the configuration.
    pub fn balance(&self, engine: &str, site: &mut Site, replicas: &[&Site]) -> Balancer {
        for (key, port) in [
            ("LISTEN", self.public),
            ("API_LISTEN", self.api),
            ("STREAM_LISTEN", self.stream),
        ] {
            site.set(
                &format!("VIRGA_BALANCER__{key}"),
                &format!("127.0.0.1:{port}"),
            );
        }
        let numbers = format!("127.0.0.1:{}", free_port());
        site.set("VIRGA_BALANCER__METRICS_LISTEN", &numbers);
        // All people of a test come from one address, as fast as they can.
        site.set("VIRGA_BALANCER__REQUESTS_PER_SOURCE", "100000");
        if !rustix::process::geteuid().is_root() {
            site.set("VIRGA_BALANCER__USER", "");
            site.set("VIRGA_BALANCER__CHROOT", "");
        }
        for (key, role) in [
            ("WEB", Role::Web),
            ("API", Role::Api),
            ("STREAM", Role::Stream),
        ] {
            let mut ports = vec![site.port(role)];
            ports.extend(replicas.iter().map(|replica| replica.port(role)));
            let ports = ports.iter().map(|port| format!("\"127.0.0.1:{port}\""));
            let list = format!("[{}]", ports.collect::<Vec<_>>().join(","));
            site.set(&format!("VIRGA_BALANCER__{key}"), &list);
        }
        let (code, text) = site.run(&["lb", engine]);
        assert_eq!(code, 0, "{text}");
        let folder = tempfile::tempdir().expect("the balancer's files");
        let file = folder.path().join("balancer.conf");
        fs::write(&file, text).expect("the balancer's files");
        let file = file.display().to_string();
        let pid = format!("pid {}/pid;", folder.path().display());
        let foreground = format!("daemon off; {pid}");
        let (check, run) = match engine {
            "haproxy" => (vec!["-c", "-f", &file], vec!["-W", "-db", "-f", &file]),
            _ => (
                vec!["-t", "-c", &file, "-g", &pid],
                vec!["-c", &file, "-g", &foreground],
            ),
        };
        #[expect(clippy::disallowed_methods, reason = "the balancer is a process")]
        let checked = Command::new(engine)
            .args(check)
            .output()
            .expect("the balancer's files");
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{said}");
        assert!(!said.to_lowercase().contains("warn"), "{said}");
        #[expect(clippy::disallowed_methods, reason = "the balancer is a process")]
        let child = Command::new(engine)
            .args(run)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("scripts/need installs it");
        Balancer {
            child,
            url: format!("http://127.0.0.1:{}", self.public),
            _folder: folder,
        }
    }
}

impl Balancer {
    /// Has HAProxy read its configuration again: a fresh worker takes over.
    pub fn reload(&self) {
        end(self.child.id(), Signal::USR2);
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}
