//! Filter chains: what brings any picture to progressive, square, 8-bit, standard-light frames of a
//! rung's size, and any sound onto the picture's timeline.

use std::{fmt::Write as _, time::Duration};

use virga_media::Rung;

use super::stretch::Stretch;

/// Frames a second that rungs have at most.
pub(crate) const MOST_FRAMES: f64 = 60.0;

/// How a picture's values stand for light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Light {
    /// As screens show it.
    Standard,
    /// HDR, perceptual quantiser (SMPTE ST 2084).
    Pq,
    /// HDR, hybrid log-gamma (ARIB STD-B67).
    Hlg,
}

impl Light {
    pub(super) fn of(transfer: Option<&str>) -> Self {
        match transfer {
            Some("smpte2084") => Self::Pq,
            Some("arib-std-b67") => Self::Hlg,
            _ => Self::Standard,
        }
    }
}

/// The stream to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Picture {
    pub(super) stream: usize,
    pub(super) interlaced: bool,
    pub(super) light: Light,
    /// On average; 0 where unknown.
    pub(super) frame_rate: f64,
    /// Its nominal rate is not one to pass to an encoder.
    pub(super) odd_rate: bool,
}

impl Picture {
    /// Before the picture is scaled: once for all rungs.
    fn prepare(&self) -> String {
        let mut chain = String::new();
        if self.interlaced {
            chain.push_str("bwdif=deint=interlaced,");
        }
        if self.frame_rate > MOST_FRAMES * 1.01 {
            let _ = write!(chain, "fps={MOST_FRAMES},");
        }
        chain
    }

    /// To a size, and to standard light; scaled first, as tone mapping is costly.
    fn shape(&self, width: u32, height: u32, range: &str, format: &str) -> String {
        let (scale, pad) = (fit(width, height), pad(width, height));
        let transfer = match self.light {
            Light::Standard => {
                return format!("{scale}:out_range={range},{pad},setsar=1,format={format}");
            }
            Light::Pq => "smpte2084",
            Light::Hlg => "arib-std-b67",
        };
        format!(
            "{scale},{pad},setsar=1,zscale=tin={transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=100,\
             format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,\
             zscale=t=bt709:m=bt709:r={range},format={format}"
        )
    }

    /// The graph of one decode for all rungs, whose outputs are `[v0]`, `[v1]`, …. The clock of a stretch
    /// begins with it; what is shown before is only there to be referred to.
    pub(super) fn graph(&self, rungs: &[Rung], stretch: Option<Stretch>) -> String {
        let mut graph = format!("[0:{}]{}", self.stream, self.prepare());
        if let Some(Stretch { from, until }) = stretch {
            let start = (from > 0).then(|| "start=0".to_owned());
            let end = until.map(|until| format!("end={}", until.saturating_sub(from)));
            let edges: Vec<String> = start.into_iter().chain(end).collect();
            if !edges.is_empty() {
                let _ = write!(graph, "trim={},", edges.join(":"));
            }
        }
        let _ = write!(graph, "split={}", rungs.len());
        for index in 0..rungs.len() {
            let _ = write!(graph, "[s{index}]");
        }
        for (index, rung) in rungs.iter().enumerate() {
            let shape = self.shape(rung.width, rung.height, "tv", "yuv420p");
            let _ = write!(graph, ";[s{index}]{shape}[v{index}]");
        }
        graph
    }

    /// The graph of a still picture, the most telling of `of` frames: `[large]`, and `[w320]` for a
    /// smaller one of that width.
    pub(super) fn stills(&self, (width, height): (u32, u32), of: u32, smaller: &[u32]) -> String {
        let prepare = if self.interlaced {
            "bwdif=deint=interlaced,"
        } else {
            ""
        };
        let shape = self.shape(width, height, "pc", "yuvj420p");
        let mut graph = format!("[0:{}]{prepare}thumbnail={of},{shape}", self.stream);
        graph.push_str(&sizes(smaller));
        graph
    }

    /// The graph of a storyboard: `[sheets]` of as many columns and rows of tiles, and `[times]`, in which each
    /// tile is one frame. There are at most so many tiles, and never two within `apart`. Lines of interlaced
    /// frames blend at this size.
    pub(super) fn tiles(
        &self,
        (width, height): (u32, u32),
        (columns, rows): (u32, u32),
        most: u32,
        apart: Duration,
    ) -> String {
        // Times are fractions: key frames just so far apart differ in the last digit.
        let apart = apart.as_secs_f64() - 0.01;
        // The graph stays where the picture changes its size: each frame is fitted by itself.
        let shape = self.shape(width, height, "pc", "yuvj420p");
        let shape = shape.replacen("scale=", "scale=eval=frame:", 1);
        format!(
            "[0:{}]select='lt(selected_n,{most})*\
             (isnan(prev_selected_t)+gte(t-prev_selected_t,{apart:.3}))',\
             {shape},split[t][s];[t]crop=2:2[times];[s]tile={columns}x{rows}[sheets]",
            self.stream
        )
    }

    /// The rate that is passed to the encoder, where it should not believe the file.
    pub(super) fn forced_rate(&self) -> Option<f64> {
        self.odd_rate.then_some(MOST_FRAMES)
    }
}

/// How the graph of a still picture ends: in `[large]`, and for each smaller width in `[w320]`.
pub(super) fn sizes(smaller: &[u32]) -> String {
    let mut graph = format!(",split={}[large]", smaller.len() + 1);
    for width in smaller {
        let _ = write!(graph, "[s{width}]");
    }
    for width in smaller {
        let scale = format!("scale={width}:-2:out_range=tv,format=yuv420p");
        let _ = write!(graph, ";[s{width}]{scale}[w{width}]");
    }
    graph
}

/// Scales a frame into a box without changing its shape: a stream may change its size or its pixels'
/// shape at any frame. A frame that has the shape of the box but for rounding fills it.
fn fit(width: u32, height: u32) -> String {
    // The probe does not believe stranger pixels than 1:8 either.
    let shape = "iw/ih*if(between(sar,0.125,8),sar,1)";
    let fills = format!("lt(abs(({shape})*{height}/{width}-1),0.02)");
    let even = |side: String| format!("max(2,2*trunc(({side})/2))");
    let across = even(format!("min({width},{height}*{shape})"));
    let down = even(format!("min({height},{width}/({shape}))"));
    format!("scale=w='if({fills},{width},{across})':h='if({fills},{height},{down})'")
}

/// Black around a frame that does not fill its box.
fn pad(width: u32, height: u32) -> String {
    format!("pad={width}:{height}:-1:-1:eval=frame")
}

/// The chain of the sound: begins with the first frame, which is shown `late` microseconds after the
/// file's earliest moment; holes become silence, single lost packets too; not shorter than
/// `picture_micros`. `begins`: when it begins after the first frame, microseconds, where its form may change on
/// the way. ffmpeg then restarts the chain, which must not add the silence of the beginning again.
pub(super) fn sound(late: i64, picture_micros: i64, begins: Option<i64>) -> String {
    /// Sound that begins no later than this need not be filled up.
    const NEAR: i64 = 50_000;
    let mut chain = String::new();
    let seconds = |micros: i64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    if late > 0 {
        let at = seconds(late);
        let _ = write!(chain, "atrim=start={at},asetpts=PTS-{at}/TB,");
    }
    if let Some(begins) = begins.filter(|begins| *begins > NEAR) {
        // Its first frame is made silence at 0, and the hole up to the second one is filled as all are.
        let first = format!("eq(n,0)*lt(t,{})", seconds(begins + NEAR));
        let _ = write!(chain, "volume=volume=0:enable='{first}',");
        let first = first.replace("(n", "(N").replace("(t", "(T");
        let _ = write!(chain, "asetpts='if({first},0,PTS)',");
    }
    chain.push_str("aresample=async=1:min_hard_comp=0.015");
    if begins.is_none() {
        chain.push_str(":first_pts=0");
    }
    if picture_micros > 0 {
        let _ = write!(chain, ",apad=whole_dur={picture_micros}us");
    }
    chain
}

/// Several streams as one, each as loud as it is; a limiter catches what is too loud together.
pub(super) fn mix(streams: &[usize]) -> String {
    let inputs: String = streams
        .iter()
        .map(|stream| format!("[0:{stream}]"))
        .collect();
    let count = streams.len();
    format!("{inputs}amix=inputs={count}:normalize=0,alimiter=level=disabled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_picture_trims_the_sound() {
        assert_eq!(
            sound(0, 0, None),
            "aresample=async=1:min_hard_comp=0.015:first_pts=0"
        );
        assert_eq!(
            sound(1_040_000, 2_000_000, None),
            "atrim=start=1.040000,asetpts=PTS-1.040000/TB,aresample=async=1:\
             min_hard_comp=0.015:first_pts=0,\
             apad=whole_dur=2000000us"
        );
    }

    #[test]
    fn only_what_needs_it_is_deinterlaced_slowed_or_mapped() {
        let plain = Picture {
            stream: 0,
            interlaced: false,
            light: Light::Standard,
            frame_rate: 60.0,
            odd_rate: false,
        };
        let rungs = [];
        assert_eq!(plain.graph(&rungs, None), "[0:0]split=0");
        let hard = Picture {
            interlaced: true,
            light: Light::Pq,
            frame_rate: 120.0,
            ..plain
        };
        assert!(hard.graph(&rungs, None).contains("bwdif"));
        assert!(hard.graph(&rungs, None).contains("fps=60,"));
        assert!(hard.stills((640, 360), 8, &[]).contains("tonemap"));
        assert!(!plain.stills((640, 360), 8, &[]).contains("tonemap"));
        let stretch = |from, until| hard.graph(&rungs, Some(Stretch { from, until }));
        assert!(
            stretch(60, Some(90)).contains("bwdif=deint=interlaced,fps=60,trim=start=0:end=30,")
        );
        assert!(stretch(0, Some(60)).contains("fps=60,trim=end=60,"));
        assert!(stretch(60, None).contains("fps=60,trim=start=0,"));
        assert!(!stretch(0, None).contains("trim"));
    }
}
