//! The `tollgate-tester` binary. Everything is in the library.

fn main() {}
