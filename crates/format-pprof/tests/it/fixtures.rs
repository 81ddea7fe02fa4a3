//! Every file that a real tool made says the same after it was read and written: prost is the judge.

use crate::canonical::{canonical, check_strict};
use crate::files::{decode, fixtures, read, stacks, write};

#[test]
fn every_fixture_is_written_as_it_was_read() {
    for (name, bytes) in fixtures("pprof") {
        let profile = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = write(&profile);
        assert_eq!(canonical(&decode(&written)), canonical(&decode(&bytes)), "{name}");
        check_strict(&decode(&written));
        let again = write(&read(&written).unwrap());
        assert!(written == again, "{name} changes when it is written once more");
    }
}

#[test]
fn two_gzip_members_are_one_file() {
    let files = fixtures("pprof");
    let of = |name: &str| files.iter().find(|(other, _)| other == name).unwrap();
    let (_, members) = of("variant-two-members.pb.gz");
    let (_, plain) = of("variant-uncompressed.pb");
    assert_eq!(stacks(&read(members).unwrap()), stacks(&read(plain).unwrap()));
}
