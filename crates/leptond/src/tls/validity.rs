//! [`Validity`]: from when to when a certificate chain is believed.

use std::fmt;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::{error::X509Error, parse_x509_certificate, time::ASN1Time};

/// The part of its time that a certificate has left when its end is worth a warning, as a divisor: whoever renews
/// certificates by themselves does so when a half or a third is left.
const LAST_PART: i64 = 5;

/// The time in which every certificate of a chain is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    from: ASN1Time,
    until: ASN1Time,
}

/// How much of its time a certificate has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Enough.
    Fresh,
    /// So little that it should have been renewed.
    Ageing,
    /// None.
    Expired,
}

impl Validity {
    /// The common time of the chain's certificates.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Result<Self, X509Error> {
        let mut common: Option<Self> = None;
        for der in chain {
            let (_, certificate) = parse_x509_certificate(der).map_err(X509Error::from)?;
            let validity = certificate.validity();
            let so_far = common.unwrap_or(Self { from: validity.not_before, until: validity.not_after });
            let (from, until) = (so_far.from.max(validity.not_before), so_far.until.min(validity.not_after));
            common = Some(Self { from, until });
        }
        common.ok_or(X509Error::InvalidCertificate)
    }

    pub(super) fn freshness(self, now: ASN1Time) -> Freshness {
        let (lifetime, left) =
            (self.until.timestamp() - self.from.timestamp(), self.until.timestamp() - now.timestamp());
        match left {
            ..=0 => Freshness::Expired,
            left if left < lifetime / LAST_PART => Freshness::Ageing,
            _ => Freshness::Fresh,
        }
    }
}

impl fmt::Display for Validity {
    /// Its end.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.until.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(first: (i32, u8, u8), last: (i32, u8, u8)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([]).unwrap();
        params.not_before = date_time_ymd(first.0, first.1, first.2);
        params.not_after = date_time_ymd(last.0, last.1, last.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_chain_is_valid_as_long_as_all_its_certificates() {
        let (leaf, above) =
            (certificate((2020, 1, 1), (2022, 1, 1)), certificate((2019, 1, 1), (2021, 1, 1)));
        let chain = Validity::of(&[leaf, above]).unwrap();
        assert_eq!(chain, Validity::of(&[certificate((2020, 1, 1), (2021, 1, 1))]).unwrap());
        assert_eq!(chain.to_string(), "Jan  1 00:00:00 2021 +00:00");
    }

    #[test]
    fn the_last_fifth_is_worth_a_warning() {
        let validity = Validity { from: moment(1_000), until: moment(2_000) };
        for (now, expected) in [
            (0, Freshness::Fresh),
            (1_800, Freshness::Fresh),
            (1_801, Freshness::Ageing),
            (1_999, Freshness::Ageing),
            (2_000, Freshness::Expired),
            (9_000, Freshness::Expired),
        ] {
            assert_eq!(validity.freshness(moment(now)), expected, "{now}");
        }
    }

    fn moment(secs: i64) -> ASN1Time {
        ASN1Time::from_timestamp(secs).unwrap()
    }
}
