//! The layer of the environment: `LEPTON_LISTEN_TCP` is `listen.tcp`.

use std::ffi::{OsStr, OsString};

use super::{super::schema::Setting, Layer, Mistakes, SETTINGS, suggestion};

const PREFIX: &str = "LEPTON_";

/// Variables of Lepton's other programs and of our command line, which are no settings.
const OTHERS: &[&str] = &[
    // The file itself, read with the flag --config.
    "LEPTON_CONFIG",
    // The command `lepton`.
    "LEPTON_CA",
    "LEPTON_CERT",
    "LEPTON_CLI_CONFIG",
    "LEPTON_ENDPOINT",
    "LEPTON_KEY",
    "LEPTON_TIMEOUT",
];

/// The layer of these environment variables.
pub(in crate::config) fn environment(variables: &[(OsString, OsString)], mistakes: &mut Mistakes) -> Layer {
    let mut layer = Layer::default();
    let mut ours: Vec<_> = variables.iter().filter_map(ours).collect();
    ours.sort_unstable();
    for (name, value) in ours {
        let setting = SETTINGS.iter().find(|setting| setting.variable() == name);
        match (setting, value.to_str()) {
            (None, _) => {
                let nearest = suggestion(name, SETTINGS.iter().map(Setting::variable));
                mistakes.add(name, "", format_args!("no setting has this environment variable{nearest}"));
            }
            (Some(setting), None) => mistakes.add(name, setting.key, "the value is not UTF-8"),
            (Some(setting), Some(text)) => layer.set(setting, text, name),
        }
    }
    layer
}

fn ours((name, value): &(OsString, OsString)) -> Option<(&str, &OsStr)> {
    let name = name.to_str().filter(|name| name.starts_with(PREFIX) && !OTHERS.contains(name))?;
    Some((name, value))
}
