//! The handlers of `lepton.v1.Dhcp`.

use futures_util::{StreamExt, stream, stream::BoxStream};
use lepton_ledger::dhcp::{DhcpGuests, DhcpView};
use lepton_proto::v1::{self, dhcp_server::Dhcp};
use lepton_types::Timestamp;
use tonic::{Request, Response, Status};

use super::Api;
use crate::{parse::dhcp, status::refused};

/// Most bytes of a text in one message, far below the 4 MiB that clients take.
const PART: usize = 256 * 1024;

type Parts = BoxStream<'static, Result<v1::DhcpText, Status>>;

impl Api {
    /// Answers the text that `render` makes of a network's guests, part by part.
    async fn dhcp_text(
        &self,
        network_id: &str,
        style: i32,
        render: impl FnOnce(&DhcpView, Timestamp) -> String,
    ) -> Result<Response<Parts>, Status> {
        let parsed = dhcp::guests(network_id, style).map_err(|refusal| refused(&refusal))?;
        let (question, style) = parsed;
        let DhcpGuests { revision, at, guests } = self.manager.ask(question).await?;
        let text = render(&self.manager.settings().dhcp.view(style, guests), at);
        let parts = parts(&text).into_iter().map(move |text| Ok(v1::DhcpText { text, revision }));
        Ok(Response::new(stream::iter(parts.collect::<Vec<_>>()).boxed()))
    }
}

/// Cuts a text into parts behind newlines; an empty text is one part.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if parts.last().is_some_and(|part| !part.is_empty() && part.len() + line.len() > PART) {
            parts.push(String::new());
        }
        parts.last_mut().expect("there is a part from the start on").push_str(line);
    }
    parts
}

#[tonic::async_trait]
impl Dhcp for Api {
    type GetDhcpHostsStream = Parts;
    type GetDhcpLeasesStream = Parts;
    type GetDhcpOptionsStream = Parts;

    async fn get_dhcp_hosts(
        &self,
        request: Request<v1::GetDhcpHostsRequest>,
    ) -> Result<Response<Parts>, Status> {
        let v1::GetDhcpHostsRequest { network_id, style } = request.get_ref();
        self.dhcp_text(network_id, *style, |view, _| view.hosts()).await
    }

    async fn get_dhcp_leases(
        &self,
        request: Request<v1::GetDhcpLeasesRequest>,
    ) -> Result<Response<Parts>, Status> {
        let v1::GetDhcpLeasesRequest { network_id, style } = request.get_ref();
        self.dhcp_text(network_id, *style, DhcpView::leases).await
    }

    async fn get_dhcp_options(
        &self,
        request: Request<v1::GetDhcpOptionsRequest>,
    ) -> Result<Response<Parts>, Status> {
        let v1::GetDhcpOptionsRequest { network_id, style } = request.get_ref();
        self.dhcp_text(network_id, *style, |view, _| view.options()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_small_cut_no_line_and_lose_nothing() {
        assert_eq!(parts(""), [""]);
        assert_eq!(parts("a\nb"), ["a\nb"]);
        let text: String = (0..20_000).map(|number| format!("{number} is a line of a text\n")).collect();
        let parts = parts(&text);
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= PART && part.ends_with('\n')));
        assert_eq!(parts.concat(), text);
    }
}
