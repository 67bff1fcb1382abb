//! Output: an answer goes to standard output as a table, JSON or YAML; remarks for people go to standard error.
//!
//! JSON and YAML show the API's messages under their own field names. Every field is always present; what is not there
//! is `null` (an empty list for lists); enums are words; durations are seconds with an `s` and times RFC 3339, as in
//! Protobuf's JSON. The views in the modules below are the whole description of these shapes.

mod dhcp;
mod dns;
mod find;
mod fixed;
mod floating;
mod host;
mod instance;
mod network;
mod port;
mod quota;
mod subnet;
mod table;

use std::{
    ffi::OsString,
    io::{self, Write as _},
};

use clap::ValueEnum;
use serde::Serialize;

pub(crate) use self::{
    dhcp::DhcpTextView,
    dns::{DnsDomainView, DnsDomainsView, DnsEntriesView, DnsEntryView},
    find::FoundInstancesView,
    fixed::{FixedIpView, FixedIpsView},
    floating::{AssociationView, FloatingIpView, FloatingIpsView, FloatingPoolView, FloatingPoolsView},
    host::FencedView,
    instance::{DeallocatedView, DocumentView, NetworkInfoView, ValidatedView},
    network::{DeletedView, NetworkView, NetworksView},
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
}

impl Output {
    /// Prints in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints an answer.
    pub(crate) fn print(self, view: &impl View) -> Result<(), Error> {
        write(match self.format {
            Format::Table => view.to_text(),
            format @ (Format::Json | Format::Yaml) => encode(format, view),
        })
    }

    /// Tells people, not programs, something about the answer.
    pub(crate) fn remark(self, text: &str) {
        if self.format == Format::Table {
            // Where standard error is closed nobody wants to know.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Writes to standard output. A reader that has seen enough, as in `lepton network list | head`, is no error.
pub(crate) fn write(text: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failed(format!("cannot write the answer: {error}")))
        }
        _ => Ok(()),
    }
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
