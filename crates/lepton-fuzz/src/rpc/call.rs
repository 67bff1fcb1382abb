//! [`Call`]: an input, read as a call.

use std::sync::LazyLock;

use lepton_manager::Caller;
use lepton_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;

use crate::{
    Choice,
    callers::{ADMIN, COMPUTE, MEMBER, READER},
};

/// A call that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// Its path, `/lepton.v1.NetworkManager/GetNetwork`.
    pub(super) path: String,
    /// Whether its answer comes in parts, and may have no end.
    pub(super) is_stream: bool,
}

/// A call with its caller and its body, as an input tells them.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: &'static Method,
    pub(super) caller: Caller,
    /// What is sent: a message in its frame, mostly.
    pub(super) body: Vec<u8>,
}

/// In the byte behind the mark, what says that the rest of the input is sent as it is, without a frame around it.
const AS_IT_IS: u8 = 0x80;

/// Who may call, by that byte.
static CALLERS: LazyLock<[Caller; 4]> = LazyLock::new(|| {
    [ADMIN, COMPUTE, MEMBER, READER].map(|certificate| Caller::by_certificate(certificate, None).unwrap())
});

/// Every call of the API, from the descriptors that clients get: a new one is among them.
pub(super) static METHODS: LazyLock<Vec<Method>> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.iter().filter(|file| file.package() == "lepton.v1");
    let services = files.flat_map(|file| &file.service);
    let methods = services.flat_map(|service| {
        service.method.iter().map(|method| Method {
            path: format!("/lepton.v1.{}/{}", service.name(), method.name()),
            is_stream: method.server_streaming(),
        })
    });
    methods.collect()
});

/// The calls by their marks.
pub(super) static CHOICE: LazyLock<Choice<&'static Method>> =
    LazyLock::new(|| Choice::among(METHODS.iter().map(|method| (&*method.path, method))));

impl Call {
    /// What an input says; none when it is too short for a call, or its caller may not make it.
    pub(super) fn read(input: &[u8]) -> Option<Self> {
        let (method, rest) = CHOICE.read(input)?;
        let (flags, rest) = rest.split_first()?;
        let caller = &CALLERS[usize::from(*flags) % CALLERS.len()];
        let may_call = caller.role().methods().any(|path| path == method.path);
        let body = if flags & AS_IT_IS == 0 { framed(rest) } else { rest.to_vec() };
        may_call.then(|| Self { method, caller: caller.clone(), body })
    }

    /// What an input has behind its mark for a message that this role sends.
    pub(super) fn rest(certificate: &[u8], message: &impl Message) -> Vec<u8> {
        let caller = Caller::by_certificate(certificate, None).unwrap();
        let place = CALLERS.iter().position(|other| *other == caller).unwrap();
        [&[u8::try_from(place).unwrap()], &*message.encode_to_vec()].concat()
    }

    /// An admin's call with an encoded message.
    pub(super) fn of_admin(path: &str, message: &[u8]) -> Self {
        let method = METHODS.iter().find(|method| method.path == path).unwrap();
        Self { method, caller: CALLERS[0].clone(), body: framed(message) }
    }
}

/// A message as gRPC frames it.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}
