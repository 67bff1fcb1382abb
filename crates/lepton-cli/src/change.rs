//! [`Change`]: what every command that changes something has beside its subject.

use clap::builder::NonEmptyStringValueParser;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::{
    client::{Calls, Client},
    error::Error,
    output::{Output, View},
    settings::Settings,
};

/// How to make a change, as the command line has it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ChangeOptions {
    /// Say what would be done, and do nothing; new ids and addresses are examples
    #[arg(long)]
    dry_run: bool,

    /// Token that makes the command safe to repeat: the same id gets the same answer and changes nothing twice
    /// [default: a fresh UUID]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    request_id: Option<String>,
}

/// How to make a change.
#[derive(Debug)]
pub(crate) struct Change {
    /// Whether to decide only, and change nothing.
    pub(crate) is_dry_run: bool,
    /// The id under which the change may be asked for again: by the user, and by our own retries.
    pub(crate) request_id: String,
}

impl ChangeOptions {
    /// Whether the user chose the id of the request, to be able to repeat it.
    pub(crate) const fn has_request_id(&self) -> bool {
        self.request_id.is_some()
    }
}

impl From<ChangeOptions> for Change {
    fn from(options: ChangeOptions) -> Self {
        let request_id = options.request_id.unwrap_or_else(|| Uuid::new_v4().to_string());
        Self { is_dry_run: options.dry_run, request_id }
    }
}

impl Change {
    /// Asks for the change by `call`, and prints what came of it as `view` makes it of the answer. The request must carry the
    /// change's id.
    pub(crate) async fn make<Q: Clone, A, V: View>(
        &self,
        request: Q,
        call: impl AsyncFn(Calls, Q) -> Result<Response<A>, Status>,
        view: impl FnOnce(A) -> V,
        settings: &Settings,
        output: Output,
    ) -> Result<(), Error> {
        let client = Client::connect(settings).await?;
        let answer = client.change(self, request, call).await?;
        self.remark(output);
        output.print(&view(answer))
    }

    /// Tells people that an answer to a dry run is one.
    pub(crate) fn remark(&self, output: Output) {
        if self.is_dry_run {
            output.remark("Dry run: nothing was changed.");
        }
    }
}
