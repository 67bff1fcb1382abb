//! Where a port should be plugged, and what its host says.

use lepton_ledger::Plug;

use super::{Told, told};

fn plug(code: &'static str, plug: Plug, what: &str) -> Told {
    let Plug { host, device, bridge, revision } = plug;
    let words = format!("{device} in bridge {bridge} on host {host}: {what}");
    let facts = [
        ("host", host.to_string()),
        ("device", device),
        ("bridge", bridge),
        ("host_revision", revision.to_string()),
    ];
    told(code, facts, words)
}

pub(super) fn plugged(at: Plug) -> Told {
    plug("PLUGGED", at, "the host has plugged it")
}

pub(super) fn not_reported(at: Plug) -> Told {
    let what = format!("the host has not said yet that it has plugged it as of revision {}", at.revision);
    plug("NOT_REPORTED", at, &what)
}

pub(super) fn no_agent(at: Plug) -> Told {
    plug("NO_AGENT", at, "it should be plugged, and no agent of this host was ever there")
}

pub(super) fn failed(at: Plug, error: String) -> Told {
    let mut told = plug("PLUG_FAILED", at, &format!("the host cannot plug it, and tries again: {error}"));
    told.facts.push(("error", error));
    told
}

pub(super) fn not_unplugged(at: Plug) -> Told {
    plug(
        "NOT_UNPLUGGED",
        at,
        "it is to go from there, and keeps its MAC and addresses until the host has said that it has unplugged it",
    )
}
