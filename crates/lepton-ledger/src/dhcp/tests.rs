use super::*;

fn guest(mac: &str, address: &str) -> DhcpGuest {
    DhcpGuest {
        mac: mac.parse().unwrap(),
        address: address.parse().unwrap(),
        hostname: None,
        tag: 0,
        is_first: true,
        created_at: Timestamp::default(),
    }
}

fn view(style: Style, guests: Vec<DhcpGuest>) -> DhcpView {
    DhcpView::new(style, "novalocal".parse().unwrap(), Duration::from_secs(120), guests)
}

fn at(secs: i64) -> Timestamp {
    (secs * 1_000_000).into()
}

#[test]
fn the_quantum_managers_hosts_are_called_after_their_addresses() {
    let guests = vec![guest("fa:16:3e:00:00:02", "10.1.0.3"), guest("fa:16:3e:00:00:01", "10.1.0.2")];
    assert_eq!(
        view(Style::Quantum, guests).hosts(),
        "fa:16:3e:00:00:01,host-10.1.0.2.novalocal,10.1.0.2\nfa:16:3e:00:00:02,host-10.1.0.3.novalocal,10.1.0.3\n"
    );
    assert_eq!(view(Style::Quantum, Vec::new()).hosts(), "");
}

#[test]
fn the_quantum_managers_leases_are_over() {
    let guests = vec![guest("fa:16:3e:00:00:01", "10.2.0.2")];
    let leases = view(Style::Quantum, guests).leases(at(1_795_182_672));
    assert_eq!(leases, "1795182552 fa:16:3e:00:00:01 10.2.0.2 * *\n");
}

#[test]
fn the_other_managers_hosts_have_their_own_names() {
    let mut named = guest("de:ad:be:ef:00:00", "192.168.0.100");
    named.hostname = "fake-instance00".parse().ok();
    let mut view = view(Style::LinuxNet, vec![named, guest("de:ad:be:ef:00:01", "192.168.0.101")]);
    let second = "de:ad:be:ef:00:01,host-192.168.0.101.novalocal,192.168.0.101";
    assert_eq!(view.hosts(), format!("de:ad:be:ef:00:00,fake-instance00.novalocal,192.168.0.100\n{second}"));
    view.has_single_gateway = true;
    assert!(view.hosts().starts_with("de:ad:be:ef:00:00,fake-instance00.novalocal,192.168.0.100,net:NW-0\n"));
}

#[test]
fn the_other_managers_leases_begin_with_the_instance() {
    let mut named = guest("fa:16:3e:00:00:01", "10.2.0.2");
    named.created_at = at(1_344_593_323);
    let nameless = view(Style::LinuxNet, vec![named.clone()]);
    assert_eq!(nameless.leases(at(0)), "1344593443 fa:16:3e:00:00:01 10.2.0.2 * *");
    named.hostname = "vm1".parse().ok();
    let view = view(Style::LinuxNet, vec![named]);
    assert_eq!(view.leases(at(0)), "1344593443 fa:16:3e:00:00:01 10.2.0.2 vm1 *");
}

#[test]
fn b34_only_vnics_that_are_not_an_instances_first_lose_the_default_route() {
    let on_network_0 = [(0_u64, true), (3, false), (4, false)];
    let guests = on_network_0.iter().map(|&(tag, is_first)| DhcpGuest {
        tag,
        is_first,
        ..guest(&format!("de:ad:be:ef:00:0{tag}"), &format!("192.168.0.10{tag}"))
    });
    let mut view = view(Style::LinuxNet, guests.collect());
    assert_eq!(view.options(), "", "without a single gateway every vNIC has its own");
    view.has_single_gateway = true;
    assert_eq!(view.options(), "NW-3,3\nNW-4,3");
}

#[test]
fn b32_a_mac_with_several_addresses_is_told_one() {
    let guests = ["10.1.0.9", "10.1.0.4", "10.1.0.7"].map(|address| guest("fa:16:3e:00:00:01", address));
    let hosts = view(Style::Quantum, guests.to_vec()).hosts();
    assert_eq!(hosts, "fa:16:3e:00:00:01,host-10.1.0.4.novalocal,10.1.0.4\n");
}
