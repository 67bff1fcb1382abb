//! The target `text`: any text to any parser of texts.
//!
//! Whatever is refused is refused in words, of bounded length. A value that can be written is read from that as the same.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::{Debug, Display},
    str::FromStr,
    sync::LazyLock,
    time::Duration,
};

use lepton_ipam::MacBase;
use lepton_ledger::{AddressPattern, AddressPrefix, FindingClass};
use lepton_manager::{Role, TrustDomain};
use lepton_store::{Database, postgres_url};
use lepton_types::{
    Cidr, DnsDomainId, DomainName, HostId, Hostname, IfName, InstanceId, Ipv4Range, MacAddr, MacPrefix,
    MacRangeId, Mtu, Name, NetnsPath, NetworkId, PortId, ProjectId, RecordType, RequestId, Resource, Shown,
    Span, SubnetId, model,
};
use leptond::{
    Arguments,
    config::{Config, ConfigFile, Sources, TlsFiles},
    tls::Credentials,
};

use crate::{
    Choice, Seed, scratch, seed,
    told::{LONGEST_ERROR, assert_told, listed, repeated},
};

/// A parser of texts.
struct Parser {
    /// Its name; an input is for it by that.
    name: &'static str,
    /// Reads a text, and fails when something is wrong with how it does so.
    check: fn(&str),
    /// Texts to begin with.
    examples: &'static [&'static str],
}

const UUID: &str = "11111111-1111-4111-8111-111111111111";

/// Every parser of texts, in the order of the crates.
const PARSERS: &[Parser] = &[
    // lepton-types
    Parser { name: "Cidr", check: round_trips::<Cidr>, examples: &["10.1.0.0/24", "fd00:1::/64"] },
    Parser { name: "DnsDomainId", check: round_trips::<DnsDomainId>, examples: &[UUID] },
    Parser { name: "DomainName", check: round_trips::<DomainName>, examples: &["Example.ORG."] },
    Parser { name: "HostId", check: round_trips::<HostId>, examples: &["host-1"] },
    Parser { name: "Hostname", check: hostname, examples: &["db.eu"] },
    Parser { name: "IfName", check: round_trips::<IfName>, examples: &["tap11111111-11"] },
    Parser { name: "InstanceId", check: round_trips::<InstanceId>, examples: &[UUID] },
    Parser {
        name: "Ipv4Range",
        check: round_trips::<Ipv4Range>,
        examples: &["203.0.113.0/28", "10.0.0.5-10.0.1.200", "10.0.0.7"],
    },
    Parser { name: "MacAddr", check: round_trips::<MacAddr>, examples: &["fa:16:3e:00:00:01"] },
    Parser { name: "MacPrefix", check: round_trips::<MacPrefix>, examples: &["02:16:3e:00:00:00/24"] },
    Parser { name: "MacRangeId", check: round_trips::<MacRangeId>, examples: &[UUID] },
    Parser { name: "Mtu", check: round_trips::<Mtu>, examples: &["1500"] },
    Parser { name: "Name", check: round_trips::<Name>, examples: &["blue net"] },
    Parser { name: "NetnsPath", check: round_trips::<NetnsPath>, examples: &["/run/netns/web1"] },
    Parser { name: "NetworkId", check: round_trips::<NetworkId>, examples: &[UUID] },
    Parser { name: "PortId", check: round_trips::<PortId>, examples: &[UUID] },
    Parser { name: "ProjectId", check: round_trips::<ProjectId>, examples: &["blue"] },
    Parser { name: "RecordType", check: round_trips::<RecordType>, examples: &["aaaa"] },
    Parser { name: "RequestId", check: round_trips::<RequestId>, examples: &["boot-1"] },
    Parser { name: "Resource", check: round_trips::<Resource>, examples: &["fixed_ips"] },
    Parser { name: "Shown", check: shown, examples: &["what somebody gave\u{7}"] },
    Parser { name: "Span", check: span, examples: &["24h", "90s", "1500ms", "7d"] },
    Parser { name: "SubnetId", check: round_trips::<SubnetId>, examples: &[UUID] },
    Parser { name: "model::Address", check: round_trips::<model::Address>, examples: &["fd00:1::2"] },
    Parser { name: "model::Prefix", check: round_trips::<model::Prefix>, examples: &["10.1.0.5/24"] },
    // lepton-ipam, lepton-ledger
    Parser { name: "MacBase", check: typed::<MacBase>, examples: &["fa:16:3e", "fa:16:3e:00:00:00"] },
    Parser {
        name: "AddressPattern",
        check: parses::<AddressPattern>,
        examples: &["10\\.1\\.(0|1)\\.[0-9]+", "(?i)fd00:{1,9}.*$"],
    },
    Parser { name: "AddressPrefix", check: parses::<AddressPrefix>, examples: &["10.1."] },
    Parser { name: "FindingClass", check: round_trips::<FindingClass>, examples: &["LEAKED_ADDRESS"] },
    // lepton-store
    Parser {
        name: "Database",
        check: database,
        examples: &[
            "sqlite:/var/lib/lepton/ledger.db",
            "postgres://u:secret@:5433/db?host=/run/pg&password=x",
            "memory:",
        ],
    },
    // lepton-manager
    Parser { name: "Role", check: typed::<Role>, examples: &["member"] },
    Parser { name: "TrustDomain", check: typed::<TrustDomain>, examples: &["example.org"] },
    // leptond
    Parser {
        name: "lepton.toml",
        check: configuration,
        examples: &[
            include_str!("../../../deploy/lepton.toml"),
            "roles = ['manager']\nlisten.tcp = '0.0.0.0:9797'\n[tls]\ncert = '/c'\nkey = '/k'\nclient_ca = '/a'\n",
        ],
    },
    Parser {
        name: "leptond's environment",
        check: environment,
        examples: &["LEPTON_LISTEN_TCP=127.0.0.1:1\nLEPTON_ROLES=manager,agent\nLEPTON_DATABASE_URL=memory:"],
    },
    Parser {
        name: "leptond's arguments",
        check: leptond_arguments,
        examples: &["--check-config\n--listen-tcp\n127.0.0.1:1", "--log-level=debug\n--drain-timeout\n5s"],
    },
    Parser {
        name: "PEM",
        check: pem,
        examples: &["-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"],
    },
    // lepton-cli
    Parser {
        name: "lepton's arguments",
        check: lepton_arguments,
        examples: &[
            "network\ncreate\nblue\n--subnet\n10.1.0.0/24\n--mtu\n1450",
            "instance\nallocate\n--project\nblue\n--network\n11111111-1111-4111-8111-111111111111=10.1.0.5\n--wait\n30s",
            "history\n10.1.0.5\n--at\n2026-11-17T14:03Z\n--output\njson",
            "subnet\nmodify\n--dns\n10.1.0.2\n--timeout\n5s\n--endpoint\nhttps://lepton.example:9797",
        ],
    },
    Parser {
        name: "cli.toml",
        check: lepton_file,
        examples: &["endpoint = 'https://lepton.example:9797'\nca = 'ca.pem'\ntimeout = '5s'\n"],
    },
];

static CHOICE: LazyLock<Choice<&'static Parser>> =
    LazyLock::new(|| Choice::among(PARSERS.iter().map(|parser| (parser.name, parser))));

/// Gives a text to a parser.
pub(crate) fn run(input: &[u8]) {
    if let Some((parser, text)) = CHOICE.read(input)
        && let Ok(text) = str::from_utf8(text)
    {
        (parser.check)(text);
    }
}

/// The mark of the parser that an input is for.
pub(crate) fn mark(input: &[u8]) -> Option<[u8; 2]> {
    CHOICE.exact(input)
}

pub(crate) fn seeds() -> Vec<Seed> {
    seed::of_examples(PARSERS.iter().map(|parser| (parser.name, parser.examples.to_vec())))
}

/// What is read of a text; what is wrong with it can be said, in so many bytes.
fn read<T: FromStr<Err: Display>>(text: &str, most: usize) -> Option<T> {
    let read = text.parse::<T>();
    read.map_err(|error| assert_told(&error.to_string(), most)).ok()
}

/// What comes from afar, and is not written.
fn parses<T: FromStr<Err: Display>>(text: &str) {
    read::<T>(text, LONGEST_ERROR);
}

/// What comes from afar.
fn round_trips<T>(text: &str)
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq,
{
    written_again::<T>(text, LONGEST_ERROR);
}

/// What somebody typed, who is told all of it again.
fn typed<T>(text: &str)
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq,
{
    written_again::<T>(text, repeated(text.as_bytes()));
}

fn written_again<T>(text: &str, most: usize)
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq,
{
    let Some(value) = read::<T>(text, most) else { return };
    let written = value.to_string();
    let again = written.parse::<T>().map_err(|error| format!("{text:?} is written {written:?}: {error}"));
    assert_eq!(again.as_ref(), Ok(&value), "{text:?} is written {written:?}");
    assert_eq!(again.unwrap().to_string(), written, "{text:?} is written in two ways");
}

fn hostname(text: &str) {
    round_trips::<Hostname>(text);
    let domain: DomainName = "example.org".parse().unwrap();
    if let Some(Ok(full)) = read::<Hostname>(text, LONGEST_ERROR).map(|name| name.within(&domain)) {
        round_trips::<DomainName>(&full.to_string());
    }
}

fn shown(text: &str) {
    // Each character may take ten bytes to escape.
    let shown = Shown::new(text).to_string();
    assert!(shown.len() <= 10 * Shown::MAX + 8, "{shown}");
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}

fn span(text: &str) {
    let Some(span) = read::<Span>(text, LONGEST_ERROR) else { return };
    let again = span.to_string().parse::<Span>().map(Duration::from);
    assert_eq!(again.ok(), Some(Duration::from(span)), "{text:?} is written {span}");
}

fn database(text: &str) {
    let Some(database) = read::<Database>(text, repeated(text.as_bytes())) else { return };
    let shown = database.to_string();
    assert!(shown.parse::<Database>().is_ok(), "{text:?} is shown as {shown:?}");
    let for_driver = postgres_url(text);
    assert_eq!(postgres_url(&for_driver), for_driver, "{text:?} is read anew");
}

/// Sources that say nothing, and no file.
fn silent() -> Sources {
    Sources {
        file: ConfigFile::Default("/nonexistent/lepton.toml".into()),
        variables: Vec::new(),
        flags: BTreeMap::new(),
        hostname: "node1".to_owned(),
        uid: 990,
    }
}

/// Reads a configuration, whose sources say this text.
fn load(text: &str, sources: &Sources) {
    match Config::load(sources) {
        Ok(config) => assert!(!config.effective.to_string().is_empty()),
        Err(mistakes) => assert_told(&mistakes.to_string(), listed(text.as_bytes())),
    }
}

fn configuration(text: &str) {
    let file = ConfigFile::Named(scratch::file("lepton.toml", text.as_bytes()));
    load(text, &Sources { file, ..silent() });
}

/// A variable a line.
fn environment(text: &str) {
    let variables = text.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.into(), value.into())).collect();
    load(text, &Sources { variables, ..silent() });
}

/// An argument a line, the program's name first.
fn line(program: &str, text: &str) -> Vec<OsString> {
    std::iter::once(program).chain(text.lines()).map(OsString::from).collect()
}

fn leptond_arguments(text: &str) {
    match Arguments::parse(line("leptond", text)) {
        Ok(Arguments { flags, .. }) => load(text, &Sources { flags, ..silent() }),
        Err(error) => assert_told(&error.to_string(), listed(text.as_bytes())),
    }
}

fn pem(text: &str) {
    let path = scratch::file("credentials.pem", text.as_bytes());
    let files = TlsFiles { cert: path.clone(), key: path.clone(), client_ca: path };
    if let Err(mistakes) = Credentials::load(&files) {
        assert_told(&mistakes.to_string(), listed(text.as_bytes()));
    }
}

fn lepton_arguments(text: &str) {
    if let Err(told) = lepton_cli::understand(line("lepton", text)) {
        assert_told(&told, listed(text.as_bytes()));
    }
}

fn lepton_file(text: &str) {
    if let Err(told) = lepton_cli::understand_file(&scratch::file("cli.toml", text.as_bytes())) {
        assert_told(&told, listed(text.as_bytes()));
    }
}
