//! The handlers of `lepton.v1.Ports`.

use lepton_ledger::PortInfo;
use lepton_proto::v1::{self, ports_server::Ports};
use tonic::{Request, Response, Status};

use super::Api;
use crate::parse::port;

fn message(PortInfo { port, network_label, fixed_ips }: PortInfo) -> v1::Port {
    let fixed_ips = fixed_ips.into_iter().map(|row| v1::PortFixedIp {
        subnet_id: row.subnet.to_string(),
        address: row.address.to_string(),
        is_leaving: row.is_leaving,
    });
    lepton_proto::port(port, &network_label, fixed_ips.collect())
}

#[tonic::async_trait]
impl Ports for Api {
    async fn get_port(&self, request: Request<v1::GetPortRequest>) -> Result<Response<v1::Port>, Status> {
        Ok(Response::new(message(self.ask_within(&request, port::get_port).await?)))
    }

    async fn list_ports(
        &self,
        request: Request<v1::ListPortsRequest>,
    ) -> Result<Response<v1::ListPortsResponse>, Status> {
        let page = self.ask_within(&request, port::list_ports).await?;
        Ok(Response::new(v1::ListPortsResponse {
            ports: page.ports.into_iter().map(message).collect(),
            next_page_token: page.next.map(port::page_token).unwrap_or_default(),
        }))
    }
}
