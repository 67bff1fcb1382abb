//! Developer commands: demo, test, bench, docs.

fn main() {}
