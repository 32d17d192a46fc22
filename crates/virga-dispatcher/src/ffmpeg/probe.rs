//! What ffprobe says of a file.

use std::time::Duration;
use virga_core::Code;

use virga_media::{Container, SourceShape, TranscodeReason};

use super::{
    Arguments, FfmpegRun,
    answer::{Answer, Stream, micros},
    codecs,
    copyable::Copyable,
    damaged,
    filters::{Light, Picture},
    process::{Bounds, ask},
};
use crate::job_result::JobError;

/// Reading heads takes no longer than this.
const DEADLINE: Duration = Duration::from_secs(120);

/// Memory of a prober, bytes.
const PROBE_MEMORY: u64 = 48 << 20;

/// Decoders off the list that a file may name, all its streams together.
const MOST_UNLISTED: usize = 8;

/// A file as the encoder will see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probed {
    pub(crate) shape: SourceShape,
    /// The stream to show; `None`: there is only sound.
    pub(super) picture: Option<Picture>,
    /// A cover that comes with sound alone.
    pub(super) cover: Option<usize>,
    /// The streams to hear: one, or several of one microphone each, which are mixed.
    pub(crate) sound: Vec<usize>,
    /// How many streams there are to hear.
    pub(crate) sounds: usize,
    /// When the first frame is shown on the file's own timeline, microseconds, where ffprobe says it.
    pub(crate) first_micros: Option<i64>,
    /// When the first frame is shown after the file's earliest moment, microseconds, on ffmpeg's clock.
    pub(crate) late_micros: i64,
    /// By how much that clock shows every frame late, microseconds.
    pub(super) reordered_micros: i64,
    /// When the sound begins after the first frame, microseconds, where its form may change on the way.
    pub(super) sound_begins: Option<i64>,
    /// What may be copied, as far as ffprobe can tell; `None`: the picture must be encoded.
    pub(crate) copyable: Option<Copyable>,
}

impl Probed {
    /// Which moment of the sound is the first frame's, microseconds after the file's earliest one. `first`: when the
    /// first frame is shown on ffmpeg's clock. Negative: the frame comes before.
    pub(crate) fn heard_from(&self, first: i64) -> i64 {
        if first < self.reordered_micros {
            first
        } else {
            first - self.reordered_micros
        }
    }

    /// Takes into account what ffmpeg makes of times in such a container.
    fn settle(&mut self, answer: &Answer, container: Container) {
        let stream = |index: usize| answer.streams.iter().find(|stream| stream.index == index);
        let Some(picture) = self.picture else { return };
        match container {
            // It lists frames in the order of decoding and says how many there are a second: ffmpeg takes the first
            // one that comes out for as late as it comes.
            Container::Avi if picture.frame_rate > 0.0 => {
                let held = stream(picture.stream).map_or(0, |stream| stream.has_b_frames);
                let micros = Duration::from_secs(1).mul_f64(f64::from(held) / picture.frame_rate);
                self.reordered_micros = i64::try_from(micros.as_micros()).unwrap_or(0);
                self.late_micros += self.reordered_micros;
            }
            Container::MpegTs | Container::MpegPs => {
                let sound = self.sound.first().filter(|_| self.sound.len() == 1);
                let begins = sound.and_then(|index| stream(*index)?.begins());
                self.sound_begins = begins
                    .zip(self.first_micros)
                    .map(|(sound, first)| sound - first);
            }
            _ => {}
        }
    }

    /// Whether there is sound and nothing to show.
    pub(crate) fn is_sound_only(&self) -> bool {
        self.picture.is_none()
    }

    /// Pixels of a frame.
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.shape.width) * u64::from(self.shape.height)
    }

    /// The stream to show, for what cannot do without.
    pub(super) fn shown(&self) -> Result<&Picture, JobError> {
        Ok(self.picture.as_ref().ok_or(TranscodeReason::NoVideo)?)
    }
}

const ENTRIES: &str = "format=start_time,duration,bit_rate:stream=index,codec_type,codec_name,\
    profile,pix_fmt,width,height,sample_aspect_ratio,field_order,color_transfer,avg_frame_rate,r_frame_rate,start_time,\
    duration,bit_rate,channels,has_b_frames:stream_disposition=default,attached_pic:stream_tags=language:\
    stream_side_data=rotation";

/// Asks ffprobe about the session's input.
pub(crate) async fn probe(session: &FfmpegRun<'_>) -> Result<Probed, JobError> {
    let answer = entries(session, ENTRIES, (Vec::new(), MOST_UNLISTED)).await?;
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|error| JobError::Retry(format!("ffprobe's answer: {error}")))?;
    let mut probed = read(&answer)?;
    probed.settle(&answer, session.container);
    Ok(probed)
}

/// Asks ffprobe for these entries, in JSON. `decoders`: names of those it may open besides our list, and how
/// many it may come to name.
pub(super) async fn entries(
    session: &FfmpegRun<'_>,
    wanted: &str,
    (mut decoders, most): (Vec<String>, usize),
) -> Result<Vec<u8>, JobError> {
    loop {
        let mut arguments = Arguments::default();
        arguments.words("-hide_banner -loglevel error");
        session.guard(&mut arguments, &decoders);
        arguments.words("-print_format json=compact=1");
        arguments.pair("-show_entries", wanted);
        session.open(&mut arguments);
        let bounds = Bounds {
            deadline: DEADLINE,
            file: 0,
            pixels: 0,
            memory: PROBE_MEMORY,
        };
        match ask(session, arguments, bounds).await {
            // ffprobe opens a decoder for every stream, also for those that nobody will use. What is
            // decoded afterwards is chosen from our list alone.
            Err(JobError::Unlisted(unlisted)) if decoders.len() < most => {
                decoders.extend(unlisted);
            }
            answer => return answer,
        }
    }
}

fn read(answer: &Answer) -> Result<Probed, JobError> {
    let (covers, mut pictures): (Vec<&Stream>, Vec<&Stream>) =
        of_kind(answer, "video").partition(|stream| stream.disposition.attached_pic != 0);
    let sounds: Vec<&Stream> = of_kind(answer, "audio").collect();
    pictures.sort_by_key(|stream| std::cmp::Reverse(stream.disposition.default));
    let Some(video) = pictures.first().copied() else {
        return sound_alone(answer, &sounds, &covers);
    };
    if !codecs::is_picture(&video.codec_name) {
        let name = coding(video);
        return Err(JobError::fail(
            Code::CodingUnsupported,
            format!(
                "Its picture is in {name}, which is not taken here. Convert the video to MP4 and \
                 upload that."
            ),
        ));
    }
    if video.width == 0 || video.height == 0 {
        return Err(damaged());
    }
    let audible = audible(&sounds);
    let sound = audible_indices(&audible);
    let begins = micros(answer.format.start_time.as_deref()).unwrap_or(0);
    let first = micros(video.start_time.as_deref());
    let late = first.map_or(0, |start| start - begins);
    let shape = shape(answer, video, !sound.is_empty(), late);
    let interlaced = matches!(
        video.field_order.as_deref(),
        Some("tt" | "bb" | "tb" | "bt")
    );
    let picture = Picture {
        stream: video.index,
        interlaced,
        light: Light::of(video.color_transfer.as_deref()),
        frame_rate: shape.frame_rate,
        odd_rate: rate(video.r_frame_rate.as_deref()) > 121.0,
    };
    let heard = |stream: &&&Stream| sound == [stream.index];
    let copyable = Copyable::of(video, audible.iter().find(heard).copied());
    Ok(Probed {
        shape,
        picture: Some(picture),
        cover: None,
        sounds: audible.len(),
        sound,
        copyable,
        first_micros: first,
        late_micros: late.max(0),
        reordered_micros: 0,
        sound_begins: None,
    })
}

/// A file without a picture.
fn sound_alone(
    answer: &Answer,
    sounds: &[&Stream],
    covers: &[&Stream],
) -> Result<Probed, JobError> {
    let first = sounds.first().ok_or(TranscodeReason::NoVideo)?;
    let audible = audible(sounds);
    let sound = audible_indices(&audible);
    if sound.is_empty() {
        return Err(JobError::fail(
            Code::CodingUnsupported,
            format!(
                "Its sound is in {}, which is not taken here. Convert it to MP3 or MP4 and upload that.",
                coding(first)
            ),
        ));
    }
    let heard = audible.iter().find(|stream| sound.contains(&stream.index));
    let duration = heard.and_then(|stream| micros(stream.duration.as_deref()));
    let duration = duration.or_else(|| micros(answer.format.duration.as_deref()));
    let seen = |cover: &&&Stream| {
        codecs::is_picture(&cover.codec_name) && cover.width > 0 && cover.height > 0
    };
    Ok(Probed {
        shape: SourceShape::of_sound(duration.unwrap_or(0).max(0)),
        picture: None,
        cover: covers.iter().find(seen).map(|cover| cover.index),
        sounds: audible.len(),
        sound,
        copyable: None,
        first_micros: None,
        late_micros: 0,
        reordered_micros: 0,
        sound_begins: None,
    })
}

/// The streams of sound that are decoded here.
fn audible<'a>(sounds: &[&'a Stream]) -> Vec<&'a Stream> {
    let decoded = |stream: &&&Stream| codecs::is_sound(&stream.codec_name) && stream.channels > 0;
    sounds.iter().filter(decoded).copied().collect()
}

/// What a person calls the coding.
fn coding(stream: &Stream) -> &str {
    match stream.codec_name.as_str() {
        "" | "unknown" => "an unknown coding",
        name => name,
    }
}

/// Microphones that are mixed.
const MOST_MICROPHONES: usize = 16;

/// The default stream, else the first. Cameras write each microphone into a mono stream of its
/// own: those are all heard. What is in several languages comes from no camera.
fn audible_indices(audible: &[&Stream]) -> Vec<usize> {
    let language = |stream: Option<&&Stream>| stream.and_then(|it| it.tags.language.clone());
    let alike = |stream: &&Stream| {
        stream.channels == 1
            && Some(stream.codec_name.as_str()) == name_of(audible.first())
            && language(Some(stream)) == language(audible.first())
    };
    if audible.len() > 1 && audible.iter().all(alike) {
        let streams = audible.iter().take(MOST_MICROPHONES);
        return streams.map(|stream| stream.index).collect();
    }
    let first = |stream: &&&Stream| (stream.disposition.default, std::cmp::Reverse(stream.index));
    let one = audible.iter().max_by_key(first);
    one.map(|stream| stream.index).into_iter().collect()
}

fn name_of<'a>(stream: Option<&&'a Stream>) -> Option<&'a str> {
    stream.map(|stream| stream.codec_name.as_str())
}

fn of_kind<'a>(answer: &'a Answer, kind: &'a str) -> impl Iterator<Item = &'a Stream> {
    answer
        .streams
        .iter()
        .filter(move |stream| stream.codec_type == kind)
}

fn shape(answer: &Answer, video: &Stream, has_audio: bool, late: i64) -> SourceShape {
    let (width, height) = shown_size(video);
    let whole = micros(answer.format.duration.as_deref()).map(|whole| whole - late.max(0));
    let duration = micros(video.duration.as_deref()).or(whole).unwrap_or(0);
    let average = rate(video.avg_frame_rate.as_deref());
    let frame_rate = if average > 0.0 && average < 1000.0 {
        average
    } else {
        let nominal = rate(video.r_frame_rate.as_deref());
        if nominal < 1000.0 { nominal } else { 0.0 }
    };
    let bits = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    SourceShape {
        width,
        height,
        frame_rate,
        duration_micros: duration.max(0),
        video_bitrate: bits(&video.bit_rate)
            .or_else(|| bits(&answer.format.bit_rate))
            .unwrap_or(0),
        instant_bitrate: None,
        has_audio,
    }
}

/// In square pixels and after rotation.
fn shown_size(video: &Stream) -> (u32, u32) {
    let aspect = video.sample_aspect_ratio.as_deref().and_then(|text| {
        let (across, down) = text.split_once(':')?;
        let (across, down) = (across.parse::<u64>().ok()?, down.parse::<u64>().ok()?);
        // Stranger shapes than 1:8 are mistakes.
        (across > 0 && down > 0 && across / 8 <= down && down / 8 <= across)
            .then_some((across, down))
    });
    let (across, down) = aspect.unwrap_or((1, 1));
    let wide = (u64::from(video.width) * across + down / 2) / down;
    let width = u32::try_from(wide).unwrap_or(u32::MAX).max(1);
    let turn = video.side_data_list.iter().find_map(|side| side.rotation);
    let quarter = turn.is_some_and(|turn| (turn.abs() % 180.0 - 90.0).abs() < 45.0);
    if quarter {
        (video.height, width)
    } else {
        (width, video.height)
    }
}

/// A fraction, 0 where it is none.
fn rate(text: Option<&str>) -> f64 {
    let parsed = text.and_then(|text| {
        let (over, under) = text.split_once('/')?;
        let (over, under) = (over.parse::<f64>().ok()?, under.parse::<f64>().ok()?);
        (under > 0.0).then_some(over / under)
    });
    parsed.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::answer::SideData;

    fn answer(json: &str) -> Answer {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn size_follows_aspect_and_rotation() {
        let video = |aspect: &str, turn: f64| Stream {
            width: 720,
            height: 576,
            sample_aspect_ratio: Some(aspect.to_owned()),
            side_data_list: vec![SideData {
                rotation: Some(turn),
            }],
            ..Stream::default()
        };
        assert_eq!(shown_size(&video("64:45", 0.0)), (1024, 576));
        assert_eq!(shown_size(&video("1:1", -90.0)), (576, 720));
        assert_eq!(shown_size(&video("1:1", 180.0)), (720, 576));
        assert_eq!(shown_size(&video("0:1", 0.0)), (720, 576));
        assert_eq!(shown_size(&video("100000:1", 0.0)), (720, 576));
    }

    #[test]
    fn a_cover_is_no_picture_and_a_file_without_sound_as_well_is_refused() {
        let cover = r#"{"index":1,"codec_type":"video","codec_name":"mjpeg","width":9,"height":9,
             "disposition":{"default":0,"attached_pic":1}}"#;
        let sound = r#"{"index":0,"codec_type":"audio","codec_name":"mp3","channels":2}"#;
        let with = |streams: &str| {
            let json = format!(r#"{{"streams":[{streams}],"format":{{"duration":"2.5"}}}}"#);
            read(&answer(&json))
        };
        let probed = with(&format!("{sound},{cover}")).unwrap();
        assert!(probed.is_sound_only());
        assert_eq!((probed.cover, &probed.sound[..]), (Some(1), &[0][..]));
        assert_eq!(probed.shape, SourceShape::of_sound(2_500_000));
        let error = with(cover).unwrap_err();
        assert!(error.to_string().contains("nothing to play"), "{error}");
        let error = with(&sound.replace("mp3", "unknown")).unwrap_err();
        assert!(error.to_string().contains("an unknown coding"), "{error}");
    }

    #[test]
    fn a_late_picture_and_the_first_known_sound_are_found() {
        let json = r#"{"streams":[
            {"index":0,"codec_type":"audio","codec_name":"unknown","channels":2},
            {"index":1,"codec_type":"audio","codec_name":"ac3","channels":6},
            {"index":2,"codec_type":"video","codec_name":"mpeg2video","width":720,"height":576,
             "start_time":"1.440000","avg_frame_rate":"25/1","field_order":"tt"}],
            "format":{"start_time":"1.400000","duration":"10.0"}}"#;
        let probed = read(&answer(json)).unwrap();
        assert_eq!(probed.sound, [1]);
        assert_eq!(probed.late_micros, 40_000);
        assert_eq!(probed.shape.duration_micros, 9_960_000);
        assert!(probed.picture.unwrap().interlaced);
    }
}
