# cargo-fuzz, which the reference tests do without.
CARGO_TARGET_DIR=$PWD/target cargo install --locked --jobs 2 --root . cargo-fuzz@0.13.2
rm -rf target
