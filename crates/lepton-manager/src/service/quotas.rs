//! The handlers of `lepton.v1.Quotas`.

use lepton_ledger::QuotaState;
use lepton_proto::v1::{self, quotas_server::Quotas};
use tonic::{Request, Response, Status};

use super::{Api, parse};
use crate::parse::quota;

fn message(QuotaState { quota, limits }: QuotaState) -> v1::Quota {
    lepton_proto::quota(quota, &limits)
}

#[tonic::async_trait]
impl Quotas for Api {
    async fn get_quota(&self, request: Request<v1::GetQuotaRequest>) -> Result<Response<v1::Quota>, Status> {
        Ok(Response::new(message(self.ask_within(&request, quota::get_quota).await?)))
    }

    async fn set_quota(&self, request: Request<v1::SetQuotaRequest>) -> Result<Response<v1::Quota>, Status> {
        let (call, command) = parse(&request, quota::set_quota)?;
        Ok(Response::new(message(self.submit(call, command).await?)))
    }

    async fn list_quotas(
        &self,
        request: Request<v1::ListQuotasRequest>,
    ) -> Result<Response<v1::ListQuotasResponse>, Status> {
        let page = self.ask_within(&request, quota::list_quotas).await?;
        Ok(Response::new(v1::ListQuotasResponse {
            quotas: page.quotas.into_iter().map(message).collect(),
            next_page_token: page.next.map(String::from).unwrap_or_default(),
        }))
    }
}
