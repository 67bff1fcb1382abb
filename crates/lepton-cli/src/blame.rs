//! Whom a wrong value is blamed on: its flag, or the environment variable that stood in for it.

use std::ffi::OsString;

use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

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
