//! What the commands print.

use std::{
    fmt,
    io::{self, ErrorKind, Write as _},
};

use lepton_proto::v1;
use lepton_sim::{ChurnSummary, LoadReport, Record};
use serde_json::json;

use super::Output;

/// Most instances that are listed for people, who would scroll past more.
const MOST_LISTED: usize = 20;

pub(super) fn booted(output: Output, instances: &[v1::NetworkInfo], record: &Record) -> io::Result<()> {
    print(match output {
        Output::Json => {
            let instances: Vec<_> = instances.iter().map(instance_json).collect();
            document(&json!({ "instances": instances, "calls": record.summary() }))
        }
        Output::Table => format!("{}{record}", List(instances)),
    })
}

pub(super) fn churned(output: Output, summary: Option<&ChurnSummary>, record: &Record) -> io::Result<()> {
    print(match (output, summary) {
        (Output::Json, _) => document(&json!({ "operations": summary, "calls": record.summary() })),
        (Output::Table, None) => record.to_string(),
        (Output::Table, Some(summary)) => {
            let ChurnSummary { boots, starved, reboots, kills, migrations, aborts, alive } = summary;
            let mut text = format!(
                "{boots} boots, {reboots} reboots, {kills} kills, {migrations} migrations; {alive} still alive\n"
            );
            if *aborts > 0 {
                text += &format!("{aborts} migrations were begun and aborted\n");
            }
            if *starved > 0 {
                text += &format!("{starved} boots or migrations found an address pool empty\n");
            }
            text + &record.to_string()
        }
    })
}

pub(super) fn loaded(output: Output, report: &LoadReport) -> io::Result<()> {
    print(match output {
        Output::Json => document(&json!(report)),
        Output::Table => format!(
            "{:.0} answers/s: {} in {:.2} s by {} callers over {} connections; p50 {} µs, p90 {} µs, p99 {} µs, max {} µs; {} repeated, {} refused\n",
            report.per_second,
            report.summary.answered,
            report.seconds,
            report.concurrency,
            report.connections,
            report.summary.p50_micros,
            report.summary.p90_micros,
            report.summary.p99_micros,
            report.summary.max_micros,
            report.summary.repeated,
            report.summary.refused,
        ),
    })
}

/// Some instances for people.
struct List<'a>(&'a [v1::NetworkInfo]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for info in self.0.iter().take(MOST_LISTED) {
            writeln!(f, "{} (incarnation {}, host {})", info.instance_id, info.incarnation, info.host)?;
            for vif in &info.vifs {
                let label = vif.network.as_ref().map_or("", |network| &network.label);
                let addresses = addresses(vif).join(" ");
                writeln!(f, "    {}  {}  {label}  {addresses}", vif.device, vif.mac_address)?;
            }
        }
        match self.0.len().checked_sub(MOST_LISTED) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "... and {more} more"),
        }
    }
}

fn instance_json(info: &v1::NetworkInfo) -> serde_json::Value {
    let vif_json = |vif: &v1::Vif| {
        json!({
            "id": vif.id,
            "mac_address": vif.mac_address,
            "device": vif.device,
            "network": vif.network.as_ref().map(|network| &network.id),
            "fixed_ips": addresses(vif),
        })
    };
    json!({
        "instance_id": info.instance_id,
        "incarnation": info.incarnation,
        "host": info.host,
        "vifs": info.vifs.iter().map(vif_json).collect::<Vec<_>>(),
    })
}

fn addresses(vif: &v1::Vif) -> Vec<&str> {
    let subnets = vif.network.iter().flat_map(|network| &network.subnets);
    subnets.flat_map(|subnet| &subnet.fixed_ips).map(String::as_str).collect()
}

fn document(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// Writes to standard output. A reader that has seen enough, as in `lepton-sim boot | head`, is no error.
fn print(text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
