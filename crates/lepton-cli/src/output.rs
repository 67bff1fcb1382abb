//! Output: an answer goes to standard output as a table, JSON or YAML; remarks for people go to standard error.
//!
//! JSON and YAML show the API's messages under their own field names. Every field is always present; what is not there
//! is `null` (an empty list for lists); enums are words; durations are seconds with an `s` and times RFC 3339, as in
//! Protobuf's JSON. The views in the modules below are the whole description of these shapes.

mod audit;
mod dhcp;
mod dns;
mod event;
mod explain;
mod find;
mod fixed;
mod floating;
mod history;
mod host;
mod instance;
mod mac_range;
mod network;
mod plan;
mod port;
mod quota;
mod subnet;
mod table;

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write as _},
};

use clap::ValueEnum;
use serde::Serialize;

pub(crate) use self::{
    audit::{AuditView, FindingView, Outcome},
    dhcp::DhcpTextView,
    dns::{DnsDomainView, DnsDomainsView, DnsEntriesView, DnsEntryView},
    event::{EventView, EventsView},
    explain::ExplanationView,
    find::FoundInstancesView,
    fixed::{FixedIpView, FixedIpsView, LeaseView},
    floating::{AssociationView, FloatingIpView, FloatingIpsView, FloatingPoolView, FloatingPoolsView},
    history::HoldingsView,
    host::FencedView,
    instance::{DeallocatedView, DocumentView, NetworkInfoView, ValidatedView},
    mac_range::{MacRangeView, MacRangesView},
    network::{DeletedView, NetworkView, NetworksView},
    plan::{PlanView, PlannedView},
    port::{PortView, PortsView},
    quota::{QuotaView, QuotasView},
    subnet::{RoutesView, SubnetView},
    table::clean,
};
use crate::error::Error;

/// How answers and errors are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people
    Table,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// An answer that can be shown.
pub(crate) trait View: Serialize {
    /// What people read; ends with a line feed.
    fn to_text(&self) -> String;
}

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
    pace: Pace,
}

/// How one answer follows another.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// There is one.
    Once,
    /// A line each.
    Lines,
    /// Each stands for what was there before.
    Screens,
}

/// What clears a terminal (ECMA-48: ED and CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

impl Output {
    /// Prints in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, pace: Pace::Once }
    }

    /// Prints answers as they come, a line each.
    pub(crate) fn lines(self) -> Self {
        Self { pace: Pace::Lines, ..self }
    }

    /// Prints answers of which each stands for the one before.
    pub(crate) fn screens(self) -> Self {
        Self { pace: Pace::Screens, ..self }
    }

    /// Prints an answer.
    pub(crate) fn print(self, view: &impl View) -> Result<(), Error> {
        write(match (self.format, self.pace) {
            (Format::Table, Pace::Once | Pace::Lines) => view.to_text(),
            (Format::Table, Pace::Screens) if io::stdout().is_terminal() => {
                CLEAR.to_owned() + &view.to_text()
            }
            (Format::Table, Pace::Screens) => view.to_text() + "\n",
            (Format::Json, Pace::Lines | Pace::Screens) => line(view),
            (Format::Yaml, Pace::Lines | Pace::Screens) => "---\n".to_owned() + &encode(Format::Yaml, view),
            (format @ (Format::Json | Format::Yaml), Pace::Once) => encode(format, view),
        })
    }

    /// Prints a list of `count` things; people are told with `none` how there come to be some, and that there are more. Behind the list,
    /// which may clear the screen.
    pub(crate) fn print_list(
        self,
        list: &impl View,
        count: usize,
        has_more: bool,
        none: &str,
    ) -> Result<(), Error> {
        self.print(list)?;
        if count == 0 {
            self.remark(none);
        }
        if has_more {
            self.remark("There are more; raise `--limit` to see them.");
        }
        Ok(())
    }

    /// Tells people, not programs, something about the answer.
    pub(crate) fn remark(self, text: &str) {
        if self.format == Format::Table {
            // Where standard error is closed nobody wants to know.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Writes to standard output. That its reader has seen enough ends a command, and is no failure of it.
pub(crate) fn write(text: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Error::unheard();
        }
        Error::failed(format!("cannot write the answer: {error}"))
    })
}

/// The value as JSON in one line.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("views have only text keys") + "\n"
}

/// The value as a JSON or YAML document.
pub(crate) fn encode(format: Format, value: &impl Serialize) -> String {
    if format == Format::Yaml {
        // One line for each value, however long: what is folded is hard to grep.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        return serde_saphyr::to_string_with_options(value, options).expect("views have only text keys");
    }
    serde_json::to_string_pretty(value).expect("views have only text keys") + "\n"
}

/// The format that arguments ask for which do not parse.
pub(crate) fn format_in(arguments: &[OsString]) -> Format {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let value = texts.iter().enumerate().rev().find_map(|(index, text)| match text.strip_prefix("-o") {
        Some("") => texts.get(index + 1).copied(),
        Some(value) => Some(value.strip_prefix('=').unwrap_or(value)),
        None if *text == "--output" => texts.get(index + 1).copied(),
        None => text.strip_prefix("--output="),
    });
    value.and_then(|value| Format::from_str(value, false).ok()).unwrap_or(Format::Table)
}
