//! [`Seed`]: an input that is kept, from which others are made.

use crate::Choice;

/// An input that is kept under `tests/fuzz/seeds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Its file's name.
    pub name: String,
    /// What the file has.
    pub input: Vec<u8>,
}

impl Seed {
    /// An input for what is called `chosen`.
    pub(crate) fn new(name: impl Into<String>, chosen: &str, rest: impl AsRef<[u8]>) -> Self {
        Self { name: name.into(), input: [&Choice::mark(chosen), rest.as_ref()].concat() }
    }
}

/// The seeds of a table of parsers: each one's examples, numbered where there are several.
pub(crate) fn of_examples<'a, B: AsRef<[u8]> + 'a>(
    table: impl Iterator<Item = (&'a str, Vec<B>)>,
) -> Vec<Seed> {
    let seeds = table.flat_map(|(name, examples)| {
        let is_one = examples.len() == 1;
        examples.into_iter().zip(1..).map(move |(example, number)| {
            let file =
                name.replace(|character: char| !character.is_ascii_alphanumeric() && character != '.', "-");
            Seed::new(if is_one { file } else { format!("{file}-{number}") }, name, example)
        })
    });
    seeds.collect()
}
