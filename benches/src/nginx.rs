//! The reference of what is sent from files: nginx as Debian has it.

use anyhow::ensure;
use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};
use virga_testkit::free_port;

use crate::{output, tool};

/// nginx with one worker and the files of a folder; killed when dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Plain, or over TLS 1.3 with the certificate and the key of this file.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start(certificate: Option<&Path>) -> anyhow::Result<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port());
        let home = folder.path().display();
        let tls = certificate.map(|file| {
            let file = file.display();
            format!("ssl_protocols TLSv1.3; ssl_certificate {file}; ssl_certificate_key {file};")
        });
        let ssl = if tls.is_some() { " ssl" } else { "" };
        let tls = tls.unwrap_or_default();
        // Neither writes a line for each request: what that costs depends on who reads it.
        let config = format!(
            "daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on;\n\
             open_file_cache max=1000; keepalive_requests 1000000000;\n\
             types {{ video/mp4 mp4; }}\n\
             server {{ listen 127.0.0.1:{port}{ssl}; {tls} root {home}/files; }} }}\n"
        );
        fs::create_dir(folder.path().join("files"))?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config)?;
        // `/usr/sbin` is seldom in an ordinary user's PATH.
        let mut command = tool("/usr/sbin/nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = child.try_wait()?;
            ensure!(ended.is_none(), "nginx does not start");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            child,
            port,
            folder,
        })
    }

    /// The same bytes as a file; its path.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn offer(&self, name: &str, bytes: &[u8]) -> anyhow::Result<String> {
        fs::write(self.folder.path().join("files").join(name), bytes)?;
        Ok(format!("/{name}"))
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its first process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = output(tool("kill").arg(self.child.id().to_string()));
        let _ = self.child.wait();
    }
}
