//! [`Name`]: what people call a thing.

use crate::{Shown, text::texts};

texts! {
    /// A label for people: 1 to 255 characters, no control characters. Never an identity.
    Name is check, NameError;
}

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
}

fn check(text: &str) -> Result<(), NameError> {
    let length = text.chars().count();
    if length == 0 {
        Err(NameError::Empty)
    } else if length > Name::MAX {
        Err(NameError::TooLong { length, start: Shown::new(text) })
    } else if text.chars().any(char::is_control) {
        Err(NameError::ControlCharacter(Shown::new(text)))
    } else {
        Ok(())
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
