//! Media bytes without I/O: what a file is, where its samples lie, how they become CMAF segments,
//! playlists and the fallback MP4, and which rungs a ladder has.
//!
//! The order of use: [`sniff`] the first bytes; walk to the index with [`MoovLocator`], read it with
//! [`Movie::parse`], and the samples of a fragmented file with [`FragmentWalk`]; or walk over Matroska
//! with [`MatroskaReader`]; ask [`instant`] whether browsers play it as it is; then [`plan`] it into [`TrackTable`]s. [`segment`] builds any one
//! segment from its table and one small block of the samples object; the packaging job and the
//! just-in-time path both call it, so their bytes are equal.
//! Nothing here reads, waits, or knows ids and URLs.

mod audio_rendition;
mod bandwidth;
mod block;
mod bmff;
mod codec;
mod dash;
mod direct_play;
mod error;
mod fragment;
mod growing;
mod hls;
mod ladder;
mod language;
mod locate;
mod matroska;
mod movie;
mod mp4;
mod packager;
mod plan;
mod quoting;
mod sniff;
mod spans;
mod table;
mod text_rendition;
mod time;
mod video_range;
mod walk;
mod webvtt;

pub use audio_rendition::{AudioRendition, SoundLabel};
pub use codec::{Aac, Avc, Codec};
pub use dash::{DashAddressing, DashTrack, dash_manifest};
pub use direct_play::{
    Choice, Choices, InstantTracks, MAX_KEY_FRAME_GAP, TranscodeReason, choose, choose_sound,
    instant, may_copy, may_copy_sound, sound_to_keep,
};
pub use error::MediaError;
pub use fragment::{FragmentIndex, FragmentSamples, FragmentStep, FragmentWalk, Fragments};
pub use growing::{Announced, GrowingTrack, GrownSegment};
pub use hls::{
    Addressing, VideoVariant, event_playlist, i_frame_playlist, media_playlist, multivariant,
};
pub use ladder::{
    COARSEST, Likeness, Rung, RungTrial, SourceShape, TILE_GRID, choose_rungs, ladder, shape,
    trial_starts,
};
pub use language::{language_label, language_tag};
pub use locate::{MAX_MOOV, MoovLocator, Step};
pub use matroska::{MatroskaReader, MatroskaStep};
pub use movie::{
    Edit, Extent, MAX_SAMPLES, Movie, Sample, SampleTable, Samples, Track, TrackKind, first_heard,
    first_shown,
};
pub use mp4::{FallbackInput, FallbackMp4, InputRange, clip_mp4, fallback_mp4};
pub use packager::{SegmentLayout, segment};
pub use plan::{PlannedTrack, SegmentPlan, ends, plan, plan_audio, plan_video};
pub use sniff::{Container, Refusal, SNIFF_LEN, sniff, sniff_behind, tag_length};
pub use spans::{EncodedSpan, SpanFault, join_spans, key_times, span_starts, stretch_bytes};
pub use table::TrackTable;
pub use text_rendition::{TextRendition, text_playlist};
pub use video_range::VideoRange;
pub use walk::{SampleFault, check_sample, is_refresh};
pub use webvtt::{ChapterMark, FilmSpan, chapters_webvtt, subtitles_webvtt, webvtt_time};
