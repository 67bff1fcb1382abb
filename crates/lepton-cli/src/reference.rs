//! [`reference()`]: the grammar of the command line as Markdown, for `docs/reference/cli.md`.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use crate::command_line::CommandLine;

/// What holds for every command, and which the grammar does not know.
const CONVENTIONS: &str = include_str!("reference/conventions.md");

/// All commands and options as Markdown, generated from the grammar itself.
pub fn reference() -> String {
    let mut command = CommandLine::command();
    command.build();
    let mut page = format!("# {}\n\n{}\n", command.get_name(), about(&command));
    section(&mut page, "Options of every command", command.get_arguments().filter(|arg| arg.is_global_set()));
    describe_below(&mut page, &command);
    page + "\n" + CONVENTIONS
}

/// Describes the commands below `command` that do something, and leaves groups to their members.
fn describe_below(page: &mut String, command: &Command) {
    for command in
        command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        if command.has_subcommands() {
            describe_below(page, command);
        } else {
            describe(page, command);
        }
    }
}

fn describe(page: &mut String, command: &Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    put(page, format_args!("\n## {name}\n\n{}\n\n```text\n{usage}\n```\n", about(command)));
    let own = || command.get_arguments().filter(|arg| !arg.is_global_set() && !is_of_clap(arg));
    section(page, "Arguments", own().filter(|arg| arg.is_positional()));
    section(page, "Options", own().filter(|arg| !arg.is_positional()));
}

fn section<'a>(page: &mut String, title: &str, args: impl Iterator<Item = &'a Arg>) {
    let mut args = args.peekable();
    if args.peek().is_some() {
        put(page, format_args!("\n{title}:\n\n"));
    }
    for arg in args {
        put(page, format_args!("- `{}`: {}\n", signature(arg), meaning(arg)));
    }
}

/// How the argument is written, without the styles of a terminal.
fn signature(arg: &Arg) -> String {
    arg.to_string()
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<_> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !values.is_empty() && arg.get_action().takes_values() {
        text += &format!(" (one of {})", values.join(", "));
    }
    if let Some(name) = arg.get_env() {
        text += &format!(" (environment: `{}`)", name.to_string_lossy());
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && !arg.is_hide_default_value_set() && arg.get_action().takes_values() {
        text += &format!(" [default: {}]", defaults.join(", "));
    }
    // Angle brackets would be HTML.
    text.replace('<', "\\<")
}

fn about(command: &Command) -> String {
    command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default()
}

fn is_of_clap(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a String takes all text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_left_out() {
        let page = reference();
        for command in ["network create", "network delete", "instance allocate", "version", "completion"] {
            assert!(page.contains(&format!("\n## lepton {command}\n")), "{command}");
        }
        assert!(!page.contains("lepton reference") && !page.contains("lepton help"));
    }
}
