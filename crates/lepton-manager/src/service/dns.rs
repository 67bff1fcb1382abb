//! The handlers of `lepton.v1.Dns`.

use lepton_ledger::NamedEntry;
use lepton_proto::v1::{self, dns_server::Dns};
use tonic::{Request, Response, Status};

use super::{Api, parse, parse_within};
use crate::parse::dns;

fn message(NamedEntry { domain, entry }: NamedEntry) -> v1::DnsEntry {
    lepton_proto::dns_entry(domain, entry)
}

#[tonic::async_trait]
impl Dns for Api {
    async fn create_dns_domain(
        &self,
        request: Request<v1::CreateDnsDomainRequest>,
    ) -> Result<Response<v1::DnsDomain>, Status> {
        let (call, command) = parse(&request, dns::create_dns_domain)?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn delete_dns_domain(
        &self,
        request: Request<v1::DeleteDnsDomainRequest>,
    ) -> Result<Response<v1::DeleteDnsDomainResponse>, Status> {
        let (call, command) = parse(&request, dns::delete_dns_domain)?;
        self.submit(call, command).await?;
        Ok(Response::new(v1::DeleteDnsDomainResponse {}))
    }

    async fn list_dns_domains(
        &self,
        request: Request<v1::ListDnsDomainsRequest>,
    ) -> Result<Response<v1::ListDnsDomainsResponse>, Status> {
        let page = self.ask_within(&request, dns::list_dns_domains).await?;
        Ok(Response::new(v1::ListDnsDomainsResponse {
            domains: page.domains.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(String::from).unwrap_or_default(),
        }))
    }

    async fn add_dns_entry(
        &self,
        request: Request<v1::AddDnsEntryRequest>,
    ) -> Result<Response<v1::DnsEntry>, Status> {
        let (call, command) = parse_within(&request, dns::add_dns_entry)?;
        Ok(Response::new(message(self.submit(call, command).await?)))
    }

    async fn modify_dns_entry(
        &self,
        request: Request<v1::ModifyDnsEntryRequest>,
    ) -> Result<Response<v1::DnsEntry>, Status> {
        let (call, command) = parse_within(&request, dns::modify_dns_entry)?;
        Ok(Response::new(message(self.submit(call, command).await?)))
    }

    async fn delete_dns_entry(
        &self,
        request: Request<v1::DeleteDnsEntryRequest>,
    ) -> Result<Response<v1::DeleteDnsEntryResponse>, Status> {
        let (call, command) = parse_within(&request, dns::delete_dns_entry)?;
        self.submit(call, command).await?;
        Ok(Response::new(v1::DeleteDnsEntryResponse {}))
    }

    async fn list_dns_entries(
        &self,
        request: Request<v1::ListDnsEntriesRequest>,
    ) -> Result<Response<v1::ListDnsEntriesResponse>, Status> {
        let page = self.ask_within(&request, dns::list_dns_entries).await?;
        Ok(Response::new(v1::ListDnsEntriesResponse {
            entries: page.entries.into_iter().map(message).collect(),
            next_page_token: page.next.as_ref().map(dns::page_token).unwrap_or_default(),
        }))
    }
}
