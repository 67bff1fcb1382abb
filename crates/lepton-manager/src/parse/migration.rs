//! Requests to move instances between hosts.

use std::time::Duration;

use lepton_ledger::{
    BindingRequest, MigrateInstanceFinish, MigrateInstanceStart, Refusal, SetupNetworksOnHost,
};
use lepton_proto::v1;
use lepton_types::HostId;

use super::{
    Fields,
    instance::{binding, patience},
};
use crate::Settings;

/// The beginning of a move, and how long its caller waits for the destination.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) command: MigrateInstanceStart,
    pub(crate) patience: Option<Duration>,
}

/// Parses `MigrateInstanceStart`.
pub(crate) fn migrate_instance_start(
    mut fields: Fields,
    request: &v1::MigrateInstanceStartRequest,
    settings: &Settings,
    only_on: Option<&HostId>,
) -> Result<Start, Refusal> {
    let instance = fields.required("instance_id", &request.instance_id);
    let source = fields.required("source", &request.source);
    let destination = fields.required("dest", &request.dest);
    let binding = other_binding(&mut fields, request.binding.as_ref());
    let patience = patience(&mut fields, request.wait_for_active.as_ref());
    let command = (|| {
        Some(MigrateInstanceStart {
            instance: instance?,
            incarnation: incarnation(request.incarnation),
            source: source?,
            destination: destination?,
            binding: binding?,
            only_known_hosts: settings.only_known_hosts,
            only_on: only_on.cloned(),
        })
    })();
    fields.finish(command.map(|command| Start { command, patience }))
}

/// Parses `MigrateInstanceFinish`.
pub(crate) fn migrate_instance_finish(
    mut fields: Fields,
    request: &v1::MigrateInstanceFinishRequest,
    only_on: Option<&HostId>,
) -> Result<MigrateInstanceFinish, Refusal> {
    let instance = fields.required("instance_id", &request.instance_id);
    let source = fields.required("source", &request.source);
    let destination = fields.required("dest", &request.dest);
    let command = (|| {
        Some(MigrateInstanceFinish {
            instance: instance?,
            incarnation: incarnation(request.incarnation),
            source: source?,
            destination: destination?,
            only_on: only_on.cloned(),
        })
    })();
    fields.finish(command)
}

/// Parses `SetupNetworksOnHost`.
pub(crate) fn setup_networks_on_host(
    mut fields: Fields,
    request: &v1::SetupNetworksOnHostRequest,
    settings: &Settings,
    only_on: Option<&HostId>,
) -> Result<SetupNetworksOnHost, Refusal> {
    let instance = fields.required("instance_id", &request.instance_id);
    let host = fields.required("host", &request.host);
    let binding = other_binding(&mut fields, request.binding.as_ref());
    let command = (|| {
        Some(SetupNetworksOnHost {
            instance: instance?,
            incarnation: incarnation(request.incarnation),
            host: host?,
            is_teardown: request.teardown,
            binding: binding?,
            only_known_hosts: settings.only_known_hosts,
            only_on: only_on.cloned(),
        })
    })();
    fields.finish(command)
}

fn incarnation(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

/// The binding on another host, if it is to be another one there; none when it is malformed.
fn other_binding(fields: &mut Fields, given: Option<&v1::PortBinding>) -> Option<Option<BindingRequest>> {
    match given {
        None => Some(None),
        Some(_) => binding(fields, given).map(Some),
    }
}
