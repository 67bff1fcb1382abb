//! What a collector is told of a call.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test, as in the tests themselves")]

use std::sync::{Arc, Mutex};

use lepton_proto::v1::{CreateNetworksRequest, NetworkSpec, network_manager_client::NetworkManagerClient};
use leptond::{logging, run, traces::Traces};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use tokio::{net::TcpListener, task};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, transport::Server};

use crate::support::{Place, in_time};

/// A collector that keeps what it is told.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// What is said by a name.
fn said<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|said| said.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(value: &str) -> Option<Value> {
    Some(Value::StringValue(value.to_owned()))
}

fn named<'a>(spans: &'a [Span], name: &str) -> impl Iterator<Item = &'a Span> {
    spans.iter().filter(move |span| span.name == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_traced_through_the_ledger_to_the_batch_that_decided_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (collector, no_more) = (Collector::default(), CancellationToken::new());
    let collecting = Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), no_more.clone().cancelled_owned());
    let place = Place::new();
    let config = place.config(&[("traces.endpoint", &endpoint)]);
    let traces = Traces::start(&config.traces, config.host.as_str()).unwrap().unwrap();
    logging::start(&config.log, Some(&traces)).unwrap();

    let shutdown = CancellationToken::new();
    let daemon = run(config, shutdown.clone());
    let calling = async {
        let mut client = NetworkManagerClient::new(place.connect().await);
        let network = NetworkSpec { label: "private".into(), ..NetworkSpec::default() };
        let create = CreateNetworksRequest { networks: vec![network], ..Default::default() };
        let mut create = Request::new(create);
        let sent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
        create.metadata_mut().insert("traceparent", sent.parse().unwrap());
        client.create_networks(create).await.unwrap();
        shutdown.cancel();
    };
    let telling = async {
        in_time(async { tokio::join!(daemon, calling) }).await.0.unwrap();
        task::spawn_blocking(move || traces.finish()).await.unwrap();
        no_more.cancel();
    };
    let (collected, ()) = tokio::join!(collecting, telling);
    collected.unwrap();

    let told = collector.0.lock().unwrap().clone();
    let resources: Vec<_> = told.into_iter().flat_map(|request| request.resource_spans).collect();
    for resource in &resources {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!(said(attributes, "service.name"), text("leptond").as_ref());
        assert_eq!(said(attributes, "host.name"), text("node1").as_ref());
    }
    let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
    let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();

    let call = named(&spans, "lepton.v1.NetworkManager/CreateNetworks").next().unwrap();
    let sent = (
        0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes(),
        0x0123_4567_89ab_cdef_u64.to_be_bytes(),
    );
    assert_eq!((&*call.trace_id, &*call.parent_span_id), (&sent.0[..], &sent.1[..]));
    assert_eq!(call.kind(), SpanKind::Server);
    assert_eq!(said(&call.attributes, "rpc.grpc.status_code"), Some(&Value::IntValue(0)));
    let caller = format!("unix:{}", nix::unistd::geteuid());
    assert_eq!(said(&call.attributes, "caller"), text(&caller).as_ref());

    let ledger = named(&spans, "ledger").find(|span| span.parent_span_id == call.span_id).unwrap();
    assert_eq!(said(&ledger.attributes, "command"), text("CreateNetworks").as_ref());
    assert_eq!(ledger.trace_id, call.trace_id);
    let is_linked = |span: &&Span| span.links.iter().any(|link| link.span_id == ledger.span_id);
    let batch = named(&spans, "batch").find(is_linked).unwrap();
    assert!(batch.parent_span_id.is_empty() && batch.trace_id != call.trace_id, "it may be many callers'");
    for part in ["decide", "write", "commit"] {
        let of_batch = |span: &Span| span.parent_span_id == batch.span_id;
        assert!(named(&spans, part).any(of_batch), "{part}");
    }
    assert!(named(&spans, "pass").next().is_some());
}
