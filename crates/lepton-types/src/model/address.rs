//! Addresses and prefixes as somebody else wrote them: checked, and kept letter by letter.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{AddressFamily, Shown};

/// An IP address as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    text: Box<str>,
    value: IpAddr,
}

/// A prefix as it was written; it may have host bits set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix {
    text: Box<str>,
    value: IpNet,
}

/// A text that is neither an address nor a prefix, whichever was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} is not {wanted}")]
pub struct AddressError {
    given: Shown,
    wanted: &'static str,
}

impl Address {
    /// The address.
    pub fn ip(&self) -> IpAddr {
        self.value
    }

    /// IPv4 or IPv6.
    pub fn family(&self) -> AddressFamily {
        AddressFamily::of(self.value)
    }
}

impl Prefix {
    /// The prefix.
    pub fn net(&self) -> IpNet {
        self.value
    }

    /// IPv4 or IPv6.
    pub fn family(&self) -> AddressFamily {
        AddressFamily::of(self.value.addr())
    }
}

macro_rules! as_written {
    ($($type:ident, $value:ty, $wanted:literal;)+) => {$(
        impl FromStr for $type {
            type Err = AddressError;

            fn from_str(text: &str) -> Result<Self, AddressError> {
                let value: Result<$value, _> = text.parse();
                let value = value.map_err(|_| AddressError { given: Shown::new(text), wanted: $wanted })?;
                Ok(Self { text: text.into(), value })
            }
        }

        impl TryFrom<String> for $type {
            type Error = AddressError;

            fn try_from(text: String) -> Result<Self, AddressError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(written: $type) -> Self {
                written.text.into()
            }
        }

        impl From<$value> for $type {
            fn from(value: $value) -> Self {
                Self { text: value.to_string().into(), value }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    )+};
}

as_written! {
    Address, IpAddr, "an IP address (expected for example 10.1.0.2 or fd00:1::2)";
    Prefix, IpNet, "a prefix (expected ADDRESS/LENGTH, for example 10.1.0.0/24 or fd00:1::/64)";
}
