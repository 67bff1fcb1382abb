//! Address arithmetic: pools, reserved addresses, free blocks, which address next, EUI-64, MACs.
//!
//! ```text
//!  SubnetSpec ──plan──▶ Subnet ──first_block, next_block──▶ Block ──lowest_free, take, release──▶ an address
//!  (asked for)          (valid)  (which 256 addresses)      (a bitmap of them)
//!                         ├──check_requested──▶ may a guest have this very address?
//!                         └─derived─▶ the address that follows from a port    MacBase ──draw──▶ a MAC
//! ```
//!
//! Nothing here knows what is allocated: blocks and addresses are rows of the ledger, which also has the last word on
//! who gets them. Randomness is the caller's generator, so that a simulation can be repeated.
//!
//! ```
//! use lepton_ipam::{Block, SubnetSpec, first_block};
//!
//! let spec = SubnetSpec::new("10.1.0.0/24".parse()?);
//! let subnet = spec.plan(uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into())?;
//! let first = first_block(&subnet).expect("a /24 has addresses to give out");
//! let mut block = Block::fresh(&subnet, first);
//! assert_eq!(block.lowest_free(), Some("10.1.0.2".parse()?), "10.1.0.1 is the gateway");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bits;
mod block;
mod carve;
mod derived;
mod mac_base;
mod requested_ip;
mod reserved;
mod special;
mod subnet_set;
mod subnet_spec;

pub use block::{Block, block_from, first_block, next_block};
pub use carve::{CarveError, carve, prefix_len_of_size};
pub use derived::derived;
pub use mac_base::{MacBase, MacBaseError};
pub use requested_ip::{RequestedIpError, check_requested};
pub use reserved::Reserved;
pub use special::Special;
pub use subnet_set::{SubnetSetError, check_together};
pub use subnet_spec::{Gateway, SpecField, SubnetServer, SubnetSpec, SubnetSpecError};
