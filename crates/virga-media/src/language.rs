//! Languages of tracks. Files say them in the three letters of ISO 639-2; playlists want the tags of BCP 47,
//! whose rule is the shortest code that there is (RFC 5646 §2.2.1).

/// Each word is a code of ISO 639-2, of either kind, and the code of ISO 639-1 for the same language.
const SHORTER: &str = "\
     aaraa abkab afraf akaak albsq amham araar argan armhy asmas avaav aveae aymay azeaz \
     bakba bambm baqeu belbe benbn bisbi bodbo bosbs brebr bulbg burmy catca cescs chach \
     chece chizh chucu chvcv corkw cosco crecr cymcy czecs danda deude divdv dutnl dzodz \
     ellel engen epoeo estet euseu eweee faofo fasfa fijfj finfi frafr frefr fryfy fulff \
     geoka gerde glagd glega glggl glvgv greel grngn gujgu hatht hauha hebhe herhz hinhi \
     hmoho hrvhr hunhu hyehy iboig iceis idoio iiiii ikuiu ileie inaia indid ipkik islis \
     itait javjv jpnja kalkl kankn kasks katka kaukr kazkk khmkm kikki kinrw kirky komkv \
     konkg korko kuakj kurku laolo latla lavlv limli linln litlt ltzlb lublu luglg macmk \
     mahmh malml maomi marmr mayms mkdmk mlgmg mltmt monmn mrimi msams myamy nauna navnv \
     nblnr ndend ndong nepne nldnl nnonn nobnb norno nyany ocioc ojioj orior ormom ossos \
     panpa perfa plipi polpl porpt pusps quequ rohrm ronro rumro runrn rusru sagsg sansa \
     sinsi slksk slosk slvsl smese smosm snasn sndsd somso sotst spaes sqisq srdsc srpsr \
     sswss sunsu swasw swesv tahty tamta tattt telte tgktg tgltl thath tibbo tirti tonto \
     tsntn tsots tuktk turtr twitw uigug ukruk urdur uzbuz venve vievi volvo welcy wlnwa \
     wolwo xhoxh yidyi yoryo zhaza zhozh zulzu";

/// Codes that name no language of what is said.
const NONE: [&str; 4] = ["und", "mis", "mul", "zxx"];

/// What speakers call their language, by tag.
const NAMES: [(&str, &str); 31] = [
    ("ar", "العربية"),
    ("bn", "বাংলা"),
    ("ca", "Català"),
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("el", "Ελληνικά"),
    ("en", "English"),
    ("es", "Español"),
    ("fa", "فارسی"),
    ("fi", "Suomi"),
    ("fr", "Français"),
    ("he", "עברית"),
    ("hi", "हिन्दी"),
    ("hu", "Magyar"),
    ("id", "Bahasa Indonesia"),
    ("it", "Italiano"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("nl", "Nederlands"),
    ("no", "Norsk"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("ro", "Română"),
    ("ru", "Русский"),
    ("sv", "Svenska"),
    ("th", "ไทย"),
    ("tr", "Türkçe"),
    ("uk", "Українська"),
    ("vi", "Tiếng Việt"),
    ("zh", "中文"),
];

/// The tag of a code of ISO 639-2; `None` where it names no language.
pub(crate) fn tag(code: &str) -> Option<&str> {
    let letters = code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_lowercase());
    if !letters || NONE.contains(&code) {
        return None;
    }
    let shorter = SHORTER.split(' ').find_map(|word| word.strip_prefix(code));
    Some(shorter.unwrap_or(code))
}

/// The tag of a language as files name it: a code of ISO 639-2 or -1, or a tag of BCP 47.
pub fn language_tag(named: &str) -> Option<String> {
    let mut subtags = named.split('-');
    let first = subtags.next()?.to_ascii_lowercase();
    let letters = first.bytes().all(|letter| letter.is_ascii_lowercase());
    let main = match first.len() {
        2 if letters => Some(first.as_str()),
        _ => tag(&first),
    }?;
    let mut found = main.to_owned();
    for subtag in subtags {
        let fits = (1..=8).contains(&subtag.len());
        if !fits || !subtag.bytes().all(|it| it.is_ascii_alphanumeric()) || found.len() > 24 {
            return None;
        }
        found.push('-');
        found.push_str(subtag);
    }
    Some(found)
}

/// What speakers call the language of a tag, where it is in our list: with the rest of the tag, as in `中文 (Hant)`.
pub fn language_label(tag: &str) -> Option<String> {
    let (main, rest) = match tag.split_once('-') {
        Some((main, rest)) => (main, Some(rest)),
        None => (tag, None),
    };
    let (_, name) = NAMES.iter().find(|(known, _)| *known == main)?;
    Some(rest.map_or_else(|| (*name).to_owned(), |rest| format!("{name} ({rest})")))
}

/// What a menu calls sound of this tag: the language by its own name, or the tag.
pub(crate) fn name(tag: &str) -> &str {
    let own = NAMES.iter().find(|(known, _)| *known == tag);
    own.map_or(tag, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_the_shortest_tags() {
        for (code, wanted) in [
            ("eng", Some("en")),
            ("ger", Some("de")),
            ("deu", Some("de")),
            ("zho", Some("zh")),
            ("chi", Some("zh")),
            ("yue", Some("yue")),
            ("und", None),
            ("mul", None),
            ("e", None),
            ("```", None),
            ("engl", None),
        ] {
            assert_eq!(tag(code), wanted, "{code}");
        }
        assert_eq!((name("zh"), name("yue")), ("中文", "yue"));
    }

    #[test]
    fn tags_of_every_kind_are_read() {
        for (named, wanted) in [
            ("eng", Some("en")),
            ("GER", Some("de")),
            ("pt-BR", Some("pt-BR")),
            ("zho-Hant", Some("zh-Hant")),
            ("fil", Some("fil")),
            ("und", None),
            ("x", None),
            ("en-", None),
            ("en-<b>", None),
            ("en-abcdefghi", None),
            ("", None),
        ] {
            assert_eq!(language_tag(named).as_deref(), wanted, "{named}");
        }
        assert_eq!(language_label("de").as_deref(), Some("Deutsch"));
        assert_eq!(language_label("zh-Hant").as_deref(), Some("中文 (Hant)"));
        assert_eq!(language_label("yue"), None);
    }

    #[test]
    fn the_table_is_in_order_and_whole() {
        let words: Vec<&str> = SHORTER.split(' ').collect();
        assert!(words.iter().all(|word| word.len() == 5));
        assert!(words.is_sorted_by(|one, next| one[..3] < next[..3]));
        for (known, _) in NAMES {
            assert!(words.iter().any(|word| word.ends_with(known)), "{known}");
        }
    }
}
