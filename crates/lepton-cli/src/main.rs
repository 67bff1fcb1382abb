//! The binary `lepton`: everything is in the library beside it.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    lepton_cli::run(env::args_os())
}
