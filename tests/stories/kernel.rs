//! The kernel of a story's namespace: links, filters, and pings of which none may be lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Seek},
    net::IpAddr,
    process::{Child, Command, Stdio},
};

use lepton_sim::KernelInstance;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::words::addresses;

/// Runs a program to its end and answers with what it prints; it must work.
#[track_caller]
pub(crate) fn run(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a program that asks about something finds it.
pub(crate) fn finds(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let command =
        Command::new(words[0]).args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.unwrap().success()
}

/// The index of every link by its name.
pub(crate) fn links() -> BTreeMap<String, u64> {
    links_if(|_| true)
}

fn links_if(is_meant: impl Fn(&Value) -> bool) -> BTreeMap<String, u64> {
    told_of(&run("ip -j link"), is_meant)
}

fn told_of(listing: &str, is_meant: impl Fn(&Value) -> bool) -> BTreeMap<String, u64> {
    let links: Value = serde_json::from_str(listing).unwrap();
    let links = links.as_array().unwrap().iter().filter(|link| is_meant(link));
    links
        .map(|link| (link["ifname"].as_str().unwrap().to_owned(), link["ifindex"].as_u64().unwrap()))
        .collect()
}

/// The links that are Lepton's by their mark.
pub(crate) fn own_links() -> BTreeMap<String, u64> {
    links_if(is_own)
}

fn is_own(link: &Value) -> bool {
    link["ifalias"].as_str().is_some_and(|alias| alias.starts_with("lepton "))
}

/// The links that are Lepton's by their mark, in the namespace of this name.
pub(crate) fn own_links_in(namespace: &str) -> Vec<String> {
    told_of(&run(&format!("ip -n {namespace} -j link")), is_own).into_keys().collect()
}

/// What the filter table in the namespace of this name pins a device to; nothing when there is no table.
pub(crate) fn pins_in(namespace: &str, device: &str) -> Vec<String> {
    let list = format!("nsenter --net=/run/netns/{namespace} nft -s list table bridge lepton");
    if !finds(&list) {
        return Vec::new();
    }
    let named = format!("\"{device}\"");
    parts(&list).into_iter().filter(|part| part.starts_with(&named)).collect()
}

/// Lepton's filter table with the handle of every object in it, and without what its counters count.
pub(crate) fn filter() -> Vec<String> {
    parts("nft -a -s list table bridge lepton")
}

/// The same without handles, which are new when something was made anew.
pub(crate) fn bare_filter() -> Vec<String> {
    parts("nft -s list table bridge lepton")
}

/// The parts of a listing in alphabetical order, since the elements of a set have none.
fn parts(line: &str) -> Vec<String> {
    let text = run(line);
    let parts = text.split(['\n', ',', '{', '}', '=']).map(str::trim).filter(|part| !part.is_empty());
    let mut parts: Vec<_> = parts.map(str::to_owned).collect();
    parts.sort_unstable();
    parts
}

pub(crate) fn has_filter() -> bool {
    finds("nft list table bridge lepton")
}

/// Packets that the filter has dropped for this reason.
pub(crate) fn dropped(reason: &str) -> u64 {
    let listing = run(&format!("nft -j list counter bridge lepton {reason}"));
    let listing: Value = serde_json::from_str(&listing).unwrap();
    listing["nftables"][1]["counter"]["packets"].as_u64().unwrap()
}

/// How often the first ping between two instances is sent, a second apart, until one is answered: the kernel opens a
/// port of a bridge when it hears that the other end is up, which it tells at most once a second (Linux linkwatch).
const FIRST_PINGS: u32 = 10;

/// Pings both ways between two instances, from each address of the first to the one of the second beside it.
pub(crate) async fn assert_reach_each_other(first: &mut KernelInstance, second: &mut KernelInstance) {
    let ends: Vec<_> = addresses(&first.info).into_iter().zip(addresses(&second.info)).collect();
    assert!(!ends.is_empty());
    for (own, other) in ends {
        assert!(reaches(first, own, other).await, "no reply from {other} to {own}");
        assert!(reaches(second, other, own).await, "no reply from {own} to {other}");
    }
}

async fn reaches(instance: &mut KernelInstance, own: IpAddr, other: IpAddr) -> bool {
    for _ in 0..FIRST_PINGS {
        if instance.guest.ping(own, other).await.unwrap().is_some() {
            return true;
        }
    }
    false
}

/// Pings that are under way, one each millisecond; ended when this is dropped.
pub(crate) struct Flood {
    process: Child,
    /// What ping prints: a file, since a pipe that nobody reads would stop it.
    output: File,
}

/// Most pings of one flood: more than any story takes, and an end if nobody stops it.
const MOST_PINGS: &str = "30000";

impl Flood {
    /// Begins to ping, over IPv4 or IPv6, from the namespace of `from` to `to`.
    pub(crate) fn begin(from: &KernelInstance, to: IpAddr) -> Self {
        let namespace = format!("--net={}", from.guest.netns_path());
        let output = tempfile::tempfile().unwrap();
        let process = Command::new("nsenter")
            .args([&*namespace, "ping", "-n", "-i", "0.001", "-c", MOST_PINGS, &to.to_string()])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .spawn();
        Self { process: process.unwrap(), output }
    }

    /// Stops it and checks that every ping was answered, but for one that may have been under way.
    pub(crate) fn assert_none_lost(mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "the flood ended before its story");
        // ping tells of what it has done when it is interrupted.
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        self.process.wait().unwrap();
        let mut text = String::new();
        self.output.rewind().unwrap();
        self.output.read_to_string(&mut text).unwrap();

        let answered: BTreeSet<u64> = text.lines().filter_map(sequence_number).collect();
        let last = answered.last().copied().unwrap_or_default();
        let lost: Vec<_> = (1..=last).filter(|number| !answered.contains(number)).collect();
        assert!(lost.is_empty(), "lost pings: {lost:?}");
        let sent = sent(&text);
        assert!(last > 0 && sent - last <= 1, "{sent} pings were sent, and {last} answered");
        println!("{last} pings, none lost");
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The number in `64 bytes from 10.1.0.3: icmp_seq=17 ttl=64 time=0.051 ms`.
fn sequence_number(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("icmp_seq=")?;
    rest.split(' ').next()?.parse().ok()
}

/// The number in `17 packets transmitted, 17 received, …`.
fn sent(text: &str) -> u64 {
    let line = text.lines().find(|line| line.contains(" packets transmitted")).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}
