//! Operations on names in DNS.

use lepton_proto::v1::{self, dns_client::DnsClient};
use tonic::Status;

use super::{Operation, Scene, id};

pub(super) const OPERATIONS: &[Operation] = &[
    operation!("Dns/CreateDnsDomain", |scene| {
        let request = domain(id());
        scene.perform(async |wire| DnsClient::new(wire).create_dns_domain(request.clone()).await).await
    }),
    operation!("Dns/DeleteDnsDomain", |scene| {
        a_name(scene).await?;
        let request =
            v1::DeleteDnsDomainRequest { domain: DOMAIN.to_owned(), request_id: id(), ..Default::default() };
        scene.perform(async |wire| DnsClient::new(wire).delete_dns_domain(request.clone()).await).await
    }),
    operation!("Dns/AddDnsEntry", |scene| {
        a_domain(scene).await?;
        let request = entry(id());
        scene.perform(async |wire| DnsClient::new(wire).add_dns_entry(request.clone()).await).await
    }),
    operation!("Dns/ModifyDnsEntry", |scene| {
        a_name(scene).await?;
        let request = v1::ModifyDnsEntryRequest {
            domain: DOMAIN.to_owned(),
            name: "www".to_owned(),
            address: "192.0.2.99".to_owned(),
            request_id: id(),
            ..v1::ModifyDnsEntryRequest::default()
        };
        scene.perform(async |wire| DnsClient::new(wire).modify_dns_entry(request.clone()).await).await
    }),
    operation!("Dns/DeleteDnsEntry", |scene| {
        a_name(scene).await?;
        let request = v1::DeleteDnsEntryRequest {
            domain: DOMAIN.to_owned(),
            name: "www".to_owned(),
            request_id: id(),
            ..v1::DeleteDnsEntryRequest::default()
        };
        scene.perform(async |wire| DnsClient::new(wire).delete_dns_entry(request.clone()).await).await
    }),
];

const DOMAIN: &str = "example.org";

fn domain(request_id: String) -> v1::CreateDnsDomainRequest {
    let (domain, scope) = (DOMAIN.to_owned(), v1::DnsDomainScope::Public.into());
    v1::CreateDnsDomainRequest { domain, scope, request_id, ..Default::default() }
}

async fn a_domain(scene: &Scene) -> Result<(), Status> {
    let request = domain("domain".to_owned());
    scene.ask(async |wire| DnsClient::new(wire).create_dns_domain(request.clone()).await).await.map(drop)
}

fn entry(request_id: String) -> v1::AddDnsEntryRequest {
    let (domain, name) = (DOMAIN.to_owned(), "www".to_owned());
    v1::AddDnsEntryRequest {
        domain,
        name,
        address: "192.0.2.80".to_owned(),
        request_id,
        ..Default::default()
    }
}

/// A domain with a name in it.
async fn a_name(scene: &Scene) -> Result<(), Status> {
    a_domain(scene).await?;
    let request = entry("name".to_owned());
    scene.ask(async |wire| DnsClient::new(wire).add_dns_entry(request.clone()).await).await.map(drop)
}
