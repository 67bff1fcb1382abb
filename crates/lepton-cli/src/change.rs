//! [`Change`]: what every command that changes something has beside its subject.

use std::cell::OnceCell;

use clap::builder::NonEmptyStringValueParser;
use lepton_proto::Mutation;
use prost::Message;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::{
    client::{Calls, Client},
    error::Error,
    output::{Output, PlanView, PlannedView, View},
    settings::Settings,
};

/// How to make a change, as the command line has it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ChangeOptions {
    /// Say what would be done, row by row and host by host, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Do just what a dry run of this command has told under this hash, with its ids and addresses; nothing, if that would be
    /// something else by now
    #[arg(long, value_name = "HASH", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "dry_run")]
    plan_hash: Option<String>,

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
    /// The id under which the change may be asked for again: by the user, and by our own retries. Where there is a plan its hash is that,
    /// whatever this says.
    pub(crate) request_id: String,
    /// The plan to carry out.
    pub(crate) plan_hash: Option<String>,
    /// What a dry run was told.
    pub(crate) plan: OnceCell<PlanView>,
    /// Options that the same command needs to be the same request again, which the user left to the server.
    pub(crate) said: Vec<String>,
}

impl ChangeOptions {
    /// The option by which the command may be a request that was made before, if the user gave one: an id of its own, or a plan's.
    pub(crate) fn repeated_by(&self) -> Option<&'static str> {
        let plan = self.plan_hash.as_ref().map(|_| "--plan-hash");
        self.request_id.as_ref().map(|_| "--request-id").or(plan)
    }
}

impl From<ChangeOptions> for Change {
    fn from(ChangeOptions { dry_run, plan_hash, request_id }: ChangeOptions) -> Self {
        let request_id = request_id.unwrap_or_else(|| match plan_hash {
            Some(_) => String::new(),
            None => Uuid::new_v4().to_string(),
        });
        Self { is_dry_run: dry_run, request_id, plan_hash, plan: OnceCell::new(), said: Vec::new() }
    }
}

impl Change {
    /// Asks for the change by `call`, and prints what came of it as `view` makes it of the answer. The request must carry the
    /// change's id.
    pub(crate) async fn make<Q: Mutation + Clone, A: Message + Default, V: View>(
        &self,
        request: Q,
        call: impl AsyncFn(Calls, Q) -> Result<Response<A>, Status>,
        view: impl FnOnce(A) -> V,
        settings: &Settings,
        output: Output,
    ) -> Result<(), Error> {
        let client = Client::connect(settings).await?;
        let answer = client.change(self, request, call).await?;
        self.print(&view(answer), output)
    }

    /// Prints what came of the change; of a dry run, also how it would come about.
    pub(crate) fn print(&self, answer: &impl View, output: Output) -> Result<(), Error> {
        if self.is_dry_run {
            output.remark("Dry run: nothing was changed.");
        }
        let Some(plan) = self.plan.get() else { return output.print(answer) };
        output.print(&PlannedView { answer, plan })?;
        let by = self.again(&format!("--plan-hash {}", plan.hash()));
        output.remark(&format!(
            "The same command with `{by}` in place of `--dry-run` does just that, within an hour."
        ));
        Ok(())
    }

    /// What makes the same command the same request again, by the option that says which.
    pub(crate) fn again(&self, by: &str) -> String {
        self.said.iter().map(String::as_str).chain([by]).collect::<Vec<_>>().join(" ")
    }
}
