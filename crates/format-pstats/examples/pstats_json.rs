//! Prints what profkit reads in a pstats dump as JSON, in nanoseconds: `pstats_json FILE [DIALECT]`, or `-` for a
//! list of files on standard input, a line of JSON each. A file that is refused prints its error and offset.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use profkit_format_pstats::Pstats;
use profkit_profile::{Format, Function, Input, Profile, ProfileBuilder, ReadError};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = match arguments.as_slice() {
        [dash] if dash == "-" => io::stdin().lock().lines().try_for_each(|path| show(&path?, None, &mut out)),
        [path] => show(path, None, &mut out),
        [path, dialect] => show(path, Some(dialect), &mut out),
        _ => Err(io::Error::other("usage: pstats_json FILE [DIALECT]")),
    };
    match result.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

fn show(path: &str, dialect: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    let shown = match read(&Input { bytes: &bytes, dialect }) {
        Ok(profile) => tables(&profile),
        Err(error) => json!({"error": error.kind.to_string(), "offset": error.offset}),
    };
    writeln!(out, "{shown}")
}

fn read(input: &Input<'_>) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Pstats.read(input, &mut builder)?;
    builder.finish().map_err(|error| ReadError::malformed(error.to_string(), 0))
}

fn tables(profile: &Profile) -> Value {
    let calls = profile.calls();
    let functions = calls.functions().rows().iter().enumerate().map(|(index, row)| {
        let (own, total) = calls.functions().values(index);
        let function = key(profile, profile.functions()[row.function]);
        json!([function, row.calls, row.primitive_calls, own, total])
    });
    let edges = calls.edges().rows().iter().enumerate().map(|(index, row)| {
        let (own, total) = calls.edges().values(index);
        let caller = key(profile, profile.functions()[row.caller]);
        let callee = key(profile, profile.functions()[row.callee]);
        let own = row.has_self.then_some(own);
        let total = row.has_total.then_some(total);
        json!([caller, callee, row.calls, row.primitive_calls, own, total])
    });
    let functions: Vec<Value> = functions.collect();
    let edges: Vec<Value> = edges.collect();
    json!({"dialect": profile.meta().dialect, "functions": functions, "edges": edges})
}

/// File, line and name; bytes as Latin-1, so that none is lost.
fn key(profile: &Profile, function: Function) -> Value {
    let latin = |id| -> String { profile.bytes(id).iter().map(|&byte| char::from(byte)).collect() };
    json!([latin(function.file), function.first_line, latin(function.name)])
}
