#!/bin/sh
# The compiler of `cargo xtask fuzz`. Lepton's own crates tell libFuzzer which of their branches an input takes and what it compares, as
# those of `cargo fuzz` do; what others made is compiled as everywhere else, and so once for the tests and for fuzzing.
#
# cargo does not notice when the flags change: `cargo clean --package lepton-fuzz` and the like then.
rustc=$1
shift
case "$CARGO_PKG_NAME $*" in
*"--crate-name build_script_"*) exec "$rustc" "$@" ;; # runs while others are compiled
lepton*) ;;
*) exec "$rustc" "$@" ;;
esac
exec "$rustc" "$@" --cfg=fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-sanitizer-coverage-stack-depth
