//! Which rungs of a ladder are worth making, and how finely: by trial encodes of parts of the film (*trials*).

use super::{CRF, Rung};

/// A trial's pictures are compared in so many columns and rows of tiles: small print on a large white page
/// would not show in a mean over all of it.
pub const TILE_GRID: u32 = 8;
/// The rate factor of the second try at a trial, and the coarsest that is chosen.
pub const COARSEST: u8 = 27;
const TILES: u32 = TILE_GRID * TILE_GRID;
/// So many of them count where it is asked how fine a picture is.
const WORST: u32 = TILES / 8;
/// The worst eighth of a picture stays as like the source as this, mean SSIM; where the usual rate factor
/// does not reach it, more bits are not spent either, as that is grain.
const LIKE: f64 = 0.97;
/// A rung looks like the one below if no tile of it is more like the source by this, SSIM.
const VISIBLE: f64 = 0.01;
/// A rung decides nothing where it is less like the source than this: frames were taken for others.
const COMPARABLE: f64 = 0.9;

/// Seconds of a film for which a trial is taken, and the most trials.
const PER_TRIAL: [i64; 3] = [20, 60, 120];

/// How like the source a trial of a rung is: SSIM of the luma, 0 to 1, tile after tile, frame after frame.
pub type Likeness = Vec<f64>;

/// A trial of one rung above the lowest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RungTrial {
    /// At the rung's own rate factor.
    pub fine: Likeness,
    /// At [`COARSEST`].
    pub coarse: Likeness,
    /// What the rungs below look like at its size, lowest first.
    pub below: Vec<Likeness>,
}

/// The seconds at which trials of a film begin; none of a short one, which would cost as much as the film.
pub fn trial_starts(duration_micros: i64) -> Vec<u32> {
    let seconds = duration_micros / 1_000_000;
    let count = PER_TRIAL.iter().filter(|it| seconds >= **it).count();
    let parts = 2 * i64::try_from(count.max(1)).unwrap_or(1);
    (0..count)
        .zip((1..).step_by(2))
        .map(|(_, part)| u32::try_from(seconds * part / parts).unwrap_or(u32::MAX))
        .collect()
}

/// The rungs that look better than the next one below, each as fine as its trials need it. `trials`: of
/// every rung above the lowest, in order.
pub fn choose_rungs(rungs: Vec<Rung>, trials: &[Vec<RungTrial>]) -> Vec<Rung> {
    let mut last = 0;
    let mut kept: Vec<Rung> = Vec::new();
    for (index, mut rung) in rungs.into_iter().enumerate() {
        let of = || {
            trials
                .iter()
                .filter_map(|trial| trial.get(index.checked_sub(1)?))
        };
        let told = index > 0 && of().next().is_some();
        if told && of().all(|trial| looks_like_below(trial, last)) {
            continue;
        }
        if told {
            rung.crf = factor(of());
        }
        last = index;
        kept.push(rung);
    }
    kept
}

fn looks_like_below(trial: &RungTrial, below: usize) -> bool {
    let Some(below) = trial.below.get(below) else {
        return false;
    };
    if worst_eighth(&trial.fine) < COMPARABLE || below.len() != trial.fine.len() {
        return false;
    }
    let mut gains = trial.fine.iter().zip(below).map(|(it, low)| it - low);
    gains.all(|gain| gain < VISIBLE)
}

/// The largest rate factor with which all trials are like the source.
fn factor<'a>(trials: impl Iterator<Item = &'a RungTrial>) -> u8 {
    let each = trials.map(|trial| {
        let (fine, coarse) = (worst_eighth(&trial.fine), worst_eighth(&trial.coarse));
        if coarse >= LIKE {
            return COARSEST;
        }
        let steps = f64::from(COARSEST - CRF) * (fine - LIKE) / (fine - coarse);
        (CRF..COARSEST)
            .rev()
            .find(|it| steps >= f64::from(it - CRF))
            .unwrap_or(CRF)
    });
    each.min().unwrap_or(CRF)
}

/// The mean over all frames of each one's worst tiles; 0 where nothing was compared.
fn worst_eighth(likeness: &[f64]) -> f64 {
    let (mut tiles, mut sum) = (0, 0.0);
    for frame in likeness.chunks_exact(TILES as usize) {
        let mut frame = frame.to_vec();
        frame.sort_by(f64::total_cmp);
        sum += frame[..WORST as usize].iter().sum::<f64>();
        tiles += WORST;
    }
    if tiles > 0 {
        sum / f64::from(tiles)
    } else {
        0.0
    }
}
