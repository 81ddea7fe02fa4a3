//! Pickles put together by hand.

/// A pickle of protocol 2.
pub(crate) fn pickle(body: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"\x80\x02".to_vec();
    body.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes.push(b'.');
    bytes
}

/// A string.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'U', u8::try_from(text.len()).unwrap()];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A float.
pub(crate) fn float(value: f64) -> Vec<u8> {
    [b"G".as_slice(), &value.to_be_bytes()].concat()
}

/// An object of one of yappi's classes with these attributes, each already a pickle's opcodes.
pub(crate) fn object(class: &str, attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = format!("cyappi\n{class}\n").into_bytes();
    bytes.extend_from_slice(b")\x81}(");
    for (name, value) in attributes {
        bytes.extend_from_slice(&text(name));
        bytes.extend_from_slice(value);
    }
    bytes.extend_from_slice(b"ub");
    bytes
}

/// A list of what its parts make.
pub(crate) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"](".to_vec(), items.concat(), b"e".to_vec()].concat()
}

/// A function `f` in `m.py`: its own attributes after the usual ones, which they replace.
pub(crate) fn function(line: u8, children: &[u8], own: &[(&str, &[u8])]) -> Vec<u8> {
    let (name, module, line) = (text("f"), text("m.py"), [b'K', line]);
    let (one, zero, half) = (b"K\x01".as_slice(), b"K\x00".as_slice(), float(0.5));
    let mut attributes: Vec<(&str, &[u8])> = vec![
        ("name", &name),
        ("module", &module),
        ("lineno", &line),
        ("ncall", one),
        ("nactualcall", one),
        ("builtin", b"\x89"),
        ("ttot", &half),
        ("tsub", &half),
        ("ctx_id", zero),
        ("children", children),
    ];
    attributes.extend_from_slice(own);
    object("YFuncStat", &attributes)
}

/// The children of a function: a list of them.
pub(crate) fn children(children: &[Vec<u8>]) -> Vec<u8> {
    object("YChildFuncStats", &[("_as_list", &list(children))])
}

/// A whole file of these functions.
pub(crate) fn file(functions: &[Vec<u8>]) -> Vec<u8> {
    let stats = object("YFuncStats", &[("_clock_type", &text("cpu")), ("_as_list", &list(functions))]);
    pickle(&[&stats, &text("cpu"), b"\x86"])
}
