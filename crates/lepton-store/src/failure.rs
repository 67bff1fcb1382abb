//! [`Failure`]: what an engine's error means for the one who decides what to do about it.

use std::collections::BTreeSet;

use lepton_types::SubnetId;

use crate::error::StoreError;

/// What went wrong with a batch.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another writer was faster: a lock was lost, or a row. Deciding again helps.
    Conflict(String),
    /// More is left of these subnets than the batch has in hand, where others share the ledger. Deciding again helps, with all of it
    /// locked at once: whoever has some of it in hand may not wait for more.
    Scarce(BTreeSet<SubnetId>),
    /// A unique index or a foreign key spoke: another writer was faster, and deciding again helps. What it says again and
    /// again, or where nobody else writes, is a fault of the decision's.
    Violation(String),
    /// The connection was lost before the commit was sent, or the file is another program's at the moment, so nothing was written.
    /// Deciding again on another connection helps once the server, or the file, is back.
    Disconnected(String),
    /// The server took too long before the commit was sent, so nothing was written. Deciding again takes as long, but for
    /// neighbours of the one that it took so long for.
    TimedOut(String),
    /// Deciding again does not help, or must not be done because the commit may have happened.
    Error(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Error(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        classify(&error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict(problem) | Failure::Disconnected(problem) | Failure::TimedOut(problem) => {
                Self::Unavailable(problem)
            }
            Failure::Violation(problem) => Self::Internal(problem),
            Failure::Scarce(subnets) => Self::Internal(format!(
                "a batch ended where it had to begin anew for the subnets {subnets:?}"
            )),
            Failure::Error(error) => error,
        }
    }
}

impl Failure {
    /// What it means where no command is at fault: a server that does not begin in time, or whose commit has an unknown fate.
    pub(crate) fn of_the_server(self) -> Self {
        match self {
            Self::TimedOut(problem) => Self::Error(StoreError::Unavailable(problem)),
            Self::Conflict(_)
            | Self::Scarce(_)
            | Self::Violation(_)
            | Self::Disconnected(_)
            | Self::Error(_) => self,
        }
    }

    /// What it means that a server does not let us in that did before. Whatever it says, a wrong password or a database that takes
    /// nobody for now, somebody may put it right as it was put wrong: to callers the ledger is out of reach until then.
    pub(crate) fn of_entry(error: &sqlx::Error) -> Self {
        Self::Disconnected(explained(error))
    }

    /// What it means once the commit was sent: without an answer, nobody knows whether it happened.
    pub(crate) fn of_commit(self) -> Self {
        match self {
            Self::Disconnected(problem) | Self::TimedOut(problem) => {
                Self::Error(StoreError::Unavailable(problem))
            }
            Self::Conflict(_) | Self::Scarce(_) | Self::Violation(_) | Self::Error(_) => self,
        }
    }

    /// Whether it is the database that is not there, whatever it was asked.
    pub(crate) fn is_of_the_database(&self) -> bool {
        matches!(self, Self::Disconnected(_) | Self::Error(StoreError::Unavailable(_)))
    }
}

/// Goes by codes alone; texts and names differ between engines and releases.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlx adds kinds of errors; any that is not known is a fault"
)]
fn classify(error: &sqlx::Error) -> Failure {
    let text = words(error);
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            if database.is_unique_violation() || database.is_foreign_key_violation() {
                Failure::Violation(text)
            } else if is_lost_race(&code) {
                Failure::Conflict(text)
            } else if is_disconnected(&code) {
                Failure::Disconnected(text)
            } else if is_timed_out(&code) {
                Failure::TimedOut(text)
            } else if is_out_of_reach(&code) {
                Failure::Error(StoreError::Unavailable(text))
            } else {
                Failure::Error(StoreError::Internal(text))
            }
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => Failure::Disconnected(text),
        sqlx::Error::Protocol(_) => Failure::Error(StoreError::Unavailable(text)),
        _ => Failure::Error(StoreError::Internal(text)),
    }
}

/// The database's own words. sqlx adds where in the server's source code they are, which helps nobody.
pub(crate) fn words(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |database| database.message().to_owned())
}

/// Why a database cannot be opened: the error's own words, and what to do about it where its code tells.
pub(crate) fn explained(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|database| database.code()).unwrap_or_default();
    if matches!(error, sqlx::Error::Protocol(_)) {
        return format!("{}; see whether PostgreSQL answers at the port that its URL names", words(error));
    }
    let advice = match (&*code, sqlite_code(&code).map(|code| code & 0xff)) {
        // SQLITE_CANTOPEN
        (_, Some(14)) => "; its folder must be there, and writable for this process's user",
        // SQLITE_FULL
        (_, Some(13)) => "; make room on its disk",
        // SQLITE_CORRUPT
        (_, Some(11)) => "; restore it from a backup",
        // SQLITE_NOTADB
        (_, Some(26)) => {
            "; if it was the ledger, restore it from a backup, else name a path where nothing else is kept"
        }
        // PostgreSQL: invalid_catalog_name
        ("3D000", _) => "; create it, or name another one",
        // PostgreSQL: insufficient_privilege
        ("42501", _) => {
            "; give the user that its URL names a database of its own (ALTER DATABASE … OWNER TO …), or the right to make tables in \
             it (GRANT CREATE ON SCHEMA public TO …)"
        }
        // PostgreSQL: invalid_authorization_specification, invalid_password
        ("28000" | "28P01", _) => "; see the user and the password that its URL names",
        _ => "",
    };
    format!("{}{advice}", words(error))
}

/// Whether a database that could not be opened may come up by itself: it is not there, starting, full or has too many clients.
/// Who answers in other words than PostgreSQL's is somebody else, and stays so.
pub(crate) fn may_pass(error: &sqlx::Error) -> bool {
    !matches!(error, sqlx::Error::Protocol(_) | sqlx::Error::Tls(_))
        && (classify(error).is_of_the_database() || matches!(classify(error), Failure::TimedOut(_)))
}

/// PostgreSQL: serialization failure, deadlock, lock not available.
fn is_lost_race(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "55P03")
}

/// PostgreSQL: connection exceptions; the server shuts down, crashed, or is starting; it ended an idle transaction or
/// an idle session. SQLite: SQLITE_BUSY and SQLITE_LOCKED, with their extended codes; somebody else has the file's lock, and who asks
/// waits for that as long as for a server that is not there, and no longer.
fn is_disconnected(code: &str) -> bool {
    (code.len() == 5 && code.starts_with("08"))
        || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
        || sqlite_code(code).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// PostgreSQL: a statement that was ended because it took too long.
fn is_timed_out(code: &str) -> bool {
    code == "57014"
}

/// PostgreSQL: read-only (a standby), insufficient resources, operator intervention, system errors. SQLite:
/// SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN, with their extended codes.
fn is_out_of_reach(code: &str) -> bool {
    let is_postgres = code == "25006"
        || (code.len() == 5 && ["53", "57", "58"].iter().any(|class| code.starts_with(class)));
    is_postgres || sqlite_code(code).is_some_and(|code| matches!(code & 0xff, 8 | 10 | 13 | 14))
}

/// SQLite's codes are numbers of at most four digits; PostgreSQL's have five characters.
fn sqlite_code(code: &str) -> Option<u32> {
    if code.len() < 5 { code.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_always_slower_comes_back_and_a_decision_that_breaks_a_rule_is_a_fault() {
        let outcome = |failure: fn(String) -> Failure| StoreError::from(failure("words".to_owned()));
        for passing in [Failure::Conflict, Failure::Disconnected, Failure::TimedOut] {
            assert!(matches!(outcome(passing), StoreError::Unavailable(words) if words == "words"));
        }
        assert!(matches!(outcome(Failure::Violation), StoreError::Internal(words) if words == "words"));
    }

    #[test]
    fn once_the_commit_was_sent_nothing_is_tried_again() {
        for unknown in [Failure::Disconnected, Failure::TimedOut] {
            let failure = unknown("words".to_owned()).of_commit();
            assert!(matches!(failure, Failure::Error(StoreError::Unavailable(_))), "{failure:?}");
        }
    }

    #[test]
    fn what_a_code_means_decides_what_is_done_about_it() {
        for code in ["40001", "40P01", "55P03"] {
            assert!(is_lost_race(code), "{code}");
        }
        for code in
            ["08000", "08006", "57P01", "57P02", "57P03", "57P05", "25P03", "5", "261", "517", "6", "262"]
        {
            assert!(is_disconnected(code) && !is_lost_race(code), "{code}");
        }
        assert!(is_timed_out("57014") && !is_lost_race("57014") && !is_disconnected("57014"));
        for code in ["25006", "53100", "53300", "57000", "58030", "8", "10", "266", "13", "14"] {
            assert!(is_out_of_reach(code) && !is_lost_race(code) && !is_disconnected(code), "{code}");
        }
        for code in ["", "42601", "22012", "XX000", "1", "11", "19", "26"] {
            let is_fault = !is_out_of_reach(code) && !is_lost_race(code) && !is_disconnected(code);
            assert!(is_fault, "{code}");
        }
    }
}
