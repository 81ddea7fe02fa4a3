//! Evidence of the other shape is refused; stacks that were made of it say so in the file.

use profkit_profile::views::estimate::{COMMENT_PREFIX, estimate_stacks};
use profkit_profile::{CallEdge, Function, FunctionId, OriginId, Profile, ProfileBuilder, WriteError};

use crate::files::{decode, read, small, try_write, write};

fn call_graph() -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let function = |builder: &mut ProfileBuilder, name: &[u8]| -> FunctionId {
        let name = builder.string(name).unwrap();
        builder.function(Function { name, ..Function::EMPTY }).unwrap()
    };
    let caller = function(&mut builder, b"main");
    let callee = function(&mut builder, b"work");
    let edge = CallEdge {
        origin: OriginId::UNKNOWN,
        caller,
        callee,
        site: None,
        calls: Some(2),
        primitive_calls: Some(2),
        has_self: true,
        has_total: true,
    };
    builder.call_edge(edge, &[30], &[30]).unwrap();
    builder.finish().unwrap()
}

#[test]
fn call_edges_need_stacks_first() {
    assert!(matches!(try_write(&call_graph()), Err(WriteError::NeedsStacks)));
}

#[test]
fn an_estimate_says_so_and_is_read_as_one() {
    let estimate = estimate_stacks(&call_graph()).unwrap().profile;
    assert!(estimate.meta().estimated);
    let written = write(&estimate);
    let comments = decode(&written).comment.len();
    let profile = read(&written).unwrap();
    assert!(profile.meta().estimated);
    assert!(write(&profile) == written);
    assert_eq!(decode(&write(&profile)).comment.len(), comments);
}

#[test]
fn an_estimate_without_remark_gets_one() {
    use prost::Message;
    let mut builder = ProfileBuilder::of(read(&small().encode_to_vec()).unwrap());
    builder.meta.estimated = true;
    let written = decode(&write(&builder.finish().unwrap()));
    let comment = usize::try_from(written.comment[0]).unwrap();
    assert_eq!(written.comment.len(), 1);
    assert_eq!(written.string_table[comment], COMMENT_PREFIX.as_bytes());
}
