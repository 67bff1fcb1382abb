//! Guests in the kernel, in network namespaces of their own; needs no root where user namespaces are allowed.

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "hypervisor/fake.rs"]
#[expect(dead_code, reason = "the tests of the hypervisor use the rest")]
mod fake;

use std::{env, fs, net::IpAddr, path::Path, process::Command, time::Duration};

use lepton_proto::v1::{
    self,
    port_binding::{Kind, Veth},
};
use lepton_sim::{Boot, Forgery, Guest, Hypervisor, KernelError, KernelInstance, SimError, connect};

use fake::Fake;

/// Set for the copy of this program that runs inside.
const INSIDE: &str = "LEPTON_SIM_TEST_INSIDE";

/// Runs `test`, the body of the test named `name`, in fresh user and network namespaces.
///
/// Where that is not allowed the test is skipped with a loud word, or fails with `LEPTON_REQUIRE_KERNEL_TESTS=1`.
fn inside(name: &str, test: impl AsyncFnOnce()) {
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(test());
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net"]);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        assert!(env::var_os("LEPTON_REQUIRE_KERNEL_TESTS").is_none(), "no user and network namespaces here");
        eprintln!("SKIPPED {name}: user and network namespaces are not allowed here");
        return;
    }
    let status = unshare()
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed inside: {status}");
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lepton-sim"))
}

async fn guest() -> Guest {
    Guest::start(program()).await.unwrap()
}

/// `ip link`: a cable between two guests, as leptond and its bridge would be.
fn cable(left: &Guest, right: &Guest) {
    let arguments = format!(
        "link add eth0 mtu 1400 netns {} address fa:16:3e:00:00:01 type veth \
         peer name eth0 mtu 1400 netns {} address fa:16:3e:00:00:02",
        left.pid(),
        right.pid(),
    );
    assert!(Command::new("ip").args(arguments.split_whitespace()).status().unwrap().success());
}

fn info(number: u8) -> v1::NetworkInfo {
    let subnet = |cidr: &str, gateway: &str, fixed_ip: String| v1::VifSubnet {
        cidr: cidr.into(),
        gateway: gateway.into(),
        fixed_ips: vec![fixed_ip],
        ..Default::default()
    };
    let network = v1::VifNetwork {
        mtu: 1400,
        subnets: vec![
            subnet("10.1.0.0/24", "10.1.0.254", format!("10.1.0.{number}")),
            subnet("fd00:1::/64", "fd00:1::fe", format!("fd00:1::{number}")),
        ],
        ..Default::default()
    };
    let veth = Veth { netns_path: String::new(), guest_device: "eth0".into() };
    let vif = v1::Vif {
        mac_address: format!("fa:16:3e:00:00:{number:02}"),
        binding: Some(v1::PortBinding { kind: Some(Kind::Veth(veth)) }),
        network: Some(network),
        ..Default::default()
    };
    v1::NetworkInfo { vifs: vec![vif], ..Default::default() }
}

async fn configured_pair() -> (Guest, Guest) {
    let (mut left, mut right) = (guest().await, guest().await);
    cable(&left, &right);
    // The first end comes up when the second one does, so they are configured at the same time.
    let (left_info, right_info) = (info(1), info(2));
    let (one, other) = tokio::join!(left.configure(&left_info), right.configure(&right_info));
    one.and(other).unwrap();
    (left, right)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn two_guests_ping_each_other_over_both_families() {
    inside("two_guests_ping_each_other_over_both_families", async || {
        let (mut left, mut right) = configured_pair().await;
        for (own, other) in [("10.1.0.1", "10.1.0.2"), ("fd00:1::1", "fd00:1::2")] {
            let there = left.ping(ip(own), ip(other)).await.unwrap();
            let back = right.ping(ip(other), ip(own)).await.unwrap();
            assert!(there < Some(Duration::from_secs(1)) && there.is_some(), "{there:?}");
            assert!(back.is_some());
        }
        assert_eq!(left.ping(ip("10.1.0.1"), ip("10.1.0.77")).await.unwrap(), None, "nobody is there");
        left.quit().await.unwrap();
        right.quit().await.unwrap();
    });
}

/// What `ip route show` tells in the guest's namespace.
fn routes(guest: &Guest, arguments: &str) -> String {
    let inside = format!("--net={}", guest.netns_path());
    let show = ["ip"].into_iter().chain(arguments.split(' '));
    let output = Command::new("nsenter").arg(inside).args(show).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_guest_has_a_default_route_for_each_gateway() {
    inside("a_guest_has_a_default_route_for_each_gateway", async || {
        let (left, _right) = configured_pair().await;
        for (family, gateway, metric) in [("-4", "10.1.0.254", 1024), ("-6", "fd00:1::fe", 1025)] {
            let routes = routes(&left, &format!("{family} route show default"));
            assert!(routes.starts_with(&format!("default via {gateway} dev eth0 ")), "{routes}");
            assert!(routes.contains(&format!("metric {metric}")), "{routes}");
        }
    });
}

#[test]
fn a_guest_has_the_static_routes_that_its_network_info_tells_and_after_a_reboot_no_others() {
    inside(
        "a_guest_has_the_static_routes_that_its_network_info_tells_and_after_a_reboot_no_others",
        async || {
            let route = |destination: &str, gateway: &str| v1::Route {
                destination: destination.into(),
                gateway: gateway.into(),
            };
            let told = |routes: [Vec<v1::Route>; 2]| {
                let mut info = info(1);
                let network = info.vifs[0].network.as_mut().unwrap();
                for (subnet, routes) in network.subnets.iter_mut().zip(routes) {
                    subnet.routes = routes;
                }
                info
            };
            let (mut left, mut right) = (guest().await, guest().await);
            cable(&left, &right);
            // The last ones' next hops are neighbours, whatever the routes before them cover.
            let first = told([
                vec![
                    route("10.1.0.128/25", "10.1.0.77"),
                    route("192.168.9.0/24", "10.1.0.77"),
                    route("192.168.10.0/24", "10.1.0.200"),
                ],
                vec![
                    route("fd00:1::8000/113", "fd00:1::77"),
                    route("fd00:9::/64", "fd00:1::77"),
                    route("fd00:10::/64", "fd00:1::8001"),
                ],
            ]);
            let second = info(2);
            let (one, other) = tokio::join!(left.configure(&first), right.configure(&second));
            one.and(other).unwrap();
            for (destination, next_hop) in [
                ("192.168.9.0/24", "10.1.0.77"),
                ("192.168.10.0/24", "10.1.0.200"),
                ("fd00:9::/64", "fd00:1::77"),
                ("fd00:10::/64", "fd00:1::8001"),
            ] {
                let family = if destination.contains(':') { "-6" } else { "-4" };
                let shown = routes(&left, &format!("{family} route show {destination}"));
                assert!(shown.starts_with(&format!("{destination} via {next_hop} dev eth0 ")), "{shown}");
            }

            left.configure(&told([vec![route("192.168.9.0/24", "10.1.0.78")], vec![]])).await.unwrap();
            let all =
                routes(&left, "-4 route show proto static") + &routes(&left, "-6 route show proto static");
            let hops: Vec<_> = all.lines().map(|line| line.split(" dev ").next().unwrap()).collect();
            assert_eq!(
                hops,
                ["default via 10.1.0.254", "192.168.9.0/24 via 10.1.0.78", "default via fd00:1::fe"]
            );
        },
    );
}

#[test]
fn guests_whose_subnet_is_every_address_reach_each_other() {
    inside("guests_whose_subnet_is_every_address_reach_each_other", async || {
        let everywhere = |number: u8| {
            let mut info = info(number);
            let network = info.vifs[0].network.as_mut().unwrap();
            let subnets = [
                ("0.0.0.0/0", "1.0.0.0", format!("9.1.0.{number}")),
                ("::/0", "2000::", format!("2001:db8:{number}::1")),
            ];
            for (subnet, (cidr, gateway, fixed_ip)) in network.subnets.iter_mut().zip(subnets) {
                (subnet.cidr, subnet.gateway, subnet.fixed_ips) =
                    (cidr.into(), gateway.into(), vec![fixed_ip]);
            }
            info
        };
        let (mut left, mut right) = (guest().await, guest().await);
        cable(&left, &right);
        let (first, second) = (everywhere(1), everywhere(2));
        let (one, other) = tokio::join!(left.configure(&first), right.configure(&second));
        one.and(other).unwrap();
        for (own, other) in [("9.1.0.1", "9.1.0.2"), ("2001:db8:1::1", "2001:db8:2::1")] {
            assert!(left.ping(ip(own), ip(other)).await.unwrap().is_some(), "{other}");
        }
        for (family, gateway) in [("-4", "1.0.0.0"), ("-6", "2000::")] {
            let routes = routes(&left, &format!("{family} route show default"));
            assert!(routes.contains(&format!("default via {gateway} dev eth0 ")), "{routes}");
        }
    });
}

#[test]
fn a_guest_that_is_configured_hears_who_asks_for_its_addresses() {
    inside("a_guest_that_is_configured_hears_who_asks_for_its_addresses", async || {
        // The kernel joins the groups a little later than it adds the addresses, so one look may find them by luck.
        for _ in 0..20 {
            let (left, right) = configured_pair().await;
            for (guest, group) in
                [(left, "ff0200000000000000000001ff000001"), (right, "ff0200000000000000000001ff000002")]
            {
                let groups = fs::read_to_string(format!("/proc/{}/net/igmp6", guest.pid())).unwrap();
                let is_heard = |line: &str| line.contains("eth0") && line.contains(group);
                assert!(groups.lines().any(is_heard), "{groups}");
            }
        }
    });
}

#[test]
fn a_forged_packet_goes_out_and_the_lie_is_taken_back() {
    inside("a_forged_packet_goes_out_and_the_lie_is_taken_back", async || {
        let (mut left, mut right) = configured_pair().await;
        // Nothing filters this cable: the target answers the false address, which proves that the packet went out.
        let device = "eth0".parse().unwrap();
        let target_mac = "fa:16:3e:00:00:02".parse().unwrap();
        for (forged, target) in [("10.1.0.66", "10.1.0.2"), ("fd00:1::66", "fd00:1::2")] {
            let forgery = Forgery::Address(ip(forged));
            let reply = left.spoof(&device, forgery, ip(target), target_mac).await.unwrap();
            assert!(reply.is_some(), "{forged}");
            assert_eq!(right.ping(ip(target), ip(forged)).await.unwrap(), None, "{forged} is still there");
        }
        let forgery = Forgery::Mac { mac: "fa:16:3e:00:00:66".parse().unwrap(), source: ip("10.1.0.1") };
        left.spoof(&device, forgery, ip("10.1.0.2"), target_mac).await.unwrap();
        left.ping(ip("10.1.0.1"), ip("10.1.0.2")).await.unwrap();
    });
}

#[test]
fn a_guest_refuses_an_interface_that_is_not_what_its_network_info_says() {
    inside("a_guest_refuses_an_interface_that_is_not_what_its_network_info_says", async || {
        let (mut left, right) = (guest().await, guest().await);
        cable(&left, &right);
        let mut wrong = info(1);
        wrong.vifs[0].mac_address = "fa:16:3e:00:00:09".into();
        let error = left.configure(&wrong).await.unwrap_err().to_string();
        assert!(error.contains("eth0 has MAC fa:16:3e:00:00:01 instead of fa:16:3e:00:00:09"), "{error}");
    });
}

#[test]
fn an_instance_that_comes_to_its_target_with_an_old_life_is_given_back() {
    inside("an_instance_that_comes_to_its_target_with_an_old_life_is_given_back", async || {
        let fake = Fake::start().await;
        let channel = connect(&fake.endpoint()).await.unwrap();
        let hypervisor = |host: &str, seed| Hypervisor::new(host.parse().ok(), channel.clone(), seed);
        let (source, target) = (hypervisor("a", 1), hypervisor("b", 2));
        let boot = Boot::new("demo".parse().unwrap());
        let booted = KernelInstance::boot(&source, program(), boot).await.unwrap();
        let moved = booted.migrate(&source, &target, program()).await.unwrap();
        assert_eq!((moved.info.host.as_str(), moved.info.incarnation), ("b", 2));
        assert_eq!((source.instances(), target.instances()), (vec![], vec![moved.id]));

        fake.forget_lives();
        let error = moved.migrate(&target, &source, program()).await.unwrap_err();
        let KernelError::Api(error) = error else { panic!("{error}") };
        assert!(matches!(error, SimError::SameLife { before: 2, now: 1, .. }), "{error}");
        assert_eq!((fake.alive(), source.instances(), target.instances()), (0, vec![], vec![]));
    });
}
