//! `/setup?token=`: the first visitor with the one-time link becomes administrator.

use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;
use virga_core::wire::{NewAccount, Registration, Setup};

use crate::{
    context::{FormRequest, PageContext, PageError},
    errors::FormErrors,
    layout::Layout,
};

const FIELDS: [(&str, &str); 4] = [
    ("token", "token"),
    ("name", "name"),
    ("password", "password"),
    ("site_name", "site_name"),
];

/// The page.
#[derive(Template)]
#[template(path = "setup.html")]
pub(crate) struct SetupPage {
    pub(crate) f: Layout,
    /// No administrator yet.
    pub(crate) needed: bool,
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) site_name: String,
    pub(crate) closed: bool,
    pub(crate) errors: FormErrors,
}

/// The form as sent; the link brings the token alone.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SetupForm {
    token: String,
    name: String,
    password: String,
    site_name: String,
    registration: String,
}

fn page(visit: &PageContext, form: &SetupForm, errors: FormErrors) -> SetupPage {
    SetupPage {
        f: visit.frame.clone(),
        needed: visit.site.needs_setup,
        token: form.token.clone(),
        name: form.name.clone(),
        site_name: if form.site_name.is_empty() {
            visit.site.name.clone()
        } else {
            form.site_name.clone()
        },
        closed: form.registration == "closed",
        errors,
    }
}

/// `GET /setup`.
pub(crate) async fn show(visit: PageContext, Query(form): Query<SetupForm>) -> Response {
    visit.ok(&page(&visit, &form, FormErrors::default()))
}

/// `POST /setup`.
pub(crate) async fn submit(
    FormRequest(visit, form): FormRequest<SetupForm>,
) -> Result<Response, PageError> {
    let setup = Setup {
        token: form.token.trim().to_owned(),
        administrator: NewAccount {
            name: form.name.trim().to_owned(),
            password: form.password.clone(),
        },
        site_name: form.site_name.trim().to_owned(),
        registration: if form.registration == "closed" {
            Registration::Closed
        } else {
            Registration::Open
        },
    };
    match visit.api.set_up(&setup).await {
        Ok(session) => {
            visit.state.forget_site();
            Ok(visit.signed_in(&session, "/"))
        }
        Err(error) => {
            let problem = visit.refusal(error)?;
            let errors = FormErrors::new(visit.frame.lang, &problem, &FIELDS);
            Ok(visit.refused(&problem, &page(&visit, &form, errors)))
        }
    }
}
