//! The site's name and who may register.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use virga_core::wire::{Registration, SettingSource, SitePatch, SiteSettings};

use crate::{
    context::{FormRequest, PageContext, PageError},
    errors::FormErrors,
    layout::Layout,
};

const FIELDS: [(&str, &str); 2] = [("name", "name"), ("registration", "registration")];

/// The page.
#[derive(Template)]
#[template(path = "admin/site.html")]
pub(crate) struct SitePage {
    pub(crate) f: Layout,
    tab: &'static str,
    pub(crate) name: String,
    pub(crate) name_source: String,
    pub(crate) closed: bool,
    pub(crate) registration_source: String,
    /// The configuration closes registration: it cannot be opened here.
    pub(crate) configured: bool,
    pub(crate) saved: bool,
    pub(crate) errors: FormErrors,
}

impl SitePage {
    pub(crate) fn new(f: Layout, site: SiteSettings) -> Self {
        let source = |source| {
            f.t(match source {
                SettingSource::Default => "admin-from-default",
                SettingSource::Stored => "admin-from-stored",
                SettingSource::Configuration => "admin-from-configuration",
            })
        };
        Self {
            tab: "site",
            name: site.name,
            name_source: source(site.name_source),
            closed: site.registration == Registration::Closed,
            registration_source: source(site.registration_source),
            configured: site.registration_source == SettingSource::Configuration,
            saved: false,
            errors: FormErrors::default(),
            f,
        }
    }
}

/// After a change.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SavedQuery {
    saved: Option<String>,
}

async fn load(visit: &PageContext) -> Result<SitePage, PageError> {
    let site = visit.call(visit.api.site_settings()).await?;
    Ok(SitePage::new(visit.frame.clone(), site))
}

/// `GET /admin/site`.
pub(super) async fn show(
    visit: PageContext,
    Query(done): Query<SavedQuery>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let mut page = load(&visit).await?;
    page.saved = done.saved.is_some();
    Ok(visit.ok(&page))
}

/// The form as sent; without `registration` it stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SiteForm {
    name: String,
    registration: String,
}

/// `POST /admin/site`.
pub(super) async fn change(
    FormRequest(visit, form): FormRequest<SiteForm>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let patch = SitePatch {
        name: Some(form.name.trim().to_owned()),
        registration: match form.registration.as_str() {
            "open" => Some(Registration::Open),
            "closed" => Some(Registration::Closed),
            _ => None,
        },
    };
    match visit.api.change_site(&patch).await {
        Ok(_) => {
            visit.state.forget_site();
            Ok(Redirect::to("/admin/site?saved=1").into_response())
        }
        Err(error) => {
            let problem = visit.refusal(error)?;
            let mut page = load(&visit).await?;
            page.errors = FormErrors::new(visit.frame.lang, &problem, &FIELDS);
            page.name = form.name;
            Ok(visit.refused(&problem, &page))
        }
    }
}
