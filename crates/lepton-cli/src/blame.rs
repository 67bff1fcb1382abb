//! Whom a wrong value is blamed on: its flag, or the environment variable that stood in for it; and which command's flags those
//! are.

use std::ffi::OsString;

use clap::{
    Command, CommandFactory as _, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::command_line::CommandLine;

/// The error, which clap always blames on the flag, naming the variable where the value came from there.
pub(crate) fn rightly(mut error: Error, command: &Command, arguments: &[OsString]) -> Error {
    if let Some(variable) = variable_behind(&error, command, arguments) {
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}

/// The variable whose value was wrong: that of a flag which was not given, for else the flag's own would have been read.
fn variable_behind(error: &Error, command: &Command, arguments: &[OsString]) -> Option<String> {
    if error.kind() != ErrorKind::ValueValidation {
        return None;
    }
    let Some(ContextValue::String(blamed)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = blamed.split(' ').next()?;
    let long = flag.strip_prefix("--")?;
    let variable = command.get_arguments().find(|argument| argument.get_long() == Some(long))?.get_env()?;
    let is_given = |argument: &OsString| {
        let rest = argument.to_str().and_then(|text| text.strip_prefix(flag));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    (!arguments.iter().any(is_given)).then(|| variable.to_string_lossy().into_owned())
}

/// The command that these arguments, the program's name first, are for.
pub(crate) fn command_in(arguments: &[OsString]) -> Command {
    let matches = CommandLine::command().try_get_matches_from(arguments).ok();
    let mut next = matches.as_ref().and_then(clap::ArgMatches::subcommand);
    let words = std::iter::from_fn(|| {
        let (name, matches) = next?;
        next = matches.subcommand();
        Some(name)
    });
    command_of(words)
}

/// The command of this name, such as `floating`, `pool`, `create`.
pub(crate) fn command_of<'n>(words: impl IntoIterator<Item = &'n str>) -> Command {
    let mut command = CommandLine::command();
    command.build();
    for word in words {
        match command.find_subcommand(word) {
            Some(part) => command = part.clone(),
            None => break,
        }
    }
    command
}
