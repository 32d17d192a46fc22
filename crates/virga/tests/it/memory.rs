//! On a machine of 512 MiB films of 1080p are encoded, larger ones as far as the memory goes, and nothing is
//! killed for want of it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use virga_testkit::{Clip, Role, Site};

use crate::VIRGA;

const LIMIT: u64 = 512 << 20;

/// A control group with so much memory; removed when dropped, when no process is in it any more.
struct Group {
    folder: PathBuf,
    /// Whether it is one of the first version of control groups.
    first: bool,
}

impl Group {
    fn create() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let first = own.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            (controllers == "memory").then(|| path.trim_start_matches('/').to_owned())
        });
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("virga-test-{}", std::process::id());
        let (folder, first) = match first {
            Some(path) => (root.join("memory").join(path).join(name), true),
            None => (root.join(name), false),
        };
        fs::create_dir(&folder)
            .unwrap_or_else(|why| panic!("{}: {why}: run it as root", folder.display()));
        let group = Self { folder, first };
        let limit = if first {
            "memory.limit_in_bytes"
        } else {
            fs::write(root.join("cgroup.subtree_control"), "+memory").unwrap();
            "memory.max"
        };
        fs::write(group.folder.join(limit), LIMIT.to_string()).unwrap();
        group
    }

    /// A program that is `virga` in this group.
    fn program(&self, folder: &Path) -> PathBuf {
        let program = folder.join("virga");
        let procs = self.folder.join("cgroup.procs");
        let script = format!(
            "#!/bin/sh\necho $$ >{} && exec {VIRGA} \"$@\"\n",
            procs.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    /// How many of its processes were killed for want of memory.
    fn killed(&self) -> u64 {
        let file = if self.first {
            "memory.oom_control"
        } else {
            "memory.events"
        };
        let said = fs::read_to_string(self.folder.join(file)).unwrap();
        let mut lines = said.lines();
        let killed = lines.find_map(|line| line.strip_prefix("oom_kill "));
        killed.and_then(|it| it.trim().parse().ok()).unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// What browsers do not play.
fn film(size: &str) -> Vec<u8> {
    let encoder = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le";
    let encoder: Vec<&str> = encoder.split(' ').collect();
    Clip::default()
        .seconds(8.0)
        .size(size)
        .encoder(&encoder)
        .file("film.mkv", &[])
        .bytes()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes a control group, as root, and encodes for a minute: make test-full"]
async fn a_site_in_512_mib_encodes_1080p_and_nothing_is_killed() {
    let group = Group::create();
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::of(group.program(folder.path())).start();
    let ann = site.register("ann").await;
    let (hd, uhd) = (film("1920x1080"), film("3840x2160"));
    // Their jobs overlap.
    let hd = ann.upload("Full HD", "public", &hd).await;
    let uhd = ann.upload("4K", "public", &uhd).await;
    for (video, full_hd) in [(&hd, true), (&uhd, false)] {
        let shown = ann.wait_for(video, &["ready", "failed"]).await;
        assert_eq!(shown["state"], "ready", "{shown}\n{}", site.output());
        let hls = ann.playback(video).await["hls"]
            .as_str()
            .unwrap()
            .to_owned();
        let playlist = ann.get(&hls).await.expect(200).text();
        assert!(playlist.contains("RESOLUTION=640x360"), "{playlist}");
        let has = playlist.contains("RESOLUTION=1920x1080");
        assert_eq!(has, full_hd, "{playlist}\n{}", site.output());
    }
    assert_eq!(group.killed(), 0, "{}", site.output());
    assert!(
        site.output().contains("the machine lacks MiB of memory"),
        "{}",
        site.output()
    );
    site.terminate(Role::Serve);
    site.wait_ended(Role::Serve);
}
