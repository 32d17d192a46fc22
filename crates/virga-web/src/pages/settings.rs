//! `/settings`: what uploads start with, password, language, sessions, room used.

mod sessions;

pub(crate) use self::sessions::{SessionLine, end, end_others, sign_out_everywhere};

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use virga_core::{
    video::Visibility,
    wire::{Me, MePatch, PasswordChange},
};

use crate::{
    context::{FormRequest, PageContext, PageError},
    errors::FormErrors,
    format,
    layout::Layout,
};

/// The wire may name the new password as it does at sign-up.
const FIELDS: [(&str, &str); 3] = [("current", "current"), ("new", "new"), ("new", "password")];

/// The page.
#[derive(Template)]
#[template(path = "settings.html")]
pub(crate) struct SettingsPage {
    pub(crate) f: Layout,
    pub(crate) name: String,
    pub(crate) quota: String,
    pub(crate) used_percent: u64,
    /// The text that says what was saved.
    pub(crate) saved: Option<String>,
    pub(crate) visibility: &'static str,
    pub(crate) at_once: bool,
    /// Where the account is signed in.
    pub(crate) sessions: Vec<SessionLine>,
    pub(crate) errors: FormErrors,
}

impl SettingsPage {
    pub(crate) fn new(f: Layout, me: &Me) -> Self {
        Self {
            name: me.name.clone(),
            quota: format::quota(f.lang, me),
            used_percent: me.used_bytes.min(me.quota_bytes).saturating_mul(100)
                / me.quota_bytes.max(1),
            saved: None,
            visibility: me.upload_visibility.as_str(),
            at_once: me.publish_at_once,
            sessions: Vec::new(),
            errors: FormErrors::default(),
            f,
        }
    }

    async fn load(visit: &PageContext) -> Result<Self, PageError> {
        let mut page = Self::new(visit.frame.clone(), visit.me()?);
        page.sessions = sessions::lines(visit).await?;
        Ok(page)
    }

    /// More than this session is listed.
    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }
}

/// After a change.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SavedQuery {
    saved: Option<String>,
}

/// `GET /settings`.
pub(crate) async fn show(
    visit: PageContext,
    Query(done): Query<SavedQuery>,
) -> Result<Response, PageError> {
    let mut page = SettingsPage::load(&visit).await?;
    page.saved = done.saved.map(|what| match what.as_str() {
        "uploads" => visit.frame.t("settings-uploads-saved"),
        "session" => visit.frame.t("sessions-ended"),
        "sessions" => visit.frame.t("sessions-others-ended"),
        _ => visit.frame.t("settings-saved"),
    });
    Ok(visit.ok(&page))
}

/// What uploads start with, as sent.
#[derive(Debug, Deserialize)]
pub(crate) struct UploadsForm {
    visibility: Visibility,
    #[serde(default)]
    at_once: String,
}

/// `POST /settings/uploads`.
pub(crate) async fn change_uploads(
    FormRequest(visit, form): FormRequest<UploadsForm>,
) -> Result<Response, PageError> {
    visit.me()?;
    let patch = MePatch {
        upload_visibility: Some(form.visibility),
        publish_at_once: Some(form.at_once == "yes"),
    };
    visit.call(visit.api.edit_me(&patch)).await?;
    Ok(Redirect::to("/settings?saved=uploads").into_response())
}

/// The form as sent.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    current: String,
    #[serde(default)]
    new: String,
}

/// `POST /settings/password`.
pub(crate) async fn change_password(
    FormRequest(visit, form): FormRequest<PasswordForm>,
) -> Result<Response, PageError> {
    visit.me()?;
    let change = PasswordChange {
        current: form.current,
        new: form.new,
    };
    match visit.api.change_password(&change).await {
        Ok(()) => Ok(Redirect::to("/settings?saved=1").into_response()),
        Err(error) => {
            let problem = visit.refusal(error)?;
            let mut page = SettingsPage::load(&visit).await?;
            page.errors = FormErrors::new(visit.frame.lang, &problem, &FIELDS);
            Ok(visit.refused(&problem, &page))
        }
    }
}
