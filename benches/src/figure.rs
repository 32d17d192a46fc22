//! A figure, its rounds and its line.

use std::fmt;

/// The middle of some values; the mean of the two middle ones; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// What a figure must keep to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

/// One line of the table: `figure NAME VALUE UNIT target OP TARGET ok|short`.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// One value a round; their median is judged.
    pub values: Vec<f64>,
    /// Of the values.
    pub unit: &'static str,
    /// See [`Target`].
    pub target: Target,
    /// Why the values prove nothing, if they do not.
    pub trouble: Option<String>,
}

impl Figure {
    /// Whether the median keeps to the target, in rounds that prove something.
    pub fn is_ok(&self) -> bool {
        let value = median(&self.values);
        self.trouble.is_none()
            && !self.values.is_empty()
            && match self.target {
                Target::AtMost(most) => value <= most,
                Target::AtLeast(least) => value >= least,
            }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit, value) = (self.name, self.unit, median(&self.values));
        let (op, target) = match self.target {
            Target::AtMost(most) => ("<=", most),
            Target::AtLeast(least) => (">=", least),
        };
        let verdict = if self.is_ok() { "ok" } else { "short" };
        write!(
            f,
            "figure {name} {value:.3} {unit} target {op} {target} {verdict}"
        )?;
        if let Some(trouble) = &self.trouble {
            write!(f, " ({trouble})")?;
        }
        let rounds: Vec<String> = self.values.iter().map(|v| format!("{v:.3}")).collect();
        write!(f, "\nrounds {name} {}", rounds.join(" "))
    }
}

/// One round: the subject between two runs of its reference.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// The reference before.
    pub before: f64,
    /// What is measured.
    pub subject: f64,
    /// The reference after.
    pub after: f64,
}

impl Round {
    /// The subject as a share of its reference.
    pub fn ratio(&self) -> f64 {
        self.subject / f64::midpoint(self.before, self.after)
    }

    /// How far the two runs of the reference differ, as a share of them.
    pub fn apart(&self) -> f64 {
        (self.before - self.after).abs() / f64::midpoint(self.before, self.after)
    }
}

/// Rounds against a reference. One whose own references differ by more than the margin proves
/// nothing and is repeated; if that does not help, the series says so.
#[derive(Clone, Debug)]
pub struct Series {
    margin: f64,
    repeats: usize,
    kept: Vec<f64>,
    trouble: Option<String>,
}

const MOST_REPEATS: usize = 5;

impl Series {
    /// Rounds whose references may differ by `margin`, as a share.
    pub fn new(margin: f64) -> Self {
        Self {
            margin,
            repeats: 0,
            kept: Vec::new(),
            trouble: None,
        }
    }

    /// Whether another round is needed.
    pub fn wants_more(&self) -> bool {
        self.kept.len() < crate::ROUNDS
    }

    /// Takes a round; whether it counts.
    pub fn take(&mut self, round: Round) -> bool {
        if round.apart() > self.margin {
            if self.repeats < MOST_REPEATS {
                self.repeats += 1;
                return false;
            }
            self.trouble = Some(format!(
                "its reference runs differ by {:.0} %, more than {:.0} %",
                round.apart() * 100.0,
                self.margin * 100.0
            ));
        }
        self.repeats = 0;
        self.kept.push(round.ratio());
        true
    }

    /// The figure of the rounds' ratios.
    pub fn figure(self, name: &'static str, target: Target) -> Figure {
        Figure {
            name,
            values: self.kept,
            unit: "x",
            target,
            trouble: self.trouble,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(before: f64, subject: f64, after: f64) -> Round {
        Round {
            before,
            subject,
            after,
        }
    }

    #[test]
    fn a_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_round_whose_references_differ_is_repeated_five_times_then_falls_short() {
        let mut series = Series::new(0.1);
        for _ in 0..MOST_REPEATS {
            assert!(!series.take(round(1.0, 1.0, 2.0)));
        }
        assert!(series.take(round(1.0, 1.0, 2.0)));
        while series.wants_more() {
            assert!(series.take(round(1.0, 1.0, 1.05)));
        }
        let figure = series.figure("x", Target::AtMost(1.1));
        assert!(!figure.is_ok());
        assert!(figure.to_string().contains("short (its reference runs"));
    }

    #[test]
    fn a_line_is_judged_by_its_median() {
        let mut series = Series::new(0.1);
        for subject in [0.5, 0.7, 0.7, 0.7, 0.9] {
            assert!(series.take(round(1.0, subject, 1.0)));
        }
        let line = series.figure("speed", Target::AtLeast(0.6)).to_string();
        assert!(line.starts_with("figure speed 0.700 x target >= 0.6 ok\n"));
    }
}
