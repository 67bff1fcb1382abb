//! Whose a floating IP is, and where it leads.

use std::net::IpAddr;

use lepton_types::{NetworkId, PortId, ProjectId, Timestamp};

use super::{Told, moment, told};

pub(super) fn of_project(
    project: &ProjectId,
    pool: NetworkId,
    is_auto_assigned: bool,
    at: Timestamp,
) -> Told {
    let at = moment(at);
    let how = if is_auto_assigned { ", with its instance" } else { "" };
    let words = format!("project {project} has it as a floating IP since {at}{how}");
    let facts = [
        ("project_id", project.to_string()),
        ("pool_id", pool.to_string()),
        ("is_auto_assigned", is_auto_assigned.to_string()),
        ("at", at),
    ];
    told("FLOATING_OF", facts, words)
}

pub(super) fn without_router(fixed_ip: IpAddr, port: PortId, since: Timestamp) -> Told {
    let since = moment(since);
    let words = format!(
        "it leads to {fixed_ip} of port {port} since {since}, but no router carries its packets: Lepton has none yet"
    );
    let facts = [("fixed_ip", fixed_ip.to_string()), ("port_id", port.to_string()), ("since", since)];
    told("FLOATING_WITHOUT_ROUTER", facts, words)
}

pub(super) fn leads_nowhere() -> Told {
    told("FLOATING_LEADS_NOWHERE", [], "it leads nowhere".to_owned())
}
