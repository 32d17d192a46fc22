//! Sends files of every kind to a site of its own and looks at what players get of each: every frame, its
//! length, its flashes beside its tones, its corners, a seek; or why it is refused. Each that does not come out
//! as expected is named, and the program ends with 1.
//! `formats [PROGRAM] [WORD...]`: only those whose name holds one of the words.
#![expect(
    clippy::print_stdout,
    reason = "printing what it saw is what it is for"
)]

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};
use virga_benches::{
    formats::{Expected, Film, Format, Path as Way, formats, look, make},
    output, program, tool,
};
use virga_testkit::{Person, Site};

/// The longest that a file may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(25);

/// Faults that are known and not mended yet.
const KNOWN: [(&str, &str); 0] = [];

/// What became of a file.
#[derive(Default)]
struct Outcome {
    /// `plays` or the code of its refusal.
    result: String,
    way: Option<Way>,
    /// Seconds from the last byte until it played or was refused.
    soon: f64,
    /// What the site says of a refusal.
    words: String,
    faults: Vec<String>,
}

struct Bench {
    site: Site,
    person: Person,
    program: std::path::PathBuf,
    folder: tempfile::TempDir,
}

fn main() -> anyhow::Result<ExitCode> {
    let words: Vec<String> = std::env::args_os()
        .skip(2)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let wrong = runtime.block_on(async {
        let program = program()?;
        let site = Site::of(&program).start();
        let person = site.register("sender").await;
        let bench = Bench {
            site,
            person,
            program,
            folder: tempfile::tempdir()?,
        };
        std::fs::write(bench.folder.path().join("token"), bench.person.token())?;
        bench.all(&words).await
    })?;
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Bench {
    /// How many came out otherwise than expected.
    async fn all(&self, words: &[String]) -> anyhow::Result<usize> {
        let wanted = |format: &Format| {
            words.is_empty() || words.iter().any(|word| format.name.contains(word.as_str()))
        };
        let all: Vec<Format> = formats().into_iter().filter(wanted).collect();
        let mut wrong = 0;
        for format in &all {
            let name = format.name;
            let seen = match self.one(format).await {
                Ok(seen) => seen,
                Err(error) => Outcome {
                    faults: vec![format!("{error:#}")],
                    ..Outcome::default()
                },
            };
            let way = seen.way.map_or(String::new(), |way| way.to_string());
            let (outcome, soon) = (&seen.result, seen.soon);
            println!(
                "{name:<30} {outcome:<18} {way:<8} {soon:>6.2} s  {}",
                seen.words
            );
            for fault in &seen.faults {
                println!("{:<30} FAULT {fault}", "");
            }
            let known = KNOWN.iter().find(|(known, _)| *known == name);
            match known {
                Some((_, why)) => println!("{:<30} known: {why}", ""),
                None => wrong += usize::from(!seen.faults.is_empty()),
            }
        }
        println!("{} kinds, {wrong} not as expected", all.len());
        Ok(wrong)
    }

    async fn one(&self, format: &Format) -> anyhow::Result<Outcome> {
        let folder = tempfile::tempdir_in(self.folder.path())?;
        let file = make(format, folder.path())?;
        let video = match self.upload(&file) {
            Ok(video) => video,
            Err(error) => return Ok(not_sent(format, &format!("{error:#}"))),
        };
        let began = Instant::now();
        let (mut shown, mut soon) = (Value::Null, None);
        while began.elapsed() < PATIENCE {
            shown = self
                .person
                .get(&format!("/api/v1/videos/{video}"))
                .await
                .json();
            let state = shown["state"].as_str().context("a state")?;
            if matches!(state, "playable" | "ready" | "failed") {
                soon.get_or_insert_with(|| began.elapsed().as_secs_f64());
            }
            if matches!(state, "ready" | "failed") {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let mut seen = Outcome {
            soon: soon.unwrap_or(f64::NAN),
            ..Outcome::default()
        };
        let refused = shown["failure_code"].as_str();
        seen.result = refused.unwrap_or("plays").to_owned();
        seen.words = shown["failure"].as_str().unwrap_or_default().to_owned();
        if let Some(note) = shown["note"]["text"].as_str() {
            note.clone_into(&mut seen.words);
        }
        match (&format.expected, refused) {
            (Expected::Refused(code), Some(refused)) if *code == refused => {}
            (Expected::Refused(code), _) => seen.faults.push(format!("not {code}")),
            (Expected::Plays(..), Some(_)) => seen.faults.push("it is to play".to_owned()),
            (Expected::Plays(way, film), None) => {
                self.plays(&mut seen, &shown, *way, film, folder.path())
                    .await?;
            }
        }
        Ok(seen)
    }

    /// Sends a file as people do; the video's id.
    fn upload(&self, file: &Path) -> anyhow::Result<String> {
        let mut command = tool(&self.program);
        command.args(["upload", "--visibility", "public", "--server"]);
        command.arg(self.site.url()).arg("--token-file");
        command.arg(self.folder.path().join("token")).arg(file);
        let said = output(&mut command)?;
        let address = said.trim().rsplit('/').next().unwrap_or_default();
        Ok(address.to_owned())
    }

    async fn plays(
        &self,
        seen: &mut Outcome,
        shown: &Value,
        way: Way,
        film: &Film,
        folder: &Path,
    ) -> anyhow::Result<()> {
        if shown["state"] != "ready" {
            bail!("it does not get ready: {shown}");
        }
        let video = shown["id"].as_str().context("an id")?;
        let is = self.way(video, &shown["presentation_version"]).await?;
        seen.way = Some(is);
        if is != way {
            seen.faults.push(format!("not {way}"));
        }
        for warning in shown["warnings"].as_array().into_iter().flatten() {
            seen.faults.push(format!("a job failed: {warning}"));
        }
        if shown["note"].is_object() != film.note {
            seen.faults.push(format!("note: {}", shown["note"]));
        }
        let seconds = shown["duration"].as_f64().context("a length")?;
        if (seconds - film.seconds).abs() > 0.1 {
            seen.faults
                .push(format!("its page says {seconds} s, not {}", film.seconds));
        }
        let playback = self.person.playback(video).await;
        let hls = playback["hls"].as_str().context("a playlist")?;
        seen.faults
            .extend(look(&self.person, hls, film, folder).await?.faults);
        Ok(())
    }

    /// By its published document: what a job encoded or copied lies in an object of that same job.
    async fn way(&self, video: &str, version: &Value) -> anyhow::Result<Way> {
        let path = format!("objects/v/{video}/presentation.json");
        let path = self.site.data().join(path);
        let began = Instant::now();
        let mut shown = Value::Null;
        while shown["version"].as_i64() < version.as_i64() {
            ensure!(began.elapsed() < PATIENCE, "it is not published");
            tokio::time::sleep(PAUSE).await;
            shown = serde_json::from_slice(&std::fs::read(&path)?)?;
        }
        let pictures = shown["videos"].as_array().into_iter().flatten();
        let own = |track: &&Value| {
            track["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("src-"))
        };
        let track = pictures
            .clone()
            .find(own)
            .or(pictures.last())
            .unwrap_or(&shown["audio"]);
        let name = track["name"].as_str().context("a track's name")?;
        let job = name
            .rsplit('-')
            .next()
            .unwrap_or_default()
            .trim_end_matches('g');
        let object = track["body"]["object"].as_str().unwrap_or_default();
        Ok(if !object.contains(&format!("/a{job}-")) {
            Way::AtOnce
        } else if name.starts_with("src-") {
            Way::Copied
        } else {
            Way::Encoded
        })
    }
}

/// A file that the site does not even begin to take.
fn not_sent(format: &Format, said: &str) -> Outcome {
    let words = said.lines().last().unwrap_or_default().to_owned();
    let expected =
        matches!(format.expected, Expected::Refused(code) if code.starts_with("upload."));
    Outcome {
        result: "not sent".to_owned(),
        faults: if expected {
            Vec::new()
        } else {
            vec![words.clone()]
        },
        words,
        ..Outcome::default()
    }
}
