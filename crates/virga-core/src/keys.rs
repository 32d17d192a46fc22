//! Signatures: grants to watch, headers between roles, and the key ring that also signs tickets
//! ([`paths`](crate::paths)).
//!
//! All are HMAC-SHA256 over a purpose word and fields joined by newlines, under a key of the ring,
//! named by its `kid`. Two keys can be live at once, so that a rotation revokes nothing.

mod seal;

pub use seal::{seal, unseal};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{fmt, time::Duration};
use subtle::ConstantTimeEq;

use crate::{Entropy, Timestamp, VideoId};

/// One signing key. `Debug` never shows the secret.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    secret: [u8; 32],
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// The live keys, the one that signs first.
#[derive(Clone, Debug)]
pub struct KeyRing {
    keys: Vec<SigningKey>,
}

/// The text is no key ring.
#[derive(Debug, thiserror::Error)]
#[error(
    "a key file holds one key a line: an id of letters and digits, a space, 64 hexadecimal digits"
)]
pub struct InvalidKeys;

/// A signature that does not hold. All causes read the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this address is not signed by this site, or no longer valid")]
pub struct BadSignature;

impl KeyRing {
    /// A ring with one fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let kid = hex(&entropy.bytes::<4>());
        Self {
            keys: vec![SigningKey {
                kid,
                secret: entropy.bytes(),
            }],
        }
    }

    /// Reads the text of a key file; the first line signs.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let keys = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let (kid, secret) = line.trim().split_once(' ').ok_or(InvalidKeys)?;
                let kid_ok = (1..=16).contains(&kid.len())
                    && kid.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let secret = unhex(secret).ok_or(InvalidKeys)?;
                if kid_ok {
                    Ok(SigningKey {
                        kid: kid.to_owned(),
                        secret,
                    })
                } else {
                    Err(InvalidKeys)
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            Err(InvalidKeys)
        } else {
            Ok(Self { keys })
        }
    }

    /// The text of a key file.
    pub fn to_text(&self) -> String {
        self.keys
            .iter()
            .map(|key| format!("{} {}\n", key.kid, hex(&key.secret)))
            .collect()
    }

    /// Puts a fresh key in front and keeps the one that signed before.
    #[must_use]
    pub fn rotated(&self, entropy: &dyn Entropy) -> Self {
        let mut ring = Self::generate(entropy);
        ring.keys.extend(self.keys.first().cloned());
        ring
    }

    /// A name for something that only this site can tell it by, such as a network in a row. A new
    /// first key gives everything a new name.
    pub fn blind(&self, purpose: &str, fields: &[&str]) -> String {
        self.sign(purpose, fields).1
    }

    /// Eight bytes that only this site can tell from random ones, and that the same fields always
    /// give again, as long as the ring's first key stays.
    pub fn repeatable_bytes(&self, purpose: &str, fields: &[&str]) -> [u8; 8] {
        let mac = self.keys[0].mac(purpose, fields);
        std::array::from_fn(|at| mac[at])
    }

    pub(crate) fn sign(&self, purpose: &str, fields: &[impl AsRef<str>]) -> (String, String) {
        let key = &self.keys[0];
        (
            key.kid.clone(),
            URL_SAFE_NO_PAD.encode(key.mac(purpose, fields)),
        )
    }

    pub(crate) fn verify(
        &self,
        (kid, mac): (&str, &str),
        purpose: &str,
        fields: &[impl AsRef<str>],
    ) -> Result<(), BadSignature> {
        let given = URL_SAFE_NO_PAD.decode(mac).map_err(|_| BadSignature)?;
        let key = self.keys.iter().find(|key| key.kid == kid);
        let right = key.ok_or(BadSignature)?.mac(purpose, fields);
        let good: bool = right.as_slice().ct_eq(&given).into();
        if good { Ok(()) } else { Err(BadSignature) }
    }
}

impl SigningKey {
    fn mac(&self, purpose: &str, fields: &[impl AsRef<str>]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(b"virga/");
        mac.update(purpose.as_bytes());
        mac.update(b"\n");
        mac.update(self.kid.as_bytes());
        for field in fields {
            mac.update(b"\n");
            mac.update(field.as_ref().as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// When a grant given now ends: the first full hour at least `max(2 h, 2 × duration)` away, so
/// that all viewers of an hour share one address.
pub fn grant_expiry(now: Timestamp, duration: Duration) -> Timestamp {
    let least = now
        .plus((duration * 2).max(Duration::from_secs(7200)))
        .seconds();
    Timestamp::from_seconds(least.div_euclid(3600).saturating_add(1) * 3600)
}

/// The path component that opens a video that is not public: `kid.expiry.mac`.
pub fn grant(ring: &KeyRing, video: VideoId, epoch: i64, expires: Timestamp) -> String {
    let exp = expires.seconds().to_string();
    let (kid, mac) = ring.sign("grant", &[&*exp, video.as_str(), &epoch.to_string()]);
    format!("{kid}.{exp}.{mac}")
}

/// Whether a grant opens this video now.
pub fn check_grant(
    ring: &KeyRing,
    text: &str,
    video: VideoId,
    epoch: i64,
    now: Timestamp,
) -> Result<(), BadSignature> {
    let mut parts = text.splitn(3, '.');
    let (Some(kid), Some(exp), Some(mac)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(BadSignature);
    };
    let seconds: i64 = exp.parse().map_err(|_| BadSignature)?;
    let fields = [exp, video.as_str(), &epoch.to_string()];
    ring.verify((kid, mac), "grant", &fields)?;
    // It holds before that second, not at it.
    if now.seconds() < seconds {
        Ok(())
    } else {
        Err(BadSignature)
    }
}

/// The header by which one role vouches to another for the viewer's address and the request id.
pub const VOUCHER_HEADER: &str = "x-virga-voucher";
const VOUCHER_LIFE: i64 = 60;

/// What a voucher says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// The viewer's address.
    pub address: std::net::IpAddr,
    /// The request's id.
    pub request_id: String,
}

impl Voucher {
    /// The header's value.
    pub fn seal(&self, ring: &KeyRing, now: Timestamp) -> String {
        let exp = (now.seconds() + VOUCHER_LIFE).to_string();
        let address = self.address.to_string();
        let (kid, mac) = ring.sign("voucher", &[&exp, &address, &self.request_id]);
        format!("{kid} {exp} {mac} {address} {}", self.request_id)
    }

    /// Opens a header's value; believes it only if it verifies and is fresh.
    pub fn open(ring: &KeyRing, header: &str, now: Timestamp) -> Result<Self, BadSignature> {
        let mut words = header.splitn(5, ' ');
        let mut word = || words.next().ok_or(BadSignature);
        let (kid, exp, mac, address, request_id) = (word()?, word()?, word()?, word()?, word()?);
        ring.verify((kid, mac), "voucher", &[exp, address, request_id])?;
        let left = exp.parse::<i64>().map_err(|_| BadSignature)? - now.seconds();
        if !(0..=VOUCHER_LIFE).contains(&left) {
            return Err(BadSignature);
        }
        let address = address.parse().map_err(|_| BadSignature)?;
        Ok(Self {
            address,
            request_id: request_id.to_owned(),
        })
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |index: usize| char::from(pair[index]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, FakeClock, OsEntropy};

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_grant_opens_its_video_in_its_epoch_until_it_ends() {
        let (clock, ring) = (FakeClock::new(), KeyRing::generate(&OsEntropy));
        let (a, b) = (VideoId::random(&OsEntropy), VideoId::random(&OsEntropy));
        let expires = grant_expiry(clock.now(), Duration::from_secs(60));
        let text = grant(&ring, a, 1, expires);
        assert!(check_grant(&ring, &text, a, 1, clock.now()).is_ok());
        assert!(check_grant(&ring, &text, b, 1, clock.now()).is_err());
        assert!(check_grant(&ring, &text, a, 2, clock.now()).is_err());
        let later = text.replacen(&expires.seconds().to_string(), "99999999999", 1);
        assert!(check_grant(&ring, &later, a, 1, clock.now()).is_err());
        assert!(check_grant(&KeyRing::generate(&OsEntropy), &text, a, 1, clock.now()).is_err());
        assert!(check_grant(&ring.rotated(&OsEntropy), &text, a, 1, clock.now()).is_ok());
        clock.advance(HOUR * 4);
        assert!(check_grant(&ring, &text, a, 1, clock.now()).is_err());
    }

    #[test]
    fn grants_of_one_hour_are_one_address() {
        let now = Timestamp::from_seconds(1_790_000_000 / 3600 * 3600);
        let short = Duration::from_secs(10);
        assert_eq!(
            grant_expiry(now, short),
            grant_expiry(now.plus(Duration::from_secs(3599)), short)
        );
        assert!(grant_expiry(now, HOUR * 3).since(now) >= HOUR * 6);
    }

    #[test]
    fn a_key_file_survives_its_text_and_hides_in_debug() {
        let ring = KeyRing::generate(&OsEntropy).rotated(&OsEntropy);
        let again = KeyRing::parse(&ring.to_text()).unwrap();
        assert_eq!(again.to_text(), ring.to_text());
        let secret = ring.to_text().split_once(' ').unwrap().1[..64].to_owned();
        assert!(!format!("{ring:?}").contains(&secret));
        assert!(KeyRing::parse("").is_err() && KeyRing::parse("a zz").is_err());
    }

    #[test]
    fn a_voucher_holds_for_a_minute_and_only_as_written() {
        let (clock, ring) = (FakeClock::new(), KeyRing::generate(&OsEntropy));
        let voucher = Voucher {
            address: "2001:db8::1".parse().unwrap(),
            request_id: "r 1".into(),
        };
        let header = voucher.seal(&ring, clock.now());
        assert_eq!(Voucher::open(&ring, &header, clock.now()).unwrap(), voucher);
        assert!(Voucher::open(&ring, &header.replace("db8", "db9"), clock.now()).is_err());
        clock.advance(Duration::from_secs(61));
        assert!(Voucher::open(&ring, &header, clock.now()).is_err());
    }
}
