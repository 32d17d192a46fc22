//! Sign in, sign up, sign out, language.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use http::header;
use serde::Deserialize;
use virga_client::ClientError;
use virga_core::wire::Credentials;

use crate::{
    context::{FormRequest, PageContext, PageError, choice_cookie},
    errors::FormErrors,
    layout::{Layout, local, with_next},
    locale::{self, Lang},
    theme::{self, Theme},
};

const FIELDS: [(&str, &str); 2] = [("name", "name"), ("password", "password")];

/// Both forms: they differ in words.
#[derive(Template)]
#[template(path = "sign.html")]
pub(crate) struct SignPage {
    pub(crate) f: Layout,
    /// Sign up, not in.
    pub(crate) new: bool,
    /// Sign up, and the site takes nobody.
    pub(crate) closed: bool,
    pub(crate) title: String,
    pub(crate) name: String,
    pub(crate) next: String,
    pub(crate) other_href: String,
    pub(crate) errors: FormErrors,
}

impl SignPage {
    pub(crate) fn new(f: Layout, new: bool, next: &str) -> Self {
        let (own, other) = if new {
            ("sign-up", "/sign-in")
        } else {
            ("sign-in", "/sign-up")
        };
        Self {
            new,
            closed: new && !f.open,
            title: f.t(own),
            name: String::new(),
            next: next.to_owned(),
            other_href: with_next(other, next),
            errors: FormErrors::default(),
            f,
        }
    }
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

/// The form as sent.
#[derive(Deserialize)]
pub(crate) struct SignForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`.
pub(crate) async fn sign_in(visit: PageContext, Query(query): Query<Next>) -> Response {
    form(&visit, false, &query)
}

/// `GET /sign-up`.
pub(crate) async fn sign_up(visit: PageContext, Query(query): Query<Next>) -> Response {
    form(&visit, true, &query)
}

fn form(visit: &PageContext, new: bool, query: &Next) -> Response {
    let next = local(&query.next);
    if visit.frame.me.is_some() {
        return Redirect::to(next).into_response();
    }
    if new && visit.site.needs_setup {
        return Redirect::to("/setup").into_response();
    }
    visit.ok(&SignPage::new(visit.frame.clone(), new, next))
}

/// `POST /sign-in`.
pub(crate) async fn do_sign_in(
    FormRequest(visit, form): FormRequest<SignForm>,
) -> Result<Response, PageError> {
    enter(visit, form, false).await
}

/// `POST /sign-up`.
pub(crate) async fn do_sign_up(
    FormRequest(visit, form): FormRequest<SignForm>,
) -> Result<Response, PageError> {
    enter(visit, form, true).await
}

async fn enter(visit: PageContext, form: SignForm, new: bool) -> Result<Response, PageError> {
    let next = local(&form.next);
    let credentials = Credentials {
        name: form.name.trim().to_owned(),
        password: form.password,
    };
    let answer = if new {
        visit.api.register(&credentials).await
    } else {
        visit.api.sign_in(&credentials).await
    };
    let error = match answer {
        Ok(session) => return Ok(visit.signed_in(&session, next)),
        Err(error) => error,
    };
    // A wrong password is 401 here and no reason to be sent to sign in.
    let problem = match error {
        ClientError::Problem(problem) if problem.status == 401 => *problem,
        other => visit.refusal(other)?,
    };
    let mut page = SignPage::new(visit.frame.clone(), new, next);
    page.name = credentials.name;
    page.errors = FormErrors::new(visit.frame.lang, &problem, &FIELDS);
    Ok(visit.refused(&problem, &page))
}

/// `POST /sign-out`. The cookie goes even where the session was gone already.
pub(crate) async fn do_sign_out(visit: PageContext) -> Result<Response, PageError> {
    match visit.api.sign_out().await {
        Ok(()) => {}
        Err(error) if error.status() == Some(401) => {}
        Err(error) => return Err(visit.fault(&error)),
    }
    let mut answer = Redirect::to("/").into_response();
    visit.clear_cookie(&mut answer);
    Ok(answer)
}

/// A form in the footer: the choice, and where to come back to.
#[derive(Debug, Deserialize)]
pub(crate) struct LanguageForm {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    next: String,
}

/// `POST /language`.
pub(crate) async fn do_language(FormRequest(visit, form): FormRequest<LanguageForm>) -> Response {
    let chosen = Lang::parse(&form.lang).map(Lang::as_str);
    choose(&visit, locale::COOKIE, chosen, &form.next)
}

/// The same for the theme.
#[derive(Debug, Deserialize)]
pub(crate) struct ThemeForm {
    #[serde(default)]
    theme: String,
    #[serde(default)]
    next: String,
}

/// `POST /theme`.
pub(crate) async fn do_theme(FormRequest(visit, form): FormRequest<ThemeForm>) -> Response {
    let chosen = Theme::parse(&form.theme).map(Theme::as_str);
    choose(&visit, theme::COOKIE, chosen, &form.next)
}

fn choose(visit: &PageContext, cookie: &str, chosen: Option<&str>, next: &str) -> Response {
    let mut answer = Redirect::to(local(next)).into_response();
    let https = visit.state.origin.is_https();
    let cookie = chosen.and_then(|value| choice_cookie(cookie, value, https));
    if let Some(cookie) = cookie {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
