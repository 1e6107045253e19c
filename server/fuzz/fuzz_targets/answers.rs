//! Any bytes, cut anywhere, into the reader of an upstream's answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::answers::check_answers(data));
