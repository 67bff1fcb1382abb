//! [`Shown`]: a text that was refused, as an error repeats it.

use std::fmt;

/// A text in quotes, its control characters escaped, and cut where it gets long: whoever made it knows how it goes on,
/// and an error must fit into what carries it, however large the text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(Box<str>);

impl Shown {
    /// Most characters of a text that are shown.
    pub const MAX: usize = 64;

    /// The text, or how it begins.
    pub fn new(text: &str) -> Self {
        let shown = match text.char_indices().nth(Self::MAX) {
            None => format!("{text:?}"),
            Some((end, _)) => format!("{:?}…", &text[..end]),
        };
        Self(shown.into_boxed_str())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_shown_in_full_and_a_long_one_cut() {
        for (text, shown) in [
            ("".to_owned(), "\"\"".to_owned()),
            ("bell\u{7}".to_owned(), "\"bell\\u{7}\"".to_owned()),
            ("ä".repeat(64), format!("\"{}\"", "ä".repeat(64))),
            ("ä".repeat(65), format!("\"{}\"…", "ä".repeat(64))),
        ] {
            assert_eq!(Shown::new(&text).to_string(), shown);
        }
    }
}
