//! Development tasks: `cargo xtask test|lint|bench|fixtures|fuzz|demo`.
fn main() {}
