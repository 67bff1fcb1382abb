//! The layer of the TOML file. It is parsed with the places of its values, which the `config` crate would lose.

use std::path::Path;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    super::schema::{Setting, Shape},
    Layer, Mistakes, SETTINGS, join, setting, suggestion,
};

/// The layer of a file's text; none where that is no TOML: what a parser makes of the rest of it is a guess, and nobody's mistake.
pub(in crate::config) fn file(path: &Path, text: &str, mistakes: &mut Mistakes) -> Option<Layer> {
    let mut reader = Reader { path, text, mistakes, layer: Layer::default() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        reader.mistakes.add(&reader.place(at), "", error.message());
    }
    if !errors.is_empty() {
        return None;
    }
    reader.table("", document.get_ref());
    Some(reader.layer)
}

/// Walks through a file's tables.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    mistakes: &'a mut Mistakes,
    layer: Layer,
}

impl Reader<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = join(section, name.get_ref());
            match (setting(&key), value.get_ref()) {
                (Some(setting), _) => self.setting(setting, value),
                (None, DeValue::Table(inner)) if is_section(&key) => self.table(&key, inner),
                (None, _) => self.stranger(&key, name.span().start),
            }
        }
    }

    fn setting(&mut self, setting: &Setting, value: &Spanned<DeValue<'_>>) {
        let place = self.place(value.span().start);
        match text_of(setting.shape, value.get_ref()) {
            Some(text) => self.layer.set(setting, &text, &place),
            None => {
                let found = value.get_ref().type_str();
                let example = setting.toml(setting.default);
                let expected = match setting.shape {
                    Shape::Text => "a text in quotes",
                    Shape::Boolean => "true or false, without quotes",
                    Shape::Integer => "a whole number",
                    Shape::List => "a list of texts",
                };
                let problem =
                    format_args!("this is a TOML {found} (expected {expected}, for example {example})");
                self.mistakes.add(&place, setting.key, problem);
            }
        }
    }

    fn stranger(&mut self, key: &str, offset: usize) {
        let place = self.place(offset);
        if is_section(key) {
            self.mistakes.add(&place, "", format_args!("{key} is a section, not a setting (write [{key}])"));
        } else {
            let nearest =
                suggestion(key, SETTINGS.iter().map(|setting| setting.key.to_owned()).chain(sections()));
            self.mistakes.add(&place, "", format_args!("there is no setting {key}{nearest}"));
        }
    }

    /// `/etc/lepton/lepton.toml:12`
    fn place(&self, offset: usize) -> String {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        format!("{}:{line}", self.path.display())
    }
}

/// The value as the environment would write it, if it has the setting's shape.
fn text_of(shape: Shape, value: &DeValue<'_>) -> Option<String> {
    match (shape, value) {
        (Shape::Text, DeValue::String(text)) => Some(text.to_string()),
        (Shape::Boolean, DeValue::Boolean(is_set)) => Some(is_set.to_string()),
        (Shape::Integer, DeValue::Integer(number)) => Some(number.to_string()),
        (Shape::List, DeValue::Array(items)) => {
            let items: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

fn sections() -> impl Iterator<Item = String> {
    SETTINGS.iter().map(|setting| setting.section().to_owned()).filter(|section| !section.is_empty())
}

fn is_section(key: &str) -> bool {
    sections().any(|section| section == key)
}
