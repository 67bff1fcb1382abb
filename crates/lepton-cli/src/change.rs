//! [`ChangeOptions`]: what every command that changes something offers.

use uuid::Uuid;

use crate::output::Output;

/// How to make a change.
#[derive(Debug, clap::Args)]
pub(crate) struct ChangeOptions {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Token that makes the command safe to repeat: the same id gets the same answer and changes nothing twice
    /// [default: a fresh UUID]
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl ChangeOptions {
    /// The id that was given, or a fresh one, so that our own retries are safe too. Fresh at each call.
    pub(crate) fn request_id(&self) -> String {
        self.request_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string())
    }

    /// Tells people that an answer to a dry run is one.
    pub(crate) fn remark(&self, output: Output) {
        if self.dry_run {
            output.remark("Dry run: nothing was changed; new ids and addresses are examples.");
        }
    }
}
