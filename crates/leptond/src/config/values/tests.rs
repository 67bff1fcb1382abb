use std::fmt::{Debug, Display};

use proptest::prelude::*;

use super::*;

/// Every text is a value of `T` that is written as it was read.
fn round_trips<T: FromStr<Err: Debug> + Display>(texts: &[&str]) {
    for text in texts {
        assert_eq!(text.parse::<T>().unwrap().to_string(), *text);
    }
}

/// Every text is refused by `T`, with the text in the error.
fn refuses<T: FromStr<Err: Display> + Debug>(texts: &[&str]) {
    for text in texts {
        let error = text.parse::<T>().unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }
}

#[test]
fn words_are_taken_as_they_are_written() {
    round_trips::<Backend>(&["linux", "fake"]);
    refuses::<Backend>(&["", "Linux", "ovs"]);
    round_trips::<LogFormat>(&["human", "json"]);
    round_trips::<CertificateHosts>(&["own", "any"]);
    refuses::<CertificateHosts>(&["", "true"]);
    refuses::<LogFormat>(&["JSON", "text"]);
}

#[test]
fn roles_are_a_set_that_has_the_manager() {
    round_trips::<LocalRole>(&["admin", "compute", "agent", "reader"]);
    refuses::<LocalRole>(&["member", "Admin", ""]);
    round_trips::<Roles>(&["manager", "manager,agent"]);
    assert_eq!("agent, manager".parse(), Ok(Roles::ManagerAndAgent));
    refuses::<Roles>(&["", "agent", "manager,manager", "manager,", "managers"]);
}

#[test]
fn paths_are_absolute() {
    round_trips::<AbsolutePath>(&["/", "/var/lib/lepton", "/with a space"]);
    refuses::<AbsolutePath>(&["", "lepton", "./lepton", "~/lepton", "/nul\0"]);
}

#[test]
fn a_socket_path_is_a_file_that_its_address_has_room_for() {
    let (fits, too_long) = (format!("/{}", "s".repeat(106)), format!("/{}", "s".repeat(107)));
    round_trips::<SocketPath>(&["/run/lepton.sock", &fits]);
    refuses::<SocketPath>(&["", "lepton.sock", "/", "/run/", "/run/..", &too_long]);
}

#[test]
fn a_mode_is_octal_and_has_only_permission_bits() {
    round_trips::<SocketMode>(&["0660", "0000", "0777"]);
    assert_eq!("600".parse::<SocketMode>().unwrap().bits(), 0o600);
    refuses::<SocketMode>(&["", "0o660", "668", "1777", "+660", "rw-rw----"]);
}

#[test]
fn groups_have_names() {
    round_trips::<GroupName>(&["lepton", "_lepton-2"]);
    refuses::<GroupName>(&["", "a b", "a:b"]);
}

#[test]
fn tcp_addresses_have_a_port_and_no_host_names() {
    round_trips::<TcpAddress>(&["127.0.0.1:9797", "[::1]:0"]);
    refuses::<TcpAddress>(&["", "127.0.0.1", "localhost:9797", "::1:9797", "127.0.0.1:65536", ":9797"]);
}

#[test]
fn the_queue_has_room_for_one_at_least() {
    round_trips::<QueueLimit>(&["1", "1000000"]);
    refuses::<QueueLimit>(&["", "0", "-1", "1000001", "many"]);
}

#[test]
fn a_listener_has_one_connection_at_least() {
    round_trips::<ConnectionLimit>(&["1", "65536"]);
    refuses::<ConnectionLimit>(&["", "0", "-1", "65537", "many"]);
}

#[test]
fn log_levels_are_levels_or_say_whose_they_are() {
    round_trips::<LogFilter>(&["info", "warn,lepton_store=debug", "off"]);
    refuses::<LogFilter>(&["", "inof", "lepton_store", "info,", "lepton_store=loud"]);
}

#[test]
fn an_empty_text_is_no_value() {
    assert_eq!("".parse::<Optional<GroupName>>(), Ok(Optional(None)));
    assert_eq!(Optional::<GroupName>(None).to_string(), "");
    round_trips::<Optional<GroupName>>(&["", "lepton"]);
}

proptest! {
    #[test]
    fn a_mode_round_trips(bits in 0..=0o777_u32) {
        let mode = SocketMode(bits);
        prop_assert_eq!(mode.to_string().parse(), Ok(mode));
    }

    #[test]
    fn a_tcp_address_round_trips(address in any::<SocketAddr>()) {
        let is_plain = match address {
            SocketAddr::V4(_) => true,
            SocketAddr::V6(address) => address.flowinfo() == 0,
        };
        prop_assume!(is_plain);
        prop_assert_eq!(TcpAddress(address).to_string().parse(), Ok(TcpAddress(address)));
    }
}
