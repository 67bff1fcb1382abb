//! `docs/differences.md` against the code: each of the 63 numbers has its row, each test that a row names is there, and each
//! test that has a number in its name stands in that number's row.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// One row of the table.
struct Row {
    number: usize,
    how: String,
    tests: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root().join("docs/differences.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| B"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, _, how, tests] = cells[..] else { panic!("{line} has {} cells", cells.len()) };
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Row { number: number[1..].parse().unwrap(), how: how.to_owned(), tests }
    })
    .collect()
}

/// The names of all functions of the workspace.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["crates", "tests"] {
        collect(&root().join(folder), &mut names);
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| line.trim_start().trim_start_matches("async "));
            let found = lines.filter_map(|line| line.strip_prefix("fn ")?.split_once("()"));
            names.extend(found.map(|(name, _)| name.to_owned()));
        }
    }
}

/// The number that a test has in its name.
fn number_of(test: &str) -> Option<usize> {
    let digits = test.strip_prefix('b')?.split('_').next()?;
    (digits.len() == 2).then(|| digits.parse().ok())?
}

#[test]
fn every_number_has_its_row_in_order() {
    let numbers: Vec<usize> = rows().iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=63).collect::<Vec<_>>());
}

#[test]
fn a_row_says_what_became_of_it() {
    for Row { number, how, tests } in rows() {
        let words = ["Fixed", "Cannot occur", "open: "];
        assert!(words.iter().any(|word| how.starts_with(word)), "B{number}: {how}");
        let has_test = tests.iter().any(|test| number_of(test) == Some(number));
        assert_eq!(how.starts_with("Fixed"), has_test, "B{number}: {tests:?}");
    }
}

#[test]
fn the_tests_that_rows_name_are_there() {
    let functions = functions();
    for Row { number, tests, .. } in rows() {
        for test in tests {
            assert!(functions.contains(&test), "B{number} names {test}, which is no test");
        }
    }
}

#[test]
fn every_test_with_a_number_stands_in_its_row() {
    let rows = rows();
    for name in functions() {
        if let Some(number) = number_of(&name) {
            let is_there = rows.iter().any(|row| row.number == number && row.tests.contains(&name));
            assert!(is_there, "{name} is in no row of docs/differences.md");
        }
    }
}
