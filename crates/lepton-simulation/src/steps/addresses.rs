//! Operations on fixed and floating IPs, ranges of MACs and quotas.

use lepton_proto::v1::{
    self, fixed_ips_client::FixedIpsClient, floating_ips_client::FloatingIpsClient,
    mac_ranges_client::MacRangesClient, quota_limit::Limit, quotas_client::QuotasClient,
};
use tonic::Status;

use super::{Operation, Scene, id, instance};

pub(super) const OPERATIONS: &[Operation] = &[
    operation!("FixedIps/AddFixedIp", |scene| {
        let request = addition(a_guest(scene).await?, id());
        scene.perform(async |wire| FixedIpsClient::new(wire).add_fixed_ip(request.clone()).await).await
    }),
    operation!("FixedIps/RemoveFixedIp", |scene| {
        let there = addition(a_guest(scene).await?, "add".to_owned());
        scene.ask(async |wire| FixedIpsClient::new(wire).add_fixed_ip(there.clone()).await).await?;
        let request = v1::RemoveFixedIpRequest {
            instance_id: instance(1),
            address: "10.1.0.3".to_owned(),
            request_id: id(),
            ..v1::RemoveFixedIpRequest::default()
        };
        scene.perform(async |wire| FixedIpsClient::new(wire).remove_fixed_ip(request.clone()).await).await
    }),
    operation!("FixedIps/ReserveFixedIp", |scene| {
        let request = reservation(a_guest(scene).await?, id());
        scene.perform(async |wire| FixedIpsClient::new(wire).reserve_fixed_ip(request.clone()).await).await
    }),
    operation!("FixedIps/UnreserveFixedIp", |scene| {
        let there = reservation(a_guest(scene).await?, "reserve".to_owned());
        scene.ask(async |wire| FixedIpsClient::new(wire).reserve_fixed_ip(there.clone()).await).await?;
        let request = v1::UnreserveFixedIpRequest {
            network_id: there.network_id.clone(),
            address: there.address.clone(),
            request_id: id(),
            ..v1::UnreserveFixedIpRequest::default()
        };
        scene.perform(async |wire| FixedIpsClient::new(wire).unreserve_fixed_ip(request.clone()).await).await
    }),
    operation!("FixedIps/LeaseFixedIp", |scene| {
        let request = lease(scene, id()).await?;
        scene.perform(async |wire| FixedIpsClient::new(wire).lease_fixed_ip(request.clone()).await).await
    }),
    operation!("FixedIps/ReleaseFixedIp", |scene| {
        let there = lease(scene, "lease".to_owned()).await?;
        scene.ask(async |wire| FixedIpsClient::new(wire).lease_fixed_ip(there.clone()).await).await?;
        let request = v1::ReleaseFixedIpRequest {
            address: there.address.clone(),
            mac_address: there.mac_address.clone(),
            request_id: id(),
            ..v1::ReleaseFixedIpRequest::default()
        };
        scene.perform(async |wire| FixedIpsClient::new(wire).release_fixed_ip(request.clone()).await).await
    }),
    operation!("FloatingIps/CreateFloatingPool", |scene| {
        let request = pool(id());
        scene
            .perform(async |wire| FloatingIpsClient::new(wire).create_floating_pool(request.clone()).await)
            .await
    }),
    operation!("FloatingIps/DeleteFloatingRanges", |scene| {
        a_pool(scene).await?;
        let request = v1::DeleteFloatingRangesRequest {
            name: "nova".to_owned(),
            ranges: vec!["192.0.2.8/29".to_owned()],
            request_id: id(),
            ..v1::DeleteFloatingRangesRequest::default()
        };
        scene
            .perform(async |wire| FloatingIpsClient::new(wire).delete_floating_ranges(request.clone()).await)
            .await
    }),
    operation!("FloatingIps/DeleteFloatingPool", |scene| {
        a_pool(scene).await?;
        let request =
            v1::DeleteFloatingPoolRequest { name: "nova".to_owned(), request_id: id(), ..Default::default() };
        scene
            .perform(async |wire| FloatingIpsClient::new(wire).delete_floating_pool(request.clone()).await)
            .await
    }),
    operation!("FloatingIps/AllocateFloatingIp", |scene| {
        a_pool(scene).await?;
        let request = floating(id());
        scene
            .perform(async |wire| FloatingIpsClient::new(wire).allocate_floating_ip(request.clone()).await)
            .await
    }),
    operation!("FloatingIps/ReleaseFloatingIp", |scene| {
        let request = v1::ReleaseFloatingIpRequest {
            address: that_leads_somewhere(scene).await?,
            disassociate: true,
            request_id: id(),
            ..v1::ReleaseFloatingIpRequest::default()
        };
        scene
            .perform(async |wire| FloatingIpsClient::new(wire).release_floating_ip(request.clone()).await)
            .await
    }),
    operation!("FloatingIps/AssociateFloatingIp", |scene| {
        let address = that_leads_somewhere(scene).await?;
        scene.boot(2, "host-2").await?;
        // It moves.
        let request = association(address, "10.1.0.3", id());
        scene
            .perform(async |wire| FloatingIpsClient::new(wire).associate_floating_ip(request.clone()).await)
            .await
    }),
    operation!("FloatingIps/DisassociateFloatingIp", |scene| {
        let request = v1::DisassociateFloatingIpRequest {
            address: that_leads_somewhere(scene).await?,
            request_id: id(),
            ..v1::DisassociateFloatingIpRequest::default()
        };
        scene
            .perform(async |wire| {
                FloatingIpsClient::new(wire).disassociate_floating_ip(request.clone()).await
            })
            .await
    }),
    operation!("MacRanges/CreateMacRange", |scene| {
        let request = macs(id());
        scene.perform(async |wire| MacRangesClient::new(wire).create_mac_range(request.clone()).await).await
    }),
    operation!("MacRanges/DeleteMacRange", |scene| {
        let there = macs("macs".to_owned());
        let made = scene.ask(async |wire| MacRangesClient::new(wire).create_mac_range(there.clone()).await);
        let request = v1::DeleteMacRangeRequest {
            mac_range_id: made.await?.id,
            request_id: id(),
            ..Default::default()
        };
        scene.perform(async |wire| MacRangesClient::new(wire).delete_mac_range(request.clone()).await).await
    }),
    operation!("Quotas/SetQuota", |scene| {
        a_guest(scene).await?;
        let request = v1::SetQuotaRequest {
            project_id: "p".to_owned(),
            ports: Some(v1::QuotaLimit { limit: Some(Limit::AtMost(1)) }),
            request_id: id(),
            ..v1::SetQuotaRequest::default()
        };
        scene.perform(async |wire| QuotasClient::new(wire).set_quota(request.clone()).await).await
    }),
];

/// An instance on a network; answers the network's id.
async fn a_guest(scene: &Scene) -> Result<String, Status> {
    let network = scene.network("blue", "10.1.0.0/24").await?;
    scene.boot(1, "host-1").await?;
    Ok(network.id)
}

fn addition(network_id: String, request_id: String) -> v1::AddFixedIpRequest {
    v1::AddFixedIpRequest { instance_id: instance(1), network_id, request_id, ..Default::default() }
}

fn reservation(network_id: String, request_id: String) -> v1::ReserveFixedIpRequest {
    let (address, reason) = ("10.1.0.77".to_owned(), "a printer".to_owned());
    v1::ReserveFixedIpRequest { network_id, address, reason, request_id, ..Default::default() }
}

/// A lease of an instance's address.
async fn lease(scene: &Scene, request_id: String) -> Result<v1::LeaseFixedIpRequest, Status> {
    scene.network("blue", "10.1.0.0/24").await?;
    let vif = scene.boot(1, "host-1").await?.vifs.remove(0);
    let (address, mac_address) = ("10.1.0.2".to_owned(), vif.mac_address);
    Ok(v1::LeaseFixedIpRequest { address, mac_address, request_id, ..Default::default() })
}

fn pool(request_id: String) -> v1::CreateFloatingPoolRequest {
    let (name, ranges) = ("nova".to_owned(), vec!["192.0.2.0/28".to_owned()]);
    v1::CreateFloatingPoolRequest { name, ranges, request_id, ..Default::default() }
}

async fn a_pool(scene: &Scene) -> Result<(), Status> {
    let request = pool("pool".to_owned());
    let made =
        scene.ask(async |wire| FloatingIpsClient::new(wire).create_floating_pool(request.clone()).await);
    made.await.map(drop)
}

fn floating(request_id: String) -> v1::AllocateFloatingIpRequest {
    let (project_id, pool) = ("p".to_owned(), "nova".to_owned());
    v1::AllocateFloatingIpRequest { project_id, pool, request_id, ..Default::default() }
}

fn association(address: String, fixed_ip: &str, request_id: String) -> v1::AssociateFloatingIpRequest {
    let fixed_ip = fixed_ip.to_owned();
    v1::AssociateFloatingIpRequest { address, fixed_ip, request_id, ..Default::default() }
}

/// A floating IP that leads to an instance.
async fn that_leads_somewhere(scene: &Scene) -> Result<String, Status> {
    a_pool(scene).await?;
    a_guest(scene).await?;
    let request = floating("floating".to_owned());
    let given =
        scene.ask(async |wire| FloatingIpsClient::new(wire).allocate_floating_ip(request.clone()).await);
    let address = given.await?.address;
    let request = association(address.clone(), "10.1.0.2", "associate".to_owned());
    scene.ask(async |wire| FloatingIpsClient::new(wire).associate_floating_ip(request.clone()).await).await?;
    Ok(address)
}

fn macs(request_id: String) -> v1::CreateMacRangeRequest {
    v1::CreateMacRangeRequest { range: "02:16:3e:00:00:00/24".to_owned(), request_id, ..Default::default() }
}
