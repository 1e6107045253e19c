//! Any bytes, cut anywhere, into a session.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::check_session(data));
