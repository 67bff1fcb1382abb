//! `lepton-sim`: a fake hypervisor for people who try Lepton; see the library for what it does.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
