//! The texts: the same in both languages, none missing, none unused.

use std::collections::{BTreeMap, BTreeSet};
use virga_core::{Code, job::JobKind, wire::Problem};

use crate::{
    errors::{problem_text, status_text, status_title},
    locale::Lang,
};

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
            } else if !path.ends_with("samples/texts.rs") {
                code.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let keys = messages("en");
    let problems = || Code::PROBLEMS.iter().filter_map(|code| code.text_key());
    let reasons: BTreeSet<String> = crate::reasons::keys()
        .chain(
            JobKind::ALL
                .iter()
                .filter(|kind| kind.shapes_the_video())
                .map(|kind| format!("warning-{kind}")),
        )
        .chain(
            JobKind::ALL
                .iter()
                .filter(|kind| kind.is_heavy())
                .map(|kind| format!("waits-{kind}")),
        )
        .collect();
    for key in reasons.iter().map(String::as_str).chain(problems()) {
        assert!(keys.contains_key(key), "{key} is missing");
    }
    for key in keys.keys() {
        let used = code.contains(&format!("\"{key}\""))
            || problems().any(|it| it == key)
            || reasons.contains(key);
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
        let spoken = |code: &&Code| code.text_key().is_some() && !code.is_reason();
        for code in Code::PROBLEMS.iter().filter(spoken) {
            let problem = Problem {
                kind: String::new(),
                title: String::new(),
                status: 418,
                detail: "fallback".into(),
                code: code.as_str().into(),
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
