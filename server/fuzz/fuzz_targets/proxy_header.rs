//! Any bytes, cut anywhere, into the reader of PROXY headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::proxy_header::check_proxy_header(data));
