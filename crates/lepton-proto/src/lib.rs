//! Lepton's gRPC API `lepton.v1`: the code generated from `proto/lepton/v1`, and [`FILE_DESCRIPTOR_SET`] for reflection.
//!
//! Conversions from `lepton-types` to the wire live here too, one module a proto file. What comes from the wire is
//! parsed where its errors can be told with their fields: in `lepton-manager`.

mod code;
mod dns;
mod event;
mod fixed_ip;
mod floating_ip;
mod mac_range;
mod mutation;
mod network;
mod port;
mod quota;
mod timestamp;

pub use code::code_name;
pub use dns::dns_entry;
pub use floating_ip::floating_ip;
pub use mutation::{MutatingCall, Mutation, any, type_of};
pub use network::network;
pub use port::port;
pub use quota::quota;
pub use timestamp::timestamp;

#[expect(
    clippy::all,
    missing_docs,
    unused_qualifications,
    reason = "generated code; the proto files are its documentation"
)]
pub mod v1 {
    tonic::include_proto!("lepton.v1");
}

/// The compiled proto files with their imports and comments, as an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lepton.v1.bin"));
