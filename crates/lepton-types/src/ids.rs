//! Identity. What Lepton makes is named by a UUID; what others made (projects, hosts, request ids) keeps the text
//! that they gave it, because OpenStack's projects and hosts are not all UUIDs (ADR 2).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Shown, text::texts};

/// A text that should have been the UUID of something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UuidError {
    /// No UUID at all.
    #[error(
        "{0} is not a UUID (expected 32 hexadecimal digits, for example 11111111-1111-4111-8111-111111111111)"
    )]
    Malformed(Shown),
    /// The nil UUID or the one of ones alone, which stand for no value (RFC 9562 §5.9, §5.10).
    #[error("{0} is the UUID of nothing (expected one that was made for it)")]
    OfNothing(Shown),
}

/// A text that cannot be an id: empty, too long, or with characters that cannot be told from each other in a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not a valid {what} (expected 1 to {max} printable ASCII characters without spaces)", max = TEXT_ID_MAX)]
pub struct TextIdError {
    what: &'static str,
    text: Shown,
}

/// Longest id that another system may give us, in bytes: what Nova and Keystone store.
const TEXT_ID_MAX: usize = 255;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id's 16 bytes, as the ledger stores them.
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = UuidError;

            fn from_str(text: &str) -> Result<Self, UuidError> {
                let uuid = Uuid::try_parse(text).map_err(|_| UuidError::Malformed(Shown::new(text)))?;
                if uuid.is_nil() || uuid.is_max() {
                    return Err(UuidError::OfNothing(Shown::new(text)));
                }
                Ok(Self(uuid))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    )+};
}

/// Lets 1 to 255 printable characters pass.
fn check(text: &str, what: &'static str) -> Result<(), TextIdError> {
    let fits = (1..=TEXT_ID_MAX).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(TextIdError { what, text: Shown::new(text) })
    }
}

ids! {
    /// One life of a DNS domain, from its creation to its deletion.
    DnsDomainId
    /// A virtual machine or container, named by the compute service that runs it.
    InstanceId
    /// One range of MACs that ports are given.
    MacRangeId
    /// One layer-2 network.
    NetworkId
    /// One vNIC of an instance and its plug on a host.
    PortId
    /// One CIDR of a network.
    SubnetId
}

texts! {
    /// A group of hosts, as the compute service names it.
    AvailabilityZone is |text| check(text, "availability zone"), TextIdError;
    /// A compute host, by the name that its compute agent uses.
    HostId is |text| check(text, "host name"), TextIdError;
    /// The tenant that owns a thing, as the identity service names it.
    ProjectId is |text| check(text, "project id"), TextIdError;
    /// The token under which a client may repeat a request and get the same answer.
    RequestId is |text| check(text, "request id"), TextIdError;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_uuid_id_round_trips(bits in 1..u128::MAX) {
            let id = NetworkId::from(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn a_text_id_round_trips(text in "[!-~]{1,255}") {
            let id: ProjectId = text.parse().unwrap();
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_bad_uuid_is_named_in_the_error() {
        let error = "not-a-uuid".parse::<PortId>().unwrap_err();
        assert!(error.to_string().contains("\"not-a-uuid\""), "{error}");
    }

    #[test]
    fn the_uuids_of_nothing_are_no_ids() {
        for uuid in [Uuid::nil(), Uuid::max()] {
            let error = uuid.to_string().parse::<InstanceId>().unwrap_err();
            assert!(error.to_string().contains("is the UUID of nothing"), "{error}");
        }
    }

    #[test]
    fn text_ids_refuse_blank_spaced_and_endless_texts() {
        for text in ["", "a b", "tab\t", "é", &"x".repeat(256)] {
            assert!(text.parse::<HostId>().is_err(), "{text:?}");
        }
    }
}
