//! Whole numbers as JSON has them: `5` and `5.0` are the same number (JSON Schema, `integer`).

use serde::{Deserialize, Deserializer, de::Error};

/// What may stand for a whole number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Real(f64),
}

/// 2^53: beyond it a real number names no single whole one.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    fn whole(self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(number),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be whole and in range"
            )]
            Self::Real(number) => {
                (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
            }
        }
    }
}

fn wrong<E: Error>() -> E {
    E::custom("expected a whole number, 0 or more")
}

/// One number.
pub(super) fn one<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(from).map_err(|_| wrong::<D::Error>())?;
    number.whole().ok_or_else(wrong)
}

/// One number, or none.
pub(super) fn maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<Number>::deserialize(from).map_err(|_| wrong::<D::Error>())?;
    number
        .map(|number| number.whole().ok_or_else(wrong))
        .transpose()
}

/// A list of small numbers.
pub(super) fn many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
    let numbers = Vec::<Number>::deserialize(from).map_err(|_| wrong::<D::Error>())?;
    let small = |number: Number| u32::try_from(number.whole()?).ok();
    numbers
        .into_iter()
        .map(|number| small(number).ok_or_else(wrong))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::wire::PartNumbers;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let numbers = |text: &str| serde_json::from_str::<PartNumbers>(text).map(|it| it.numbers);
        assert_eq!(numbers(r#"{"numbers": [1, 2.0, 3e0]}"#).unwrap(), [1, 2, 3]);
        for text in ["1.5", "-1", "4294967296", "1e30", "\"1\"", "null", "[1]"] {
            let wrong = numbers(&format!("{{\"numbers\": [{text}]}}"));
            assert!(wrong.is_err(), "{text}");
        }
    }
}
