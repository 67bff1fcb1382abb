//! The command line: what to do, and a flag for every setting, made from the same table as the configuration file.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::{PossibleValuesParser, Resettable, ValueParser},
};

use crate::config::{ConfigFile, SETTINGS};

/// What leptond was started to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Serve until told to stop.
    Run,
    /// Tell what is in force, or what is wrong.
    CheckConfig,
    /// Print the commented example file.
    PrintExample,
    /// Print the manual of the settings.
    PrintManual,
}

/// The command line, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What to do.
    pub task: Task,
    /// The configuration file.
    pub file: ConfigFile,
    /// The settings that have flags: texts by key.
    pub flags: BTreeMap<String, String>,
}

impl Arguments {
    /// Parses a command line, the program's name first.
    ///
    /// Errors: also `--help` and `--version`; `clap::Error::exit` does what each needs.
    pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
        // A variable without a value is one that is not set.
        let command = command().mut_args(|arg| {
            if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg }
        });
        let matches = command.try_get_matches_from(line)?;
        Ok(Self { task: task(&matches), file: file(&matches), flags: flags(&matches) })
    }
}

fn task(matches: &ArgMatches) -> Task {
    match matches.get_one::<String>("print-reference").map(String::as_str) {
        Some("example") => Task::PrintExample,
        Some(_) => Task::PrintManual,
        None if matches.get_flag("check-config") => Task::CheckConfig,
        None => Task::Run,
    }
}

fn file(matches: &ArgMatches) -> ConfigFile {
    ConfigFile::named_or_default(matches.get_one::<PathBuf>("config").cloned())
}

fn flags(matches: &ArgMatches) -> BTreeMap<String, String> {
    let given = SETTINGS.iter().filter_map(|setting| {
        let text = matches.get_one::<String>(setting.key)?;
        Some((setting.key.to_owned(), text.clone()))
    });
    given.collect()
}

/// The command line's grammar.
fn command() -> Command {
    let settings = SETTINGS.iter().map(|setting| {
        let help: Vec<&str> =
            setting.about.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        Arg::new(setting.key)
            .long(setting.flag())
            .value_name("TEXT")
            .help(format!("{} [default: {:?}]", help.join(" "), setting.default))
            .allow_hyphen_values(true)
            .help_heading("Settings, over those of the file and of LEPTON_*")
    });
    Command::new("leptond")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The network manager of a fleet of VMs and containers, and the agent of its hosts")
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .env("LEPTON_CONFIG")
                .hide_env_values(true)
                .value_parser(ValueParser::path_buf())
                .help(format!("The configuration file [default: {}]", crate::config::DEFAULT_FILE)),
        )
        .arg(
            Arg::new("check-config")
                .long("check-config")
                .action(ArgAction::SetTrue)
                .help("Print every setting and where it was set, or all mistakes, and exit with 0 or 2"),
        )
        .arg(
            Arg::new("print-reference")
                .long("print-reference")
                .value_parser(PossibleValuesParser::new(["config", "example"]))
                .hide(true),
        )
        .args(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_grammar_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_setting_has_a_flag() {
        for setting in SETTINGS {
            let arguments = parse(&format!("leptond --{} -x", setting.flag())).unwrap();
            assert_eq!(arguments.flags, [(setting.key.to_owned(), "-x".to_owned())].into());
        }
    }

    #[test]
    fn a_file_that_is_named_is_not_the_default() {
        let default = ConfigFile::Default("/etc/lepton/lepton.toml".into());
        assert_eq!(parse("leptond").unwrap().file, default);
        assert_eq!(parse("leptond --config /x.toml").unwrap().file, ConfigFile::Named("/x.toml".into()));
    }

    #[test]
    fn each_task_has_its_flag() {
        for (line, task) in [
            ("leptond", Task::Run),
            ("leptond --check-config", Task::CheckConfig),
            ("leptond --print-reference example", Task::PrintExample),
            ("leptond --print-reference config", Task::PrintManual),
        ] {
            assert_eq!(parse(line).unwrap().task, task);
        }
    }

    #[test]
    fn an_unknown_flag_is_told_its_nearest() {
        let error = parse("leptond --listen-tpc x").unwrap_err().to_string();
        assert!(error.contains("--listen-tcp"), "{error}");
    }
}
