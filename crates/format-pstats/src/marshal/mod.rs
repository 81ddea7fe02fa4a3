//! Python's marshal format, as data: nothing in it is ever run or built.
//!
//! An object is a type code and its payload, little endian; the code's high bit (`FLAG_REF`, version 3 on) gives
//! the object a number, counted from 0 in the order of opening bytes, for later `r` objects to refer to.
//!
//! | codes | object |
//! |---|---|
//! | `N` `T` `F` `S` `.` | None, True, False, StopIteration, Ellipsis; these never get a number |
//! | `i` | i32 |
//! | `I` | i64; Python 2 writes it on 64-bit machines, 3.x still reads it |
//! | `l` | i32 count of 15-bit digits, its sign the number's, then u16 digits, least first |
//! | `f` `x` | a float / complex as decimal text behind a length byte (versions 0 and 1) |
//! | `g` `y` | a float / complex as binary f64 (version 2 on) |
//! | `s` | bytes with an i32 length; `str` of Python 2 |
//! | `t` | interned `str`: bytes in Python 2, where it also joins the list that `R` indexes; UTF-8 in 3.x |
//! | `R` | Python 2: i32 index in the list of `t` strings |
//! | `u` | UTF-8 with an i32 length, lone surrogates passed through (`ed b3 bf`) |
//! | `a` `A` `z` `Z` | ASCII with an i32 (`a`, `A`) or u8 (`z`, `Z`) length; capitals interned (version 4) |
//! | `(` `)` `[` `<` `>` | tuple with i32 or u8 count, list, set, frozenset |
//! | `{` `}` | dict, frozendict (version 6): keys and values until `0` |
//! | `:` | slice (version 5): start, stop, step |
//! | `c` | code object; its fields depend on the Python that wrote it ([`Layout`]) and nothing says which |
//! | `r` | i32 number of an earlier object |
//!
//! Default versions: Python 2.7 writes 2, 3.4 to 3.13 write 4, 3.14 writes 5, 3.15 writes 6. From CPython's
//! `Python/marshal.c`, checked against 2.7 and 3.6 to 3.15.
//!
//! [`Reader`] goes through the objects one by one, strings borrowed from the input; whoever reads knows what
//! comes next and may look up what a reference means. [`Output`] writes.

mod atom;
mod code;
mod layout;
mod output;
mod plain;
mod reader;
mod skip;

pub use code::Code;
pub use layout::Layout;
pub use output::{Output, TextTooLong};
pub use reader::{Head, Number, Object, Reader};
pub use skip::MAX_DEPTH;
