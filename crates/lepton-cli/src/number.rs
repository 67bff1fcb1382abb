//! Numbers as people type them.

use std::{num::NonZeroUsize, str::FromStr};

use lepton_types::Mtu;

/// A parser of numbers of type `T` that says in words which ones there are.
pub(crate) fn number<T: FromStr>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| text.parse().map_err(|_| format!("expected {expected}"))
}

/// The same of numbers that are not 0, which to the server would mean that none was given.
pub(crate) fn positive<T: FromStr + Default + PartialEq>(
    expected: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        number(expected)(text).and_then(|given: T| {
            if given == T::default() { Err(format!("expected {expected}")) } else { Ok(given) }
        })
    }
}

/// At most how many to show.
pub(crate) fn limit(text: &str) -> Result<NonZeroUsize, String> {
    number("a whole number, 1 or more")(text)
}

/// A revision of the ledger's events.
pub(crate) fn revision(text: &str) -> Result<u64, String> {
    number("a whole number, 0 or more")(text)
}

/// An MTU as somebody gave it. To the server 0 means that none was given, so it is refused here, in the server's words, as is
/// what no request can carry; every other number is the server's to judge.
pub(crate) fn mtu(text: &str) -> Result<u32, String> {
    let given = text.parse().ok().filter(|bytes| *bytes != 0);
    given.map_or_else(|| text.parse().map(|mtu: Mtu| mtu.into()).map_err(|error| error.to_string()), Ok)
}

/// Where a network's vNICs stand.
pub(crate) fn priority(text: &str) -> Result<i32, String> {
    number("a whole number from -2147483648 to 2147483647")(text)
}
