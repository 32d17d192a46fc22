//! `WebVTT` files of what a film's own subtitles and chapters say. The input is a stranger's: of its markup only
//! bold, italics and underlining are kept, and whatever else it holds is shown as text.

use std::fmt::Write as _;

mod markup;

use markup::{Cue, cue_of, escaped};

/// Cues of one text at most; the rest is left out.
const MOST_CUES: usize = 20_000;
/// Bytes of one text at most; the rest is left out.
const MOST_BYTES: usize = 1 << 20;
/// Chapters at most.
const MOST_CHAPTERS: usize = 1000;
/// Characters of a chapter's title at most.
const MOST_TITLE: usize = 200;

/// Which part of the file's own timeline the film is, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilmSpan {
    /// When the film begins.
    pub begins: i64,
    /// How long it is; nothing is shown after its end.
    pub length: u64,
}

impl FilmSpan {
    /// A stretch of the file on the film's timeline; `None` outside of it.
    fn within(self, from: i64, until: i64) -> Option<(u64, u64)> {
        let on_film = |at: i64| u64::try_from(at.saturating_sub(self.begins)).unwrap_or(0);
        let (from, until) = (on_film(from), on_film(until).min(self.length));
        (from < until).then_some((from, until))
    }
}

/// Subtitles from the events of an ASS script, which is what ffmpeg makes of every text subtitle. `None` if nothing
/// of it is to be read.
pub fn subtitles_webvtt(script: &str, film: FilmSpan) -> Option<String> {
    let mut cues: Vec<Cue> = script
        .lines()
        .filter_map(|line| cue_of(line, film))
        .take(MOST_CUES)
        .collect();
    if cues.is_empty() {
        return None;
    }
    cues.sort_by_key(|cue| cue.from);
    let mut text = String::from("WEBVTT\n");
    for cue in &cues {
        if text.len() + cue.text.len() + 64 > MOST_BYTES {
            break;
        }
        let place = if cue.above { " line:0" } else { "" };
        let (from, until) = (webvtt_time(cue.from), webvtt_time(cue.until));
        let _ = write!(text, "\n{from} --> {until}{place}\n{}\n", cue.text);
    }
    Some(text)
}

/// A part of the film, as the file marks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChapterMark {
    /// When it begins on the file's own timeline, milliseconds.
    pub from: i64,
    /// Its title; may be empty.
    pub title: String,
}

/// Chapters, each of which holds until the next. `None` if they do not divide the film.
pub fn chapters_webvtt(marks: &[ChapterMark], film: FilmSpan) -> Option<String> {
    let mut marks: Vec<(u64, &str)> = marks
        .iter()
        .filter_map(|mark| {
            let (from, _) = film.within(mark.from, i64::MAX)?;
            Some((from, mark.title.as_str()))
        })
        .collect();
    marks.sort_by_key(|(from, _)| *from);
    // Of those that begin at one time, or before the film, the last counts.
    marks.reverse();
    marks.dedup_by_key(|(from, _)| *from);
    marks.reverse();
    marks.truncate(MOST_CHAPTERS);
    if marks.len() < 2 {
        return None;
    }
    let mut text = String::from("WEBVTT\n");
    for (n, (from, title)) in marks.iter().enumerate() {
        let until = marks.get(n + 1).map_or(film.length, |(next, _)| *next);
        let words: Vec<&str> = title.split_whitespace().collect();
        let mut title: String = words.join(" ").chars().take(MOST_TITLE).collect();
        title.retain(|letter| !letter.is_control());
        if title.is_empty() {
            title = (n + 1).to_string();
        }
        let (from, until) = (webvtt_time(*from), webvtt_time(until));
        let _ = write!(text, "\n{from} --> {until}\n{}\n", escaped(&title));
    }
    Some(text)
}

/// Milliseconds as `WebVTT` has them.
pub fn webvtt_time(millis: u64) -> String {
    let seconds = millis / 1000;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        millis % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILM: FilmSpan = FilmSpan {
        begins: 1000,
        length: 9000,
    };

    fn one(text: &str) -> Option<String> {
        let line = format!("Dialogue: 0,0:00:02.00,0:00:03.50,Default,,0,0,0,,{text}");
        let made = subtitles_webvtt(&line, FILM)?;
        let body = made.strip_prefix("WEBVTT\n\n00:00:01.000 --> 00:00:02.500")?;
        Some(body.trim().to_owned())
    }

    #[test]
    fn times_are_those_of_the_film() {
        let line = |from: &str, until: &str, text: &str| {
            format!("Dialogue: 0,{from},{until},Default,,0,0,0,,{text}\r\n")
        };
        let script = [
            "[Events]\nFormat: Layer, Start, End\n".to_owned(),
            line("0:00:09.00", "0:00:30.00", "to the end"),
            line("0:00:00.00", "0:00:01.00", "before"),
            line("0:00:00.50", "0:00:02.25", "at the beginning"),
            line("0:00:11.00", "0:00:12.00", "after"),
            line("0:00:03.00", "0:00:03.00", "never"),
            line("x", "0:00:03.00", "no time"),
            "Dialogue: 0,0:00:03.00".to_owned(),
        ];
        assert_eq!(
            subtitles_webvtt(&script.concat(), FILM).unwrap(),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nat the beginning\n\n\
             00:00:08.000 --> 00:00:09.000\nto the end\n"
        );
        assert_eq!(subtitles_webvtt("", FILM), None);
    }

    #[test]
    fn markup_is_text_but_for_bold_italics_and_underlining() {
        for (said, wanted) in [
            ("plain", "plain"),
            (r"{\i1}a{\i0} b", "<i>a</i> b"),
            (r"{\b1}a{\i1}b{\b0}c", "<b>a<i>b</i></b><i>c</i>"),
            (r"{\b700\u1}a{\r}b", "<b><u>a</u></b>b"),
            (
                "<script>x</script> & <b>",
                "&lt;script&gt;x&lt;/script&gt; &amp; &lt;b&gt;",
            ),
            (r"a --> b\N\N\nc", "a --&gt; b\nc"),
            (
                r"{\c&HFF&\bord2\blur1\be1\pos(1,2)}red{no tag} a\hb",
                "red a\u{a0}b",
            ),
            (r"\{braces\} \\N", r"{braces} \N"),
            (r"{\p1}m 0 0 l 9 9{\p0}drawn", "drawn"),
            (r"{\an8}above", "line:0\nabove"),
            ("open { brace", "open { brace"),
            ("nul\0 and \u{1b}escape", "nul and escape"),
            ("STYLE", "STYLE"),
        ] {
            assert_eq!(one(said).as_deref(), Some(wanted), "{said}");
        }
        assert_eq!(one(r"{\p1}m 0 0 l 9 9"), None);
        assert_eq!(one(r" \N "), None);
    }

    #[test]
    fn nothing_is_too_long() {
        let line = format!(
            "Dialogue: 0,0:00:02.00,0:00:03.00,D,,0,0,0,,{}\n",
            "&".repeat(100_000)
        );
        let made = subtitles_webvtt(&line.repeat(300), FILM).unwrap();
        assert!(made.len() <= MOST_BYTES && made.ends_with("&amp;\n"));
        let longest = made.lines().map(str::len).max().unwrap();
        assert!(longest < 10_500, "{longest}");
    }

    #[test]
    fn chapters_follow_each_other() {
        let mark = |from, title: &str| ChapterMark {
            from,
            title: title.to_owned(),
        };
        let marks = [
            mark(4000, "Two <b>\n& more"),
            mark(0, "Skipped"),
            mark(1000, "One"),
            mark(8000, " "),
            mark(20_000, "After"),
        ];
        assert_eq!(
            chapters_webvtt(&marks, FILM).unwrap(),
            "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nOne\n\n\
             00:00:03.000 --> 00:00:07.000\nTwo &lt;b&gt; &amp; more\n\n\
             00:00:07.000 --> 00:00:09.000\n3\n"
        );
        assert_eq!(chapters_webvtt(&marks[1..3], FILM), None);
    }
}
