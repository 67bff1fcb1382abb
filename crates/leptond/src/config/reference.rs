//! What people read about the settings: the commented example file and the manual, both made from the table.

use std::fmt::{self, Write};

use super::schema::{SETTINGS, Setting};

/// Longest line of the example file, in characters.
const WIDTH: usize = 100;

/// The text of `deploy/lepton.toml`: every setting with its meaning and its default, which is commented out.
pub fn example() -> String {
    let mut text = String::from(EXAMPLE_HEAD);
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            text += &format!("\n[{section}]\n");
        }
        text.push('\n');
        let paragraphs: Vec<_> = paragraphs(setting.about).map(|paragraph| wrapped(&paragraph)).collect();
        text += &paragraphs.join("#\n");
        text += &format!("#{} = {}\n", setting.name(), setting.toml(setting.default));
    }
    text
}

const EXAMPLE_HEAD: &str = "\
# Configuration of leptond, by default /etc/lepton/lepton.toml.
#
# Every setting stands here with its default, commented out. An environment variable
# (LEPTON_LISTEN_TCP for tcp in [listen]) or a flag (--listen-tcp) takes precedence.
# `leptond --check-config` tells what is in force, and all that is wrong.
";

/// The manual in Markdown: `docs/reference/configuration.md`.
pub fn manual() -> String {
    let mut text = String::from(MANUAL_HEAD);
    write_manual(&mut text).expect("a String takes all that is written to it");
    text
}

fn write_manual(text: &mut String) -> fmt::Result {
    let mut section = None;
    for setting in SETTINGS {
        if section != Some(setting.section()) {
            section = Some(setting.section());
            match setting.section() {
                "" => text.write_str("\n## The process\n")?,
                name => write!(text, "\n## `[{name}]`\n")?,
            }
        }
        let Setting { key, default, .. } = setting;
        let about: Vec<_> = paragraphs(setting.about).collect();
        write!(text, "\n### `{key}`\n\n{}\n\n", about.join("\n\n"))?;
        write!(text, "| default | environment | flag |\n|---|---|---|\n")?;
        writeln!(
            text,
            "| `{}` | `{}` | `--{}` |",
            setting.toml(default),
            setting.variable(),
            setting.flag()
        )?;
    }
    Ok(())
}

const MANUAL_HEAD: &str = "\
# Configuration of leptond

`leptond` reads `/etc/lepton/lepton.toml`, or the file that `--config` or `LEPTON_CONFIG` names, then the environment, then its
flags; the later takes precedence, and the earlier must be right all the same. The default file may be missing.
`leptond --check-config` prints every setting with where it was set, or everything that is wrong, and exits with 0 or 2.

In the environment and in flags every value is a text without quotes, and a list is written with commas (`manager,agent`).
Lengths of time are a whole number and a unit: `500ms`, `30s`, `5m`, `24h`, `7d`. A setting that may be empty is unset by an
empty text, `\"\"` in the file.
";

/// The paragraphs of a doc comment, each in one line.
fn paragraphs(about: &str) -> impl Iterator<Item = String> {
    let lines: Vec<_> = about.lines().map(str::trim).collect();
    let paragraphs: Vec<_> = lines.split(|line| line.is_empty()).map(|lines| lines.join(" ")).collect();
    paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty())
}

/// The paragraph as comment lines of at most [`WIDTH`] characters.
fn wrapped(paragraph: &str) -> String {
    let mut text = String::from("#");
    let mut width = text.len();
    for word in paragraph.split_whitespace() {
        if width + 1 + word.len() > WIDTH {
            text.push_str("\n#");
            width = 1;
        }
        text.push(' ');
        text.push_str(word);
        width += 1 + word.len();
    }
    text + "\n"
}
