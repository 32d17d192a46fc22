//! Samples of the pages of administrators, and of what leaves the site.

use askama::DynTemplate;
use virga_core::{
    OsEntropy, VideoId,
    job::JobKind,
    permission::Role,
    video::VideoState,
    wire::{Account, FailedJob, Registration, SettingSource, SiteSettings, Storage},
};

use super::{NASTY, now, video, wrong};
use crate::{
    frame::Frame,
    pages::{
        admin::{Act, ConfirmPage, JobsPage, SitePage, StoragePage, UsersPage},
        embed::{Asked, EmbedPage},
        watch::WatchPage,
    },
    show::Card,
};

type Page = (String, Box<dyn DynTemplate>);

fn account(name: &str, role: Role, blocked: bool) -> Account {
    Account {
        name: name.into(),
        role,
        created_at: now(),
        blocked_at: blocked.then(now),
        videos: 3,
        used_bytes: 1_234_567,
    }
}

fn users(f: Frame, filled: bool) -> UsersPage {
    let mut accounts = vec![
        account("云-ada", Role::Admin, false),
        account(NASTY, Role::User, true),
        account("a/b", Role::User, false),
    ];
    accounts.retain(|_| filled);
    let mut page = UsersPage::new(f, now(), accounts);
    page.words = NASTY.into();
    page.more = filled.then(|| "/admin?q=&cursor=x".into());
    page.done = filled.then(|| page.f.t("admin-done-blocked"));
    page
}

fn jobs(f: Frame, filled: bool) -> JobsPage {
    let job = |kind: &JobKind| FailedJob {
        video_id: VideoId::random(&OsEntropy),
        title: NASTY.into(),
        owner: NASTY.into(),
        kind: *kind,
        code: "too_slow".into(),
        text: NASTY.into(),
        tries: 5,
        failed_at: now(),
    };
    let kinds = JobKind::ALL.iter().filter(|_| filled);
    let mut page = JobsPage::new(f, now(), kinds.map(job).collect());
    page.more = filled.then(|| "/admin/jobs?cursor=x".into());
    page.done = filled.then(|| page.f.t("toast-retried"));
    page
}

fn storage(f: Frame, free_bytes: u64) -> StoragePage {
    let room = Storage {
        videos: 7,
        sources_bytes: 40_000_000_000,
        reserved_bytes: 1_000,
        free_bytes: Some(free_bytes),
        total_bytes: Some(100_000_000_000),
        keep_free_bytes: Some(5_000_000_000),
    };
    StoragePage::new(f, &room)
}

fn site(f: Frame, source: SettingSource) -> SitePage {
    let errors = wrong(f.lang, "name");
    let settings = SiteSettings {
        name: NASTY.into(),
        name_source: source,
        registration: Registration::Closed,
        registration_source: source,
    };
    let mut page = SitePage::new(f, settings);
    page.saved = true;
    page.errors = errors;
    page
}

fn watch(f: Frame, fallback: bool) -> WatchPage {
    let mut page = WatchPage::sample(f, VideoState::Ready, fallback);
    let card = Card::new(page.f.lang, now(), &video(VideoState::Ready));
    page.beside = vec![card; 3];
    page
}

/// Every page of this kind for one reader.
pub(super) fn pages(f: &dyn Fn() -> Frame) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    let mut add = |name: &str, page: Box<dyn DynTemplate>| pages.push((name.into(), page));
    for filled in [true, false] {
        add("accounts", Box::new(users(f(), filled)));
        add("failed jobs", Box::new(jobs(f(), filled)));
        add("watch, more beside", Box::new(watch(f(), filled)));
        let asked = Asked {
            t: Some("1:23".into()),
            autoplay: Some("1".into()),
            mute: Some("true".into()),
        };
        let embed = EmbedPage::player(watch(f(), filled), &asked);
        assert!(embed.watch.is_some() && embed.fragment == "#t=83" && embed.autoplay && embed.mute);
        add("embed", Box::new(embed));
    }
    for source in [
        SettingSource::Default,
        SettingSource::Stored,
        SettingSource::Configuration,
    ] {
        add("site settings", Box::new(site(f(), source)));
    }
    for act in Act::ALL {
        let mut page = ConfirmPage::new(f(), act, NASTY.into());
        page.problem = Some(NASTY.into());
        add("asked once more", Box::new(page));
        let mut page = ConfirmPage::new(f(), act, NASTY.into());
        page.password = Some("abcd-efgh-jkmn-pqrs".into());
        add("new password", Box::new(page));
    }
    for free in [0, 3_000_000_000, 50_000_000_000, 100_000_000_000] {
        add("disk", Box::new(storage(f(), free)));
    }
    let failed = WatchPage::sample(f(), VideoState::Failed, true);
    let embed = EmbedPage::player(failed, &Asked::default());
    assert!(embed.watch.is_none() && !embed.text.contains("alert(1)"));
    add("embed, nothing plays", Box::new(embed));
    add("embed, down", Box::new(EmbedPage::card(f(), "fault-down")));
    pages
}
