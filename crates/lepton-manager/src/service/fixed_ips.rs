//! The handlers of `lepton.v1.FixedIps`.

use lepton_ledger::LeaseOutcome;
use lepton_proto::v1::{self, fixed_ips_server::FixedIps};
use tonic::{Request, Response, Status};

use super::{Api, parse, parse_within};
use crate::{Caller, parse::fixed_ip};

/// What a DHCP server's word has come to. Its script can do nothing about what does not fit, so the operator is told as well.
fn outcome(call: &'static str, outcome: LeaseOutcome) -> v1::LeaseFixedIpResponse {
    if let Some(warning) = &outcome.warning {
        tracing::warn!(call, is_ignored = outcome.fixed_ip.is_none(), %warning, "a DHCP server's word does not fit");
    }
    v1::LeaseFixedIpResponse {
        fixed_ip: outcome.fixed_ip.map(Into::into),
        warning: outcome.warning.unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl FixedIps for Api {
    async fn add_fixed_ip(
        &self,
        request: Request<v1::AddFixedIpRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let (settings, only_on) = (self.manager.settings(), Caller::of(&request)?.host());
        let (call, command) = parse_within(&request, |fields, request, scope| {
            fixed_ip::add_fixed_ip(fields, request, scope, only_on, settings)
        })?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn remove_fixed_ip(
        &self,
        request: Request<v1::RemoveFixedIpRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let (settings, only_on) = (self.manager.settings(), Caller::of(&request)?.host());
        let (call, command) = parse_within(&request, |fields, request, scope| {
            fixed_ip::remove_fixed_ip(fields, request, scope, only_on, settings)
        })?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn reserve_fixed_ip(
        &self,
        request: Request<v1::ReserveFixedIpRequest>,
    ) -> Result<Response<v1::FixedIp>, Status> {
        let (call, command) = parse(&request, fixed_ip::reserve_fixed_ip)?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn unreserve_fixed_ip(
        &self,
        request: Request<v1::UnreserveFixedIpRequest>,
    ) -> Result<Response<v1::FixedIp>, Status> {
        let (call, command) = parse(&request, fixed_ip::unreserve_fixed_ip)?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn get_fixed_ip(
        &self,
        request: Request<v1::GetFixedIpRequest>,
    ) -> Result<Response<v1::FixedIp>, Status> {
        Ok(Response::new(self.ask_within(&request, fixed_ip::get_fixed_ip).await?.into()))
    }

    async fn list_fixed_ips(
        &self,
        request: Request<v1::ListFixedIpsRequest>,
    ) -> Result<Response<v1::ListFixedIpsResponse>, Status> {
        let page = self.ask_within(&request, fixed_ip::list_fixed_ips).await?;
        Ok(Response::new(v1::ListFixedIpsResponse {
            fixed_ips: page.fixed_ips.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(fixed_ip::page_token).unwrap_or_default(),
        }))
    }

    async fn lease_fixed_ip(
        &self,
        request: Request<v1::LeaseFixedIpRequest>,
    ) -> Result<Response<v1::LeaseFixedIpResponse>, Status> {
        let (settings, only_on) = (self.manager.settings(), Caller::of(&request)?.host());
        let (call, command) =
            parse(&request, |fields, request| fixed_ip::lease_fixed_ip(fields, request, settings, only_on))?;
        Ok(Response::new(outcome("LeaseFixedIp", self.submit(call, command).await?)))
    }

    async fn release_fixed_ip(
        &self,
        request: Request<v1::ReleaseFixedIpRequest>,
    ) -> Result<Response<v1::LeaseFixedIpResponse>, Status> {
        let only_on = Caller::of(&request)?.host();
        let (call, command) =
            parse(&request, |fields, request| fixed_ip::release_fixed_ip(fields, request, only_on))?;
        Ok(Response::new(outcome("ReleaseFixedIp", self.submit(call, command).await?)))
    }
}
