use serde_json::json;

use super::*;

#[test]
fn every_address_routes_and_name_servers_are_told() {
    let info: NetworkInfo = serde_json::from_str(include_str!("../model/ours.json")).unwrap();
    let data = serde_json::to_value(NetworkData::from(&info)).unwrap();

    assert_eq!(
        data["links"][1],
        json!({
            "id": "tapbbbbbbbb-00", "vif_id": "aaaaaaaa-0002-4000-8000-000000000002", "type": "phy",
            "ethernet_mac_address": "fa:16:3e:44:55:66", "mtu": 1500,
        })
    );
    let dns = json!([{"type": "dns", "address": "8.8.8.8"}, {"type": "dns", "address": "8.8.4.4"}]);
    assert_eq!(data["services"], dns);
    assert_eq!(
        data["networks"],
        json!([
            {"id": "network0", "type": "ipv4", "link": "tapaaaaaaaa-00",
                "network_id": "11111111-1111-4111-8111-111111111111",
                "ip_address": "10.1.0.2", "netmask": "255.255.255.0", "services": dns,
                "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.1.0.1"}]},
            {"id": "network1", "type": "ipv6", "link": "tapaaaaaaaa-00",
                "network_id": "11111111-1111-4111-8111-111111111111",
                "ip_address": "fd00:1::f816:3eff:fe11:2233", "netmask": "ffff:ffff:ffff:ffff::", "services": [],
                "routes": [{"network": "::", "netmask": "::", "gateway": "fd00:1::1"}]},
            {"id": "network2", "type": "ipv4", "link": "tapbbbbbbbb-00",
                "network_id": "22222222-2222-4222-8222-222222222222",
                "ip_address": "10.2.0.2", "netmask": "255.255.255.0", "services": [],
                "routes": [
                    {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.2.0.1"},
                    {"network": "192.168.50.0", "netmask": "255.255.255.0", "gateway": "10.2.0.254"},
                ]},
            {"id": "network3", "type": "ipv6", "link": "tapbbbbbbbb-00",
                "network_id": "22222222-2222-4222-8222-222222222222",
                "ip_address": "fd00:2::f816:3eff:fe44:5566", "netmask": "ffff:ffff:ffff:ffff::", "services": [],
                "routes": [{"network": "::", "netmask": "::", "gateway": "fd00:2::1"}]},
        ])
    );
}

#[test]
fn a_second_address_of_a_subnet_brings_no_second_route() {
    let mut info: NetworkInfo = serde_json::from_str(include_str!("../model/ours.json")).unwrap();
    info.vifs.truncate(1);
    info.vifs[0].network.subnets.truncate(1);
    info.vifs[0].network.subnets[0].fixed_ips.push("10.1.0.3".parse().unwrap());
    let data = NetworkData::from(&info);
    assert_eq!(data.networks.iter().map(|network| network.routes.len()).collect::<Vec<_>>(), [1, 0]);
}
