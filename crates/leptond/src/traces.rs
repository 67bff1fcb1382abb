//! [`Traces`]: where what calls are made of is told, as OpenTelemetry has it.
//!
//! Spans are those of `tracing` with the target `trace`, whoever makes them: a call (`traces/calls.rs`), its way through the ledger
//! and the batch that decides it (`lepton-store`), the wait for a plug (`lepton-manager`), a host's pass (`lepton-agent`). Without an
//! endpoint nobody listens, and none is made.

mod calls;

use std::time::Duration;

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};

pub(crate) use self::calls::Calls;
use crate::config;

/// The target of all spans that are traced, and of nothing else.
pub(crate) const TARGET: &str = "trace";

/// How long a stop waits for what is still to be told.
const FAREWELL: Duration = Duration::from_secs(2);

/// Tells traces until it is [finished](Traces::finish).
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to tell traces as configured, if that is wanted. Whoever listens need not be there yet. It is called on a runtime,
    /// which carries what is told.
    ///
    /// # Errors
    ///
    /// The variables of OpenTelemetry's that are set ask for what this program has not, such as compression.
    pub fn start(config: &config::Traces, host: &str) -> Result<Option<Self>, ExporterBuildError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint.to_string()).build()?;
        let resource = Resource::builder()
            .with_service_name("leptond")
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("host.name", host.to_owned()),
            ])
            .build();
        // Who sends a trace along has decided whether it is kept.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Some(Self { provider }))
    }

    /// What spans are told to.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("leptond")
    }

    /// Tells what is still to be told, if anybody listens. It blocks.
    pub fn finish(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FAREWELL) {
            tracing::warn!(%error, "the last traces are not told");
        }
    }
}
