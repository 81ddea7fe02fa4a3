//! Prints the Python stacks of a process once: `cargo run --example dump PID`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use profkit_sampler::dump::dump;

fn main() -> std::process::ExitCode {
    let Some(pid) = std::env::args().nth(1).and_then(|argument| argument.parse().ok()) else {
        eprintln!("usage: dump PID");
        return 2.into();
    };
    match dump(pid) {
        Ok(found) => {
            println!("Python {}", found.version);
            for thread in found.threads {
                let gil = if thread.holds_gil { ", holds the GIL" } else { "" };
                println!("thread {} {:?} interpreter {}{gil}", thread.tid, thread.name, thread.interpreter);
                for frame in thread.frames {
                    println!(
                        "  {} {}:{} (from {})",
                        frame.function, frame.file, frame.line, frame.first_line
                    );
                }
            }
            println!("other threads: {:?}", found.other_threads);
            0.into()
        }
        Err(refusal) => {
            eprintln!("{refusal}");
            1.into()
        }
    }
}
