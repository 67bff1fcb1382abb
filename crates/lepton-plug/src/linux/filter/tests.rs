use super::*;

fn filters() -> BTreeMap<IfName, Filter> {
    let filter = |mac: &str, addresses: &[&str]| {
        Filter::new(mac.parse().unwrap(), addresses.iter().map(|address| address.parse().unwrap()))
    };
    [
        ("tapaaaaaaaa-00".parse().unwrap(), filter("fa:16:3e:00:00:01", &["10.0.0.1", "fd00::1"])),
        ("tapbbbbbbbb-00".parse().unwrap(), filter("fa:16:3e:00:00:02", &["10.0.0.2", "10.0.0.3"])),
        ("tapcccccccc-00".parse().unwrap(), filter("fa:16:3e:00:00:03", &[])),
    ]
    .into()
}

#[test]
fn the_table_is_the_golden_one() {
    assert_eq!(render_table(&filters(), &[]), include_str!("golden.nft"));
}

#[test]
fn a_host_without_ports_has_the_skeleton_and_no_elements() {
    let text = render_table(&BTreeMap::new(), &[]);
    assert!(text.contains("add rule") && !text.contains("add element"), "{text}");
}

#[test]
fn one_port_more_is_elements_and_no_rule() {
    let all = filters();
    assert_eq!(
        render_changes([], all.iter().take(1)),
        "add element bridge lepton ports { \"tapaaaaaaaa-00\" }\n\
         add element bridge lepton macs { \"tapaaaaaaaa-00\" . fa:16:3e:00:00:01 }\n\
         add element bridge lepton ipv4s { \"tapaaaaaaaa-00\" . 10.0.0.1 }\n\
         add element bridge lepton ipv6s { \"tapaaaaaaaa-00\" . fd00::1, \"tapaaaaaaaa-00\" . fe80::f816:3eff:fe00:1 }\n\
         add element bridge lepton targets { \"tapaaaaaaaa-00\" . 0xfd000000000000000000000000000001, \
         \"tapaaaaaaaa-00\" . 0xfe80000000000000f8163efffe000001 }\n\
         add element bridge lepton links { \"tapaaaaaaaa-00\" . 0xfa163e000001 }\n"
    );
}

#[test]
fn a_table_in_parts_is_the_table_and_admits_ports_one_part_after_the_other() {
    let parts = render_parts(&filters(), &[], 2);
    assert_eq!(parts.len(), 3);
    assert!(parts[0].contains("\"tapcccccccc-00\"") && !parts[0].contains("fa:16:3e"), "{}", parts[0]);
    assert!(
        parts[1].contains("fa:16:3e:00:00:02") && !parts[1].contains("fa:16:3e:00:00:03"),
        "{}",
        parts[1]
    );
    let words = |text: &str| {
        let mut words: Vec<_> = text.split([' ', ',', '\n']).map(ToOwned::to_owned).collect();
        words.sort();
        words.dedup();
        words
    };
    assert_eq!(words(&parts.concat()), words(&render_table(&filters(), &[])));
}

#[test]
fn a_changed_filter_touches_only_what_differs() {
    let [device] = ["tapaaaaaaaa-00".parse::<IfName>().unwrap()];
    let mac = "fa:16:3e:00:00:01".parse().unwrap();
    let before = Filter::new(mac, ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()]);
    let after = Filter::new(mac, ["10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap()]);
    assert_eq!(
        render_changes([(&device, &before)], [(&device, &after)]),
        "delete element bridge lepton ipv4s { \"tapaaaaaaaa-00\" . 10.0.0.1 }\n\
         add element bridge lepton ipv4s { \"tapaaaaaaaa-00\" . 10.0.0.3 }\n"
    );
}

#[test]
fn no_rule_has_a_set_of_its_own() {
    assert!(RULES.iter().all(|(_, rule)| !rule.contains('{')));
}

#[test]
fn filters_that_change_nothing_are_no_text() {
    let all = filters();
    assert_eq!(render_changes(&all, &all), "");
}

#[test]
fn the_rules_name_the_ports_group() {
    let number = crate::linux::mark::PORTS.to_string();
    let groups = RULES.iter().filter_map(|(_, rule)| rule.split_once("iifgroup "));
    assert!(groups.clone().count() > 0 && groups.clone().all(|(_, rest)| rest.starts_with(&number)));
}

#[test]
fn the_mark_follows_whatever_the_table_is_made_of() {
    let (declared, rules) = (declarations(), RULES.as_slice());
    let marks = [
        mark(&declared, rules),
        mark(&declared.replace("drop_nd", "drop_xx"), rules),
        mark(&declared.replace("typeof iifname . ip saddr", "type ifname . ipv4_addr"), rules),
        mark(&declared.replace("hook input", "hook forward"), rules),
        mark(&declared, &rules[1..]),
        mark(&declared, &[&[("guest", "accept")], &rules[1..]].concat()),
    ];
    assert_eq!(BTreeSet::from(marks).len(), marks.len(), "{marks:x?}");
    // The vector of the reference implementation (isthe.com, FNV-1a, "foobar").
    assert_eq!(fnv(FNV_START, "foobar"), 0x8594_4171_f739_67e8);
}

/// What is read of what nft 1.0.6 prints after the golden table was loaded, and then changed by `change`.
fn listing(change: impl FnOnce(String) -> String) -> Option<BTreeMap<IfName, Filter>> {
    whole(change(golden()).as_bytes())
}

/// What nft 1.0.6 prints when the golden table was loaded and its fingerprint is kept.
fn golden() -> String {
    let listed = include_str!("golden.json");
    let fingerprint = fingerprint(listed.as_bytes()).unwrap();
    let set = r#""name": "fingerprint", "#;
    listed.replace(set, &format!(r#"{set}"elem": [{fingerprint}], "#))
}

/// The filters of a table that is whole.
fn whole(listing: &[u8]) -> Option<BTreeMap<IfName, Filter>> {
    read(listing).filter(|found| found.is_whole).map(|found| found.filters)
}

#[test]
fn the_filters_of_a_damaged_table_are_read_all_the_same() {
    for (from, to) in [("lepton ", "lepton of another version "), ("\"prio\": -200", "\"prio\": -100")] {
        let text = golden().replace(from, to);
        assert_eq!(
            read(text.as_bytes()),
            Some(Found { filters: filters(), is_whole: false, strays: vec![] }),
            "{from}"
        );
    }
}

#[test]
fn a_table_put_to_sleep_is_noticed() {
    let sleeping = |text: String| text.replace(r#""table": {"#, r#""table": {"flags": "dormant", "#);
    assert_eq!(listing(sleeping), None);
    // What nft 1.0.6 makes of it.
    assert_eq!(
        whole(br#"{"nftables": [{"table": {"family": "bridge", "name": "lepton", "handle": 1, "flags": "#),
        None
    );
}

#[test]
fn what_was_loaded_is_read_back() {
    assert_eq!(listing(|text| text), Some(filters()));
}

#[test]
fn an_absent_table_is_not_whole() {
    assert_eq!(whole(br#"{"nftables": [{"metainfo": {"json_schema_version": 1}}]}"#), None);
    assert_eq!(listing(|text| text.replace("\"lepton\"", "\"another\"")), None);
}

#[test]
fn a_changed_part_is_noticed() {
    let changes = [
        ("\"prio\": -200", "\"prio\": -100"), // a chain at another place
        ("\"policy\": \"accept\"", "\"policy\": \"drop\""), // another policy
        ("\"hook\": \"prerouting\"", "\"hook\": \"postrouting\""), // another hook
        ("\"name\": \"drop_nd\"", "\"name\": \"drop_xx\""), // a counter gone
        ("\"name\": \"targets\"", "\"name\": \"goals\""), // a set gone
        ("lepton ", "mine "),                 // rules of somebody else
        ("\"chain\": \"from_arp\"", "\"chain\": \"guest\""), // rules in another chain
        ("\"fe80::f816:3eff:fe00:1\"", "\"fe80::bad\""), // a link-local address that does not follow
        ("\"tapbbbbbbbb-00\", \"fa:16:3e", "\"tapcccccccc-00\", \"fa:16:3e"), // two MACs for one port, none for another
        ("[\"tapaaaaaaaa-00\"", "[\"eth0\""),                                 // a port that is not ours
        ("274973436411905", "274973436411909"), // another MAC in neighbour discovery than in frames
        ("0xfd000000000000000000000000000001", "0xfd000000000000000000000000000002"), // a target that is no source
    ];
    for (from, to) in changes {
        assert_eq!(
            listing(|text| {
                assert!(text.contains(from), "{from}");
                text.replace(from, to)
            }),
            None,
            "{from} → {to}"
        );
    }
}

#[test]
fn a_chain_more_is_noticed_and_deleted_by_its_handle() {
    let mut listed: serde_json::Value = serde_json::from_str(&golden()).unwrap();
    let stray = serde_json::json!({
        "chain": {"family": "bridge", "table": "lepton", "name": "a\nname", "handle": 4711}
    });
    listed["nftables"].as_array_mut().unwrap().push(stray);
    let found = read(listed.to_string().as_bytes()).unwrap();
    assert_eq!(found, Found { filters: filters(), is_whole: false, strays: vec![4711] });
    let text = render_table(&found.filters, &found.strays);
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    let deletion = place("\ndelete chain bridge lepton handle 4711\n");
    assert!(place("\nflush table") < deletion, "a chain that a rule jumps to cannot be deleted");
}

#[test]
fn a_rule_that_is_gone_or_does_something_else_is_noticed_whichever_it_is() {
    let listed: serde_json::Value = serde_json::from_str(&golden()).unwrap();
    let objects = listed["nftables"].as_array().unwrap();
    let print = |objects: &[serde_json::Value]| serde_json::json!({ "nftables": objects }).to_string();
    assert_eq!(whole(print(objects).as_bytes()), Some(filters()));
    let rules = objects.iter().enumerate().filter(|(_, object)| object.get("rule").is_some());
    assert_eq!(rules.clone().count(), RULES.len());
    for (place, _) in rules {
        let mut without = objects.clone();
        without.remove(place);
        assert_eq!(whole(print(&without).as_bytes()), None, "without object {place}");

        let mut another = objects.clone();
        another[place]["rule"]["expr"] = serde_json::json!([{ "continue": null }]);
        assert_eq!(whole(print(&another).as_bytes()), None, "with another body of object {place}");
    }
}

#[test]
fn a_table_whose_fingerprint_was_not_kept_is_not_whole() {
    let listed = include_str!("golden.json");
    assert_eq!(whole(listed.as_bytes()), None);
    let kept = fingerprint(listed.as_bytes()).unwrap();
    assert_eq!(fingerprint(golden().as_bytes()), Some(kept), "it is of the rules alone");
    let two = golden().replace(&format!("[{kept}]"), &format!("[1, {kept}]"));
    assert_eq!(whole(two.as_bytes()), None);
    assert_eq!(
        render_fingerprint(0x0123_4567_89ab),
        "flush set bridge lepton fingerprint\nadd element bridge lepton fingerprint { 0x0123456789ab }\n"
    );
}

#[test]
fn of_rules_that_are_not_ours_no_fingerprint_is_kept() {
    let foreign = include_str!("golden.json").replace("lepton ", "mine ");
    assert_eq!(fingerprint(foreign.as_bytes()), None);
    assert_eq!(fingerprint(b"no JSON"), None);
}

#[test]
fn a_target_may_be_printed_as_an_address() {
    assert_eq!(target("fd00::1"), target("0xfd000000000000000000000000000001"));
    assert_eq!(target("0xnothing"), None);
}

#[test]
fn a_link_layer_address_is_read_as_a_number_or_as_what_it_is() {
    let link = |value: serde_json::Value| listing::read_link(&value);
    assert_eq!(link(0xfa16_3e00_0001_u64.into()), Some("fa:16:3e:00:00:01".parse().unwrap()));
    assert_eq!(link("fa:16:3e:00:00:01".into()), Some("fa:16:3e:00:00:01".parse().unwrap()));
    assert_eq!((link((1_u64 << 48).into()), link(serde_json::Value::Null)), (None, None));
}

fn target(text: &str) -> Option<IpAddr> {
    listing::read_target(text)
}
