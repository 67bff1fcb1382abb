//! [`Name`]: what people call a thing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Shown;

/// A label for people: 1 to 255 characters, no control characters. Never an identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Box<str>);

/// A text that cannot be a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No character at all.
    #[error("the name is empty (expected 1 to {max} characters)", max = Name::MAX)]
    Empty,
    /// Too many characters.
    #[error("the name has {length} characters (expected at most {max}): {start}", max = Name::MAX)]
    TooLong {
        /// How many characters it has.
        length: usize,
        /// How it starts.
        start: Shown,
    },
    /// A character that a terminal would obey rather than show.
    #[error("the name {0} has a control character")]
    ControlCharacter(Shown),
}

impl Name {
    const MAX: usize = 255;

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let length = text.chars().count();
        if length == 0 {
            Err(NameError::Empty)
        } else if length > Self::MAX {
            Err(NameError::TooLong { length, start: Shown::new(&text) })
        } else if text.chars().any(char::is_control) {
            Err(NameError::ControlCharacter(Shown::new(&text)))
        } else {
            Ok(Self(text.into_boxed_str()))
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0.into_string()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_round_trips(text in "\\PC{1,255}") {
            let name: Name = text.parse().unwrap();
            prop_assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn names_that_cannot_be_shown_are_refused() {
        for text in ["", "bell\u{7}", "line\nbreak", &"x".repeat(256)] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
    }
}
