//! `requests`: answers that are remembered under their request ids.

use lepton_ledger::{RequestKey, RequestRecord, View};
use lepton_types::Timestamp;

use super::enter;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value},
    table::Stored,
    together::Part,
};

/// Most answers that one transaction forgets, so that it never holds up the writers for long.
const AT_ONCE: i64 = 1024;

impl Stored for RequestRecord {
    const INSERT: &'static str =
        "insert into requests (caller, request_id, format, fingerprint, answer, created_at) {rows}";
    /// An answer changes when one batch forgets it and remembers another under its id.
    const UPDATE: &'static str =
        "update requests set format = v.column3, fingerprint = v.column4, answer = v.column5,
             created_at = v.column6
         from ({rows}) as v where requests.caller = v.column1 and requests.request_id = v.column2";
    const DELETE: Option<&'static str> = Some("delete from requests where (caller, request_id) in ({rows})");

    fn values(&self) -> Vec<Value> {
        vec![
            self.key.caller.as_str().into(),
            self.key.id.as_str().into(),
            self.format.into(),
            self.fingerprint.to_vec().into(),
            self.answer.as_str().into(),
            self.created_at.micros().into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.key.caller.as_str().into(), self.key.id.as_str().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: RequestKey { caller: columns.get()?, id: columns.parsed()? },
            format: columns.number()?,
            fingerprint: columns.bytes()?,
            answer: columns.get()?,
            created_at: columns.get::<i64>()?.into(),
        })
    }
}

/// Asks for the records of requests.
pub(crate) fn question(keys: &[RequestKey]) -> Option<Part> {
    const SQL: &str = "select caller, request_id, format, fingerprint, answer, created_at from requests
         where (caller, request_id) in ({rows})";
    Part::new(SQL, keys, |key| vec![key.caller.as_str().into(), key.id.as_str().into()])
}

/// Loads the records of requests.
pub(crate) async fn load(tx: &mut Tx, keys: &[RequestKey], view: &mut View) -> Result<(), Failure> {
    enter::<RequestRecord>(&tx.fetch_part(question(keys)).await?, view)
}

/// Forgets a bounded number of answers that were given before a moment; answers how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Failure> {
    const SQL: &str = "delete from requests where (caller, request_id) in
         (select caller, request_id from requests where created_at < $1 order by created_at limit $2)";
    tx.execute(SQL, vec![before.micros().into(), AT_ONCE.into()]).await
}
