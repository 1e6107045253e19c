//! Any bytes, cut anywhere, into the chunk decoder.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::check_chunked(data));
