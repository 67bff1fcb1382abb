//! [`IfName`]: the name of a kernel device.

use crate::{Shown, text::texts};

texts! {
    /// Name of a network device: 1 to 15 printable bytes without `/`, `:` and white space, neither `.` nor `..`.
    ///
    /// Source: Linux `dev_valid_name()`; `:` is refused there too, since it once marked aliases.
    IfName is check, IfNameError;
}

/// A text that the kernel would refuse as a device's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a device name (expected 1 to 15 printable ASCII characters without '/', ':' and spaces)")]
pub struct IfNameError(Shown);

impl IfName {
    const MAX: usize = 15;
}

fn check(text: &str) -> Result<(), IfNameError> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b':';
    let is_path = text == "." || text == "..";
    if (1..=IfName::MAX).contains(&text.len()) && text.bytes().all(is_allowed) && !is_path {
        Ok(())
    } else {
        Err(IfNameError(Shown::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_device_name_round_trips(text in "[a-z0-9_-]{1,15}") {
            let name: IfName = text.parse().unwrap();
            prop_assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn names_the_kernel_refuses_are_refused() {
        for text in ["", ".", "..", "a/b", "a b", "a:1", "sixteen-letters-", "tap\u{e9}"] {
            assert!(text.parse::<IfName>().is_err(), "{text:?}");
        }
    }
}
