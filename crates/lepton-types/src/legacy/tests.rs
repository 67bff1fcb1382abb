use serde_json::{Value, json};

use super::*;

fn legacy(model: Value) -> Result<Value, NoIpv4Error> {
    let model: NetworkInfo = serde_json::from_value(model).unwrap();
    LegacyNetworkInfo::try_from(&model).map(|legacy| serde_json::to_value(legacy).unwrap())
}

fn on(subnets: &Value) -> Value {
    json!([{"id": "v", "address": "fa:16:3e:00:00:01",
        "network": {"id": "n", "label": "l", "bridge": "", "subnets": subnets}}])
}

#[test]
fn the_worked_example_has_the_pairs_of_the_specification() {
    let model = serde_json::from_str(include_str!("../model/worked_example.json")).unwrap();
    let pairs: Value = serde_json::from_str(include_str!("worked_example.json")).unwrap();
    assert_eq!(legacy(model).unwrap(), pairs);
}

#[test]
fn vnics_without_a_network_or_subnets_are_left_out() {
    let model = json!([{"id": "a", "network": null}, {"id": "b", "network": {"id": "n", "subnets": []}}]);
    assert_eq!(legacy(model).unwrap(), json!([]));
}

#[test]
fn b16_a_network_without_ipv4_is_refused_by_name() {
    let error = legacy(on(&json!([{"cidr": "fd00:1::/64"}]))).unwrap_err();
    assert_eq!(error, NoIpv4Error { network: "n".to_owned() });
}

#[test]
fn all_ipv4_subnets_tell_their_addresses_but_only_the_first_speaks_for_the_network() {
    let pairs = legacy(on(&json!([
        {"cidr": "10.1.0.0/24", "gateway": {"address": "10.1.0.1"}, "ips": [{"address": "10.1.0.2"}]},
        {"cidr": "10.2.0.0/16", "gateway": {"address": "10.2.0.1"}, "ips": [{"address": "10.2.0.2"}],
            "routes": [{"cidr": "10.9.0.0/16", "gateway": {"address": "10.2.0.9"}}]},
    ])));
    let pairs = pairs.unwrap();
    let (network, mapping) = (&pairs[0][0], &pairs[0][1]);
    assert_eq!(network["cidr"], json!("10.1.0.0/24"));
    assert_eq!(network["cidr_v6"], Value::Null);
    assert_eq!(
        mapping["ips"],
        json!([
            {"ip": "10.1.0.2", "netmask": "255.255.255.0", "enabled": "1", "gateway": "10.1.0.1"},
            {"ip": "10.2.0.2", "netmask": "255.255.0.0", "enabled": "1", "gateway": "10.2.0.1"},
        ])
    );
    for key in ["gateway_v6", "ip6s", "routes"] {
        assert!(mapping.get(key).is_none(), "{key} is left out");
    }
}

#[test]
fn a_network_without_a_router_has_no_gateway_key() {
    let pairs = legacy(on(&json!([{"cidr": "10.1.0.0/24"}, {"cidr": "fd00:1::/64"}]))).unwrap();
    let mapping = &pairs[0][1];
    assert!(mapping.get("gateway").is_none());
    assert_eq!((&mapping["gateway_v6"], &mapping["dhcp_server"]), (&Value::Null, &Value::Null));
}
