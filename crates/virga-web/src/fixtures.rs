//! Every page, rendered in every language from a sample of its context, for the tests beneath:
//! they check what no type can.

use virga_core::{
    CommentId, OsEntropy, Timestamp, UploadId, UserId, VideoId,
    permission::Role,
    upload::UploadState,
    video::{VideoState, Visibility},
    wire::{
        Comment, FormOffer, Me, Page, Playback, PlaybackText, Problem, Registration, SessionInfo,
        Site, Upload, UploadMode, Video, Warning,
    },
};

use crate::{
    error_page::FaultPage,
    errors::FormErrors,
    format::{self, Card},
    layout::Layout,
    locale::Lang,
    pages::{
        account::SignPage,
        clip::Clip,
        edit,
        home::HomePage,
        person::PersonPage,
        settings::{SessionLine, SettingsPage},
        setup::SetupPage,
        studio::MinePage,
        studio::Toast,
        upload::UploadPage,
        watch::WatchPage,
    },
    theme::Theme,
};

mod markup;
mod sharing;
mod texts;

const NASTY: &str = "<script>alert(1)</script> \"'& \u{202e}حبا 云";

fn now() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

fn me() -> Me {
    Me {
        id: UserId::random(&OsEntropy),
        name: "云-ada".into(),
        role: Role::User,
        created_at: now(),
        used_bytes: 1_200_000_000,
        quota_bytes: 50_000_000_000,
        upload_visibility: Visibility::Unlisted,
        publish_at_once: false,
    }
}

fn frame(lang: Lang, signed_in: bool) -> Layout {
    Layout {
        lang,
        theme: Theme::Dark,
        site: NASTY.into(),
        me: signed_in.then(me),
        base: "https://v.example".into(),
        open: true,
        nonce: "bm9uY2U".into(),
        here: "/v/x?a=\"b".into(),
        q: String::new(),
    }
}

pub(crate) fn video(state: VideoState) -> Video {
    Video {
        id: VideoId::random(&OsEntropy),
        title: NASTY.into(),
        description: NASTY.into(),
        visibility: Visibility::Unlisted,
        publish_as: Some(Visibility::Public),
        state,
        failure: (state == VideoState::Failed).then(|| NASTY.into()),
        failure_code: (state == VideoState::Failed).then(|| "file_is_text".into()),
        warnings: vec![Warning {
            job: "ladder".into(),
            code: "gave_up".into(),
            text: NASTY.into(),
        }],
        note: None,
        progress: Some(0.4),
        arriving: false,
        plays_at: Some(Timestamp(now().0 + 75_000_000)),
        owner: "云-ada".into(),
        editable: true,
        duration: Some(61.5),
        width: Some(1280),
        height: Some(720),
        poster: Some("/media/x/poster.jpg".into()),
        poster_widths: vec![320, 640],
        storyboard: None,
        views: 12_345,
        comments: 2,
        created_at: Timestamp::from_seconds(1_789_000_000),
        published_at: None,
        purge_at: Some(now()),
        presentation_version: 3,
    }
}

fn comments() -> Page<Comment> {
    let comment = |editable: bool| Comment {
        by_admin: !editable,
        id: CommentId::random(&OsEntropy),
        author: "云-ada".into(),
        text: NASTY.into(),
        created_at: now(),
        edited_at: Some(now()),
        editable,
        deletable: editable,
    };
    Page {
        items: vec![comment(true), comment(true), comment(false)],
        next: Some("next\"".into()),
    }
}

fn upload() -> Upload {
    Upload {
        id: UploadId::random(&OsEntropy),
        video_id: VideoId::random(&OsEntropy),
        file_name: NASTY.into(),
        size: 1000,
        fingerprint: String::new(),
        state: UploadState::Uploading,
        held: 430,
        mode: UploadMode::Multipart,
        part_size: 100,
        expires_at: now(),
    }
}

fn wrong(lang: Lang, field: &str) -> FormErrors {
    let problem = Problem {
        kind: String::new(),
        title: String::new(),
        status: 422,
        detail: String::new(),
        code: "field.length".into(),
        field: Some(field.to_owned()),
        retry_after: None,
        request_id: None,
    };
    FormErrors::new(lang, &problem, &[(field, field)])
}

impl HomePage {
    fn sample(f: Layout, cards: usize, q: &str) -> Self {
        let (lang, mut f) = (f.lang, f);
        f.q = q.into();
        Self {
            needs_setup: cards == 0,
            cards: vec![Card::new(lang, now(), &video(VideoState::Ready)); cards],
            popular: true,
            new_href: "/".into(),
            popular_href: "/?sort=popular".into(),
            more: Some("/?cursor=x".into()),
            f,
        }
    }
}

impl SignPage {
    fn sample(f: Layout, new: bool, field: &str) -> Self {
        let errors = wrong(f.lang, field);
        let mut page = Self::new(f, new, "/upload?a=\"b");
        page.name = NASTY.into();
        page.errors = errors;
        page
    }
}

impl SetupPage {
    fn sample(f: Layout, needed: bool, field: &str) -> Self {
        Self {
            needed,
            token: "abc".into(),
            name: NASTY.into(),
            site_name: NASTY.into(),
            closed: true,
            errors: wrong(f.lang, field),
            f,
        }
    }
}

impl UploadPage {
    fn sample(f: Layout) -> Self {
        let quota = format::quota(f.lang, &me());
        Self::new(
            f,
            10_000_000_000,
            quota,
            Some(video(VideoState::Draft)),
            &[upload(), upload()],
            Some(FormOffer {
                url: "/up/form/x?sig=\"y".into(),
                max: 2_000_000_000,
                expires_at: now(),
            }),
        )
    }
}

impl MinePage {
    fn sample(f: Layout, states: &[VideoState]) -> Self {
        let videos: Vec<Video> = states.iter().map(|state| video(*state)).collect();
        let toast = Toast {
            text: f.tu("toast-deleted", "title", NASTY),
            undo: Some("x".into()),
        };
        let quota = format::quota(f.lang, &me());
        let mut page = Self::new(f, now(), quota, &videos);
        page.more = Some("/my/videos?cursor=x".into());
        page.toast = Some(toast);
        page
    }
}

fn text(kind: &str) -> PlaybackText {
    PlaybackText {
        src: format!("/media/x/{kind}.vtt"),
        kind: kind.into(),
        language: Some("de".into()),
        label: (kind == "subtitles").then(|| NASTY.into()),
        default: true,
        forced: false,
    }
}

impl WatchPage {
    fn sample(f: Layout, state: VideoState, fallback: bool) -> Self {
        let playback = state.plays().then(|| Playback {
            loudness: Some(-11.5),
            position: Some(12.5),
            hls: "/media/x/main.m3u8".into(),
            dash: None,
            fallback: fallback.then(|| "/media/x/fallback.mp4".into()),
            storyboard: None,
            texts: vec![text("subtitles"), text("chapters")],
            poster: fallback.then(|| "/media/x/poster.jpg".into()),
            expires_at: None,
            version: 3,
            holds: 3600,
            duration: Some(61.5),
        });
        let (list, errors) = (comments(), wrong(f.lang, "text"));
        let editing = Some(list.items[0].id);
        let clip = Clip {
            from: 1500,
            to: fallback.then_some(20_000),
        };
        let mut page = Self::new(f, now(), video(state), playback, Some(clip)).with_comments(
            now(),
            list,
            editing,
        );
        page.errors = errors;
        page.draft = NASTY.into();
        page
    }
}

impl edit::EditPage {
    fn sample(f: Layout, field: &str) -> Self {
        let errors = wrong(f.lang, field);
        let form = edit::EditForm::sample(NASTY);
        let site = Site {
            name: NASTY.into(),
            registration: Registration::Open,
            needs_setup: false,
            upload_max: 1000,
            undo_seconds: 604_800,
            media_origins: Vec::new(),
            loose_seconds: 7200,
        };
        let mut page = edit::page(f, &site, VideoId::random(&OsEntropy), form);
        page.errors = errors;
        page.work.remake = field.is_empty();
        page.work.stop = field.is_empty();
        page.other = Some(edit::Saved::new(page.f.lang, &video(VideoState::Ready)));
        page
    }
}

impl PersonPage {
    fn sample(f: Layout, cards: usize) -> Self {
        Self {
            name: "云-ada".into(),
            count: f.lang.count("videos", 1, "1"),
            since: f
                .lang
                .with("person-since", "date", format::date(f.lang, now())),
            cards: vec![Card::new(f.lang, now(), &video(VideoState::Ready)); cards],
            more: None,
            f,
        }
    }
}

impl SettingsPage {
    fn sample(f: Layout, field: &str) -> Self {
        let errors = wrong(f.lang, field);
        let (f_saved, lang) = (f.t("settings-saved"), f.lang);
        let mut page = Self::new(f, &me());
        let session = |device: &str, current| SessionInfo {
            id: "a\"b".into(),
            device: device.into(),
            created_at: now(),
            seen_at: now(),
            current,
        };
        if field.is_empty() {
            let sessions = [
                session("Mozilla/5.0 (Android)", true),
                session(NASTY, false),
            ];
            let line = |it| SessionLine::new(lang, now(), it);
            page.sessions = sessions.map(line).into();
        }
        page.saved = Some(f_saved);
        page.errors = errors;
        page
    }
}

/// Every page in every state that looks different.
fn pages(lang: Lang) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut add = |name: String, page: &dyn askama::DynTemplate| {
        pages.push((name, page.dyn_render().unwrap()));
    };
    for signed_in in [true, false] {
        let f = || frame(lang, signed_in);
        add("home".into(), &HomePage::sample(f(), 2, ""));
        add("home empty".into(), &HomePage::sample(f(), 0, ""));
        add("nothing found".into(), &HomePage::sample(f(), 0, NASTY));
        for (name, new, field) in [
            ("sign in", false, "name"),
            ("sign up", true, "password"),
            ("sign up, name", true, "name"),
        ] {
            add(name.into(), &SignPage::sample(f(), new, field));
        }
        let closed = Layout { open: false, ..f() };
        add("closed".into(), &SignPage::sample(closed, true, "name"));
        for field in ["token", "name", "password", "site_name", ""] {
            add(
                format!("setup {field}"),
                &SetupPage::sample(f(), true, field),
            );
        }
        add("setup done".into(), &SetupPage::sample(f(), false, ""));
        add("upload".into(), &UploadPage::sample(f()));
        add("mine".into(), &MinePage::sample(f(), VideoState::ALL));
        add("mine empty".into(), &MinePage::sample(f(), &[]));
        for state in VideoState::ALL {
            add(
                format!("watch {state}"),
                &WatchPage::sample(f(), *state, signed_in),
            );
        }
        for field in ["title", "description", "visibility", ""] {
            add(format!("edit {field}"), &edit::EditPage::sample(f(), field));
        }
        add("person".into(), &PersonPage::sample(f(), 2));
        add("person empty".into(), &PersonPage::sample(f(), 0));
        for field in ["current", "new", ""] {
            add(
                format!("settings {field}"),
                &SettingsPage::sample(f(), field),
            );
        }
        for (name, page) in sharing::pages(&f) {
            add(name, &*page);
        }
        for status in [400, 401, 403, 404, 409, 413, 429, 500, 503, 507] {
            add(
                format!("fault {status}"),
                &FaultPage::new(f(), status, None, "r-1"),
            );
        }
    }
    pages
}
