//! Every page, rendered in every language from a sample of its context: what is checked here is
//! what no type can: texts complete, nothing inline that the policy refuses, forms with labels.

use std::collections::{BTreeMap, BTreeSet};

use virga_core::{
    CommentId, OsEntropy, Timestamp, UploadId, UserId, VideoId,
    job::JobKind,
    permission::Role,
    upload::UploadState,
    video::{VideoState, Visibility},
    wire::{Comment, FormOffer, Me, Page, Playback, Problem, Upload, UploadMode, Video, Warning},
};

use crate::{
    errors::{CODES, FormErrors, problem_text, status_text, status_title},
    fault::FaultPage,
    frame::Frame,
    locale::Lang,
    pages::{
        account::SignPage, edit, home::HomePage, person::PersonPage, settings::SettingsPage,
        setup::SetupPage, studio::MinePage, studio::Toast, upload::UploadPage, watch::WatchPage,
    },
    show::{self, Card},
    theme::Theme,
};

mod sharing;

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
    }
}

fn frame(lang: Lang, signed_in: bool) -> Frame {
    Frame {
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

fn video(state: VideoState) -> Video {
    Video {
        id: VideoId::random(&OsEntropy),
        title: NASTY.into(),
        description: NASTY.into(),
        visibility: Visibility::Unlisted,
        state,
        failure: (state == VideoState::Failed).then(|| NASTY.into()),
        failure_code: (state == VideoState::Failed).then(|| "file_is_text".into()),
        warnings: vec![Warning {
            job: "ladder".into(),
            code: "gave_up".into(),
            text: NASTY.into(),
        }],
        progress: Some(0.4),
        owner: "云-ada".into(),
        editable: true,
        duration: Some(61.5),
        width: Some(1280),
        height: Some(720),
        poster: Some("/media/x/poster.jpg".into()),
        views: 12_345,
        comments: 2,
        created_at: Timestamp::from_seconds(1_789_000_000),
        published_at: None,
        purge_at: Some(now()),
        presentation_version: 3,
    }
}

fn comments() -> Page<Comment> {
    let comment = |editable| Comment {
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
    fn sample(f: Frame, cards: usize, q: &str) -> Self {
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
    fn sample(f: Frame, new: bool, field: &str) -> Self {
        let errors = wrong(f.lang, field);
        let mut page = Self::new(f, new, "/upload?a=\"b");
        page.name = NASTY.into();
        page.errors = errors;
        page
    }
}

impl SetupPage {
    fn sample(f: Frame, needed: bool, field: &str) -> Self {
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
    fn sample(f: Frame) -> Self {
        let quota = show::quota(f.lang, &me());
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
    fn sample(f: Frame, states: &[VideoState]) -> Self {
        let videos: Vec<Video> = states.iter().map(|state| video(*state)).collect();
        let toast = Toast {
            text: f.tu("toast-deleted", "title", NASTY),
            undo: Some("x".into()),
        };
        let quota = show::quota(f.lang, &me());
        let mut page = Self::new(f, now(), quota, &videos);
        page.more = Some("/my/videos?cursor=x".into());
        page.toast = Some(toast);
        page
    }
}

impl WatchPage {
    fn sample(f: Frame, state: VideoState, fallback: bool) -> Self {
        let playback = state.plays().then(|| Playback {
            position: Some(12.5),
            hls: "/media/x/main.m3u8".into(),
            fallback: fallback.then(|| "/media/x/fallback.mp4".into()),
            poster: fallback.then(|| "/media/x/poster.jpg".into()),
            expires_at: None,
            version: 3,
        });
        let (list, errors) = (comments(), wrong(f.lang, "text"));
        let editing = Some(list.items[0].id);
        let mut page =
            Self::new(f, now(), video(state), playback).with_comments(now(), list, editing);
        page.errors = errors;
        page.draft = NASTY.into();
        page
    }
}

impl edit::EditPage {
    fn sample(f: Frame, field: &str) -> Self {
        let errors = wrong(f.lang, field);
        let form = edit::EditForm::sample(NASTY);
        let mut page = edit::page(f, 604_800, VideoId::random(&OsEntropy), form);
        page.errors = errors;
        page
    }
}

impl PersonPage {
    fn sample(f: Frame, cards: usize) -> Self {
        Self {
            name: "云-ada".into(),
            count: f.lang.count("videos", 1, "1"),
            since: f
                .lang
                .with("person-since", "date", show::date(f.lang, now())),
            cards: vec![Card::new(f.lang, now(), &video(VideoState::Ready)); cards],
            more: None,
            f,
        }
    }
}

impl SettingsPage {
    fn sample(f: Frame, field: &str) -> Self {
        let errors = wrong(f.lang, field);
        let mut page = Self::new(f, &me());
        page.saved = true;
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
        let closed = Frame { open: false, ..f() };
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

/// A tag as written: its name and its attributes, values unescaped enough to compare.
#[derive(Debug)]
struct Tag {
    name: String,
    closing: bool,
    attributes: BTreeMap<String, String>,
}

/// The tags of a page. Strict: what our templates never write is an error.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let (mut end, mut quoted) = (None, false);
        for (at, c) in rest.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => {
                    end = Some(at);
                    break;
                }
                '<' => assert!(quoted, "a stray < before {:?}", &rest[..40.min(at)]),
                _ => {}
            }
        }
        let (inside, after) = rest.split_at(end.expect("every tag ends"));
        rest = &after[1..];
        let closing = inside.starts_with('/');
        let inside = inside.trim_matches('/');
        let (name, mut attrs) = inside
            .split_once(char::is_whitespace)
            .unwrap_or((inside, ""));
        let mut attributes = BTreeMap::new();
        while !attrs.trim().is_empty() {
            attrs = attrs.trim_start();
            let stop = attrs
                .find(|c: char| c == '=' || c.is_whitespace())
                .unwrap_or(attrs.len());
            let key = attrs[..stop].to_owned();
            attrs = &attrs[stop..];
            let mut value = String::new();
            if let Some(quoted) = attrs.strip_prefix("=\"") {
                let stop = quoted.find('"').expect("every quote ends");
                quoted[..stop].clone_into(&mut value);
                attrs = &quoted[stop + 1..];
            } else {
                assert!(!attrs.starts_with('='), "an unquoted value in <{inside}>");
            }
            assert!(
                attributes.insert(key.clone(), value).is_none(),
                "{key} twice in <{inside}>"
            );
        }
        tags.push(Tag {
            name: name.to_owned(),
            closing,
            attributes,
        });
    }
    tags
}

const VOID: [&str; 7] = ["meta", "link", "input", "img", "hr", "br", "use"];

fn check(page: &str, html: &str) {
    let tags = tags(html);
    let (mut open, mut ids) = (Vec::new(), BTreeSet::new());
    for tag in &tags {
        let name = tag.name.as_str();
        if tag.closing {
            assert_eq!(open.pop(), Some(name), "{page}: closed out of order");
            continue;
        }
        if !VOID.contains(&name) {
            open.push(name);
        }
        assert_ne!(name, "style", "{page}: an inline style sheet");
        for (key, value) in &tag.attributes {
            assert_ne!(key, "style", "{page}: an inline style");
            assert!(!key.starts_with("on"), "{page}: an inline handler: {key}");
            assert!(
                !value.trim_start().starts_with("javascript:"),
                "{page}: {value}"
            );
            if key == "id" {
                assert!(ids.insert(value.clone()), "{page}: id {value} twice");
            }
        }
        if name == "script" {
            assert!(tag.attributes.contains_key("src"), "{page}: inline script");
            assert_eq!(tag.attributes["nonce"], "bm9uY2U", "{page}");
        }
        if name == "img" {
            assert!(
                tag.attributes.contains_key("alt"),
                "{page}: img without alt"
            );
        }
    }
    assert!(open.is_empty(), "{page}: left open: {open:?}");
    references(page, &tags, &ids);
    let h1 = tags.iter().filter(|tag| tag.name == "h1" && !tag.closing);
    assert_eq!(h1.count(), 1, "{page}: one h1");
}

/// Labels and descriptions lead somewhere, and every field has one.
fn references(page: &str, tags: &[Tag], ids: &BTreeSet<String>) {
    let mut labelled = BTreeSet::new();
    for tag in tags {
        for key in ["for", "aria-describedby", "aria-labelledby"] {
            for id in tag
                .attributes
                .get(key)
                .into_iter()
                .flat_map(|ids| ids.split(' '))
            {
                assert!(ids.contains(id), "{page}: {key} leads nowhere: {id}");
                if key == "for" {
                    labelled.insert(id.to_owned());
                }
            }
        }
    }
    for tag in tags.iter().filter(|tag| !tag.closing) {
        let kind = tag.attributes.get("type").map_or("", String::as_str);
        let field = matches!(tag.name.as_str(), "input" | "textarea" | "select")
            && !matches!(kind, "hidden" | "radio" | "checkbox");
        let named = tag
            .attributes
            .get("id")
            .is_some_and(|id| labelled.contains(id))
            || ["aria-label", "aria-hidden", "data-f"]
                .iter()
                .any(|key| tag.attributes.contains_key(*key));
        assert!(!field || named, "{page}: a field without a label: {tag:?}");
    }
}

#[test]
fn every_page_is_well_formed_and_holds_nothing_inline_in_both_languages() {
    for lang in Lang::ALL {
        for (name, html) in pages(lang) {
            check(&name, &html);
            assert!(html.contains(&format!("<html lang=\"{}\"", lang.as_str())));
            assert!(
                !html.contains("<script>alert"),
                "{name}: markup of a viewer"
            );
            assert!(
                !html.contains("Unknown localization"),
                "{name}: a text is missing"
            );
        }
    }
}

/// Keys with the variables that each uses.
fn messages(locale: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = format!("{}/locales/{locale}", env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut key = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if !line.starts_with([' ', '}']) && line.contains(" =") {
                key = line.split(" =").next().unwrap().to_owned();
                assert!(
                    found.insert(key.clone(), BTreeSet::new()).is_none(),
                    "{locale}: {key} twice"
                );
            }
            for piece in line.split('$').skip(1) {
                let name = piece.chars().take_while(|c| c.is_alphanumeric()).collect();
                found.get_mut(&key).unwrap().insert(name);
            }
        }
    }
    found
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_variables() {
    let (en, zh) = (messages("en"), messages("zh-CN"));
    for key in en.keys().chain(zh.keys()) {
        assert_eq!(en.get(key), zh.get(key), "{key}");
    }
    assert!(en.len() > 100);
}

#[test]
fn no_text_is_unused_and_none_is_missing() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut code = String::new();
    let mut folders = vec![format!("{root}/src"), format!("{root}/templates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.display().to_string());
            } else if !path.ends_with("samples.rs") {
                code.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let keys = messages("en");
    let problems: BTreeSet<String> = CODES
        .iter()
        .map(|code| format!("problem-{}", code.replace('.', "-")))
        .collect();
    let reasons: BTreeSet<String> = crate::reasons::keys()
        .chain(
            JobKind::ALL
                .iter()
                .filter(|kind| kind.shapes_the_video())
                .map(|kind| format!("warning-{kind}")),
        )
        .collect();
    for key in &reasons {
        assert!(keys.contains_key(key), "{key} is missing");
    }
    for key in keys.keys() {
        let used =
            code.contains(&format!("\"{key}\"")) || problems.contains(key) || reasons.contains(key);
        assert!(used, "{key} is unused");
    }
    for piece in code
        .split(".t(\"")
        .skip(1)
        .chain(code.split(".tu(\"").skip(1))
    {
        let key = piece.split('"').next().unwrap();
        assert!(keys.contains_key(key), "{key} is missing");
    }
}

#[test]
fn every_known_refusal_and_status_has_words_in_both_languages() {
    for lang in Lang::ALL {
        for code in CODES {
            let problem = Problem {
                kind: String::new(),
                title: String::new(),
                status: 418,
                detail: "fallback".into(),
                code: code.into(),
                field: None,
                retry_after: Some(3),
                request_id: None,
            };
            let text = problem_text(lang, &problem);
            assert!(
                text != "fallback" && text != status_text(lang, 418),
                "{code}"
            );
        }
        for status in [400, 401, 403, 404, 409, 413, 429, 500, 503, 507] {
            assert!(!status_title(lang, status).contains("Unknown"));
            assert!(!status_text(lang, status).contains("Unknown"));
        }
    }
}
