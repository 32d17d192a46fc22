//! What the watch page says of its film to programs: a `VideoObject` of <https://schema.org> as
//! JSON-LD. Search engines and download programs read it.

use serde_json::json;
use virga_core::wire::{Playback, Video};

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
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    // A title may contain the end of the script.
    object.to_string().replace('<', "\\u003c")
}
