//! Requests about instances.

use std::time::Duration;

use lepton_ledger::{
    AllocateForInstance, BindingRequest, DeallocateForInstance, GetInstanceNwInfo, Naming, Refusal, Scope,
    ValidateNetworks,
};
use lepton_proto::v1::{self, port_binding};
use lepton_types::{HostId, IfName, Shown};
use lepton_vnic::RequestedNetwork;

use super::{Fields, MOST_NETWORKS};
use crate::{Settings, form::Form};

/// Longest that a caller may wait for its ports.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Most fixed IPs that one network of a request names; subnets are far fewer.
const MOST_FIXED_IPS: usize = 64;

/// What inner ends of veth pairs are called when the request does not say.
const GUEST_DEVICE: &str = "eth%d";

/// An allocation, and how long its caller waits for the ports.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) command: AllocateForInstance,
    pub(crate) patience: Option<Duration>,
}

/// Parses `AllocateForInstance`.
pub(crate) fn allocate_for_instance(
    mut fields: Fields,
    request: &v1::AllocateForInstanceRequest,
    settings: &Settings,
    only_on: Option<&HostId>,
) -> Result<Allocation, Refusal> {
    let instance = fields.required("instance_id", &request.instance_id);
    let project = fields.required("project_id", &request.project_id);
    let host = fields.optional("host", &request.host);
    let networks = requested_networks(&mut fields, &request.networks);
    let binding = binding(&mut fields, request.binding.as_ref());
    let patience = patience(&mut fields, request.wait_for_active.as_ref());
    let naming = Naming {
        hostname: fields.optional("hostname", &request.hostname),
        availability_zone: fields.optional("availability_zone", &request.availability_zone),
        domain: settings.instance_domain.clone(),
    };
    let command = (|| {
        Some(AllocateForInstance {
            instance: instance?,
            project: project?,
            host,
            networks,
            allow_duplicate_networks: request.allow_duplicate_networks,
            binding: binding?,
            own_host: settings.own_host.clone(),
            only_known_hosts: settings.only_known_hosts,
            only_on: only_on.cloned(),
            mac_base: settings.mac_base,
            naming,
            floating_pool: settings.floating.auto_assign.then(|| settings.floating.default_pool.clone()),
        })
    })();
    fields.finish(command.map(|command| Allocation { command, patience }))
}

fn requested_networks(fields: &mut Fields, requested: &[v1::RequestedNetwork]) -> Vec<RequestedNetwork> {
    if requested.len() > MOST_NETWORKS {
        let count = requested.len();
        fields
            .wrong("networks", format!("{count} networks are requested (expected at most {MOST_NETWORKS})"));
        return Vec::new();
    }
    let parse = |(index, requested): (usize, &v1::RequestedNetwork)| {
        let network = fields.required(&format!("networks[{index}].network_id"), &requested.network_id);
        let field = format!("networks[{index}].fixed_ips");
        let count = requested.fixed_ips.len();
        if count > MOST_FIXED_IPS {
            fields
                .wrong(field, format!("{count} addresses are requested (expected at most {MOST_FIXED_IPS})"));
            return None;
        }
        let fixed_ips = fields.addresses(&field, &requested.fixed_ips);
        Some(RequestedNetwork { network: network?, fixed_ips })
    };
    requested.iter().enumerate().filter_map(parse).collect()
}

pub(super) fn binding(fields: &mut Fields, binding: Option<&v1::PortBinding>) -> Option<BindingRequest> {
    match binding.and_then(|binding| binding.kind.as_ref()) {
        None | Some(port_binding::Kind::Tap(_)) => Some(BindingRequest::Tap),
        Some(port_binding::Kind::Veth(veth)) => {
            let netns = fields.required("binding.veth.netns_path", &veth.netns_path);
            let name = if veth.guest_device.is_empty() { GUEST_DEVICE } else { &veth.guest_device };
            let guest_device = guest_device(fields, name);
            Some(BindingRequest::Veth { netns: netns?, guest_device: guest_device? })
        }
    }
}

/// A device name in which `%` stands for nothing but the position, at its end: the kernel would read any other `%` as
/// a pattern of its own.
fn guest_device(fields: &mut Fields, name: &str) -> Option<IfName> {
    const FIELD: &str = "binding.veth.guest_device";
    if name.strip_suffix("%d").unwrap_or(name).contains('%') {
        fields.wrong(FIELD, format!("{} has a % that is not a %d at its end", Shown::new(name)));
        return None;
    }
    if name == "lo" {
        fields.wrong(FIELD, format!("{} is every namespace's loopback device", Shown::new(name)));
        return None;
    }
    fields.device(FIELD, name)
}

pub(super) fn patience(fields: &mut Fields, span: Option<&prost_types::Duration>) -> Option<Duration> {
    const FIELD: &str = "wait_for_active";
    let span = fields.duration(FIELD, span)?;
    if span.is_zero() || span > LONGEST_WAIT {
        let longest = LONGEST_WAIT.as_secs();
        fields.wrong(
            FIELD,
            format!("{span:?} is no time to wait (expected more than 0 s and at most {longest} s)"),
        );
        return None;
    }
    Some(span)
}

/// Parses `ValidateNetworks`.
pub(crate) fn validate_networks(
    request: &v1::ValidateNetworksRequest,
    scope: Scope,
    settings: &Settings,
) -> Result<ValidateNetworks, Refusal> {
    let mut fields = Fields::default();
    let project = match scope.project() {
        Some(own) if request.project_id.is_empty() => Some(own.clone()),
        Some(_) | None => fields.required("project_id", &request.project_id),
    };
    let networks = requested_networks(&mut fields, &request.networks);
    fields.finish(project.map(|project| ValidateNetworks {
        project,
        networks,
        allow_duplicate_networks: request.allow_duplicate_networks,
        mac_base: settings.mac_base,
        scope,
    }))
}

/// Parses `DeallocateForInstance`.
pub(crate) fn deallocate_for_instance(
    mut fields: Fields,
    request: &v1::DeallocateForInstanceRequest,
    only_on: Option<&HostId>,
) -> Result<DeallocateForInstance, Refusal> {
    let instance = fields.required("instance_id", &request.instance_id);
    let incarnation = (request.incarnation != 0).then_some(request.incarnation);
    fields.finish(instance.map(|instance| DeallocateForInstance {
        instance,
        incarnation,
        only_on: only_on.cloned(),
    }))
}

/// Parses `GetInstanceNwInfo`.
pub(crate) fn get_instance_nw_info(
    request: &v1::GetInstanceNwInfoRequest,
    scope: Scope,
) -> Result<GetInstanceNwInfo, Refusal> {
    let mut fields = Fields::default();
    let instance = fields.required("instance_id", &request.instance_id);
    fields.finish(instance.map(|instance| GetInstanceNwInfo { instance, scope }))
}

/// Parses `GetInstanceNwInfoJson`.
pub(crate) fn get_instance_nw_info_json(
    request: &v1::GetInstanceNwInfoJsonRequest,
    scope: Scope,
) -> Result<(GetInstanceNwInfo, Form), Refusal> {
    let mut fields = Fields::default();
    let instance = fields.required("instance_id", &request.instance_id);
    let form = match v1::NetworkInfoForm::try_from(request.form) {
        Ok(v1::NetworkInfoForm::Model) => Some(Form::Model),
        Ok(v1::NetworkInfoForm::Legacy) => Some(Form::Legacy),
        Ok(v1::NetworkInfoForm::NetworkData) => Some(Form::NetworkData),
        Ok(v1::NetworkInfoForm::Unspecified) => {
            fields.wrong("form", "is required");
            None
        }
        Err(_) => {
            fields.wrong("form", format!("{} is no form that this server knows", request.form));
            None
        }
    };
    fields.finish(instance.zip(form).map(|(instance, form)| (GetInstanceNwInfo { instance, scope }, form)))
}
