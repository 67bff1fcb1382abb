//! What the commands print.

use lepton_proto::v1;
use lepton_sim::{ChurnSummary, LoadReport, Record};
use serde_json::json;

use super::Output;

/// Most instances that are listed for people, who would scroll past more.
const MOST_LISTED: usize = 20;

pub(super) fn booted(output: Output, instances: &[v1::NetworkInfo], record: &Record) {
    match output {
        Output::Json => {
            let instances: Vec<_> = instances.iter().map(instance_json).collect();
            print(&json!({ "instances": instances, "calls": record.summary() }));
        }
        Output::Table => {
            for info in instances.iter().take(MOST_LISTED) {
                println!("{} (incarnation {}, host {})", info.instance_id, info.incarnation, info.host);
                for vif in &info.vifs {
                    let label = vif.network.as_ref().map_or("", |network| &network.label);
                    println!(
                        "    {}  {}  {label}  {}",
                        vif.device,
                        vif.mac_address,
                        addresses(vif).join(" ")
                    );
                }
            }
            if instances.len() > MOST_LISTED {
                println!("... and {} more", instances.len() - MOST_LISTED);
            }
            print!("{record}");
        }
    }
}

pub(super) fn churned(output: Output, summary: Option<&ChurnSummary>, record: &Record) {
    match (output, summary) {
        (Output::Json, _) => print(&json!({ "operations": summary, "calls": record.summary() })),
        (Output::Table, None) => print!("{record}"),
        (Output::Table, Some(summary)) => {
            let ChurnSummary { boots, starved, reboots, kills, migrations, alive } = summary;
            println!(
                "{boots} boots, {reboots} reboots, {kills} kills, {migrations} migrations; {alive} still alive"
            );
            if *starved > 0 {
                println!("{starved} boots or migrations found an address pool empty");
            }
            print!("{record}");
        }
    }
}

pub(super) fn loaded(output: Output, report: &LoadReport) {
    match output {
        Output::Json => print(&json!(report)),
        Output::Table => println!(
            "{:.0} answers/s: {} in {:.2} s by {} callers over {} connections; p50 {} µs, p90 {} µs, p99 {} µs, max {} µs; {} repeated, {} refused",
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

fn print(value: &serde_json::Value) {
    println!("{value:#}");
}
