//! Why a port has its addresses.

use lepton_ledger::Given;

use super::{Told, moment, told};

fn given(code: &'static str, given: Given, why: &str) -> Told {
    let Given { address, cidr, since } = given;
    let since = moment(since);
    let words = format!("it has {address} of {cidr} since {since}: {why}");
    told(code, [("address", address.to_string()), ("cidr", cidr.to_string()), ("since", since)], words)
}

pub(super) fn none() -> Told {
    let words = "it has no address: its network had no subnet, or all were taken from it";
    told("NO_ADDRESS", [], words.to_owned())
}

pub(super) fn asked_for(address: Given) -> Told {
    given("ADDRESS_ASKED_FOR", address, "this very address was asked for")
}

pub(super) fn lowest_free(address: Given) -> Told {
    given(
        "ADDRESS_LOWEST_FREE",
        address,
        "nobody asked for one, and it was the lowest of the allocation pools that its manager could take",
    )
}

pub(super) fn from_mac(address: Given) -> Told {
    given(
        "ADDRESS_FROM_MAC",
        address,
        "nobody asked for one, and on this subnet it follows from the MAC (EUI-64)",
    )
}

pub(super) fn from_account(address: Given) -> Told {
    given(
        "ADDRESS_FROM_ACCOUNT",
        address,
        "nobody asked for one, and on this subnet it follows from the project and the MAC (account_identifier)",
    )
}

pub(super) fn leaving(address: Given) -> Told {
    given(
        "ADDRESS_LEAVING",
        address,
        "it was taken from the port, and is free when the host has said that it lets no packet with it pass",
    )
}
