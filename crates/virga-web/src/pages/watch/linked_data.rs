//! What the watch page says of its film to programs: a `VideoObject` of <https://schema.org> as
//! JSON-LD. Search engines and download programs read it.

use std::fmt::Write as _;

use serde_json::{Value, json};
use virga_core::wire::{Playback, PlaybackText, Video};

use crate::pages::share::{Share, absolute};

/// The object, safe between the tags of a `script`.
pub(super) fn linked_data(base: &str, video: &Video, share: &Share, playback: &Playback) -> String {
    let mut object = json!({
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": video.title,
        "description": if video.description.is_empty() { &video.title } else { &video.description },
        "thumbnailUrl": share.image,
        "uploadDate": video.published_at.unwrap_or(video.created_at),
        "author": { "@type": "Person", "name": video.owner },
        "url": share.url,
        "embedUrl": share.embed,
        "contentUrl": absolute(base, &playback.hls),
        "encodingFormat": "application/vnd.apple.mpegurl",
        "duration": video.duration.map(|seconds| format!("PT{seconds:.3}S")),
        "width": video.width,
        "height": video.height,
        "interactionStatistic": {
            "@type": "InteractionCounter",
            "interactionType": "https://schema.org/WatchAction",
            "userInteractionCount": video.views,
        },
    });
    let captions = captions(base, playback);
    if !captions.is_empty() {
        object["caption"] = captions.into();
    }
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    escaped(&object.to_string())
}

/// Its subtitles.
fn captions(base: &str, playback: &Playback) -> Vec<Value> {
    let shown = playback.texts.iter().filter(|text| text.kind != "chapters");
    let caption = |text: &PlaybackText| {
        let mut object = json!({
            "@type": "MediaObject",
            "contentUrl": absolute(base, &text.src),
            "encodingFormat": "text/vtt",
        });
        if let Some(tag) = &text.language {
            object["inLanguage"] = tag.as_str().into();
        }
        object
    };
    shown.map(caption).collect()
}

/// JSON without what would end its script or turn text around it: those characters as escapes.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for mark in json.chars() {
        match mark {
            '<'
            | '>'
            | '&'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2066}'..='\u{2069}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(mark));
            }
            other => text.push(other),
        }
    }
    text
}
