//! The handlers of `lepton.v1.Queries`.

use lepton_ledger::FoundInstance;
use lepton_proto::v1::{self, queries_server::Queries};
use tonic::{Request, Response, Status};

use super::Api;
use crate::parse::query;

fn message(found: FoundInstance) -> v1::FoundInstance {
    v1::FoundInstance {
        instance_id: found.instance.to_string(),
        address: found.address.to_string(),
        project_id: found.project.into(),
        port_id: found.port.to_string(),
        floating_ip: found.floating.map(|address| address.to_string()).unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl Queries for Api {
    async fn find_instances(
        &self,
        request: Request<v1::FindInstancesRequest>,
    ) -> Result<Response<v1::FindInstancesResponse>, Status> {
        let page = self.ask_within(&request, query::find_instances).await?;
        let found = page.found.into_iter().map(message).collect();
        Ok(Response::new(v1::FindInstancesResponse { found, next_page_token: query::token(page.next) }))
    }
}
