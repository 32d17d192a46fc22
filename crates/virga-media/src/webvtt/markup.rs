//! One event of an ASS script as a cue: its overrides are read, and nothing of a stranger's markup is passed on.

use super::FilmSpan;

/// Characters of one cue at most.
const MOST_LETTERS: usize = 2000;
/// Bold, italics, underlining.
const TAGS: [char; 3] = ['b', 'i', 'u'];

/// What is shown, and when, milliseconds of the film.
pub(super) struct Cue {
    pub(super) from: u64,
    pub(super) until: u64,
    /// At the upper edge.
    pub(super) above: bool,
    /// `WebVTT` cue text.
    pub(super) text: String,
}

/// The cue of a line of the script, if it is an event that is shown in the film.
pub(super) fn cue_of(line: &str, film: FilmSpan) -> Option<Cue> {
    let event = line.strip_prefix("Dialogue: ")?;
    let mut fields = event.splitn(10, ',');
    let from = time(fields.nth(1)?)?;
    let until = time(fields.next()?)?;
    let (from, until) = film.within(from, until)?;
    let mut writer = Writer::default();
    writer.read(fields.nth(6)?);
    let (above, text) = (writer.above, writer.end());
    (!text.is_empty()).then_some(Cue {
        from,
        until,
        above,
        text,
    })
}

/// `h:mm:ss.cc` in milliseconds.
fn time(text: &str) -> Option<i64> {
    let mut parts = text.trim().split([':', '.']);
    let mut next = || parts.next()?.parse::<u32>().ok().map(i64::from);
    let (hours, minutes, seconds, hundredths) = (next()?, next()?, next()?, next()?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10)
}

/// As text of a cue.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        push(&mut safe, letter);
    }
    safe
}

fn push(text: &mut String, letter: char) {
    match letter {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        control if control.is_control() => {}
        letter => text.push(letter),
    }
}

/// Puts cue text together.
#[derive(Default)]
struct Writer {
    text: String,
    letters: usize,
    /// Which of [`TAGS`] the next letter is in.
    wanted: [bool; 3],
    /// Those that are open, the outermost first.
    open: Vec<usize>,
    /// A line break before the next letter: blank lines would end the cue.
    breaks: bool,
    /// What follows are coordinates.
    drawing: bool,
    above: bool,
}

impl Writer {
    fn read(&mut self, said: &str) {
        let mut rest = said;
        while let Some(letter) = rest.chars().next() {
            let after = &rest[letter.len_utf8()..];
            let escape = after.chars().next().filter(|_| letter == '\\');
            rest = match (letter, escape) {
                (_, Some('N' | 'n')) => {
                    self.breaks = true;
                    &after[1..]
                }
                (_, Some('h')) => {
                    self.letter('\u{a0}');
                    &after[1..]
                }
                (_, Some(sign @ ('{' | '}' | '\\'))) => {
                    self.letter(sign);
                    &after[1..]
                }
                ('{', _) if after.contains('}') => {
                    let (overrides, after) = after.split_once('}').unwrap_or((after, ""));
                    self.overrides(overrides);
                    after
                }
                _ => {
                    self.letter(letter);
                    after
                }
            };
        }
    }

    /// Text in braces: overrides begin with a backslash, anything else is a comment.
    fn overrides(&mut self, all: &str) {
        for one in all.split('\\').skip(1) {
            let number = |name: &str| one.trim().strip_prefix(name)?.parse::<u32>().ok();
            for (place, tag) in TAGS.iter().enumerate() {
                if let Some(is) = number(tag.encode_utf8(&mut [0; 4])) {
                    self.wanted[place] = is > 0;
                }
            }
            if let Some(scale) = number("p") {
                self.drawing = scale > 0;
            }
            if let Some(place) = number("an") {
                self.above = (7..=9).contains(&place);
            }
            if one.starts_with('r') {
                self.wanted = [false; 3];
            }
        }
    }

    fn letter(&mut self, letter: char) {
        let blank = letter.is_whitespace() && (self.breaks || self.text.is_empty());
        if self.drawing || blank || letter.is_control() || self.letters >= MOST_LETTERS {
            return;
        }
        self.letters += 1;
        if std::mem::take(&mut self.breaks) && !self.text.is_empty() {
            self.text.push('\n');
        }
        self.tags();
        push(&mut self.text, letter);
    }

    /// Closes and opens what the next letter wants.
    fn tags(&mut self) {
        while let Some(outermost) = self.open.iter().position(|tag| !self.wanted[*tag]) {
            self.close(outermost);
        }
        for (place, tag) in TAGS.iter().enumerate() {
            if self.wanted[place] && !self.open.contains(&place) {
                self.open.push(place);
                self.text.extend(['<', *tag, '>']);
            }
        }
    }

    /// Closes all but so many.
    fn close(&mut self, but: usize) {
        for place in self.open.drain(but..).rev() {
            self.text.extend(['<', '/', TAGS[place], '>']);
        }
    }

    fn end(mut self) -> String {
        self.close(0);
        self.text
    }
}
