//! The crates and what each of them may use, as docs/architecture.md has it, held against the workspace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What a crate may use.
enum Uses {
    /// These crates of ours.
    Only(&'static [&'static str]),
    /// Every crate of the layers below.
    AllBelow,
}

use Uses::{AllBelow, Only};

/// A layer: its name, and its crates with what they may use.
type Layer = (&'static str, &'static [(&'static str, Uses)]);

const LAYERS: &[Layer] = &[
    ("L0 words", &[("lepton-types", Only(&[])), ("lepton-proto", Only(&["lepton-types"]))]),
    (
        "L1 pure",
        &[
            ("lepton-vnic", Only(&["lepton-types"])),
            ("lepton-ipam", Only(&["lepton-types"])),
            ("lepton-ledger", Only(&["lepton-types", "lepton-vnic", "lepton-ipam"])),
            ("lepton-plan", Only(&["lepton-types"])),
        ],
    ),
    (
        "L2 effects",
        &[
            ("lepton-store", Only(&["lepton-ledger", "lepton-types"])),
            ("lepton-plug", Only(&["lepton-types", "lepton-plan"])),
        ],
    ),
    (
        "L3",
        &[
            ("lepton-manager", AllBelow),
            ("lepton-agent", Only(&["lepton-types", "lepton-proto", "lepton-plan", "lepton-plug"])),
        ],
    ),
    ("L4 programs", &[("leptond", AllBelow), ("lepton-cli", AllBelow)]),
    ("tests", &[("lepton-sim", AllBelow), ("lepton-testkit", AllBelow), ("lepton-tests", AllBelow)]),
    ("developer commands", &[("xtask", AllBelow)]),
];

/// What decides is pure: it waits for nothing and speaks to nobody.
const PURE_LAYERS: &[&str] = &["L0 words", "L1 pure"];

/// Crates of others that no pure crate may use.
const IMPURE: &[&str] =
    &["tokio", "tokio-util", "tokio-stream", "sqlx", "tonic", "rtnetlink", "hyper-util", "nix"];

/// Crates of others that only one place knows.
const KNOWN_TO_ONE: &[(&str, &[&str])] =
    &[("sqlx", &["lepton-store"]), ("rtnetlink", &["lepton-plug", "lepton-sim"])];

/// The top level, beside dot files and cargo's `target`.
const TOP_LEVEL: &[&str] =
    &["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "crates", "deploy", "docs", "proto", "tests"];

#[test]
fn no_crate_uses_one_that_it_may_not() {
    let workspace = Workspace::read();
    let mut wrong = Vec::new();
    for (index, (layer, crates)) in LAYERS.iter().enumerate() {
        for (name, uses) in *crates {
            let allowed: BTreeSet<&str> = match uses {
                Only(names) => names.iter().copied().collect(),
                AllBelow => names(&LAYERS[..index]).collect(),
            };
            let used = workspace.normal(name).filter(|used| workspace.is_ours(used));
            wrong.extend(
                used.filter(|used| !allowed.contains(used))
                    .map(|used| format!("{name} ({layer}) uses {used}")),
            );
        }
    }
    assert!(wrong.is_empty(), "against docs/architecture.md: {wrong:#?}");
}

#[test]
fn every_crate_has_its_place() {
    let workspace = Workspace::read();
    let placed: BTreeSet<&str> = names(LAYERS).collect();
    let there: BTreeSet<&str> = workspace.uses.keys().map(String::as_str).collect();
    assert_eq!(there, placed, "a crate of the workspace and its row in the table belong together");
    for (name, folder) in &workspace.folders {
        let expected = if name == "lepton-tests" { "tests".to_owned() } else { format!("crates/{name}") };
        assert_eq!(*folder, workspace.root.join(expected), "the folder of {name}");
    }
}

#[test]
fn what_decides_is_pure() {
    let workspace = Workspace::read();
    let pure = LAYERS.iter().filter(|(layer, _)| PURE_LAYERS.contains(layer)).flat_map(|(_, crates)| *crates);
    // The generated service is tonic's; everything else of the lower layers knows nothing of it.
    for (name, _) in pure.filter(|(name, _)| *name != "lepton-proto") {
        let impure: Vec<_> = workspace.normal(name).filter(|used| IMPURE.contains(used)).collect();
        assert!(impure.is_empty(), "{name} uses {impure:?}");
    }
}

#[test]
fn sql_and_the_kernel_are_known_in_one_place() {
    let workspace = Workspace::read();
    for (foreign, knowing) in KNOWN_TO_ONE {
        let users: Vec<_> = workspace
            .uses
            .keys()
            .filter(|name| workspace.normal(name).any(|used| used == *foreign))
            .collect();
        assert_eq!(users, *knowing, "who uses {foreign}");
    }
}

#[test]
fn the_top_level_holds_what_it_should_and_nothing_else() {
    let root = Workspace::read().root;
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<String> = entries.filter(|name| !name.starts_with('.') && name != "target").collect();
    let expected: BTreeSet<String> = TOP_LEVEL.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(found, expected);
}

fn names<'a>(layers: &'a [Layer]) -> impl Iterator<Item = &'static str> + use<'a> {
    layers.iter().flat_map(|(_, crates)| crates.iter().map(|(name, _)| *name))
}

/// The workspace, as cargo sees it.
struct Workspace {
    root: PathBuf,
    /// The folder of each crate of ours.
    folders: BTreeMap<String, PathBuf>,
    /// The normal dependencies of each crate of ours: what its users get, too.
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Workspace {
    fn read() -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (mut folders, mut uses) = (BTreeMap::new(), BTreeMap::new());
        for package in metadata["packages"].as_array().unwrap() {
            let name = text(&package["name"]);
            let manifest = text(&package["manifest_path"]);
            folders.insert(name.clone(), Path::new(&manifest).parent().unwrap().to_owned());
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            // Cargo calls the normal kind null.
            let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
            uses.insert(name, normal.map(|dependency| text(&dependency["name"])).collect());
        }
        Self { root: text(&metadata["workspace_root"]).into(), folders, uses }
    }

    fn normal(&self, name: &str) -> impl Iterator<Item = &str> {
        let uses = self.uses.get(name);
        uses.into_iter().flatten().map(String::as_str)
    }

    fn is_ours(&self, name: &str) -> bool {
        self.uses.contains_key(name)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
