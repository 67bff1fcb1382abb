//! The Lepton daemon: manager, agent, or both.

use std::{
    env,
    error::Error,
    fmt::Display,
    io::{self, Write},
    pin::pin,
    process::ExitCode,
};

use leptond::{
    Arguments, Signals, Task,
    config::{self, Config, LogFormat, Mistakes, Named, Sources},
    database_files, full_folder, listen, logging, run, tls,
    traces::Traces,
};
use nix::unistd;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Exit code of a start or a run that failed.
const FAILED: u8 = 1;

/// Exit code of a command line or a configuration that is wrong; clap has the same.
const WRONG: u8 = 2;

/// Exit code of a start or a run that failed on a full disk.
const FULL: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse(env::args_os()).unwrap_or_else(|error| error.exit());
    match arguments.task {
        Task::PrintExample => print(&config::example()),
        Task::PrintManual => print(&config::manual()),
        Task::CheckConfig => match load(arguments) {
            Ok(config) => print(&format!("OK\n\n{}", config.effective)),
            Err(mistakes) => fail(&mistakes, WRONG),
        },
        Task::Run => match load(arguments) {
            Ok(config) => serve(&config),
            Err(mistakes) => fail(&mistakes, WRONG),
        },
    }
}

/// The configuration of this process, if what it names can be used.
fn load(arguments: Arguments) -> Result<Config, Mistakes> {
    let hostname = unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    let sources = Sources {
        file: arguments.file,
        variables: env::vars_os().collect(),
        flags: arguments.flags,
        // No name is reported like one that cannot be an id, and only if it is needed.
        hostname: hostname.unwrap_or_default(),
        uid: unistd::geteuid().as_raw(),
    };
    Config::load_and_look(&sources, look)
}

/// What is wrong with the files and the group that a configuration names.
fn look(named: &Named<'_>) -> Mistakes {
    let mut mistakes = tls::mistakes_in(named);
    database_files::check(named, &mut mistakes);
    if let Some(group) = named.unix_group {
        listen::check_group(group, &mut mistakes);
    }
    mistakes
}

fn serve(config: &Config) -> ExitCode {
    let Err(error) = run_to_the_end(config.clone()) else { return ExitCode::SUCCESS };
    let error = with_causes(&*error);
    tell(&error, config.log.format);
    let Some(folder) = full_folder(config) else { return FAILED.into() };
    let folder = folder.display();
    let way_out = "make room there, then start leptond again; nothing that it acknowledged is lost";
    tell(&format_args!("the disk of {folder} is full: {way_out}"), config.log.format);
    FULL.into()
}

/// Says why a start or a run failed, as whoever reads the log reads it.
fn tell(error: &dyn Display, format: LogFormat) {
    match format {
        LogFormat::Json if tracing::enabled!(tracing::Level::ERROR) => tracing::error!("{error}"),
        // Whatever is kept out of the log: why it ended is not.
        LogFormat::Json | LogFormat::Human => complain(error),
    }
}

/// Runs until it is stopped, then ends without waiting for system calls that do not return.
fn run_to_the_end(config: Config) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let traces = {
        let _entered = runtime.enter();
        Traces::start(&config.traces, config.host.as_str())?
    };
    logging::start(&config.log, traces.as_ref())?;
    if let Some(endpoint) = &config.traces.endpoint {
        tracing::info!(%endpoint, ratio = config.traces.ratio, "traces are told to a collector, if it is there");
    }
    let ended = runtime.block_on(run_until_signal(config));
    if let Some(traces) = traces {
        traces.finish();
    }
    runtime.shutdown_background();
    ended
}

/// Runs until a signal, and drains; a second SIGTERM or SIGINT ends the draining.
async fn run_until_signal(config: Config) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::listen()?;
    let shutdown = CancellationToken::new();
    let mut running = pin!(run(config, shutdown.clone()));
    tokio::select! {
        ended = &mut running => return Ok(ended?),
        () = signals.told_to_stop() => shutdown.cancel(),
    }
    tokio::select! {
        ended = &mut running => Ok(ended?),
        () = signals.told_by_somebody() => Err("told to stop twice: calls under way were cut".into()),
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => FAILED.into(),
    }
}

fn fail(error: &dyn Display, code: u8) -> ExitCode {
    complain(error);
    code.into()
}

fn complain(error: &dyn Display) {
    // The exit code tells as much as it can where nobody can be told more.
    let _ = writeln!(io::stderr(), "leptond: {error}");
}

/// `cannot listen on …: another process answers there`: an error with its causes.
fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}
