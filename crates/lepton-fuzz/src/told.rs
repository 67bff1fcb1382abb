//! What must be true of the words in which an input is refused.

/// Longest error, in bytes, about a value that somebody else gave: what repeats it shows how it begins (`Shown`).
pub(crate) const LONGEST_ERROR: usize = 1024;

/// Bytes of a program's help, and of one thing about each of its settings.
const HELP: usize = 16 << 10;

/// Bytes of a single mistake without what it repeats.
const MISTAKE: usize = 512;

/// Most bytes of an error that repeats a text, each of whose bytes may take six to escape.
pub(crate) fn repeated(text: &[u8]) -> usize {
    LONGEST_ERROR + 6 * text.len()
}

/// Most bytes of all that is wrong with a text, each of whose bytes may be a mistake.
pub(crate) fn listed(text: &[u8]) -> usize {
    HELP + MISTAKE * text.len()
}

/// Fails unless what was refused is refused in words, of so many bytes at most.
pub(crate) fn assert_told(words: &str, most: usize) {
    assert!(!words.is_empty(), "it is refused without a word");
    assert!(words.len() <= most, "it is refused in {} bytes, of which {most} are enough", words.len());
}
