//! [`PlanHash`]: the name of a plan, which carries all that it takes to make the plan again.

use std::{fmt, str::FromStr};

use lepton_types::{Shown, Timestamp};
use serde::{Deserialize, Serialize};

/// Bytes of the digest: nobody finds another plan with the same ones.
const DIGEST: usize = 16;

/// By what a plan is asked for.
///
/// Shape: 64 hexadecimal digits: when the plan was made, what its ids are drawn from, and SHA-256 of what it does, cut to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanHash {
    made_at: Timestamp,
    nonce: u64,
    digest: [u8; DIGEST],
}

/// A text that is no plan's hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no plan's hash (expected 64 hexadecimal digits, as a plan tells them)")]
pub struct PlanHashError(Shown);

impl PlanHash {
    pub(super) fn new(made_at: Timestamp, nonce: u64, sha256: &[u8; 32]) -> Self {
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(&sha256[..DIGEST]);
        Self { made_at, nonce, digest }
    }

    pub(super) fn made_at(self) -> Timestamp {
        self.made_at
    }

    pub(super) fn nonce(self) -> u64 {
        self.nonce
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = u128::from_be_bytes(self.digest);
        write!(f, "{:016x}{:016x}{digest:032x}", self.made_at.micros(), self.nonce)
    }
}

impl FromStr for PlanHash {
    type Err = PlanHashError;

    fn from_str(text: &str) -> Result<Self, PlanHashError> {
        let wrong = || PlanHashError(Shown::new(text));
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let (made_at, rest) = text.split_at(16);
        let (nonce, digest) = rest.split_at(16);
        let made_at = u64::from_str_radix(made_at, 16).map_err(|_| wrong())?;
        let nonce = u64::from_str_radix(nonce, 16).map_err(|_| wrong())?;
        let digest = u128::from_str_radix(digest, 16).map_err(|_| wrong())?;
        Ok(Self { made_at: made_at.cast_signed().into(), nonce, digest: digest.to_be_bytes() })
    }
}

impl TryFrom<String> for PlanHash {
    type Error = PlanHashError;

    fn try_from(text: String) -> Result<Self, PlanHashError> {
        text.parse()
    }
}

impl From<PlanHash> for String {
    fn from(hash: PlanHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = PlanHash::new(1_795_000_000_000_000.into(), 7, &[0xab; 32]);
        let text = hash.to_string();
        assert_eq!(text, format!("{:016x}{:016x}{}", 1_795_000_000_000_000_i64, 7, "ab".repeat(16)));
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
        let early = PlanHash::new((-1).into(), u64::MAX, &[0; 32]);
        assert_eq!(early.to_string().parse(), Ok(early));
        for wrong in ["", "what", &text[1..], &format!("{text}0"), &text.replace('a', "+"), &"é".repeat(32)]
        {
            assert_eq!(wrong.parse::<PlanHash>(), Err(PlanHashError(Shown::new(wrong))), "{wrong}");
        }
    }
}
