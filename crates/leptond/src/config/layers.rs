//! The layers of a configuration, the later ones over the earlier: file, environment, flags.
//!
//! Each layer turns what it holds into texts by key, with their places, and reports what it does not know. The `config`
//! crate lays them over each other; [`Values`] is the outcome, from which [`super::schema::Settings`] takes its fields.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    str::FromStr,
};

use config::{ConfigError, Map, Source, Value, ValueKind};

use super::{
    mistakes::{Mistake, Mistakes},
    schema::{SETTINGS, Setting},
};

mod environment;
mod file;

pub(super) use environment::environment;
pub(super) use file::file;

/// Where a value comes from that nobody set.
const DEFAULT: &str = "default";

/// Least similarity (Jaro-Winkler, 0 to 1) of a name to what is offered in its place: `databse.url` has 0.98,
/// `metrics.port` 0.65 at most.
const SIMILAR: f64 = 0.85;

/// What one layer sets: the text and the place of each key.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    values: Vec<(&'static str, Value)>,
}

/// The texts of all layers together, and the mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Values {
    texts: HashMap<String, Given>,
    /// What a later layer lies over, the lowest first: it is wrong or right all the same.
    covered: Vec<(&'static str, Given)>,
    pub(super) mistakes: Mistakes,
}

#[derive(Debug)]
struct Given {
    text: String,
    place: String,
}

impl Layer {
    fn sets(&self, key: &str) -> bool {
        self.values.iter().any(|(set, _)| *set == key)
    }

    fn set(&mut self, setting: &Setting, text: &str, place: &str) {
        self.values.push((setting.key, Value::new(Some(&place.to_owned()), text)));
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }
}

/// The layer of the flags, which the command line's parser has looked up in the table already.
pub(super) fn flags(given: &BTreeMap<String, String>) -> Layer {
    let mut layer = Layer::default();
    for setting in SETTINGS {
        if let Some(text) = given.get(setting.key) {
            layer.set(setting, text, &format!("--{}", setting.flag()));
        }
    }
    layer
}

impl Given {
    /// A layer's value, which is a text.
    fn of(value: &Value) -> Option<Self> {
        let ValueKind::String(text) = &value.kind else { return None };
        Some(Self { text: text.clone(), place: value.origin().unwrap_or(DEFAULT).to_owned() })
    }
}

impl Values {
    /// Lays the layers over each other, the last one on top.
    pub(super) fn merge(layers: Vec<Layer>, mistakes: Mistakes) -> Self {
        let covered = covered(&layers);
        let builder =
            layers.into_iter().fold(config::Config::builder(), |below, layer| below.add_source(layer));
        let merged = builder.build().expect("layers hold only keys of the table, which are paths");
        let mut values = Self { texts: HashMap::new(), covered, mistakes };
        values.flatten("", merged.cache);
        values
    }

    /// Takes the tree of sections, which layers fill only with texts, apart again.
    fn flatten(&mut self, section: &str, value: Value) {
        if let Some(given) = Given::of(&value) {
            self.texts.insert(section.to_owned(), given);
        } else if let ValueKind::Table(table) = value.kind {
            for (name, value) in table {
                self.flatten(&join(section, &name), value);
            }
        }
    }

    /// The setting's value; when the text is wrong this is recorded, and the default stands in so that reading can go on. What
    /// it covers must be right as well: whoever takes the cover away is not to find it wrong then.
    pub(super) fn take<T>(&mut self, key: &str, default: &str) -> T
    where
        T: FromStr<Err: Display>,
    {
        for (_, given) in self.covered.iter().filter(|(covered, _)| *covered == key) {
            if let Err(error) = given.text.parse::<T>() {
                self.mistakes.add(&given.place, key, error);
            }
        }
        if let Some(given) = self.texts.get(key) {
            match given.text.parse() {
                Ok(value) => return value,
                Err(error) => self.mistakes.add(&given.place, key, error),
            }
        }
        default.parse().ok().expect("a test parses every default")
    }

    /// Where the setting was set, or `default`.
    pub(super) fn place(&self, key: &str) -> &str {
        self.texts.get(key).map_or(DEFAULT, |given| &given.place)
    }

    /// Records what is wrong with a setting, at the place where it was set.
    pub(super) fn refuse(&mut self, key: &str, problem: impl Display) {
        let place = self.texts.get(key).map_or(key, |given| &given.place);
        self.mistakes.add(place, key, problem);
    }

    /// Records what others found to be wrong with settings, at the places where those were set.
    pub(super) fn refuse_all(&mut self, found: Mistakes) {
        for Mistake { key, problem, .. } in found {
            self.refuse(&key, problem);
        }
    }
}

/// What layers set that one after them sets too.
fn covered(layers: &[Layer]) -> Vec<(&'static str, Given)> {
    let under = |(below, layer): (usize, &Layer)| {
        let above = &layers[below + 1..];
        let is_covered = |key: &str| above.iter().any(|layer| layer.sets(key));
        let values = layer.values.iter().filter(|(key, _)| is_covered(key));
        values.filter_map(|(key, value)| Some((*key, Given::of(value)?))).collect::<Vec<_>>()
    };
    layers.iter().enumerate().flat_map(under).collect()
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// ` (did you mean database.url?)` when one of the known names is near.
fn suggestion(unknown: &str, known: impl IntoIterator<Item = String>) -> String {
    let rated = known.into_iter().map(|name| (strsim::jaro_winkler(unknown, &name), name));
    let best = rated.filter(|(rating, _)| *rating >= SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(String::new, |(_, name)| format!(" (did you mean {name}?)"))
}
