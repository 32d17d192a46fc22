//! Files out of recipes. A recipe is what stands between `ffmpeg` and the file's name; ` ; ` parts several runs.
//! `@v` is the picture of three seconds, `@v:SIZE:RATE:SECONDS` another one, `@a` and `@a:SECONDS` the sound;
//! `@w` and `@w:…` is a picture without corners. `@h264`, `@hevc`, `@vp8`, `@vp9` and `@av1` choose a coding.

use anyhow::ensure;
use std::path::{Path, PathBuf};

use super::{Format, Recipe};
use crate::{output, tool};

/// Makes the file in a folder.
pub fn make(format: &Format, folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(format.name);
    match &format.recipe {
        Recipe::Bytes(bytes) => std::fs::write(&path, bytes())?,
        Recipe::Ffmpeg(recipe) => run(recipe, format.name, folder)?,
        Recipe::Altered(recipe, change) => {
            run(recipe, format.name, folder)?;
            std::fs::write(&path, change(std::fs::read(&path)?))?;
        }
    }
    ensure!(path.is_file(), "{} was not made", format.name);
    Ok(path)
}

fn run(recipe: &str, name: &str, folder: &Path) -> anyhow::Result<()> {
    let runs: Vec<&str> = recipe.split(" ; ").collect();
    for (at, words) in runs.iter().enumerate() {
        let mut ffmpeg = tool("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-y"]);
        for word in words.split_whitespace() {
            ffmpeg.args(expand(word).split_whitespace());
        }
        if at + 1 == runs.len() {
            ffmpeg.arg(name);
        }
        output(ffmpeg.current_dir(folder))?;
    }
    Ok(())
}

fn expand(word: &str) -> String {
    let mut parts = word.split(':');
    let kind = parts.next().unwrap_or_default();
    let mut next = |otherwise: &str| parts.next().unwrap_or(otherwise).to_owned();
    match kind {
        "@v" | "@w" => {
            let (size, rate, seconds) = (next("320x180"), next("25"), next("3"));
            let white = "drawbox=c=white:t=fill:enable=between(mod(t+0.001\\,1)\\,0.6\\,0.8)";
            let corners = if kind == "@v" { CORNERS } else { "" };
            format!("-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds},{white}{corners}")
        }
        "@a" => {
            let seconds = next("3");
            format!(
                "-f lavfi -i aevalsrc=0.7*sin(2*PI*(500+100*floor(t))*t)\
                 *between(mod(t\\,1)\\,0.6\\,0.8):s=48000:d={seconds}"
            )
        }
        "@h264" => "-c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p".to_owned(),
        "@hevc" => "-c:v libx265 -preset ultrafast -x265-params log-level=error".to_owned(),
        "@vp8" => "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M".to_owned(),
        "@vp9" => "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M".to_owned(),
        "@av1" => "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 1M".to_owned(),
        _ => word.to_owned(),
    }
}

const CORNERS: &str = ",drawbox=x=0:y=0:w=iw/4:h=ih/4:c=red:t=fill,\
    drawbox=x=iw-iw/4:y=ih-ih/4:w=iw/4:h=ih/4:c=blue:t=fill";
