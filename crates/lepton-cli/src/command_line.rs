//! The command line: its grammar, and the way from arguments to an exit code.

use std::{
    env,
    ffi::{OsStr, OsString},
    future::Future,
    io,
    process::ExitCode,
};

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, builder::Resettable};
use clap_complete::Shell;

use crate::{
    audit::{self, AuditOptions},
    blame,
    dhcp::{self, DhcpCommand},
    dns::{self, DnsCommand},
    error::Error,
    event::{self, EventCommand},
    explain::{self, ExplainCommand},
    fixed::{self, FixedCommand},
    floating::{self, FloatingCommand},
    history::{self, HistoryOptions},
    host::{self, HostCommand},
    instance::{self, InstanceCommand},
    mac_range::{self, MacRangeCommand},
    network::{self, NetworkCommand},
    output::{self, Format, Output},
    port::{self, PortCommand},
    quota::{self, QuotaCommand},
    reference::reference,
    route::{self, RouteCommand},
    settings::{ConnectionOptions, Settings},
    subnet::{self, SubnetCommand},
    version::VersionView,
};

/// Networks, subnets, instances, names, quotas, events and hosts of a lepton daemon (leptond).
///
/// Exit codes: 0 done; 1 refused by the server, an audit's findings, or the output could not be written; 2 wrong usage or configuration;
/// 3 the server cannot be reached, does not answer, or cannot at present, as while its database is away.
#[derive(Debug, Parser)]
#[command(name = "lepton", version, max_term_width = 110)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Command,

    /// How to print answers and errors
    #[arg(
        long,
        short,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value_t = Format::Table,
        help_heading = "Options of every command"
    )]
    output: Format,

    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, look at, change and delete networks
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Add subnets to networks, look at them, change and delete them
    #[command(subcommand)]
    Subnet(SubnetCommand),
    /// Static routes for the guests of a subnet
    #[command(subcommand)]
    Route(RouteCommand),
    /// Give instances their vNICs, look at them and take them back
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// Look at ports: instances' vNICs, one by one
    #[command(subcommand)]
    Port(PortCommand),
    /// Addresses of networks, for instances or kept back
    #[command(subcommand)]
    Fixed(FixedCommand),
    /// Addresses of pools that lead to instances' fixed IPs
    #[command(subcommand)]
    Floating(FloatingCommand),
    /// What DHCP servers are told of a network's guests, as dnsmasq reads it, and what they lease
    #[command(subcommand)]
    Dhcp(DhcpCommand),
    /// Names in DNS, and where they lead
    #[command(subcommand)]
    Dns(DnsCommand),
    /// MACs that ports are given
    #[command(subcommand)]
    MacRange(MacRangeCommand),
    /// What projects have of networks, ports and addresses, and what they may have
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// What happened, and what happens
    #[command(subcommand)]
    Event(EventCommand),
    /// Who held an address or a MAC, and when; or what happened to an instance or a port
    ///
    /// For example: lepton history 10.1.0.5 --at 2026-11-17T14:03Z, or lepton history --instance
    /// 99999999-0001-4000-8000-000000000001
    History(HistoryOptions),
    /// Whether what the ledger keeps twice agrees: who has an address and which are taken, counters and what they count
    ///
    /// Exits with 1 when something does not agree, or is left after `--repair`. Every repair is decided by the server again, and
    /// done only on proof.
    Audit(AuditOptions),
    /// Why an instance, a port or an address is as it is, and what differs from what should be
    #[command(subcommand)]
    Explain(ExplainCommand),
    /// Fence hosts that are gone
    #[command(subcommand)]
    Host(HostCommand),
    /// Print the version of this program and of the API that it speaks
    Version,
    /// Print a shell's completion script
    ///
    /// For bash, in ~/.bashrc: source <(lepton completion bash)
    Completion {
        /// Which shell
        shell: Shell,
    },
    /// Print all commands and options as Markdown
    #[command(hide = true)]
    Reference,
}

/// A command line that was understood, with the grammar that it was read by.
struct Understood {
    line: CommandLine,
    grammar: clap::Command,
    matches: ArgMatches,
}

/// Does what the arguments (the program's name first) say; the exit code tells how it went.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let Understood { line, grammar, matches } = match parse(&arguments) {
        Ok(understood) => understood,
        Err(stop) => return explain(&stop, output::format_in(&arguments)),
    };
    let format = line.output;
    match line.execute() {
        Ok(code) => code,
        Err(error) => error.in_words_of(given(&grammar, &matches)).report(format),
    }
}

/// Reads arguments (the program's name first) as [`run`] does, and does nothing.
///
/// # Errors
///
/// Why there is nothing to do, as people are told: a mistake, or that help or the version was asked for.
pub fn understand(arguments: impl IntoIterator<Item = OsString>) -> Result<(), String> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    parse(&arguments).map(drop).map_err(|stop| stop.to_string())
}

fn parse(arguments: &[OsString]) -> Result<Understood, clap::Error> {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    // A variable without a value is one that is not set.
    let mut grammar = CommandLine::command().mut_args(|option| {
        if option.get_env().is_some_and(is_empty) { option.env(Resettable::Reset) } else { option }
    });
    let matches = grammar.try_get_matches_from_mut(arguments);
    let read = matches.and_then(|matches| {
        let line = CommandLine::from_arg_matches(&matches).map_err(|stop| stop.format(&mut grammar))?;
        Ok((line, matches))
    });
    match read {
        Ok((line, matches)) => Ok(Understood { line, grammar, matches }),
        Err(stop) => Err(blame::rightly(stop, &grammar, arguments)),
    }
}

/// The command that was given, such as `lepton floating pool create`.
fn given<'c>(all: &'c clap::Command, matches: &ArgMatches) -> &'c clap::Command {
    match matches.subcommand() {
        Some((name, matches)) => all.find_subcommand(name).map_or(all, |command| given(command, matches)),
        None => all,
    }
}

/// Why there is nothing to execute: a mistake, or that help or the version was asked for.
fn explain(stop: &clap::Error, format: Format) -> ExitCode {
    if stop.use_stderr() && format != Format::Table {
        return Error::from_clap(stop).report(format);
    }
    // Where the stream is closed nobody wants to know.
    let _ = stop.print();
    ExitCode::from(u8::try_from(stop.exit_code()).unwrap_or(u8::MAX))
}

impl CommandLine {
    fn execute(self) -> Result<ExitCode, Error> {
        let output = Output::new(self.output);
        let connection = self.connection;
        let done = match self.command {
            Command::Network(command) => {
                connected(connection, async |settings| network::run(command, &settings, output).await)
            }
            Command::Subnet(command) => {
                connected(connection, async |settings| subnet::run(command, &settings, output).await)
            }
            Command::Route(command) => {
                connected(connection, async |settings| route::run(command, &settings, output).await)
            }
            Command::Instance(command) => {
                connected(connection, async |settings| instance::run(command, &settings, output).await)
            }
            Command::Port(command) => {
                connected(connection, async |settings| port::run(command, &settings, output).await)
            }
            Command::Fixed(command) => {
                connected(connection, async |settings| fixed::run(command, &settings, output).await)
            }
            Command::Floating(command) => {
                connected(connection, async |settings| floating::run(command, &settings, output).await)
            }
            Command::Dhcp(command) => {
                connected(connection, async |settings| dhcp::run(command, &settings, output).await)
            }
            Command::Dns(command) => {
                connected(connection, async |settings| dns::run(command, &settings, output).await)
            }
            Command::MacRange(command) => {
                connected(connection, async |settings| mac_range::run(command, &settings, output).await)
            }
            Command::Quota(command) => {
                connected(connection, async |settings| quota::run(command, &settings, output).await)
            }
            Command::Event(command) => {
                connected(connection, async |settings| event::run(command, &settings, output).await)
            }
            Command::History(options) => {
                connected(connection, async |settings| history::run(options, &settings, output).await)
            }
            Command::Audit(options) => {
                return connected(connection, async |settings| audit::run(options, &settings, output).await);
            }
            Command::Explain(command) => {
                connected(connection, async |settings| explain::run(command, &settings, output).await)
            }
            Command::Host(command) => {
                connected(connection, async |settings| host::run(command, &settings, output).await)
            }
            Command::Version => output.print(&VersionView::default()),
            Command::Completion { shell } => output::write(completion(shell)),
            Command::Reference => output::write(reference()),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Does what needs a server.
fn connected<T>(
    connection: ConnectionOptions,
    command: impl AsyncFnOnce(Settings) -> Result<T, Error>,
) -> Result<T, Error> {
    block_on(command(connection.resolve()?))
}

fn block_on<T>(command: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|cause: io::Error| Error::failed(format!("cannot start: {cause}")))?.block_on(command)
}

/// Buffered, since the generator panics when what it writes to is closed.
fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "lepton", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_has_no_contradictions() {
        CommandLine::command().debug_assert();
    }

    /// The names of commands that only ask, whatever they ask about.
    const QUESTIONS: [&str; 15] = [
        "completion",
        "explain address",
        "explain instance",
        "explain port",
        "find",
        "history",
        "hosts",
        "leases",
        "list",
        "options",
        "reference",
        "show",
        "validate",
        "version",
        "watch",
    ];

    /// All commands, and whether they have this option.
    fn leaves(option: &str) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        collect(&CommandLine::command(), "", option, &mut found);
        assert!(found.len() > 40, "{found:?}");
        found
    }

    fn collect(command: &clap::Command, path: &str, option: &str, found: &mut Vec<(String, bool)>) {
        let path = format!("{path} {}", command.get_name());
        let mut parts = command.get_subcommands().filter(|part| part.get_name() != "help").peekable();
        if parts.peek().is_none() {
            let has_it = command.get_arguments().any(|argument| argument.get_long() == Some(option));
            found.push((path, has_it));
            return;
        }
        parts.for_each(|part| collect(part, &path, option, found));
    }

    #[test]
    fn whatever_changes_something_has_a_dry_run() {
        for (path, has_dry_run) in leaves("dry-run") {
            let is_question = QUESTIONS.iter().any(|name| path.ends_with(&format!(" {name}")));
            assert_eq!(has_dry_run, !is_question, "{path}");
        }
    }

    /// Events are followed by a command of their own.
    #[test]
    fn every_list_can_be_watched() {
        for (path, has_watch) in leaves("watch") {
            let is_list = [" list", " find"].iter().any(|name| path.ends_with(name));
            assert_eq!(has_watch, is_list && path != " lepton event list", "{path}");
        }
    }
}
