//! Names that DNS knows: [`DomainName`] of a domain, [`Hostname`] of a guest or an entry within one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Shown, as_text};

/// Most characters of a name, dots included (RFC 1035 §2.3.4: 255 octets, of which two are no characters).
const NAME_MAX: usize = 253;

/// Most characters of one label (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;

/// A text that is no name for DNS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsNameError {
    /// A part between dots that is empty, too long, or has other characters than letters, digits and hyphens.
    #[error(
        "{name} has the label {label}, which is none of a host name (expected 1 to {max} letters, digits and hyphens, a \
         hyphen neither first nor last; RFC 1123 section 2.1)",
        max = LABEL_MAX
    )]
    Label {
        /// The name.
        name: Shown,
        /// The label.
        label: Shown,
    },
    /// Letters beyond ASCII.
    #[error(
        "{0} has letters beyond ASCII; write such a label as its A-label, which begins with xn-- (RFC 5891)"
    )]
    NotAscii(Shown),
    /// More characters than a message has room for.
    #[error("{start} has {length} characters (expected at most {max})", max = NAME_MAX)]
    TooLong {
        /// How many characters it has.
        length: usize,
        /// How it starts.
        start: Shown,
    },
    /// What every program would take for an address.
    #[error("{0} looks like an address; let its last label have a letter")]
    Address(Shown),
}

/// Lower-case labels with dots between them, without the dot of the root.
fn parse(text: &str) -> Result<Box<str>, DnsNameError> {
    let shown = || Shown::new(text);
    let name = text.strip_suffix('.').unwrap_or(text);
    if !name.is_ascii() {
        return Err(DnsNameError::NotAscii(shown()));
    }
    let length = name.len();
    if length > NAME_MAX {
        return Err(DnsNameError::TooLong { length, start: shown() });
    }
    if let Some(label) = name.split('.').find(|label| !is_label(label)) {
        return Err(DnsNameError::Label { name: shown(), label: Shown::new(label) });
    }
    Ok(name.to_ascii_lowercase().into())
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LABEL_MAX).contains(&label.len())
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn ends_in_a_number(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident is $check:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name in lower case.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = DnsNameError;

            fn from_str(text: &str) -> Result<Self, DnsNameError> {
                let check: fn(&str) -> bool = $check;
                let name = parse(text)?;
                if check(&name) { Ok(Self(name)) } else { Err(DnsNameError::Address(Shown::new(text))) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        as_text!($name, DnsNameError);
    )+};
}

names! {
    /// The name of a domain, such as `example.org`: labels of RFC 1123 with dots between them, in lower case. Capitals and the
    /// dot of the root are taken and dropped, since to DNS they make no difference.
    DomainName is |name| !ends_in_a_number(name);
    /// What a guest, or an entry of a domain, is called within its domain, such as `www` or `db.eu`: as a [`DomainName`], but
    /// no address.
    Hostname is |name| name.parse::<std::net::Ipv4Addr>().is_err();
}

impl Hostname {
    /// The full name in a domain.
    ///
    /// # Errors
    ///
    /// [`DnsNameError::TooLong`].
    pub fn within(&self, domain: &DomainName) -> Result<DomainName, DnsNameError> {
        format!("{self}.{domain}").parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_round_trips_in_lower_case(text in "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\\.[a-z]{1,63}){0,2}") {
            let name: Hostname = text.parse().unwrap();
            prop_assert_eq!(name.as_str(), text.to_ascii_lowercase());
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[test]
    fn names_that_dns_cannot_tell_apart_are_equal() {
        let name = |text: &str| text.parse::<DomainName>().unwrap();
        assert_eq!(name("Example.ORG."), name("example.org"));
        assert_eq!(name("xn--bcher-kva.example").as_str(), "xn--bcher-kva.example");
    }

    #[test]
    fn texts_that_are_no_names_are_refused() {
        let (label, name) = ("a".repeat(64), vec!["a".repeat(49); 6].join("."));
        for (text, problem) in [
            ("", "the label \"\""),
            (".", "the label \"\""),
            ("a..b", "the label \"\""),
            ("-a.org", "the label \"-a\""),
            ("a-.org", "the label \"a-\""),
            ("a_b", "the label \"a_b\""),
            ("*.org", "the label \"*\""),
            ("a b", "the label \"a b\""),
            (&label, "expected 1 to 63"),
            (&name, "has 299 characters (expected at most 253)"),
            ("bücher.example", "A-label, which begins with xn--"),
        ] {
            for error in [text.parse::<DomainName>().unwrap_err(), text.parse::<Hostname>().unwrap_err()] {
                assert!(error.to_string().contains(problem), "{text}: {error}");
            }
        }
        assert!("10.1.0.2".parse::<Hostname>().unwrap_err().to_string().contains("looks like an address"));
        assert!(
            "example.42".parse::<DomainName>().is_err(),
            "nothing below it could be told from an address"
        );
        assert_eq!("42".parse::<Hostname>().unwrap().as_str(), "42", "a label may be a number");
    }

    #[test]
    fn a_full_name_has_the_same_limit() {
        let domain: DomainName = vec!["d".repeat(49); 4].join(".").parse().unwrap();
        let fits: Hostname = "h".repeat(53).parse().unwrap();
        assert_eq!(fits.within(&domain).unwrap().as_str().len(), 253);
        let error = "h".repeat(54).parse::<Hostname>().unwrap().within(&domain).unwrap_err();
        assert!(error.to_string().contains("254 characters"), "{error}");
    }
}
