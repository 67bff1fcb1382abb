//! How the model's objects differ in JSON from its structs: an address has its version beside it, and what nobody knows
//! goes to `meta`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Meta;

/// `meta`, into which every key goes that the model has no word for.
pub(super) mod rest {
    use super::{Deserialize, Deserializer, Meta, Serialize, Serializer};

    #[derive(Deserialize)]
    struct Read {
        #[serde(default)]
        meta: Meta,
        #[serde(flatten)]
        unknown: Meta,
    }

    #[derive(Serialize)]
    struct Written<'a> {
        meta: &'a Meta,
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Meta, D::Error> {
        let Read { mut meta, unknown } = Read::deserialize(from)?;
        meta.extend(unknown);
        Ok(meta)
    }

    pub(crate) fn serialize<S: Serializer>(meta: &Meta, to: S) -> Result<S::Ok, S::Error> {
        Written { meta }.serialize(to)
    }
}

/// A module for a field with its version beside it.
macro_rules! versioned {
    ($(#[$doc:meta])* $field:ident: $type:ident) => {
        $(#[$doc])*
        pub(super) mod $field {
            use serde::de::Error;

            use super::{Deserialize, Deserializer, Serialize, Serializer};
            use crate::model::$type;

            #[derive(Deserialize)]
            struct Read {
                #[serde(default)]
                $field: Option<$type>,
                #[serde(default)]
                version: Option<u8>,
            }

            #[derive(Serialize)]
            struct Written<'a> {
                $field: Option<&'a $type>,
                version: Option<u8>,
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<$type>, D::Error> {
                let Read { $field: value, version } = Read::deserialize(from)?;
                match (&value, version) {
                    (Some(value), Some(version)) if value.family().version() != version => {
                        Err(Error::custom(format!("{value} is not of version {version}")))
                    }
                    _ => Ok(value),
                }
            }

            pub(crate) fn serialize<S: Serializer>(value: &Option<$type>, to: S) -> Result<S::Ok, S::Error> {
                let version = value.as_ref().map(|value| value.family().version());
                Written { $field: value.as_ref(), version }.serialize(to)
            }
        }
    };
}

versioned! {
    /// An address and its version.
    address: Address
}
versioned! {
    /// A prefix and its version.
    cidr: Prefix
}
