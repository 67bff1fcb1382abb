//! [`Error`]: what went wrong, whose fault it is, and the way out. It ends the program with its exit code.

use std::{collections::BTreeMap, error, fmt, io, process::ExitCode, time::Duration};

use lepton_proto::code_name;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    change::Change,
    endpoint::Endpoint,
    hints,
    output::{Format, clean, encode},
    retry::{is_broken_connection, passes},
};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Error(Box<Report>);

/// What is told of an error; also its JSON and YAML form, in which every field is always present.
#[derive(Debug, Serialize)]
struct Report {
    kind: Kind,
    exit_code: u8,
    message: String,
    code: Option<&'static str>,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    violations: Vec<Violation>,
    request_id: Option<String>,
    hint: Option<String>,
    /// Whether the same call may succeed a little later.
    #[serde(skip)]
    may_pass: bool,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// This machine's: the output could not be written.
    Failed,
    /// The server understood and said no.
    Refused,
    /// Nobody's: who reads the output has seen enough.
    Unheard,
    /// No server answered, or one that cannot at present.
    Unreachable,
    /// The command line's or the configuration's.
    Usage,
}

/// One wrong field of a request.
#[derive(Debug, Serialize)]
struct Violation {
    field: String,
    description: String,
    /// The command line's argument that the field was made from, where one is known.
    #[serde(skip)]
    argument: Option<&'static str>,
}

/// The outermost object of an error in JSON and YAML.
#[derive(Serialize)]
struct Envelope<'a> {
    error: &'a Report,
}

impl Error {
    /// This machine cannot do its part.
    pub(crate) fn failed(message: String) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Nobody reads the output any more, as in `lepton network list | head`: nothing is left to do, and nothing to be told.
    pub(crate) fn unheard() -> Self {
        Self::new(Kind::Unheard, String::new())
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(message: String) -> Self {
        Self::new(Kind::Usage, message).with_hint(hints::FOR_USAGE)
    }

    /// The command line does not parse.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        // What follows the first paragraph is the usage, for people.
        let what = text.split("\n\n").next().unwrap_or(text);
        Self::usage(what.to_owned())
    }

    /// There is no connection, or it broke.
    pub(crate) fn unreachable(endpoint: &Endpoint, error: &(dyn error::Error + 'static)) -> Self {
        let causes = || std::iter::successors(Some(error), |error| error.source());
        let root = causes().last().map(ToString::to_string).unwrap_or_default();
        let kind = causes().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind).last();
        Self::new(Kind::Unreachable, format!("cannot reach leptond at {endpoint}: {root}"))
            .with_hint(hints::for_unreachable(endpoint, kind))
    }

    /// The server took too long.
    pub(crate) fn no_answer(endpoint: &Endpoint, limit: Duration) -> Self {
        Self::new(Kind::Unreachable, format!("no answer from leptond at {endpoint} within {limit:?}"))
            .with_hint("wait longer with --timeout, or look at leptond's log")
    }

    /// A call failed: the connection broke, or the server said no.
    pub(crate) fn of_call(endpoint: &Endpoint, status: &Status) -> Self {
        if is_broken_connection(status) { Self::unreachable(endpoint, status) } else { Self::refused(status) }
    }

    /// The server said no.
    pub(crate) fn refused(status: &Status) -> Self {
        let details = status.get_error_details();
        let is_away = status.code() == Code::Unavailable;
        let kind = if is_away { Kind::Unreachable } else { Kind::Refused };
        let mut error = Self::new(kind, status.message().to_owned());
        let report = &mut error.0;
        report.may_pass = passes(status);
        report.code = Some(code_name(status.code()));
        if let Some(info) = details.error_info() {
            report.reason = Some(info.reason.clone());
            report.metadata = info.metadata.clone().into_iter().collect();
        }
        for violation in details.bad_request().map(|request| &request.field_violations).into_iter().flatten()
        {
            let (field, description) = (violation.field.clone(), violation.description.clone());
            report.violations.push(Violation { field, description, argument: None });
        }
        let of_field = report.violations.first().map(|violation| hints::for_field(&violation.field));
        let of_refusal = hints::for_refusal(report.reason.as_deref(), status.code(), &report.metadata);
        report.hint = of_refusal.or(of_field).map(str::to_owned);
        error
    }

    /// Whether the server refused for this reason.
    pub(crate) fn has_reason(&self, reason: &str) -> bool {
        self.0.reason.as_deref() == Some(reason)
    }

    /// Whether no server answered, or one that cannot at present.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.0.kind == Kind::Unreachable
    }

    /// Whether the same call may succeed a little later: nobody answered, or the server has too much to do.
    pub(crate) fn may_pass(&self) -> bool {
        self.0.may_pass
    }

    /// The same, with a way out.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.0.hint = Some(hint.to_owned());
        self
    }

    /// The same, of a call that changes something: unless the server said no, it may have been carried out.
    pub(crate) fn of_change(mut self, change: &Change) -> Self {
        let id = &change.request_id;
        if self.0.is_open() && !change.is_dry_run {
            let again = match change.plan_hash {
                Some(_) => "again".to_owned(),
                None => format!("with `{}`", change.again(&format!("--request-id {id}"))),
            };
            self = self.with_hint(&format!(
                "it may have been carried out all the same; the same command {again} gets its answer and does not do it twice"
            ));
        }
        self.0.request_id = Some(id.clone()).filter(|id| !id.is_empty());
        self
    }

    /// The same, blaming wrong fields on the command's arguments.
    pub(crate) fn in_words_of(mut self, command: &clap::Command) -> Self {
        for violation in &mut self.0.violations {
            violation.argument = hints::argument_of(&violation.field, command);
        }
        self
    }

    /// Tells the user on standard error.
    pub(crate) fn report(&self, format: Format) -> ExitCode {
        let text = match format {
            _ if self.0.kind == Kind::Unheard => String::new(),
            Format::Table => self.0.to_text(),
            Format::Json | Format::Yaml => encode(format, &Envelope { error: &self.0 }),
        };
        // Where standard error is closed there is nobody left to tell.
        let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes());
        ExitCode::from(self.0.exit_code)
    }

    fn new(kind: Kind, message: String) -> Self {
        Self(Box::new(Report {
            kind,
            exit_code: kind.exit_code(),
            message,
            code: None,
            reason: None,
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            request_id: None,
            hint: None,
            may_pass: kind == Kind::Unreachable,
        }))
    }
}

impl Kind {
    fn exit_code(self) -> u8 {
        match self {
            Self::Unheard => 0,
            Self::Failed | Self::Refused => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
        }
    }
}

impl Report {
    /// Whether it leaves open what became of the call: a commit whose answer was lost may have happened, and a fault of
    /// the server's may have come after it.
    fn is_open(&self) -> bool {
        let is_undone = self.metadata.get("undone").is_some_and(|undone| undone == "true");
        let is_lost = self.kind == Kind::Unreachable || self.code == Some(code_name(Code::Internal));
        is_lost && !is_undone
    }

    /// What people read: what is wrong with which input, and the way out.
    fn to_text(&self) -> String {
        let mut lines = vec![format!("error: {}", self.headline())];
        if self.violations.len() > 1 {
            lines.extend(self.violations.iter().map(|violation| format!("  {violation}")));
        }
        let is_told = |value: &str| {
            let is_field = self.violations.iter().any(|violation| violation.field == value);
            is_field || lines.iter().any(|line| line.contains(&clean(value)))
        };
        let untold = self.metadata.iter().filter(|(_, value)| !is_told(value));
        let untold: Vec<_> =
            untold.map(|(name, value)| format!("  {}: {}", clean(name), clean(value))).collect();
        lines.extend(untold);
        lines.extend(self.hint.iter().map(|hint| format!("hint: {hint}")));
        lines.join("\n") + "\n"
    }

    fn headline(&self) -> String {
        let what = match &self.violations[..] {
            // Only the server's words may hold what a terminal should not see; ours may have several lines.
            [] if self.code.is_some() => clean(&self.message),
            [] => self.message.clone(),
            [violation] => violation.to_string(),
            several => format!("{} arguments are wrong", several.len()),
        };
        match &self.reason {
            Some(reason) => format!("{what} ({})", clean(reason)),
            None => what,
        }
    }
}

impl fmt::Display for Violation {
    /// Names the command line's argument instead of the request's field, where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", clean(self.argument.unwrap_or(&self.field)), clean(&self.description))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl error::Error for Error {}
