//! The handlers of `lepton.v1.FloatingIps`.

use lepton_ledger::{FloatingIpInfo, FloatingPool, PoolRange};
use lepton_proto::{
    timestamp,
    v1::{self, floating_ips_server::FloatingIps},
};
use tonic::{Request, Response, Status};

use super::{Api, parse, parse_within};
use crate::parse::floating_ip;

fn message(info: FloatingIpInfo) -> v1::FloatingIp {
    lepton_proto::floating_ip(info.floating_ip, info.pool_name, info.interface, info.host)
}

fn pool_message(pool: FloatingPool) -> v1::FloatingPool {
    let sum =
        |count: fn(&PoolRange) -> u64| pool.ranges.as_ref().map(|ranges| ranges.iter().map(count).sum());
    v1::FloatingPool {
        total_addresses: sum(|range| range.total),
        allocated_addresses: sum(|range| range.allocated),
        ranges: pool.ranges.iter().flatten().map(range_message).collect(),
        id: pool.id.to_string(),
        name: pool.name.into(),
        created_at: Some(timestamp(pool.created_at)),
    }
}

fn range_message(range: &PoolRange) -> v1::FloatingRange {
    v1::FloatingRange {
        addresses: range.addresses.to_string(),
        withdrawn: range.withdrawn.iter().map(ToString::to_string).collect(),
        total_addresses: range.total,
        allocated_addresses: range.allocated,
        interface: range.interface.clone().map(String::from).unwrap_or_default(),
        subnet_id: range.subnet.to_string(),
    }
}

#[tonic::async_trait]
impl FloatingIps for Api {
    async fn create_floating_pool(
        &self,
        request: Request<v1::CreateFloatingPoolRequest>,
    ) -> Result<Response<v1::FloatingPool>, Status> {
        let (call, command) = parse(&request, floating_ip::create_floating_pool)?;
        Ok(Response::new(pool_message(self.submit(call, command).await?)))
    }

    async fn delete_floating_ranges(
        &self,
        request: Request<v1::DeleteFloatingRangesRequest>,
    ) -> Result<Response<v1::FloatingPool>, Status> {
        let (call, command) = parse(&request, floating_ip::delete_floating_ranges)?;
        Ok(Response::new(pool_message(self.submit(call, command).await?)))
    }

    async fn delete_floating_pool(
        &self,
        request: Request<v1::DeleteFloatingPoolRequest>,
    ) -> Result<Response<v1::DeleteFloatingPoolResponse>, Status> {
        let (call, command) = parse(&request, floating_ip::delete_floating_pool)?;
        self.submit(call, command).await?;
        Ok(Response::new(v1::DeleteFloatingPoolResponse {}))
    }

    async fn list_floating_pools(
        &self,
        request: Request<v1::ListFloatingPoolsRequest>,
    ) -> Result<Response<v1::ListFloatingPoolsResponse>, Status> {
        let page = self.ask_within(&request, floating_ip::list_floating_pools).await?;
        Ok(Response::new(v1::ListFloatingPoolsResponse {
            pools: page.pools.into_iter().map(pool_message).collect(),
            next_page_token: page.next.map(|next| next.to_string()).unwrap_or_default(),
        }))
    }

    async fn allocate_floating_ip(
        &self,
        request: Request<v1::AllocateFloatingIpRequest>,
    ) -> Result<Response<v1::FloatingIp>, Status> {
        let settings = self.manager.settings();
        let (call, command) = parse_within(&request, |fields, request, scope| {
            floating_ip::allocate_floating_ip(fields, request, scope, settings)
        })?;
        Ok(Response::new(message(self.submit(call, command).await?)))
    }

    async fn release_floating_ip(
        &self,
        request: Request<v1::ReleaseFloatingIpRequest>,
    ) -> Result<Response<v1::ReleaseFloatingIpResponse>, Status> {
        let (call, command) = parse_within(&request, floating_ip::release_floating_ip)?;
        self.submit(call, command).await?;
        Ok(Response::new(v1::ReleaseFloatingIpResponse {}))
    }

    async fn associate_floating_ip(
        &self,
        request: Request<v1::AssociateFloatingIpRequest>,
    ) -> Result<Response<v1::AssociateFloatingIpResponse>, Status> {
        let (call, command) = parse_within(&request, floating_ip::associate_floating_ip)?;
        let done = self.submit(call, command).await?;
        Ok(Response::new(v1::AssociateFloatingIpResponse {
            floating_ip: Some(message(done.floating_ip)),
            previous_instance_id: done.previous_instance.map(|id| id.to_string()).unwrap_or_default(),
        }))
    }

    async fn disassociate_floating_ip(
        &self,
        request: Request<v1::DisassociateFloatingIpRequest>,
    ) -> Result<Response<v1::DisassociateFloatingIpResponse>, Status> {
        let (call, command) = parse_within(&request, floating_ip::disassociate_floating_ip)?;
        let done = self.submit(call, command).await?;
        Ok(Response::new(v1::DisassociateFloatingIpResponse {
            floating_ip: Some(message(done.floating_ip)),
            previous_instance_id: done.previous_instance.map(|id| id.to_string()).unwrap_or_default(),
        }))
    }

    async fn get_floating_ip(
        &self,
        request: Request<v1::GetFloatingIpRequest>,
    ) -> Result<Response<v1::FloatingIp>, Status> {
        Ok(Response::new(message(self.ask_within(&request, floating_ip::get_floating_ip).await?)))
    }

    async fn list_floating_ips(
        &self,
        request: Request<v1::ListFloatingIpsRequest>,
    ) -> Result<Response<v1::ListFloatingIpsResponse>, Status> {
        let page = self.ask_within(&request, floating_ip::list_floating_ips).await?;
        Ok(Response::new(v1::ListFloatingIpsResponse {
            floating_ips: page.floating_ips.into_iter().map(message).collect(),
            next_page_token: page.next.map(floating_ip::page_token).unwrap_or_default(),
        }))
    }
}
