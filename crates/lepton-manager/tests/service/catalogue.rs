//! `docs/errors.md` against the suite: every error of Nova's has its row, and what a row promises its tests assert.

use std::{fs, path::Path};

/// The members of the original's catalogue (specification §1.17).
const MEMBERS: [&str; 46] = [
    "NetworkNotFound",
    "NetworkNotFoundForUUID",
    "NetworkNotFoundForCidr",
    "NetworkNotFoundForBridge",
    "NetworkNotFoundForInstance",
    "NetworkNotFoundForProject",
    "NoNetworksFound",
    "FixedIpNotFound",
    "FixedIpNotFoundForAddress",
    "FixedIpNotFoundForInstance",
    "FixedIpNotFoundForNetwork",
    "FixedIpNotFoundForNetworkHost",
    "FixedIpNotFoundForSpecificInstance",
    "NoFixedIpsDefined",
    "FloatingIpNotFound",
    "FloatingIpNotFoundForAddress",
    "FloatingIpNotFoundForHost",
    "NoFloatingIpsDefined",
    "NoFloatingIpInterface",
    "InstanceNotFound",
    "NoMoreFloatingIps",
    "NoMoreFixedIps",
    "FixedIpInvalid",
    "InvalidInput",
    "InvalidIpAddressError",
    "InvalidUUID",
    "ValueError",
    "FloatingIpDNSExists",
    "NetworkBusy",
    "NetworkInUse",
    "FixedIpAlreadyInUse",
    "FloatingIpAssociated",
    "FloatingIpNotAssociated",
    "NetworkHostNotSet",
    "NetworkNotCreated",
    "DuplicateVlan",
    "NotAuthorized",
    "AdminRequired",
    "PolicyNotAuthorized",
    "FloatingIpLimitExceeded",
    "MelangeConnectionFailed",
    "QuantumIOException",
    "QuantumServerException",
    "QuantumNotFoundException",
    "VirtualInterfaceCreateException",
    "VirtualInterfaceMacAddressException",
];

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows' cells: Nova's errors, what they are here, tests.
fn rows() -> Vec<[String; 3]> {
    let page = file("../../docs/errors.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("not three cells: {cells:?}"))
    })
    .collect()
}

/// The names of the suite's tests, each with its text.
fn tests() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service");
    let files =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let texts = files.map(|path| fs::read_to_string(path).unwrap());
    let found = texts.flat_map(|text| {
        let functions: Vec<_> = text.split("\nasync fn ").skip(1).map(str::to_owned).collect();
        functions
    });
    let named = found.filter_map(|text| {
        let (name, rest) = text.split_once("()")?;
        let body = rest.split("\n}\n").next()?;
        Some((name.to_owned(), body.to_owned()))
    });
    named.collect()
}

/// `NOT_FOUND` as the code's name in a test.
fn in_code(code: &str) -> String {
    let words = code.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_ascii_lowercase()));
    format!("Code::{}", words.collect::<String>())
}

#[test]
fn every_error_of_novas_has_its_row() {
    let mut told: Vec<_> = rows().iter().flat_map(|[errors, _, _]| quoted(errors)).collect();
    let mut members = MEMBERS.map(str::to_owned);
    told.sort_unstable();
    members.sort_unstable();
    assert_eq!(told, members);
}

#[test]
fn what_a_row_promises_its_tests_assert() {
    let tests = tests();
    assert!(tests.len() > 100, "{}", tests.len());
    let body = |test: &str| {
        let bodies: Vec<_> = tests.iter().filter(|(name, _)| name == test).map(|(_, body)| body).collect();
        let [body] = bodies[..] else { panic!("{} tests are called {test}", bodies.len()) };
        body
    };
    for [errors, here, named] in rows() {
        let named = quoted(&named);
        let bodies: Vec<_> = named.iter().map(|test| body(test)).collect();
        if here.starts_with("cannot occur: ") || here.starts_with("open: ") {
            continue;
        }
        let [code, reason] = &quoted(&here)[..2] else { panic!("{errors}: {here} has no code and reason") };
        for (test, body) in named.iter().zip(bodies) {
            let is_field = reason == "INVALID_FIELD" && body.contains("assert_fields(");
            let is_told = body.contains(&in_code(code)) && body.contains(&format!("\"{reason}\""));
            assert!(is_field || is_told, "{test} asserts no {code} / {reason}, as {errors} needs it");
        }
        assert!(!named.is_empty(), "{errors} has no test");
    }
}
