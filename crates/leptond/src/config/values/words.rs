//! Settings whose values are words.

use std::{fmt, str::FromStr};

use super::ValueError;

/// Enums whose values are words: `FromStr` and `Display` from one list.
macro_rules! words {
    ($($(#[$doc:meta])* $type:ident is $expected:literal { $($(#[$case_doc:meta])* $case:ident = $word:literal),+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$case_doc])* $case),+
        }

        impl FromStr for $type {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text {
                    $($word => Ok(Self::$case),)+
                    _ => Err(ValueError::new(text, $expected)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(match self { $(Self::$case => $word),+ })
            }
        }
    )+};
}

words! {
    /// What plugs the ports of this host.
    Backend is "linux or fake" {
        /// Devices and filters of this kernel.
        Linux = "linux",
        /// Nothing: a model of a host in memory.
        Fake = "fake"
    }

    /// Which hosts get ports.
    AcceptHosts is "any or known" {
        /// Whatever a request names.
        Any = "any",
        /// Those whose agent was here before.
        Known = "known"
    }

    /// Which hosts the owner of a compute or agent certificate may act for.
    CertificateHosts is "own or any" {
        /// The one that the certificate names.
        Own = "own",
        /// Every one.
        Any = "any"
    }

    /// How log lines look.
    LogFormat is "human or json" {
        /// For people.
        Human = "human",
        /// One JSON object a line.
        Json = "json"
    }
}

/// Which halves of Lepton run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// The network manager only.
    Manager,
    /// The network manager, and the agent of this host inside it.
    ManagerAndAgent,
}

impl Roles {
    /// Whether this process plugs the ports of its host.
    pub fn has_agent(self) -> bool {
        match self {
            Self::Manager => false,
            Self::ManagerAndAgent => true,
        }
    }
}

impl FromStr for Roles {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut names: Vec<&str> = text.split(',').map(str::trim).collect();
        names.sort_unstable();
        match names[..] {
            ["manager"] => Ok(Self::Manager),
            ["agent", "manager"] => Ok(Self::ManagerAndAgent),
            ["agent"] => {
                Err(ValueError::new(text, "possible alone yet: the agent works inside the manager's process"))
            }
            _ => Err(ValueError::new(text, "a list of roles (expected manager, or manager and agent)")),
        }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Manager => "manager",
            Self::ManagerAndAgent => "manager,agent",
        })
    }
}
