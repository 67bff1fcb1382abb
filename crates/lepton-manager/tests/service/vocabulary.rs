//! Every reason that the API documents is met over a socket by a test of this suite.

use std::{collections::BTreeSet, fs, path::Path};

/// Where the words of the vocabulary are, not the tests of it.
const NO_TESTS: [&str; 2] = ["problem.rs", "vocabulary.rs"];

fn folder(path: &str) -> impl Iterator<Item = (String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
    })
}

/// Whether a word is a reason's, or a gRPC code's: `NETWORK_NOT_FOUND`, `INTERNAL`.
fn is_loud(word: &str) -> bool {
    word.len() > 3 && word.chars().all(|c| c == '_' || c.is_ascii_uppercase())
}

/// The reasons in lines like `//   NOT_FOUND / NETWORK_NOT_FOUND   why`, in paragraphs too.
fn documented() -> BTreeSet<String> {
    let mut reasons = BTreeSet::new();
    for (_, text) in folder("../../proto/lepton/v1") {
        let comments: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("//")).collect();
        let comments = comments.join(" ");
        let words: Vec<_> =
            comments.split_whitespace().map(|word| word.trim_end_matches([';', ',', '.', ':'])).collect();
        let pairs =
            words.windows(3).filter(|window| is_loud(window[0]) && window[1] == "/" && is_loud(window[2]));
        reasons.extend(pairs.map(|window| window[2].to_owned()));
    }
    reasons
}

/// The reasons that the suite's tests assert.
fn tested() -> BTreeSet<String> {
    let mut reasons = BTreeSet::new();
    for (_, text) in folder("tests/service").filter(|(name, _)| !NO_TESTS.contains(&&**name)) {
        let literals = text.split('"').skip(1).step_by(2).filter(|literal| is_loud(literal));
        reasons.extend(literals.map(str::to_owned));
        // It says so for them.
        reasons.extend(text.contains(".assert_fields(").then(|| "INVALID_FIELD".to_owned()));
    }
    reasons
}

#[test]
fn every_reason_that_the_api_documents_has_a_test() {
    let documented = documented();
    assert!(documented.len() > 25, "{documented:?}");
    let untested: Vec<_> = documented.difference(&tested()).cloned().collect();
    assert!(untested.is_empty(), "documented, and met by no test of the service: {untested:?}");
}

/// The kinds in lines like `//   port.active   what it tells`.
fn described_kinds() -> Vec<String> {
    let (_, text) = folder("../../proto/lepton/v1").find(|(name, _)| name == "event.proto").unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("//   ")?.split_whitespace().next());
    let mut kinds: Vec<_> = lines.filter(|word| word.contains('.')).map(str::to_owned).collect();
    kinds.sort_unstable();
    kinds
}

#[test]
fn every_kind_of_event_is_described() {
    assert_eq!(described_kinds(), lepton_ledger::EVENT_KINDS);
}
