//! The handlers of `lepton.v1.Events`.

use futures_util::{StreamExt, stream, stream::BoxStream};
use lepton_proto::v1::{self, events_server::Events};
use tonic::{Request, Response, Status};

use super::Api;
use crate::{
    Caller,
    parse::event,
    status::refused,
    watch::{ConnectionEnd, EventWatch},
};

#[tonic::async_trait]
impl Events for Api {
    type WatchEventsStream = BoxStream<'static, Result<v1::WatchEventsResponse, Status>>;

    async fn watch_events(
        &self,
        request: Request<v1::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let scope = Caller::of(&request)?.scope().clone();
        let read = event::watch_events(request.get_ref(), scope).map_err(|refusal| refused(&refusal))?;
        let connection = request.extensions().get::<ConnectionEnd>().copied();
        let watch = EventWatch::start(self.manager.clone(), read, connection).await?;
        let stream = stream::try_unfold(watch, async |mut watch| {
            let Some(page) = watch.next().await? else { return Ok(None) };
            let events = page.events.into_iter().map(Into::into).collect();
            Ok(Some((v1::WatchEventsResponse { events, revision: page.through }, watch)))
        });
        Ok(Response::new(stream.boxed()))
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let page = self.ask_within(&request, event::list_events).await?;
        Ok(Response::new(v1::ListEventsResponse {
            events: page.events.into_iter().map(Into::into).collect(),
            next_page_token: if page.has_more { page.through.to_string() } else { String::new() },
            revision: page.through,
        }))
    }
}
