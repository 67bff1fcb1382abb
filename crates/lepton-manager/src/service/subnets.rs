//! The handlers of `lepton.v1.Subnets`.

use lepton_proto::v1::{self, subnets_server::Subnets};
use tonic::{Request, Response, Status};

use super::{Api, parse_within};
use crate::parse::subnet;

#[tonic::async_trait]
impl Subnets for Api {
    async fn add_subnet(
        &self,
        request: Request<v1::AddSubnetRequest>,
    ) -> Result<Response<v1::Subnet>, Status> {
        let (call, command) = parse_within(&request, subnet::add_subnet)?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn get_subnet(
        &self,
        request: Request<v1::GetSubnetRequest>,
    ) -> Result<Response<v1::Subnet>, Status> {
        Ok(Response::new(self.ask_within(&request, subnet::get_subnet).await?.into()))
    }

    async fn modify_subnet(
        &self,
        request: Request<v1::ModifySubnetRequest>,
    ) -> Result<Response<v1::Subnet>, Status> {
        let (call, command) = parse_within(&request, subnet::modify_subnet)?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn delete_subnet(
        &self,
        request: Request<v1::DeleteSubnetRequest>,
    ) -> Result<Response<v1::DeleteSubnetResponse>, Status> {
        let (call, command) = parse_within(&request, subnet::delete_subnet)?;
        self.submit(call, command).await?;
        Ok(Response::new(v1::DeleteSubnetResponse {}))
    }

    async fn add_route(&self, request: Request<v1::AddRouteRequest>) -> Result<Response<v1::Subnet>, Status> {
        let (call, command) = parse_within(&request, subnet::add_route)?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn remove_route(
        &self,
        request: Request<v1::RemoveRouteRequest>,
    ) -> Result<Response<v1::Subnet>, Status> {
        let (call, command) = parse_within(&request, subnet::remove_route)?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }
}
