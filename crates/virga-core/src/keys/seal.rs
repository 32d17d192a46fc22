//! Texts of ours that lie where others might write.

use super::{BadSignature, KeyRing};

/// A text of one line, sealed under the name that it is kept by: `kid.mac.text`.
pub fn seal(ring: &KeyRing, name: &str, text: &str) -> String {
    let (kid, mac) = ring.sign("seal", &[name, text]);
    format!("{kid}.{mac}.{text}")
}

/// The text, if it was sealed by this site under this name.
pub fn unseal<'a>(ring: &KeyRing, name: &str, sealed: &'a str) -> Result<&'a str, BadSignature> {
    let mut parts = sealed.splitn(3, '.');
    let (Some(kid), Some(mac), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(BadSignature);
    };
    ring.verify((kid, mac), "seal", &[name, text])?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsEntropy;

    #[test]
    fn a_sealed_text_opens_under_its_name_at_its_site_and_unchanged_only() {
        let (site, other) = (KeyRing::generate(&OsEntropy), KeyRing::generate(&OsEntropy));
        let sealed = seal(&site, "a", "text. and more");
        assert_eq!(unseal(&site, "a", &sealed), Ok("text. and more"));
        assert_eq!(
            unseal(&site.rotated(&OsEntropy), "a", &sealed),
            Ok("text. and more")
        );
        let changed = sealed.replace("more", "most");
        for (ring, name, text) in [
            (&site, "b", &sealed),
            (&other, "a", &sealed),
            (&site, "a", &changed),
            (&site, "a", &"text".to_owned()),
        ] {
            assert_eq!(unseal(ring, name, text), Err(BadSignature));
        }
    }
}
