#![no_main]

use lepton_fuzz::TEXT;
use lepton_fuzz_targets::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(TEXT.run, input));
