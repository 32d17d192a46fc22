//! What is done to an account: asked once more by name, then done.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use virga_core::{name::fold_name, text::percent_encoded};

use crate::{
    context::{PageContext, PageError},
    errors::problem_text,
    layout::{Layout, query_value},
};

/// What is done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Block,
    Unblock,
    Reset,
}

impl Act {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Block, Self::Unblock, Self::Reset];

    fn parse(word: &str) -> Option<Self> {
        match word {
            "block" => Some(Self::Block),
            "unblock" => Some(Self::Unblock),
            "reset-password" => Some(Self::Reset),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Reset => "reset-password",
        }
    }
}

/// Asks once more, and names the account; with the new password, what came of it.
#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub(crate) struct ConfirmPage {
    pub(crate) f: Layout,
    title: String,
    text: String,
    go: String,
    name: String,
    action: String,
    danger: bool,
    /// Told once.
    pub(crate) password: Option<String>,
    pub(crate) problem: Option<String>,
}

impl ConfirmPage {
    pub(crate) fn new(f: Layout, act: Act, name: String) -> Self {
        let (title, text, go) = match act {
            Act::Block => (
                "admin-block-title",
                "admin-block-text",
                f.t("admin-block-go"),
            ),
            Act::Unblock => (
                "admin-unblock-title",
                "admin-unblock-text",
                f.t("admin-unblock-go"),
            ),
            Act::Reset => (
                "admin-reset-title",
                "admin-reset-text",
                f.t("admin-reset-go"),
            ),
        };
        Self {
            title: f.tu(title, "name", &name),
            text: f.t(text),
            go,
            action: format!("/admin/users/{}/{}", percent_encoded(&name), act.word()),
            danger: act != Act::Unblock,
            password: None,
            problem: None,
            name,
            f,
        }
    }
}

/// The account and the act of an address; what is neither is not there.
async fn target(visit: &PageContext, name: &str, act: &str) -> Result<(String, Act), PageError> {
    let act = Act::parse(act).ok_or_else(|| visit.status(StatusCode::NOT_FOUND))?;
    Ok((visit.call(visit.api.user(name)).await?.name, act))
}

/// `GET /admin/users/{name}/{act}`.
pub(super) async fn ask(
    visit: PageContext,
    Path((name, act)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let own = fold_name(&super::admin(&visit)?.name);
    let (name, act) = target(&visit, &name, &act).await?;
    if own == fold_name(&name) {
        return Ok(Redirect::to("/settings").into_response());
    }
    Ok(visit.ok(&ConfirmPage::new(visit.frame.clone(), act, name)))
}

/// `POST /admin/users/{name}/{act}`.
pub(super) async fn act(
    visit: PageContext,
    Path((name, act)): Path<(String, String)>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let (name, act) = target(&visit, &name, &act).await?;
    let mut page = ConfirmPage::new(visit.frame.clone(), act, name.clone());
    let (answer, done) = match act {
        Act::Block => (visit.api.block(&name).await.map(|()| None), "blocked"),
        Act::Unblock => (visit.api.unblock(&name).await.map(|()| None), "unblocked"),
        Act::Reset => (visit.api.reset_password(&name).await.map(Some), ""),
    };
    match answer {
        Ok(None) => {
            let next = format!("/admin?q={}&done={done}", query_value(&name));
            Ok(Redirect::to(&next).into_response())
        }
        Ok(Some(new)) => {
            page.password = Some(new.password);
            Ok(visit.ok(&page))
        }
        Err(error) => {
            let problem = visit.refusal(error)?;
            page.problem = Some(problem_text(visit.frame.lang, &problem));
            Ok(visit.refused(&problem, &page))
        }
    }
}
