//! Python in another program, which runs it as it likes; `reference` since it takes shared libraries of Python.

mod reference {
    use std::process::Command;

    use super::super::interpreter::Interpreter;
    use super::super::result::{Report, recorded};

    fn counts_are_exact(version: &str) {
        let interpreter = Interpreter::reference(version);
        for program in ["embeds.c", "embedded.py"] {
            interpreter.program(program);
        }
        let prefix = interpreter.prefix().display().to_string();
        let library = format!("{prefix}/lib/libpython{version}.so.1.0");
        let home = format!("PYTHONHOME={prefix}");
        let is_linked = ["-o", "program", "embeds.c", &library, &format!("-Wl,-rpath,{prefix}/lib")];
        let loads = ["-o", "program", "embeds.c", "-DLOADS", "-ldl"];
        for compiler in [&is_linked[..], &loads] {
            let mut command = Command::new("cc");
            let compiled = command.args(compiler).current_dir(interpreter.folder.path()).status().unwrap();
            assert!(compiled.success(), "{compiler:?}");
            let command = ["env", &home, "./program", &library];
            let (printed, stderr) = recorded(&interpreter, &["--trace"], &command);
            assert_eq!(printed, "[]\n", "{stderr}");
            let report = Report::of(&interpreter, "out.pb.gz");
            let calls = ["outer", "inner"].map(|name| report.calls(name, "<string>"));
            assert_eq!(calls, [1, 1000], "{compiler:?}: {stderr}");
            assert_eq!(report.calls("work", "embedded.py"), 500, "{compiler:?}: {stderr}");
        }
    }

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            #[test]
            fn $test() {
                counts_are_exact($version);
            }
        )*};
    }

    versions!(
        python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12", python_3_13 "3.13"
    );
}
