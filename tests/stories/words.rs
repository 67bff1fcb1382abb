//! The words that the stories speak to a daemon.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use lepton_proto::v1;
use lepton_sim::Boot;
use tonic::Status;

use crate::daemon::Client;

/// The project of the stories' instances.
pub(crate) const PROJECT: &str = "blue";

/// Longer than any port takes to be plugged.
pub(crate) const PLUG_TIMEOUT: Duration = Duration::from_secs(15);

/// Makes a global network with these subnets; answers with its id.
pub(crate) async fn network(client: &mut Client, label: &str, cidrs: &[&str]) -> String {
    let subnets = cidrs.iter().map(|&cidr| v1::SubnetSpec { cidr: cidr.into(), ..Default::default() });
    let spec = v1::NetworkSpec { label: label.into(), subnets: subnets.collect(), ..Default::default() };
    let request = v1::CreateNetworksRequest { networks: vec![spec], ..Default::default() };
    client.create_networks(request).await.unwrap().into_inner().networks.remove(0).id
}

/// An instance of the stories' project, with all its networks.
pub(crate) fn boot() -> Boot {
    Boot::new(PROJECT.parse().unwrap())
}

/// The same, whose hypervisor waits for its ports.
pub(crate) fn boot_and_wait() -> Boot {
    Boot { wait_for_active: Some(PLUG_TIMEOUT), ..boot() }
}

/// An allocation of an instance on all networks of the project.
pub(crate) fn allocation(instance: u128, request_id: &str) -> v1::AllocateForInstanceRequest {
    v1::AllocateForInstanceRequest {
        instance_id: instance_id(instance),
        project_id: PROJECT.into(),
        request_id: request_id.into(),
        ..Default::default()
    }
}

pub(crate) fn waiting(request: v1::AllocateForInstanceRequest) -> v1::AllocateForInstanceRequest {
    let wait = prost_types::Duration { seconds: 60, nanos: 0 };
    v1::AllocateForInstanceRequest { wait_for_active: Some(wait), ..request }
}

pub(crate) fn instance_id(number: u128) -> String {
    uuid::Uuid::from_u128(number + 1).to_string() // the UUID of zeros alone is no id
}

/// The number that [`instance_id`] was given.
pub(crate) fn number_of(instance_id: &str) -> u128 {
    uuid::Uuid::parse_str(instance_id).unwrap().as_u128() - 1
}

pub(crate) async fn nw_info(client: &mut Client, instance: u128) -> Result<v1::NetworkInfo, Status> {
    let request = v1::GetInstanceNwInfoRequest { instance_id: instance_id(instance) };
    Ok(client.get_instance_nw_info(request).await?.into_inner())
}

/// All fixed IPs of an instance, in order.
pub(crate) fn addresses(info: &v1::NetworkInfo) -> Vec<IpAddr> {
    places(info).into_iter().map(|(_, address)| address).collect()
}

/// All fixed IPs of an instance with their subnets.
pub(crate) fn places(info: &v1::NetworkInfo) -> Vec<(String, IpAddr)> {
    let networks = info.vifs.iter().filter_map(|vif| vif.network.as_ref());
    let subnets = networks.flat_map(|network| &network.subnets);
    let places =
        subnets.flat_map(|subnet| subnet.fixed_ips.iter().map(|ip| (subnet.id.clone(), ip.parse().unwrap())));
    places.collect()
}

/// The facts that last: all but what is known of the plugs.
pub(crate) fn without_status(info: &v1::NetworkInfo) -> v1::NetworkInfo {
    let mut info = info.clone();
    for vif in &mut info.vifs {
        vif.set_status(v1::PortStatus::Unspecified);
        vif.error.clear();
    }
    info
}

pub(crate) fn all_active(info: &v1::NetworkInfo) -> bool {
    info.vifs.iter().all(|vif| vif.status() == v1::PortStatus::Active)
}

/// Checks that no address is held twice; answers with how many are held.
#[track_caller]
pub(crate) fn assert_no_address_twice<'a>(infos: impl IntoIterator<Item = &'a v1::NetworkInfo>) -> usize {
    let mut held = BTreeSet::new();
    for info in infos {
        for place in places(info) {
            assert!(held.insert(place.clone()), "{place:?} is held twice");
        }
    }
    held.len()
}
