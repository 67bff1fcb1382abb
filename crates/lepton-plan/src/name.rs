//! Which device names can be ours. What does not bear one of these names is never observed and never touched.
//!
//! A name alone makes nothing ours, since Neutron's agents name their devices in the same way: what we make bears our mark
//! as well, and what lacks it is a stranger ([`crate::HostState::strangers`]).

use lepton_types::IfName;

/// What a device of ours is for, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `brq` and the first 11 characters of a network's id: the network's bridge.
    Bridge,
    /// `tap` and the first 11 characters of a port's id: the port's device.
    Port,
}

impl Role {
    /// What a device called `name` is for; `None` when the name cannot be ours, as `tap0` and `brq-foo` cannot.
    pub fn of(name: &IfName) -> Option<Self> {
        let (prefix, id) = name.as_str().split_at_checked(3)?;
        match prefix {
            "brq" if is_start_of_uuid(id) => Some(Self::Bridge),
            "tap" if is_start_of_uuid(id) => Some(Self::Port),
            _ => None,
        }
    }
}

/// Whether `text` reads like a UUID's first 11 characters: 8 lower-case hexadecimal digits, a hyphen, 2 digits.
fn is_start_of_uuid(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 11
        && text.bytes().enumerate().all(|(at, byte)| if at == 8 { byte == b'-' } else { is_digit(byte) })
}

#[cfg(test)]
mod tests {
    use lepton_types::PortId;
    use proptest::prelude::*;

    use super::*;

    fn role(name: &str) -> Option<Role> {
        Role::of(&name.parse().unwrap())
    }

    #[test]
    fn only_names_made_of_ids_are_ours() {
        assert_eq!(role("brq11111111-22"), Some(Role::Bridge));
        assert_eq!(role("tap11111111-22"), Some(Role::Port));
        let foreign = [
            "tap0",
            "brq-foo",
            "brq",
            "lo",
            "tap11111111-2",
            "tap11111111-2g",
            "tapAAAAAAAA-22",
            "tap111111111-2",
        ];
        for name in foreign {
            assert_eq!(role(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_ports_device_is_ours(bits in any::<[u8; 16]>()) {
            let id: PortId = bits_to_uuid(bits).parse().unwrap();
            prop_assert_eq!(Role::of(&id.device()), Some(Role::Port));
        }
    }

    fn bits_to_uuid(bits: [u8; 16]) -> String {
        bits.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
