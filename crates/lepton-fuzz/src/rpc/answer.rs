//! [`Answer`]: what came of a call, and what every answer must be like.

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Most bytes of an answer: clients take no more of a message unless they are told to.
const LARGEST_ANSWER: usize = 4 << 20;

/// Most bytes of a refusal's headers: clients take no more of them (`http2_max_header_list_size` of hyper).
const LARGEST_REFUSAL: usize = 16 << 10;

/// What came of a call.
#[derive(Debug)]
pub(super) struct Answer {
    /// How it ended; as a success, where it goes on for ever.
    pub(super) status: Status,
    /// The messages, in their frames.
    pub(super) messages: Vec<u8>,
    /// Bytes of the headers that say how it ended.
    pub(super) told: usize,
}

impl Answer {
    /// Fails unless it is a success, or a refusal that says why; a fault is neither.
    pub(super) fn assert_proper(&self) {
        let Self { status, messages, told } = self;
        assert!(messages.len() <= LARGEST_ANSWER, "the answer has {} bytes", messages.len());
        assert!(*told <= LARGEST_REFUSAL, "the refusal has {told} bytes: {status:?}");
        match status.code() {
            Code::Ok => return,
            Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable | Code::Cancelled => {
                panic!("a fault is no answer: {status:?}")
            }
            Code::InvalidArgument
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated => {}
        }
        let details = status.get_details_error_info();
        let reason = details.map(|info| info.reason).unwrap_or_default();
        assert!(!reason.is_empty() && !status.message().is_empty(), "it does not say why: {status:?}");
    }

    /// The only message.
    pub(super) fn message<M: prost::Message + Default>(&self) -> M {
        assert_eq!(self.status.code(), Code::Ok, "{:?}", self.status);
        M::decode(&self.messages[5..]).unwrap()
    }
}
