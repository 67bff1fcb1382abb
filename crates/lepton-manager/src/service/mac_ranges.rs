//! The handlers of `lepton.v1.MacRanges`.

use lepton_proto::v1::{self, mac_ranges_server::MacRanges};
use tonic::{Request, Response, Status};

use super::{Api, parse};
use crate::parse::mac_range;

#[tonic::async_trait]
impl MacRanges for Api {
    async fn create_mac_range(
        &self,
        request: Request<v1::CreateMacRangeRequest>,
    ) -> Result<Response<v1::MacRange>, Status> {
        let base = self.manager.settings().mac_base;
        let (call, command) =
            parse(&request, |fields, request| mac_range::create_mac_range(fields, request, base))?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn get_mac_range(
        &self,
        request: Request<v1::GetMacRangeRequest>,
    ) -> Result<Response<v1::MacRange>, Status> {
        Ok(Response::new(self.ask_within(&request, mac_range::get_mac_range).await?.into()))
    }

    async fn list_mac_ranges(
        &self,
        request: Request<v1::ListMacRangesRequest>,
    ) -> Result<Response<v1::ListMacRangesResponse>, Status> {
        let ranges = self.ask_within(&request, mac_range::list_mac_ranges).await?;
        let mac_ranges = ranges.into_iter().map(Into::into).collect();
        Ok(Response::new(v1::ListMacRangesResponse { mac_ranges }))
    }

    async fn delete_mac_range(
        &self,
        request: Request<v1::DeleteMacRangeRequest>,
    ) -> Result<Response<v1::DeleteMacRangeResponse>, Status> {
        let (call, command) = parse(&request, mac_range::delete_mac_range)?;
        self.submit(call, command).await?;
        Ok(Response::new(v1::DeleteMacRangeResponse {}))
    }
}
