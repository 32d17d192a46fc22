//! The pictures in a poster's object: the JPEG, and after its end the same in smaller sizes as WebP.
//! The object's key says where each is, so that one object, which earlier releases serve, keep and
//! remove as the poster, is all there is (docs/adr/0014-posters.md).

use super::{InvalidKey, MediaKey};
use crate::VideoId;

/// A poster has at most so many smaller pictures.
const MOST: usize = 4;

/// One picture in a poster's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PosterPart {
    /// Its width in pixels; 0 for the JPEG.
    pub width: u32,
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

impl PosterPart {
    /// Media type of its bytes.
    pub fn content_type(&self) -> &'static str {
        if self.width == 0 {
            "image/jpeg"
        } else {
            "image/webp"
        }
    }
}

impl MediaKey {
    /// A poster with smaller pictures: the JPEG's length, then width and length of each, in the order
    /// in which they are in the object.
    pub fn posters(
        video: VideoId,
        job: i64,
        attempt: i32,
        jpeg: u64,
        smaller: &[(u32, u64)],
    ) -> Result<Self, InvalidKey> {
        if smaller.is_empty() {
            return Ok(Self::poster(video, job, attempt));
        }
        let mut sizes = format!("j{jpeg}");
        for (width, len) in smaller {
            sizes += &format!("_{width}-{len}");
        }
        Self::attempt(video, job, attempt, &format!("{sizes}/poster.jpg"))
    }

    /// The pictures in a poster's object, the JPEG first; none where it holds a JPEG alone.
    pub fn poster_parts(&self) -> Vec<PosterPart> {
        let sizes = self.as_str().rsplit('/').nth(1).and_then(parts);
        sizes.unwrap_or_default()
    }
}

fn parts(sizes: &str) -> Option<Vec<PosterPart>> {
    let mut words = sizes.strip_prefix('j')?.split('_');
    let jpeg: u64 = words.next()?.parse().ok()?;
    let mut parts = vec![PosterPart {
        width: 0,
        offset: 0,
        len: jpeg,
    }];
    let mut offset = jpeg;
    for word in words {
        let (width, len) = word.split_once('-')?;
        let (width, len) = (width.parse().ok()?, len.parse().ok()?);
        parts.push(PosterPart { width, offset, len });
        offset = offset.checked_add(len)?;
    }
    (2..=MOST + 1).contains(&parts.len()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ObjectClass;

    #[test]
    fn a_key_says_where_its_pictures_are() {
        let video: VideoId = "abcdefghijk".parse().unwrap();
        let key = MediaKey::posters(video, 7, 2, 900, &[(320, 100), (640, 250)]).unwrap();
        assert_eq!(
            key.as_str(),
            "v/abcdefghijk/a7-2/j900_320-100_640-250/poster.jpg"
        );
        assert_eq!(key.class(), ObjectClass::Poster);
        let read: Vec<_> = key.poster_parts();
        let read: Vec<_> = read
            .iter()
            .map(|it| (it.width, it.offset, it.len))
            .collect();
        assert_eq!(read, [(0, 0, 900), (320, 900, 100), (640, 1000, 250)]);
        let plain = MediaKey::posters(video, 7, 2, 900, &[]).unwrap();
        assert_eq!(plain, MediaKey::poster(video, 7, 2));
        assert!(plain.poster_parts().is_empty());
        for odd in ["j", "j9", "j9_320", "j9_320-x", "j9_1-18446744073709551615"] {
            assert_eq!(parts(odd), None, "{odd}");
        }
    }
}
