//! A fake hypervisor: does to Lepton what compute agents do, without a single virtual machine.
//!
//! - [`Hypervisor`] boots, reboots, kills and migrates instances over gRPC, in memory by the thousand.
//! - [`Guest`] is an instance in the kernel: a process in a network namespace of its own, whose interfaces get
//!   exactly what its NetworkInfo says, and that pings, and forges packets, when told to.
//! - [`KernelInstance`] is both: its vNICs are plugged into its guest's namespace, when it boots, reboots and migrates.
//! - [`Churn`] mixes those operations at random from a seed, in memory or in the kernel; [`Load`] repeats one of them as fast as it can.
//!
//! Nothing here decides what a vNIC is: every fact comes from the API's answers. Every loop is bounded.

mod churn;
mod connect;
mod error;
mod guest;
mod hypervisor;
mod identity;
mod kernel;
mod load;
mod record;
mod retry;

pub use churn::{Churn, ChurnSummary, Stop};
pub use connect::{ConnectError, connect};
pub use error::{SimError, reason, with_causes};
pub use guest::{
    Address, Command, Forgery, Guest, GuestError, Interface, InterfaceError, Reply, Route, interfaces,
    run_guest,
};
pub use hypervisor::{Boot, Hypervisor};
pub use identity::instance_id;
pub use kernel::{KernelError, KernelInstance, Moving};
pub use load::{Load, LoadReport, Operation, floating_ips_of};
pub use record::{Call, CallSummary, Record};
pub use retry::{RetryPolicy, is_worth_repeating};
