//! What the names on lines such as `fn=(7) main` stand for.

use std::borrow::Cow;

use foldhash::{HashSet, HashSetExt};

use crate::names::{Name, Numbers, Text, Texts, UNKNOWN};
use crate::spell;

/// The kind of a name that a line gave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spec {
    Object,
    File,
    InlineFile,
    Function,
    CalledObject,
    CalledFile,
    CalledFunction,
    /// Only its number may be needed later: jump targets, and the callers of `--mangle-names=no`.
    OtherFile,
    OtherFunction,
}

/// The names of a file and their numbers, a table a kind.
pub(crate) struct Resolver<'a> {
    pub(crate) texts: Texts<'a>,
    objects: Numbers,
    files: Numbers,
    functions: Numbers,
    /// The numbers of functions that are used and not defined.
    pub(crate) undefined: HashSet<u64>,
}

/// Names of names could double with every line.
const LONGEST_NAME: usize = 1 << 16;

impl<'a> Resolver<'a> {
    pub(crate) fn new() -> Self {
        Self {
            texts: Texts::new(),
            objects: Numbers::new(),
            files: Numbers::new(),
            functions: Numbers::new(),
            undefined: HashSet::new(),
        }
    }

    /// The text of a name, which stands in the file as `written`. `expands` says whether names may be made of numbers.
    pub(crate) fn resolve(&mut self, spec: Spec, name: Name<'a>, written: &'a [u8], expands: bool) -> Text {
        let is_function = matches!(spec, Spec::Function | Spec::CalledFunction | Spec::OtherFunction);
        let (number, name) = match name {
            Name::Plain(name) => (None, name),
            Name::Definition(number, name) => (Some(number), name),
            Name::Reference(number) => {
                let found = self.numbers(spec).get(number);
                // yappi before 1.6 refers to functions that it does not define; their number is all there is.
                return found.unwrap_or_else(|| {
                    if is_function {
                        self.undefined.insert(number);
                        self.texts.intern(Cow::Borrowed(written))
                    } else {
                        UNKNOWN
                    }
                });
            }
        };
        let text = if is_function && expands && name.starts_with(b"(") {
            let expanded = self.expanded(name);
            self.texts.intern(expanded)
        } else if !is_function && name == spell::UNKNOWN {
            UNKNOWN
        } else {
            self.texts.intern(Cow::Borrowed(name))
        };
        if let Some(number) = number {
            self.numbers(spec).define(number, text);
        }
        text
    }

    fn numbers(&mut self, spec: Spec) -> &mut Numbers {
        match spec {
            Spec::Object | Spec::CalledObject => &mut self.objects,
            Spec::File | Spec::InlineFile | Spec::CalledFile | Spec::OtherFile => &mut self.files,
            Spec::Function | Spec::CalledFunction | Spec::OtherFunction => &mut self.functions,
        }
    }

    /// A name made of numbers, `(5)'2'(7)`, with the names that they stand for.
    fn expanded(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        let mut expanded = Vec::new();
        for (index, part) in name.split(|&byte| byte == b'\'').enumerate() {
            if index > 0 {
                expanded.push(b'\'');
            }
            let found = match Name::parse(part, 0) {
                Ok(Name::Reference(number)) => self.functions.get(number),
                _ => None,
            };
            expanded.extend_from_slice(found.map_or(part, |text| self.texts.get(text)));
            if expanded.len() > LONGEST_NAME {
                return Cow::Borrowed(name);
            }
        }
        Cow::Owned(expanded)
    }
}
