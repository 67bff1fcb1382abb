//! `deploy/leptond.service` says what leptond needs, and what it does not need is taken away.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lepton_manager::Role;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use leptond::config::{Config, ConfigFile, Sources};

const UNIT: &str = include_str!("../../../deploy/leptond.service");
const README: &str = include_str!("../../../deploy/README.md");

/// The `[Service]` section: each key's values, in order.
fn service() -> BTreeMap<&'static str, Vec<&'static str>> {
    section("[Service]")
}

fn section(name: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = UNIT.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let section = lines.skip_while(|line| *line != name).skip(1).take_while(|line| !line.starts_with('['));
    let mut settings = BTreeMap::new();
    for line in section {
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        settings.entry(key).or_insert_with(Vec::new).push(value);
    }
    settings
}

#[track_caller]
fn assert_says(wanted: &[(&str, &str)]) {
    let service = service();
    for (key, value) in wanted {
        assert_eq!(service.get(key).map(Vec::as_slice), Some([*value].as_slice()), "{key}");
    }
}

/// The configuration of root's leptond that nobody has configured.
fn defaults() -> Config {
    let sources = Sources {
        file: ConfigFile::Default("/nonexistent".into()),
        variables: Vec::new(),
        flags: BTreeMap::new(),
        hostname: "node1".to_owned(),
        uid: 0,
    };
    Config::load(&sources).unwrap()
}

#[test]
fn systemd_waits_for_it_restarts_it_and_lets_it_drain() {
    assert_says(&[
        ("Type", "notify"),
        ("ExecStart", "/usr/bin/leptond"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2"),
        // Its own nft processes are not killed under it.
        ("KillMode", "mixed"),
        // The longest shutdown.drain that there is, and the ten seconds behind it, fit in.
        ("TimeoutStopSec", "11min"),
    ]);
    // Without this, systemd gives up for ever after five failures within ten seconds, as on a full disk.
    assert_eq!(section("[Unit]").get("StartLimitIntervalSec"), Some(&vec!["0"]));
    assert!(README.contains("install -D -m 0755 target/release/leptond /usr/bin/leptond"));
}

#[test]
fn the_folders_that_it_may_write_to_are_the_ones_that_it_writes_to() {
    assert_says(&[
        ("StateDirectory", "lepton"),
        ("StateDirectoryMode", "0700"),
        ("RuntimeDirectory", "lepton"),
    ]);
    let config = defaults();
    assert_eq!(config.state_dir, Path::new("/var/lib/lepton"));
    let socket = config.listen.unix.unwrap().path.to_string();
    assert_eq!(Path::new(&socket).parent(), Some(Path::new("/run/lepton")));
    assert_says(&[("ProtectSystem", "strict"), ("UMask", "0077")]);
    assert!(!service().contains_key("ReadWritePaths"));
}

#[test]
fn it_has_one_capability_one_device_and_four_families() {
    assert_says(&[
        ("CapabilityBoundingSet", "CAP_NET_ADMIN"),
        ("DevicePolicy", "closed"),
        ("DeviceAllow", "/dev/net/tun rw"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
        ("SystemCallFilter", "@system-service"),
        ("SystemCallArchitectures", "native"),
    ]);
    for added in ["AmbientCapabilities", "User", "PrivateDevices", "PrivateNetwork"] {
        assert!(!service().contains_key(added), "{added}");
    }
    // What is left, the README tells with its reason.
    let (_, table) = README.split_once("| left | for |").unwrap();
    let left = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let left: BTreeSet<&str> = left.filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(left, ["/dev/net/tun", "AF_NETLINK", "CAP_NET_ADMIN"].into());
}

#[test]
fn everything_else_is_taken_away() {
    for key in [
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "NoNewPrivileges",
        "PrivateTmp",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RemoveIPC",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    ] {
        assert_says(&[(key, "yes")]);
    }
}

#[test]
fn the_guide_names_every_role_of_a_certificate() {
    for role in Role::ALL {
        assert!(README.contains(&format!("`{role}`")), "{role}");
    }
}
