//! Compares rows with objects. Read-only unless asked to repair; safe to run on a live site, since
//! what is younger than a day is left alone and every repair is what the site itself would do.

use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use std::{collections::HashSet, fmt, time::Duration};
use virga_core::{
    KeyPrefix, MediaKey, ObjectClass, Result, VideoId,
    presentation::{FORMAT, TrackBody},
};
use virga_db::{TrackRow, VideoRow, digests, jobs, tracks, uploads, usage, videos};
use virga_media::TrackTable;
use virga_objects::ObjectError;

mod referenced;

use crate::{App, Look, found};
pub(crate) use referenced::{Referenced, lasting};

/// Younger than this may belong to work that is under way.
const GRACE: Duration = Duration::from_secs(24 * 3600);
/// An object that no row points at goes when it is older than this: a replica may still read it for
/// playlists that it handed out.
const UNUSED_FOR: Duration = Duration::from_secs(6 * 3600);
/// A lease that ended this long ago should have been taken up.
const STUCK_AFTER: Duration = Duration::from_secs(120);
/// A published object that does not match is looked at this often before it is called stale.
const LOOKS: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const PAGE: u64 = 200;
const SMALL_OBJECT: u64 = 16 << 20;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// No row points at it.
    OrphanObject,
    /// A row points at an object that is not there.
    DanglingRow,
    /// A multipart session of no open upload.
    UnreferencedMultipart,
    /// An object has not the size that rows say.
    WrongSize,
    /// The published object is not what rows say.
    StalePresentation,
    /// A lease ended long ago and nobody took the job up.
    StuckJob,
    /// An object's bytes are not those that were stored.
    DamagedObject,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FsckFinding {
    /// What kind.
    pub class: Class,
    /// Object key, upload or job.
    pub subject: String,
    /// In words.
    pub detail: String,
    /// Whether it was put right.
    pub repaired: bool,
}

impl fmt::Display for FsckFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = serde_json::to_value(self.class).unwrap_or_default();
        let class = class.as_str().unwrap_or_default();
        let state = if self.repaired { "repaired" } else { "found" };
        write!(f, "{state} {class}: {}: {}", self.subject, self.detail)
    }
}

/// What `fsck` saw.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FsckReport {
    /// Videos looked at.
    pub videos: u64,
    /// Objects looked at.
    pub objects: u64,
    /// Bytes read and compared.
    pub bytes: u64,
    /// What is wrong.
    pub findings: Vec<FsckFinding>,
}

impl FsckReport {
    /// Nothing is wrong any more.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.repaired)
    }

    fn add(&mut self, class: Class, subject: impl fmt::Display, detail: String, repaired: bool) {
        self.findings.push(FsckFinding {
            class,
            subject: subject.to_string(),
            detail,
            repaired,
        });
    }
}

impl App {
    /// Checks everything; with `repair`, fixes what has only one possible answer. `deep` reads all
    /// bytes and, with `repair`, rebuilds what is derived from an intact source. `progress` runs
    /// after each video.
    pub async fn fsck(
        &self,
        repair: bool,
        deep: bool,
        mut progress: impl FnMut(&FsckReport),
    ) -> Result<FsckReport> {
        let mut report = FsckReport::default();
        let mut after = String::new();
        loop {
            let rows = videos::ids_after(self.db.read(), &after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id.to_string();
            for row in rows {
                if deep {
                    self.read_video(&row, repair, &mut report).await?;
                    progress(&report);
                }
                self.check_video(row, repair, &mut report).await?;
            }
        }
        self.check_strangers(repair, &mut report).await?;
        self.check_sessions(repair, &mut report).await?;
        self.check_jobs(&mut report).await?;
        if !deep {
            self.report_damage(&mut report).await?;
        }
        Ok(report)
    }

    /// Reads every object of a video. Damaged derived objects are rebuilt if the source is intact.
    async fn read_video(
        &self,
        row: &VideoRow,
        repair: bool,
        report: &mut FsckReport,
    ) -> Result<()> {
        if row.deleted_at.is_some() {
            return Ok(());
        }
        let mut lost = Vec::new();
        let mut whole_source = row.source_key.is_some();
        for key in self.lasting_objects(row).await? {
            let look = self.look_at(&key, |_| std::future::ready(())).await?;
            report.bytes += look.bytes();
            let detail = match look {
                Look::Damaged(detail) => detail,
                Look::Gone => "it is gone".to_owned(),
                Look::Sound(_) | Look::Noted(_) => continue,
            };
            whole_source &= key.class() != ObjectClass::Source;
            lost.push((key, detail));
        }
        if lost.is_empty() {
            return Ok(());
        }
        let remake = repair && whole_source && !jobs::any_open(self.db.read(), row.id).await?;
        if remake {
            self.remake_video(row.id).await?;
        }
        for (key, detail) in lost {
            report.add(Class::DamagedObject, key, detail, remake);
        }
        Ok(())
    }

    async fn check_video(
        &self,
        mut row: VideoRow,
        repair: bool,
        report: &mut FsckReport,
    ) -> Result<()> {
        report.videos += 1;
        let wanted = loop {
            // Its objects are going, or about to.
            if row.purge_at.is_some_and(|at| at <= self.clock.now()) {
                return Ok(());
            }
            let tracks = tracks::all_of_video(self.db.read(), row.id).await?;
            let wanted = self.referenced(&row, &tracks.known).await?;
            let mut sizes = FsckReport::default();
            self.check_sizes(&row, &tracks.known, &wanted.keys, &mut sizes)
                .await?;
            let Some(now) = videos::find(self.db.read(), row.id).await? else {
                return Ok(());
            };
            let still = now.presentation_version == row.presentation_version;
            if sizes.findings.is_empty() || (still && now.purge_at == row.purge_at) {
                report.findings.append(&mut sizes.findings);
                // What the tracks of a later release need is not known here.
                break tracks.unknown.is_empty().then_some(wanted);
            }
            // It changed under our eyes.
            row = now;
        };
        self.check_presentation(&row, repair, report).await?;
        // Work that is under way has objects that no row points at, however long it takes.
        let busy = jobs::any_open(self.db.read(), row.id).await?;
        let mut listed = self.store.list(&MediaKey::prefix(row.id));
        while let Some(object) = listed.try_next().await? {
            report.objects += 1;
            let old = object.stat.modified < self.clock.now().minus(GRACE);
            if old
                && !busy
                && wanted
                    .as_ref()
                    .is_some_and(|wanted| !wanted.has(&object.key))
            {
                self.orphan(&object.key, repair, report).await?;
            }
        }
        Ok(())
    }

    /// What the background check found.
    async fn report_damage(&self, report: &mut FsckReport) -> Result<()> {
        for row in digests::damaged(self.db.read(), PAGE).await? {
            let detail = row.damage.unwrap_or_default();
            report.add(Class::DamagedObject, row.key, detail, false);
        }
        Ok(())
    }

    async fn orphan(&self, key: &MediaKey, repair: bool, report: &mut FsckReport) -> Result<()> {
        if repair {
            self.store.delete(key).await?;
            digests::remove(self.db.write(), key).await?;
        }
        let detail = "no row points at it".to_owned();
        report.add(Class::OrphanObject, key, detail, repair);
        Ok(())
    }

    async fn check_sizes(
        &self,
        row: &VideoRow,
        tracks: &[TrackRow],
        wanted: &HashSet<MediaKey>,
        report: &mut FsckReport,
    ) -> Result<()> {
        let mut sizes: Vec<(&MediaKey, u64)> = Vec::new();
        if let Some(source) = &row.source_key {
            sizes.push((source, row.source_size));
        }
        for track in tracks {
            if let TrackBody::Object { object } = &track.body
                && let Some(table) = self.table(&track.table_key).await?
            {
                sizes.push((object, table.object_len()));
            }
        }
        for key in wanted {
            let Some(stat) = found(self.store.stat(key).await)? else {
                if key.class() != ObjectClass::Presentation {
                    let detail = format!("video {} needs it and it is gone", row.id);
                    report.add(Class::DanglingRow, key, detail, false);
                }
                continue;
            };
            let right = sizes.iter().find(|(sized, _)| *sized == key);
            if let Some((_, right)) = right.filter(|(_, right)| *right != stat.size) {
                let detail = format!("{} bytes, {right} expected", stat.size);
                report.add(Class::WrongSize, key, detail, false);
            }
        }
        Ok(())
    }

    async fn table(&self, key: &MediaKey) -> Result<Option<TrackTable>> {
        let bytes = found(self.store.read_all(key, SMALL_OBJECT).await)?;
        Ok(bytes.and_then(|bytes| TrackTable::from_json(&bytes).ok()))
    }

    async fn check_presentation(
        &self,
        row: &VideoRow,
        repair: bool,
        report: &mut FsckReport,
    ) -> Result<()> {
        if row.presentation_version == 0 {
            return Ok(());
        }
        let key = MediaKey::presentation(row.id);
        let mut looks = 0;
        let found = loop {
            let found = self.published(&key).await?;
            let later = found.as_ref().is_some_and(|it| it.format > FORMAT);
            // One that a later release wrote is not for this one to judge.
            if later || found == self.presentation(row.id).await? {
                return Ok(());
            }
            looks += 1;
            if looks == LOOKS {
                break found;
            }
            // It may be on its way this very moment.
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        if repair {
            virga_db::videos::unpublish(self.db.write(), row.id).await?;
            self.publish(row.id).await?;
        }
        let detail = match found {
            Some(found) => {
                let (has, right) = (found.version, row.presentation_version);
                format!("the object says version {has}, rows say {right}")
            }
            None => "it is missing or cannot be read".to_owned(),
        };
        report.add(Class::StalePresentation, &key, detail, repair);
        Ok(())
    }

    /// Objects of videos that have no row.
    async fn check_strangers(&self, repair: bool, report: &mut FsckReport) -> Result<()> {
        let mut listed = self.store.list(&KeyPrefix::all());
        let mut known: Option<(VideoId, bool)> = None;
        while let Some(object) = listed.try_next().await? {
            let id = object.key.video().map_err(ObjectError::from)?;
            let exists = match known {
                Some((last, exists)) if last == id => exists,
                _ => videos::find(self.db.read(), id).await?.is_some(),
            };
            known = Some((id, exists));
            if !exists {
                report.objects += 1;
                if object.stat.modified < self.clock.now().minus(GRACE) {
                    self.orphan(&object.key, repair, report).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes objects that no row points at: what an attempt that failed wrote, and what a later
    /// result replaced. Leaves alone what is younger than [`UNUSED_FOR`], videos that have work or an
    /// upload under way, and what only `fsck --repair` may judge: sources, and videos without a row,
    /// which a database restored from a backup may lack. Lists the whole store once.
    pub async fn sweep_orphans(&self) -> Result<u64> {
        let mut removed = 0;
        let mut listed = self.store.list(&KeyPrefix::all());
        let mut known: Option<(VideoId, Option<Referenced>)> = None;
        while let Some(object) = listed.try_next().await? {
            let young = object.stat.modified >= self.clock.now().minus(UNUSED_FOR);
            if young || object.key.class() == ObjectClass::Source {
                continue;
            }
            let id = object.key.video().map_err(ObjectError::from)?;
            if known.as_ref().is_none_or(|(last, _)| *last != id) {
                known = Some((id, self.settled_keys(id).await?));
            }
            let keys = known.as_ref().and_then(|(_, keys)| keys.as_ref());
            if keys.is_some_and(|keys| !keys.has(&object.key)) {
                self.store.delete(&object.key).await?;
                digests::remove(self.db.write(), &object.key).await?;
                usage::count_made(self.db.write(), id).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The keys that a video's rows point at; `None` if it has no row, is being worked on or purged, or
    /// has tracks that only a later release can read.
    async fn settled_keys(&self, id: VideoId) -> Result<Option<Referenced>> {
        let db = self.db.read();
        let Some(row) = videos::find(db, id).await? else {
            return Ok(None);
        };
        let busy = row.purge_at.is_some()
            || jobs::any_open(db, id).await?
            || uploads::open_of_video(db, id).await?.is_some();
        if busy {
            return Ok(None);
        }
        let tracks = tracks::all_of_video(db, id).await?;
        // What the tracks of a later release need is not known here.
        if !tracks.unknown.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.referenced(&row, &tracks.known).await?))
    }

    /// Drops multipart sessions of no open upload, a day after their last byte: a crash between a
    /// row's end and the store's leaves one.
    pub async fn sweep_sessions(&self) -> Result<()> {
        let mut report = FsckReport::default();
        self.check_sessions(true, &mut report).await?;
        for finding in report.findings {
            tracing::info!(
                upload.id = finding.subject,
                "dropped the parts of an ended upload"
            );
        }
        Ok(())
    }

    async fn check_sessions(&self, repair: bool, report: &mut FsckReport) -> Result<()> {
        let mut sessions = self.sessions.list_sessions();
        while let Some(session) = sessions.next().await {
            let session = session?;
            let row = uploads::find(self.db.read(), session.id).await?;
            let open = row.is_some_and(|row| row.state.is_open());
            if !open && session.touched < self.clock.now().minus(GRACE) {
                if repair {
                    self.sessions.abort(session.id).await?;
                }
                let detail = "no open upload has it".to_owned();
                report.add(Class::UnreferencedMultipart, session.id, detail, repair);
            }
        }
        Ok(())
    }

    async fn check_jobs(&self, report: &mut FsckReport) -> Result<()> {
        let before = self.clock.now().minus(STUCK_AFTER);
        for job in jobs::stuck(self.db.read(), before).await? {
            let detail = format!(
                "{} of video {}: its lease ended at {} and no worker took it up; is a dispatcher running?",
                job.kind(),
                job.video,
                job.lease_until
            );
            report.add(Class::StuckJob, job.id, detail, false);
        }
        Ok(())
    }
}
