//! Operations on networks, their subnets and routes.

use lepton_proto::v1::{
    self, associate_network_request::With, network_manager_client::NetworkManagerClient,
    subnets_client::SubnetsClient,
};
use tonic::Status;

use super::{Operation, Scene, creation, id};
use crate::run::subnet;

pub(super) const OPERATIONS: &[Operation] = &[
    operation!("NetworkManager/CreateNetworks", |scene| {
        let request = v1::CreateNetworksRequest { request_id: id(), ..creation("blue", "10.1.0.0/24") };
        scene
            .perform(async |wire| NetworkManagerClient::new(wire).create_networks(request.clone()).await)
            .await
    }),
    operation!("NetworkManager/CarveNetworks", |scene| {
        let request = v1::CarveNetworksRequest {
            network: Some(v1::NetworkSpec { label: "carved".to_owned(), ..v1::NetworkSpec::default() }),
            num_networks: 3,
            range_v4: "10.0.0.0/8".to_owned(),
            network_size: 256,
            request_id: id(),
            ..v1::CarveNetworksRequest::default()
        };
        scene
            .perform(async |wire| NetworkManagerClient::new(wire).carve_networks(request.clone()).await)
            .await
    }),
    operation!("NetworkManager/ModifyNetwork", |scene| {
        let request = v1::ModifyNetworkRequest {
            network_id: blue_with_a_guest(scene).await?.id,
            label: Some("azure".to_owned()),
            priority: Some(7),
            request_id: id(),
            ..v1::ModifyNetworkRequest::default()
        };
        scene
            .perform(async |wire| NetworkManagerClient::new(wire).modify_network(request.clone()).await)
            .await
    }),
    operation!("NetworkManager/AssociateNetwork", |scene| {
        let request = v1::AssociateNetworkRequest {
            network_id: blue_with_a_guest(scene).await?.id,
            with: Some(With::Host("host-2".to_owned())),
            request_id: id(),
            ..v1::AssociateNetworkRequest::default()
        };
        scene
            .perform(async |wire| NetworkManagerClient::new(wire).associate_network(request.clone()).await)
            .await
    }),
    operation!("NetworkManager/DisassociateNetwork", |scene| {
        let request = v1::DisassociateNetworkRequest {
            network_id: scene.network("blue", "10.1.0.0/24").await?.id,
            project: true,
            request_id: id(),
            ..v1::DisassociateNetworkRequest::default()
        };
        scene
            .perform(async |wire| NetworkManagerClient::new(wire).disassociate_network(request.clone()).await)
            .await
    }),
    operation!("NetworkManager/DeleteNetwork", |scene| {
        let request = v1::DeleteNetworkRequest {
            network_id: scene.network("blue", "10.1.0.0/24").await?.id,
            request_id: id(),
            ..v1::DeleteNetworkRequest::default()
        };
        scene
            .perform(async |wire| NetworkManagerClient::new(wire).delete_network(request.clone()).await)
            .await
    }),
    operation!("Subnets/AddSubnet", |scene| {
        let request = v1::AddSubnetRequest {
            network_id: blue_with_a_guest(scene).await?.id,
            subnet: Some(subnet("fd00::/64", 0)),
            request_id: id(),
            ..v1::AddSubnetRequest::default()
        };
        scene.perform(async |wire| SubnetsClient::new(wire).add_subnet(request.clone()).await).await
    }),
    operation!("Subnets/ModifySubnet", |scene| {
        let dns = Some(v1::DnsServers { addresses: vec!["9.9.9.9".to_owned()] });
        let request = v1::ModifySubnetRequest {
            subnet_id: subnet_of(blue_with_a_guest(scene).await?),
            gateway: Some("10.1.0.254".to_owned()),
            dns,
            request_id: id(),
            ..v1::ModifySubnetRequest::default()
        };
        scene.perform(async |wire| SubnetsClient::new(wire).modify_subnet(request.clone()).await).await
    }),
    operation!("Subnets/DeleteSubnet", |scene| {
        let request = v1::DeleteSubnetRequest {
            subnet_id: subnet_of(scene.network("blue", "10.1.0.0/24").await?),
            request_id: id(),
            ..v1::DeleteSubnetRequest::default()
        };
        scene.perform(async |wire| SubnetsClient::new(wire).delete_subnet(request.clone()).await).await
    }),
    operation!("Subnets/AddRoute", |scene| {
        let request = route(subnet_of(blue_with_a_guest(scene).await?), id());
        scene.perform(async |wire| SubnetsClient::new(wire).add_route(request.clone()).await).await
    }),
    operation!("Subnets/RemoveRoute", |scene| {
        let subnet_id = subnet_of(blue_with_a_guest(scene).await?);
        let there = route(subnet_id.clone(), "a-route".to_owned());
        scene.ask(async |wire| SubnetsClient::new(wire).add_route(there.clone()).await).await?;
        let request = v1::RemoveRouteRequest {
            subnet_id,
            destination: there.destination.clone(),
            request_id: id(),
            ..v1::RemoveRouteRequest::default()
        };
        scene.perform(async |wire| SubnetsClient::new(wire).remove_route(request.clone()).await).await
    }),
];

/// A network with an instance on it.
async fn blue_with_a_guest(scene: &Scene) -> Result<v1::Network, Status> {
    let network = scene.network("blue", "10.1.0.0/24").await?;
    scene.boot(1, "host-1").await?;
    Ok(network)
}

/// The id of its only subnet.
fn subnet_of(mut network: v1::Network) -> String {
    network.subnets.remove(0).id
}

fn route(subnet_id: String, request_id: String) -> v1::AddRouteRequest {
    v1::AddRouteRequest {
        subnet_id,
        destination: "10.9.0.0/16".to_owned(),
        gateway: "10.1.0.9".to_owned(),
        request_id,
        ..v1::AddRouteRequest::default()
    }
}
