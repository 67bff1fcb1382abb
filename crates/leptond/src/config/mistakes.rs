//! [`Mistakes`]: everything that is wrong with a configuration, each with its place.

use std::{fmt, vec};

/// One mistake and where it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file and line, the environment variable, the flag, or, for what should be set and is not, the key.
    place: String,
    /// The setting's key; empty when it belongs to none.
    pub(super) key: String,
    /// What is wrong and what would be right.
    pub(super) problem: String,
}

/// Everything that is wrong with a configuration, in the order in which it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds one that is known by its setting alone; [`super::Config::load_and_look`] gives it its place.
    pub fn add_to(&mut self, key: &str, problem: impl fmt::Display) {
        self.add(key, key, problem);
    }

    pub(crate) fn add(&mut self, place: &str, key: &str, problem: impl fmt::Display) {
        self.0.push(Mistake { place: place.to_owned(), key: key.to_owned(), problem: problem.to_string() });
    }

    pub(crate) fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something is wrong with this setting already, so that what follows from it need not be reported too.
    pub(super) fn mention(&self, key: &str) -> bool {
        self.0.iter().any(|mistake| mistake.key == key)
    }
}

impl Mistakes {
    /// All of them in one line, for the log of a process that goes on.
    pub(crate) fn in_one_line(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, problem } = self;
        match &**key {
            "" => write!(out, "{place}: {problem}"),
            key if key == place => write!(out, "{key}: {problem}"),
            key => write!(out, "{place}: {key}: {problem}"),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => out.write_str("the configuration has a mistake:")?,
            count => write!(out, "the configuration has {count} mistakes:")?,
        }
        self.0.iter().try_for_each(|mistake| write!(out, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}
