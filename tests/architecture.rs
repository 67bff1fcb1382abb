//! The crates and what each of them may use, as docs/architecture.md has it, held against the workspace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What decides is pure: it waits for nothing and speaks to nobody.
const PURE_LAYERS: &[&str] = &["words", "pure"];

/// Crates of others that no pure crate may use.
const IMPURE: &[&str] =
    &["tokio", "tokio-util", "tokio-stream", "sqlx", "tonic", "rtnetlink", "hyper-util", "nix"];

/// What of the standard library the code of pure crates does not use: clocks but for the types of their values, and what speaks
/// to the kernel.
const IMPURE_PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
];

/// Calls that ask a clock, or draw without a seed, or speak to people.
const IMPURE_CALLS: &[&str] = &[
    "Instant::now",
    "SysRng",
    "OsRng",
    "SystemTime::now",
    ".elapsed()",
    "Uuid::new_v4",
    "Uuid::now_v",
    "dbg!",
    "eprintln!",
    "from_os_rng",
    "println!",
    "rand::random",
    "rand::rng",
    "thread_rng",
];

/// Crates of others that only one place knows.
const KNOWN_TO_ONE: &[(&str, &[&str])] =
    &[("sqlx", &["lepton-store"]), ("rtnetlink", &["lepton-plug", "lepton-sim"])];

/// Crates that build or look for what is not Rust, and who uses them: the bundled SQLite, and ring (ADR 7).
const BUILDERS_OF_C: &[&str] = &["bindgen", "cc", "cmake", "cxx-build", "nasm-rs", "pkg-config", "vcpkg"];
const WITH_C: &[&str] = &["libsqlite3-sys", "ring"];

/// The top level, beside dot files and cargo's `target`.
const TOP_LEVEL: &[&str] =
    &["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "crates", "deploy", "docs", "proto", "tests"];

#[test]
fn no_crate_uses_one_that_it_may_not() {
    let workspace = Workspace::read();
    let rows = table(&workspace.root);
    let mut wrong = Vec::new();
    for row in &rows {
        let above = rows.iter().take_while(|other| other.layer != row.layer);
        let allowed: BTreeSet<&str> = match &row.uses {
            Uses::Only(names) => names.iter().map(String::as_str).collect(),
            Uses::LayersAbove => above.map(|other| &*other.name).collect(),
        };
        let used = workspace.used(&row.name).filter(|used| workspace.is_ours(used));
        wrong.extend(
            used.filter(|used| !allowed.contains(used))
                .map(|used| format!("{} ({}) uses {used}", row.name, row.layer)),
        );
    }
    assert!(wrong.is_empty(), "against docs/architecture.md: {wrong:#?}");
}

#[test]
fn dependencies_point_up_the_table() {
    let rows = table(&Workspace::read().root);
    let mut above = BTreeSet::new();
    for row in &rows {
        if let Uses::Only(names) = &row.uses {
            let below: Vec<_> = names.iter().filter(|name| !above.contains(name)).collect();
            assert!(below.is_empty(), "{} may use {below:?}, which do not stand above it", row.name);
        }
        above.insert(&row.name);
    }
}

#[test]
fn every_crate_has_its_place() {
    let workspace = Workspace::read();
    let rows = table(&workspace.root);
    let placed: BTreeSet<&str> = rows.iter().map(|row| &*row.name).collect();
    assert_eq!(placed.len(), rows.len(), "a crate has one row");
    let there: BTreeSet<&str> = workspace.uses.keys().map(String::as_str).collect();
    assert_eq!(there, placed, "a crate of the workspace and its row in docs/architecture.md belong together");
    for (name, folder) in &workspace.folders {
        let expected = if name == "lepton-tests" { "tests".to_owned() } else { format!("crates/{name}") };
        assert_eq!(*folder, workspace.root.join(expected), "the folder of {name}");
    }
}

#[test]
fn what_decides_is_pure() {
    let workspace = Workspace::read();
    let rows = table(&workspace.root);
    let pure: Vec<_> = rows.iter().filter(|row| PURE_LAYERS.contains(&&*row.layer)).collect();
    assert_eq!(pure.len(), 6);
    // The generated service is tonic's; everything else of the pure layers knows nothing of it.
    for row in pure.into_iter().filter(|row| row.name != "lepton-proto") {
        let impure: Vec<_> = workspace.used(&row.name).filter(|used| IMPURE.contains(used)).collect();
        assert!(impure.is_empty(), "{} uses {impure:?}", row.name);
    }
}

#[test]
fn what_decides_asks_no_clock_no_chance_and_no_kernel() {
    let workspace = Workspace::read();
    let mut wrong = Vec::new();
    for row in table(&workspace.root).iter().filter(|row| PURE_LAYERS.contains(&&*row.layer)) {
        let files = sources(&workspace.folders[&row.name].join("src"));
        assert!(!files.is_empty(), "{} has sources", row.name);
        for file in files {
            let code = code(&fs::read_to_string(&file).unwrap());
            wrong.extend(impurities(&code).into_iter().map(|what| format!("{}: {what}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_impurity_is_found_however_it_is_imported() {
    for (text, found) in [
        ("use std::{collections::{BTreeMap}, fs};", "std::fs"),
        ("use std::{\n    fmt,\n    net::{IpAddr, UdpSocket as Socket},\n};", "std::net::UdpSocket"),
        ("fn f() { std::thread::yield_now() }", "std::thread"),
        ("use std::time::{Duration, Instant};", "std::time::Instant"),
        ("fn f() -> SystemTime { SystemTime::now() }", "SystemTime::now"),
        ("fn f() -> u64 { rand::rng().random() }", "rand::rng"),
        ("#[cfg(test)]\nmod tests;\n\nuse std::fs;", "std::fs"),
    ] {
        assert_eq!(impurities(&code(text)), [found], "{text}");
    }
    for text in [
        "// std::fs\nuse std::time::SystemTime; use std::net::{IpAddr};",
        "/// `println!`\nfn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }",
    ] {
        assert_eq!(impurities(&code(text)), [""; 0], "{text}");
    }
}

/// The files of a folder of sources, but for those of tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let is_tests = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "example");
        if path.is_dir() && !is_tests {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && !is_tests {
            files.push(path);
        }
    }
    files
}

/// A file's text without its comments and its tests, which are in files of their own or stand at its end.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    while let Some(line) = lines.next() {
        if line.trim_start() != "#[cfg(test)]" {
            code = code + line + "\n";
        } else if lines.next().is_none_or(|tests| tests.starts_with("mod ") && tests.ends_with('{')) {
            break;
        }
    }
    code
}

/// What of the impure things the code uses.
fn impurities(code: &str) -> Vec<&'static str> {
    let imports = code.split("use ").skip(1).filter_map(|rest| rest.split_once(';'));
    let mut paths: Vec<String> = imports.flat_map(|(tree, _)| leaves("", tree)).collect();
    let inline = code.match_indices("std::").map(|(at, _)| &code[at..]);
    paths.extend(
        inline.map(|rest| {
            rest.split(|c: char| !(c.is_alphanumeric() || ":_".contains(c))).next().unwrap().into()
        }),
    );
    let is_in =
        |path: &&&str| paths.iter().any(|used| used == *path || used.starts_with(&format!("{path}::")));
    let used = IMPURE_PATHS.iter().filter(is_in);
    used.chain(IMPURE_CALLS.iter().filter(|call| code.contains(**call))).copied().collect()
}

/// `a::b` and `a::c` for `a::{b, c}`.
fn leaves(above: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((path, inner)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree);
        return vec![format!("{above}{name}")];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut depth = 0;
    let branches = inner.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    branches
        .filter(|branch| !branch.trim().is_empty())
        .flat_map(|branch| leaves(&format!("{above}{path}"), branch))
        .collect()
}

#[test]
fn nothing_is_built_of_c_but_sqlite_and_ring() {
    let lock = fs::read_to_string(Workspace::read().root.join("Cargo.lock")).unwrap();
    let uses_a_builder = |package: &&str| BUILDERS_OF_C.iter().any(|builder| depends_on(package, builder));
    let users = lock.split("[[package]]").filter(uses_a_builder);
    let users: BTreeSet<&str> = users.filter_map(|package| package.split('"').nth(1)).collect();
    assert_eq!(users, WITH_C.iter().copied().collect());
}

/// Whether a package of `Cargo.lock` has such a dependency, be it with a version behind its name.
fn depends_on(package: &str, name: &str) -> bool {
    let dependencies = package.lines().filter_map(|line| line.strip_prefix(" \""));
    dependencies.filter_map(|line| line.split([' ', '"']).next()).any(|dependency| dependency == name)
}

#[test]
fn sql_and_the_kernel_are_known_in_one_place() {
    let workspace = Workspace::read();
    for (foreign, knowing) in KNOWN_TO_ONE {
        let users: Vec<_> =
            workspace.uses.keys().filter(|name| workspace.used(name).any(|used| used == *foreign)).collect();
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

/// A row of the table of crates.
struct Row {
    layer: String,
    name: String,
    uses: Uses,
}

/// What a crate may use.
enum Uses {
    /// These crates of ours.
    Only(Vec<String>),
    /// Every crate of the layers above.
    LayersAbove,
}

/// The table of docs/architecture.md.
fn table(root: &Path) -> Vec<Row> {
    let text = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("| layer | crate |"));
    let mut layer = String::new();
    let rows = lines.skip(2).take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [of, name, _, uses] = cells[..] else { panic!("no row of the table: {line}") };
        if !of.is_empty() {
            of.clone_into(&mut layer);
        }
        let uses = match uses {
            "the layers above" => Uses::LayersAbove,
            "nothing" => Uses::Only(Vec::new()),
            names => Uses::Only(names.split(", ").map(unquoted).collect()),
        };
        Row { layer: layer.clone(), name: unquoted(name), uses }
    });
    rows.collect()
}

/// `lepton-types` without its backticks.
fn unquoted(name: &str) -> String {
    let inner = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
    inner.unwrap_or_else(|| panic!("{name} is no crate")).to_owned()
}

/// The workspace, as cargo sees it.
struct Workspace {
    root: PathBuf,
    /// The folder of each crate of ours.
    folders: BTreeMap<String, PathBuf>,
    /// The normal and the build dependencies of each crate of ours: all that is not for its tests alone.
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
            let used = dependencies.filter(|dependency| dependency["kind"] != "dev");
            uses.insert(name, used.map(|dependency| text(&dependency["name"])).collect());
        }
        Self { root: text(&metadata["workspace_root"]).into(), folders, uses }
    }

    fn used(&self, name: &str) -> impl Iterator<Item = &str> {
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
