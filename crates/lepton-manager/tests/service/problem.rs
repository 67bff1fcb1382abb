//! [`Problem`]: an error as a client can read it.

use std::{collections::BTreeMap, fmt::Debug};

use tonic::{Code, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What a client is told of a call that failed.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) reason: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Path and description of each field violation.
    pub(crate) violations: Vec<(String, String)>,
    pub(crate) details: ErrorDetails,
}

impl Problem {
    /// Reads an error; it must have what every error of Lepton's has.
    #[track_caller]
    pub(crate) fn read(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}")).clone();
        assert_eq!(info.domain, "lepton");
        assert!(!status.message().is_empty());
        let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
        let is_wrong_somewhere = match &*info.reason {
            "MALFORMED_REQUEST" => false,
            "HOST_NOT_FOUND" => status.code() == Code::FailedPrecondition,
            _ => status.code() == Code::InvalidArgument,
        };
        assert_eq!(is_wrong_somewhere, !violations.is_empty(), "{status:?}");
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            reason: info.reason,
            metadata: info.metadata.into_iter().collect(),
            violations: violations.into_iter().map(|one| (one.field, one.description)).collect(),
            details,
        }
    }

    #[track_caller]
    pub(crate) fn of<T: Debug>(outcome: Result<Response<T>, Status>) -> Self {
        match outcome {
            Ok(answer) => panic!("not refused: {answer:?}"),
            Err(status) => Self::read(&status),
        }
    }

    /// Checks the code, the reason, the whole metadata, and that the message says these words.
    #[track_caller]
    pub(crate) fn assert(&self, code: Code, reason: &str, metadata: &[(&str, &str)], words: &[&str]) {
        assert_eq!((self.code, &*self.reason), (code, reason), "{}", self.message);
        let told: Vec<_> = self.metadata.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut expected = metadata.to_vec();
        expected.sort_unstable();
        assert_eq!(told, expected);
        for word in words {
            assert!(self.message.contains(word), "{word:?} is not in {:?}", self.message);
        }
    }

    /// Checks that it is `INVALID_FIELD` and names exactly these fields, each with these words.
    #[track_caller]
    pub(crate) fn assert_fields(&self, fields: &[(&str, &str)]) {
        assert_eq!((self.code, &*self.reason), (Code::InvalidArgument, "INVALID_FIELD"), "{}", self.message);
        let told: Vec<_> = self.violations.iter().map(|(field, _)| &**field).collect();
        let expected: Vec<_> = fields.iter().map(|(field, _)| *field).collect();
        assert_eq!(told, expected, "{}", self.message);
        for ((_, words), (field, description)) in fields.iter().zip(&self.violations) {
            assert!(description.contains(words), "{words:?} is not in {description:?} of {field}");
            assert!(self.message.contains(&format!("{field}: {description}")), "{}", self.message);
        }
        assert_eq!(self.metadata, BTreeMap::from([("field".to_owned(), told[0].to_owned())]));
    }
}
