//! Shows an API error next to its form field, in the viewer's language.

use virga_core::{Code, wire::Problem};

use crate::locale::Lang;

/// What is wrong with a form as it was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormErrors {
    /// About the whole form.
    pub(crate) general: Option<String>,
    field: Option<(String, String)>,
}

impl FormErrors {
    /// Ties the refusal to its field where the form has it; `fields` are the form's own names,
    /// each with the wire's name for it.
    pub(crate) fn new(lang: Lang, problem: &Problem, fields: &[(&str, &str)]) -> Self {
        let text = problem_text(lang, problem);
        let own = problem
            .field
            .as_deref()
            .and_then(|field| fields.iter().find(|(_, wire)| *wire == field));
        match own {
            Some((own, _)) => Self {
                general: None,
                field: Some(((*own).to_owned(), text)),
            },
            None => Self {
                general: Some(text),
                field: None,
            },
        }
    }

    /// The message of a field.
    pub(crate) fn of(&self, name: &str) -> Option<&str> {
        self.field
            .as_ref()
            .filter(|(field, _)| field == name)
            .map(|(_, text)| text.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.of(name).is_some()
    }
}

/// The words for a refusal: by its code; else the API's own English; else by its status.
pub(crate) fn problem_text(lang: Lang, problem: &Problem) -> String {
    let wait = problem.retry_after.unwrap_or(1).to_string();
    // The text of `Internal` is about jobs.
    let known = problem.known().filter(|code| *code != Code::Internal);
    let own = known.and_then(Code::text_key);
    if let Some(text) = own.and_then(|key| lang.find(key, "seconds", &wait)) {
        return text;
    }
    match lang {
        Lang::En if !problem.detail.is_empty() => problem.detail.clone(),
        _ => status_text(lang, problem.status),
    }
}

/// The words for a status.
pub(crate) fn status_text(lang: Lang, status: u16) -> String {
    lang.text(match status {
        401 => "fault-sign-in",
        403 => "fault-forbidden",
        404 => "fault-missing",
        409 | 412 => "fault-conflict",
        413 => "fault-large",
        429 => "fault-busy",
        507 => "fault-room",
        400..=499 => "fault-input",
        503 => "fault-down",
        _ => "fault-ours",
    })
}

/// The heading for a status.
pub(crate) fn status_title(lang: Lang, status: u16) -> String {
    lang.text(match status {
        401 => "fault-sign-in-title",
        403 => "fault-forbidden-title",
        404 => "fault-missing-title",
        409 | 412 => "fault-conflict-title",
        429 => "fault-busy-title",
        400..=499 => "fault-input-title",
        503 => "fault-down-title",
        _ => "fault-ours-title",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: &str, status: u16, field: Option<&str>) -> Problem {
        Problem {
            kind: String::new(),
            title: String::new(),
            status,
            detail: "The API's words.".into(),
            code: code.into(),
            field: field.map(str::to_owned),
            retry_after: Some(7),
            request_id: None,
        }
    }

    #[test]
    fn a_refusal_stands_beside_its_field_in_the_viewers_language() {
        let short = problem("password.too-short", 422, Some("password"));
        let errors = FormErrors::new(Lang::ZhCn, &short, &[("new", "password")]);
        assert!(errors.of("new").unwrap().contains('8') && !errors.has("password"));
        let errors = FormErrors::new(Lang::En, &short, &[]);
        assert!(errors.general.unwrap().contains('8'));
        let unknown = problem("brand-new", 429, None);
        assert_eq!(problem_text(Lang::En, &unknown), "The API's words.");
        assert!(!problem_text(Lang::ZhCn, &unknown).contains("words"));
    }
}
