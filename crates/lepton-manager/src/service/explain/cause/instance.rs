//! Why an instance is where it is.

use lepton_types::{HostId, ProjectId, Timestamp};

use super::{Told, moment, told};

pub(super) fn allocated(incarnation: u64, project: &ProjectId, host: &HostId, at: Timestamp) -> Told {
    let at = moment(at);
    let words =
        format!("life {incarnation} of it was allocated for project {project} at {at}; its host is {host}");
    let facts = [
        ("incarnation", incarnation.to_string()),
        ("project_id", project.to_string()),
        ("host", host.to_string()),
        ("at", at),
    ];
    told("ALLOCATED", facts, words)
}

pub(super) fn moving(from: &HostId, to: &HostId) -> Told {
    let words = format!("it is being moved from host {from} to host {to}, and plugged on both");
    told("MOVING", [("from", from.to_string()), ("to", to.to_string())], words)
}

pub(super) fn no_network(project: &ProjectId) -> Told {
    let words =
        format!("it has no vNIC: it was allocated when project {project} had no network and none was global");
    told("NO_NETWORK", [("project_id", project.to_string())], words)
}
