//! The Lepton daemon: manager, agent, or both.

use std::{env, process::ExitCode};

use leptond::{Arguments, Task, config};

fn main() -> ExitCode {
    let arguments = Arguments::parse(env::args_os()).unwrap_or_else(|error| error.exit());
    match arguments.task {
        Task::PrintExample => print!("{}", config::example()),
        Task::PrintManual => print!("{}", config::manual()),
        Task::Run | Task::CheckConfig => {}
    }
    ExitCode::SUCCESS
}
