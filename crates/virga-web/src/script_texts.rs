//! The texts that scripts need, as JSON for their `data-strings`. They depend on nothing but the language, so
//! each list is written once and kept.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

use crate::{
    locale::{Lang, STATE_STRINGS},
    reasons,
};

/// Variables that scripts fill in themselves: each stays in the text as `{name}`.
const SCRIPT_VARIABLES: [&str; 9] = [
    "percent", "done", "total", "speed", "time", "seconds", "from", "to", "name",
];

/// A list of texts in a language.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct List {
    lang: Lang,
    keys: Vec<&'static str>,
    /// With the words for the states of a video and for why work on one failed.
    with_states: bool,
}

/// What was written. The pages' lists are constants, so there are a few for each language.
static WRITTEN: LazyLock<RwLock<HashMap<List, String>>> = LazyLock::new(RwLock::default);

/// The texts of these keys.
pub(crate) fn json(lang: Lang, keys: &[&'static str], with_states: bool) -> String {
    let list = List {
        lang,
        keys: keys.to_vec(),
        with_states,
    };
    let written = WRITTEN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(json) = written.get(&list) {
        return json.clone();
    }
    drop(written);
    let json = list.write();
    let mut written = WRITTEN.write().unwrap_or_else(PoisonError::into_inner);
    written.insert(list, json.clone());
    json
}

impl List {
    fn write(&self) -> String {
        let own = self.keys.iter().copied().map(str::to_owned);
        if !self.with_states {
            return self.map_of(own);
        }
        let states = STATE_STRINGS.map(str::to_owned).into_iter();
        // On English pages the API's own words are shown: they hold the figures.
        let reasons = reasons::keys().filter(|_| self.lang != Lang::En);
        self.map_of(states.chain(own).chain(reasons))
    }

    fn map_of(&self, keys: impl Iterator<Item = String>) -> String {
        let values = SCRIPT_VARIABLES.map(|name| (name, format!("{{{name}}}").into()));
        let map: serde_json::Map<String, serde_json::Value> = keys
            .map(|key| {
                let text = self.lang.fill(&key, &values);
                (key, text.into())
            })
            .collect();
        serde_json::Value::Object(map).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_written_in_each_language() {
        let keys = ["player-play", "player-pause"];
        let all = |lang| {
            let [first, again] = [(); 2].map(|()| json(lang, &keys, true));
            assert_eq!(first, again);
            let plain = json(lang, &keys, false);
            assert!(plain.len() < first.len() && plain.contains("player-play"));
            first
        };
        let [english, chinese] = Lang::ALL.map(all);
        assert_ne!(english, chinese);
    }
}
