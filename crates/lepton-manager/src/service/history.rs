//! The handlers of `lepton.v1.History`.

use lepton_ledger::{End, Holdable, Holding};
use lepton_proto::{
    timestamp,
    v1::{self, history_server::History},
};
use tonic::{Request, Response, Status};

use super::Api;
use crate::parse::history;

fn message(holding: Holding) -> v1::Holding {
    let mut message = v1::Holding {
        project_id: holding.project.into(),
        since: Some(timestamp(holding.since)),
        until: match holding.until {
            End::At(until) => Some(timestamp(until)),
            End::NotYet => None,
        },
        ..v1::Holding::default()
    };
    if let Some(port) = holding.port {
        message.mac = port.mac.to_string();
        message.port_id = port.id.to_string();
        message.instance_id = port.instance.to_string();
        message.incarnation = port.incarnation;
        message.network_id = port.network.to_string();
        message.host_id = port.host.into();
        message.has_moved = port.has_moved;
    }
    match holding.what {
        Holdable::FixedIp { address, subnet } => {
            message.set_kind(v1::HoldingKind::FixedIp);
            message.address = address.to_string();
            message.subnet_id = subnet.to_string();
        }
        Holdable::FloatingIp { address, subnet, pool, leads_to } => {
            message.set_kind(v1::HoldingKind::FloatingIp);
            message.address = address.to_string();
            message.subnet_id = subnet.to_string();
            message.pool_id = pool.to_string();
            message.fixed_ip = leads_to.map(|address| address.to_string()).unwrap_or_default();
        }
        Holdable::Mac(_) => message.set_kind(v1::HoldingKind::Mac),
    }
    message
}

#[tonic::async_trait]
impl History for Api {
    async fn list_holders(
        &self,
        request: Request<v1::ListHoldersRequest>,
    ) -> Result<Response<v1::ListHoldersResponse>, Status> {
        let page = self.ask_within(&request, history::list_holders).await?;
        Ok(Response::new(v1::ListHoldersResponse {
            holdings: page.holdings.into_iter().map(message).collect(),
            next_page_token: history::token(page.next),
            remembered_since: page.remembered_since.map(timestamp),
        }))
    }
}
