//! [`Name`]: what people call a thing.

use crate::{Shown, text::texts};

texts! {
    /// A label for people: 1 to 255 characters, not only spaces, no control characters, none that are unseen. Never an
    /// identity.
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
    /// A character that shows nothing, or turns the text around it.
    #[error("the name {0} has an invisible character, U+{code:04X}", code = u32::from(*.1))]
    Invisible(Shown, char),
    /// Nothing to be seen.
    #[error("the name {0} is made of spaces alone")]
    Blank(Shown),
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
    } else if let Some(unseen) = text.chars().find(|character| is_invisible(*character)) {
        Err(NameError::Invisible(Shown::new(text), unseen))
    } else if text.chars().all(char::is_whitespace) {
        Err(NameError::Blank(Shown::new(text)))
    } else {
        Ok(())
    }
}

/// Whether a character is seen by nobody, so that two names could look the same, or one like another: those that Unicode calls
/// format characters or separators of lines and paragraphs. The two joiners (U+200C, U+200D) remain, since words of some
/// scripts are not written right without them (RFC 5892 appendix A.1, A.2).
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_round_trips(text in "[^\\p{C}\\p{Z}][^\\p{C}\\p{Zl}\\p{Zp}]{0,254}") {
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

    #[test]
    fn names_that_nobody_sees_or_that_show_another_are_refused() {
        for text in
            [" ", "\u{a0}\u{3000}", "a\u{200b}b", "a\u{202e}b", "a\u{2028}b", "\u{feff}a", "a\u{2066}b"]
        {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        let error = "a\u{202e}b".parse::<Name>().unwrap_err().to_string();
        assert!(error.ends_with("has an invisible character, U+202E"), "{error}");
        for text in ["blue net", "می\u{200c}خواهم", "\u{1f469}\u{200d}\u{1f680}"] {
            assert!(text.parse::<Name>().is_ok(), "{text:?}");
        }
    }
}
