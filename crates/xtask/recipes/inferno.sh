# inferno's programs as they are released; the version is that of the library in Cargo.lock.
CARGO_TARGET_DIR=$PWD/target cargo install --locked --jobs 2 --root . inferno@0.12.8
rm -rf target
