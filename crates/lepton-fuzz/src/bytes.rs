//! The target `bytes`: any bytes to whatever reads the ledger's, the kernel's, or those of a caller's certificate.

use std::{fmt::Debug, net::IpAddr, sync::LazyLock};

use lepton_ipam::Block;
use lepton_manager::Caller;
use lepton_types::{
    Event, HostChanges, HostReport, NetworkInfo, RecordedEvent, SubnetId, legacy::LegacyNetworkInfo, model,
    network_data::NetworkData,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Choice, Seed, callers, seed,
    told::{assert_told, repeated},
};

/// What reads bytes.
struct Reader {
    /// Its name; an input is for it by that.
    name: &'static str,
    /// Reads bytes, and fails when something is wrong with how it does so.
    check: fn(&[u8]),
    /// Bytes to begin with.
    examples: fn() -> Vec<Vec<u8>>,
}

/// Every reader of bytes.
const READERS: &[Reader] = &[
    // What the ledger keeps in columns: bitmaps, answers, events, and what goes between managers and agents.
    Reader { name: "Block", check: block, examples: || vec![vec![0; 1 + 16 + Block::BYTES]] },
    Reader { name: "NetworkInfo", check: network_info, examples: || vec![INFO.into()] },
    Reader { name: "Event", check: json::<Event>, examples: || vec![EVENT.into()] },
    Reader { name: "RecordedEvent", check: json::<RecordedEvent>, examples: || vec![RECORDED_EVENT.into()] },
    Reader { name: "HostChanges", check: json::<HostChanges>, examples: || vec![HOST_CHANGES.into()] },
    Reader { name: "HostReport", check: json::<HostReport>, examples: || vec![HOST_REPORT.into()] },
    // What Nova's agents keep.
    Reader { name: "model::NetworkInfo", check: model, examples: || vec![MODEL.into()] },
    // What callers send.
    Reader { name: "certificate", check: certificate, examples: certificates },
    // What the kernel and nft say.
    Reader { name: "nft's listing", check: listing, examples: || vec![LISTING.into()] },
    Reader { name: "nftables' news", check: news, examples: news_of_our_table },
];

const INFO: &str =
    r#"{"instance":"00000000-0000-0000-0000-000000000001","incarnation":1,"host":"host-1","vifs":[]}"#;
const EVENT: &str = r#"{"kind":"port.created","project":"blue","attributes":{"port_id":"11111111-1111-4111-8111-111111111111"}}"#;
const RECORDED_EVENT: &str =
    r#"{"revision":1,"at":1790000000000000,"actor":"loopback","request_id":null,"call":"x","event":{}}"#;
const HOST_CHANGES: &str =
    r#"{"revision":7,"is_complete":true,"ports":[],"released":["11111111-1111-4111-8111-111111111111"]}"#;
const HOST_REPORT: &str = r#"{"revision":7,"ports":[{"id":"11111111-1111-4111-8111-111111111111","status":"active","filtered_at":7}],"unplugged":[]}"#;
const MODEL: &str = include_str!("../../lepton-types/src/model/worked_example.json");
const LISTING: &str = include_str!("../../lepton-plug/src/linux/filter/golden.json");

static CHOICE: LazyLock<Choice<&'static Reader>> =
    LazyLock::new(|| Choice::among(READERS.iter().map(|reader| (reader.name, reader))));

/// Gives bytes to a reader.
pub(crate) fn run(input: &[u8]) {
    if let Some((reader, bytes)) = CHOICE.read(input) {
        (reader.check)(bytes);
    }
}

/// The mark of the reader that an input is for.
pub(crate) fn mark(input: &[u8]) -> Option<[u8; 2]> {
    CHOICE.exact(input)
}

pub(crate) fn seeds() -> Vec<Seed> {
    seed::of_examples(READERS.iter().map(|reader| (reader.name, (reader.examples)())))
}

/// What is read is written, and what was written is read as the same. What is refused is only refused: serde has the words.
fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&written).unwrap(), value, "it is written {written}");
}

/// Beyond that, the forms that are made of it can be made.
fn network_info(bytes: &[u8]) {
    json::<NetworkInfo>(bytes);
    let Ok(info) = serde_json::from_slice::<NetworkInfo>(bytes) else { return };
    serde_json::to_string(&NetworkData::from(&info)).unwrap();
    forms(&model::NetworkInfo::from(&info));
}

fn model(bytes: &[u8]) {
    json::<model::NetworkInfo>(bytes);
    if let Ok(info) = serde_json::from_slice::<model::NetworkInfo>(bytes) {
        forms(&info);
    }
}

/// Nova's older form is made of it, or why not is said.
fn forms(info: &model::NetworkInfo) {
    match LegacyNetworkInfo::try_from(info) {
        Ok(legacy) => assert!(!serde_json::to_string(&legacy).unwrap().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A family, an address and a bitmap: it is kept as it was, and what it says of its addresses agrees.
fn block(bytes: &[u8]) {
    let Some((family, bytes)) = bytes.split_first() else { return };
    let Some((address, bytes)) = bytes.split_first_chunk::<16>() else { return };
    let Some(bitmap) = bytes.first_chunk::<{ Block::BYTES }>() else { return };
    let address: IpAddr = if family % 2 == 0 {
        let [a, b, c, d, ..] = *address;
        [a, b, c, d].into()
    } else {
        (*address).into()
    };
    let subnet: SubnetId = "11111111-1111-4111-8111-111111111111".parse().unwrap();
    let first = Block::start_of(address);
    let mut block = Block::from_bytes(subnet, first, *bitmap);
    assert_eq!(block.to_bytes(), *bitmap);
    assert_eq!((block.first(), Block::start_of(Block::end_of(address))), (first, first));
    let free = block.addresses().filter(|address| block.is_free(*address)).count();
    assert_eq!(usize::from(block.free()), free);
    while let Some(lowest) = block.lowest_free() {
        assert!(block.take(lowest), "{lowest} is free, and cannot be had");
    }
    assert_eq!(block.free(), 0);
}

fn certificate(der: &[u8]) {
    match Caller::by_certificate(der, None) {
        Ok(caller) => assert!(caller.name().starts_with("spiffe://"), "{caller:?}"),
        Err(error) => assert_told(&error.to_string(), repeated(der)),
    }
}

fn certificates() -> Vec<Vec<u8>> {
    vec![callers::MEMBER.to_vec()]
}

/// What it has for filters has names, and no more addresses than there are bytes.
fn listing(bytes: &[u8]) {
    for (device, filter) in lepton_plug::linux::listed_filters(bytes).into_iter().flatten() {
        assert!(!device.as_str().is_empty() && filter.addresses().len() < bytes.len());
    }
}

/// A message's kind and its body; either answer is right.
fn news(bytes: &[u8]) {
    if let Some((kind, body)) = bytes.split_first_chunk::<2>() {
        lepton_plug::linux::is_news_of_filters(u16::from_be_bytes(*kind), body);
    }
}

/// An element was added to a set of the table `bridge lepton`.
fn news_of_our_table() -> Vec<Vec<u8>> {
    let kind = (10_u16 << 8 | 12).to_be_bytes();
    let name = [&[11, 0, 1, 0][..], b"lepton\0\0"].concat();
    vec![[&kind[..], &[7, 0, 0, 0], &name].concat()]
}
