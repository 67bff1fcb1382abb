use serde_json::{Value, json};

use super::*;

/// The specification's worked example (§4.2): two vNICs, dual stack, a floating IP, a static route.
pub(crate) const WORKED_EXAMPLE: &str = include_str!("worked_example.json");

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn round_trip(value: &Value) -> Value {
    let info: NetworkInfo = serde_json::from_value(value.clone()).unwrap();
    serde_json::to_value(info).unwrap()
}

fn vif(vif: Value) -> Value {
    Value::Array(vec![vif])
}

#[test]
fn the_worked_example_comes_back_as_it_was() {
    assert_eq!(round_trip(&value(WORKED_EXAMPLE)), value(WORKED_EXAMPLE));
}

#[test]
fn what_the_model_has_no_word_for_goes_to_meta_and_is_not_lost() {
    let read = vif(json!({
        "id": "v", "address": "FA:16:3E:00:00:01", "network": null, "rxtx_cap": 30, "meta": {"x": [1]},
    }));
    let written = vif(json!({
        "id": "v", "address": "FA:16:3E:00:00:01", "network": null, "meta": {"x": [1], "rxtx_cap": 30},
    }));
    assert_eq!(round_trip(&read), written);
    assert_eq!(round_trip(&written), written);
}

#[test]
fn a_version_that_is_not_written_is_that_of_the_address() {
    let read = vif(json!({"network": {"subnets": [
        {"cidr": "FD00:1::/64", "ips": [{"address": "fd00:1:0::2", "type": "fixed", "mark": 1}]},
    ]}}));
    let subnet = &round_trip(&read)[0]["network"]["subnets"][0];
    assert_eq!(subnet["cidr"], json!("FD00:1::/64"), "as it was written");
    assert_eq!(subnet["version"], json!(6));
    let address = json!({
        "address": "fd00:1:0::2", "version": 6, "type": "fixed", "meta": {"mark": 1}, "floating_ips": [],
    });
    assert_eq!(subnet["ips"][0], address);
}

#[test]
fn b15_the_subnet_that_is_none_can_be_read() {
    let nothing = json!({"cidr": null, "version": null, "ips": [], "dns": [], "routes": [], "meta": {},
        "gateway": {"address": null, "type": "gateway", "version": null, "meta": {}}});
    let network = json!({"id": "n", "bridge": "", "label": "l", "meta": {}, "subnets": [nothing]});
    let read = vif(json!({"id": "v", "address": "fa:16:3e:00:00:01", "meta": {}, "network": network}));
    assert_eq!(round_trip(&read), read);
}

#[test]
fn what_is_no_address_is_refused_with_its_text() {
    for (subnet, told) in [
        (json!({"gateway": {"address": "10.1.0.999"}}), "\"10.1.0.999\" is not an IP address"),
        (json!({"ips": [{"address": "host"}]}), "\"host\" is not an IP address"),
        (json!({"cidr": "10.1.0.0"}), "\"10.1.0.0\" is not a prefix"),
        (json!({"cidr": "10.1.0.0/24", "version": 6}), "10.1.0.0/24 is not of version 6"),
        (json!({"routes": [{"cidr": "elsewhere"}]}), "\"elsewhere\" is not a prefix"),
    ] {
        let read = vif(json!({"network": {"subnets": [subnet]}}));
        let error = serde_json::from_value::<NetworkInfo>(read).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn leptons_own_form_becomes_the_worked_example() {
    let ours: crate::NetworkInfo = serde_json::from_str(include_str!("ours.json")).unwrap();
    let mut expected = value(WORKED_EXAMPLE);
    // Lepton tells the bridge that the host really has.
    expected[0]["network"]["bridge"] = json!("brq11111111-11");
    expected[1]["network"]["bridge"] = json!("brq22222222-22");
    assert_eq!(serde_json::to_value(NetworkInfo::from(&ours)).unwrap(), expected);
}
