//! The handlers of `lepton.v1.Explain`.

mod cause;

use lepton_ledger::{Cause, Explained, Explanation};
use lepton_proto::v1::{self, explain_server::Explain};
use tonic::{Request, Response, Status};

use self::cause::Told;
use super::Api;
use crate::parse::explain;

fn message(Explanation { of, causes, parts }: Explanation) -> v1::Explanation {
    let (kind, id, subnet_id) = match of {
        Explained::Instance(id) => (v1::ExplainedKind::Instance, id.to_string(), String::new()),
        Explained::Port(id) => (v1::ExplainedKind::Port, id.to_string(), String::new()),
        Explained::Address(subnet, address) => {
            (v1::ExplainedKind::Address, address.to_string(), subnet.to_string())
        }
    };
    v1::Explanation {
        kind: kind.into(),
        id,
        subnet_id,
        causes: causes.into_iter().map(cause).collect(),
        parts: parts.into_iter().map(message).collect(),
    }
}

fn cause(cause: Cause) -> v1::Cause {
    let is_difference = cause.is_difference();
    let Told { code, facts, words } = cause.into();
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    v1::Cause { code: code.to_owned(), facts, words, is_difference }
}

#[tonic::async_trait]
impl Explain for Api {
    async fn explain_instance(
        &self,
        request: Request<v1::ExplainInstanceRequest>,
    ) -> Result<Response<v1::Explanation>, Status> {
        Ok(Response::new(message(self.ask_within(&request, explain::explain_instance).await?)))
    }

    async fn explain_port(
        &self,
        request: Request<v1::ExplainPortRequest>,
    ) -> Result<Response<v1::Explanation>, Status> {
        Ok(Response::new(message(self.ask_within(&request, explain::explain_port).await?)))
    }

    async fn explain_address(
        &self,
        request: Request<v1::ExplainAddressRequest>,
    ) -> Result<Response<v1::Explanation>, Status> {
        Ok(Response::new(message(self.ask_within(&request, explain::explain_address).await?)))
    }
}
