//! `profkit top`, in a real terminal: tmux is the one who presses the keys and looks at the screen.

use std::process::{Command, Stdio};

#[test]
fn it_asks_for_a_terminal() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = crate::command::command(folder.path());
    let ended = command.args(["top", "--", "touch", "made"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("top needs a terminal"));
    assert!(crate::command::names(folder.path()).is_empty(), "nothing was run");
}

/// `reference` since tmux has to be installed.
mod reference {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::Command;
    use crate::record::result::until;

    /// A shell in a terminal.
    struct Terminal {
        folder: TempDir,
    }

    impl Terminal {
        fn new(width: usize, height: usize) -> Self {
            let terminal = Self { folder: TempDir::new().unwrap() };
            let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
            fs::copy(programs.join("shares.py"), terminal.folder.path().join("shares.py")).unwrap();
            let (width, height) = (width.to_string(), height.to_string());
            let shell = "env PS1='$ ' PYTHONDONTWRITEBYTECODE=1 sh";
            terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, shell]);
            terminal
        }

        fn tmux(&self, arguments: &[&str]) -> String {
            let mut command = Command::new("tmux");
            command.arg("-S").arg(self.folder.path().join("socket")).args(arguments);
            let output = command.current_dir(self.folder.path()).output();
            let output = output.unwrap_or_else(|error| panic!("tmux: {error}: run `cargo xtask setup`"));
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        }

        fn press(&self, keys: &[&str]) {
            self.tmux(&[&["send-keys"], keys].concat());
        }

        fn screen(&self) -> String {
            self.tmux(&["capture-pane", "-p"])
        }

        /// Waits for a screen; returns it.
        fn until(&self, what: &str, mut is_it: impl FnMut(&str) -> bool) -> String {
            let mut screen = String::new();
            let begin = std::time::Instant::now();
            while begin.elapsed() < std::time::Duration::from_secs(30) {
                screen = self.screen();
                if is_it(&screen) {
                    return screen;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            panic!("{what} did not come:\n{screen}");
        }

        fn top(&self, arguments: &str) {
            let profkit = env!("CARGO_BIN_EXE_profkit-under-test");
            self.press(&[&format!("clear; {profkit} top {arguments}; echo status=$?"), "Enter"]);
        }

        /// The table is gone, and the terminal is as it was before; returns the screen.
        fn restored(&self, status: i32) -> String {
            let line = format!("status={status}\n");
            let screen = self.until(&line, |screen| screen.contains(&line));
            self.press(&["clear; stty -a", "Enter"]);
            let modes = self.until("modes", |screen| screen.contains("extproc"));
            for mode in ["icanon", "isig", "echo", "opost"] {
                assert!(modes.split_whitespace().any(|word| word == mode), "no {mode}: {modes}");
            }
            assert_eq!(self.tmux(&["display-message", "-p", "#{alternate_on}#{cursor_flag}"]).trim(), "01");
            screen
        }
    }

    impl Drop for Terminal {
        fn drop(&mut self) {
            self.tmux(&["kill-server"]);
        }
    }

    /// A row of the table of functions: self and total now, in percent; self of all time, in seconds; the name.
    #[derive(Debug)]
    struct Row {
        own_now: f64,
        own: f64,
        name: String,
    }

    /// Rows with a self time now.
    fn rows(screen: &str) -> Vec<Row> {
        let row = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [own_now, total_now, own, unit, _, _, name, ..] = words.as_slice() else { return None };
            total_now.parse::<f64>().ok()?;
            let unit = match *unit {
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
            let (own_now, own) = (own_now.parse().ok()?, own.parse::<f64>().ok()? * unit);
            Some(Row { own_now, own, name: (*name).to_owned() })
        };
        screen.lines().filter_map(row).collect()
    }

    fn names(screen: &str) -> Vec<String> {
        rows(screen).into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn the_busiest_function_is_first_with_its_share() {
        let terminal = Terminal::new(80, 24);
        terminal.top("--rate 1000 -- python3 shares.py");
        let screen = terminal.until("two seconds of work", |screen| {
            let rows = rows(screen);
            rows.first().is_some_and(|row| row.name == "busy" && row.own > 1.5)
        });
        let rows = rows(&screen);
        let [busy, calm] = &rows[..2] else { panic!("{screen}") };
        assert_eq!(calm.name, "calm", "{screen}");
        // Shares of each other: how much of a processor there is depends on what else runs.
        let (ever, now) = (busy.own / (busy.own + calm.own), busy.own_now / (busy.own_now + calm.own_now));
        assert!((ever - 0.7).abs() < 0.04, "{ever}: {screen}");
        assert!((now - 0.7).abs() < 0.08, "{now}: {screen}");
        let pid = pid(&terminal);
        terminal.press(&["q"]);
        let screen = terminal.restored(0);
        assert!(!screen.contains("self %"), "{screen}");
        assert!(!is_running(&pid), "the program ends with the table");
    }

    /// The program says it in its output.
    fn pid(terminal: &Terminal) -> String {
        terminal.press(&["4"]);
        let screen = terminal.until("the output", |screen| screen.contains("\nready "));
        let line = screen.lines().find_map(|line| line.strip_prefix("ready ")).unwrap();
        line.trim().to_owned()
    }

    fn is_running(pid: &str) -> bool {
        Path::new("/proc").join(pid).exists()
    }

    #[test]
    fn keys_change_what_is_shown() {
        let terminal = Terminal::new(80, 24);
        terminal.top("--rate 1000 -- python3 shares.py child");
        terminal.until("three busy functions", |screen| {
            let names = names(screen);
            names.len() >= 3 && screen.contains("2 processes, 3 Python threads")
        });

        terminal.press(&["/", "CALM"]);
        terminal
            .until("a filter that is typed", |screen| screen.contains("/CALM_") && names(screen) == ["calm"]);
        terminal.press(&["Enter", "t"]);
        terminal.until("the other order", |screen| screen.contains("▼total %") && names(screen) == ["calm"]);
        terminal.press(&["Escape"]);
        // Those that call the others have no time of their own.
        let callers = ["<module>", "main", "serve"];
        let calls = |line: &&str| callers.iter().any(|name| line.contains(&format!(" {name} ")));
        terminal.until("callers first", |screen| screen.lines().nth(4).is_some_and(|line| calls(&line)));
        terminal.press(&["s"]);
        terminal.until("the first order", |screen| screen.contains("▼self %"));
        terminal.press(&["a"]);
        terminal.until("sums", |screen| screen.contains("▼self ") && !screen.contains("▼self %"));
        terminal.press(&["v"]);
        terminal
            .until("wall time of who waits", |screen| screen.contains(" wall\n") && screen.contains(".wait"));
        terminal.press(&["v", "v", "v", "a"]);

        terminal.press(&["p"]);
        let held = terminal.until("a pause", |screen| screen.contains("PAUSED"));
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        assert_eq!(terminal.screen(), held);
        terminal.press(&["p"]);
        terminal.until("time that goes on", |screen| *screen != held && !screen.contains("PAUSED"));

        terminal.press(&["Tab"]);
        terminal.until("threads", |screen| screen.contains("busy in") && screen.contains("sleepy one"));
        terminal.press(&["/", "spin", "Enter", "Enter"]);
        terminal.until("one thread", |screen| names(screen) == ["spin_below"] && screen.contains("thread "));
        // Escape and a key together would be the key with Alt.
        terminal.press(&["Escape"]);
        terminal.until("all threads", |screen| !screen.contains("thread ") && names(screen).len() > 2);
        terminal.press(&["3"]);
        let tree = terminal.until("processes", |screen| screen.contains(" command"));
        let commands: Vec<&str> =
            tree.lines().skip(4).take(2).map(|line| &line[line.find("python3").unwrap()..]).collect();
        assert!(commands[0].starts_with("python3 shares.py"), "{tree}");
        let column = |line: usize| tree.lines().nth(line).unwrap().find("python3").unwrap();
        assert_eq!(column(5), column(4) + 2, "a child stands below its parent:\n{tree}");
        terminal.press(&["?"]);
        terminal.until("help", |screen| screen.contains(" keys ") && screen.contains("hold the picture"));
        terminal.tmux(&["resize-window", "-x", "200", "-y", "50"]);
        terminal.press(&["?", "1"]);
        let wide = terminal.until("a wide table", |screen| {
            screen.lines().count() == 50 && screen.contains("/shares.py:") && screen.contains("self %")
        });
        assert!(wide.lines().next().unwrap().chars().count() > 190, "{wide}");
        terminal.press(&["C-c"]);
        terminal.restored(0);
    }

    #[test]
    fn a_program_that_ends_hands_its_status_on() {
        let terminal = Terminal::new(100, 30);
        terminal.top("-- python3 shares.py");
        terminal.until("work", |screen| names(screen).len() >= 2);
        fs::write(terminal.folder.path().join("stop"), "").unwrap();
        let screen = terminal.restored(3);
        assert!(screen.contains("python3 shares.py: cpu time, "), "{screen}");
        assert!(screen.contains("its last words:\nready "), "{screen}");
        assert!(screen.contains("ended with status 3 after"), "{screen}");
    }

    #[test]
    fn a_program_without_python_is_told_to_be_one() {
        let terminal = Terminal::new(100, 30);
        terminal.top("-- sleep 0.5");
        let screen = terminal.restored(0);
        assert!(screen.contains("nothing was sampled: no Python ran, or none for long enough\n"), "{screen}");
        assert!(screen.contains("sleep 0.5 ended after"), "{screen}");
    }

    #[test]
    fn a_signal_gives_the_terminal_back() {
        for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
            let terminal = Terminal::new(80, 24);
            let program =
                format!("sh -c 'echo $$ >pid; exec {} \"$@\"' sh", env!("CARGO_BIN_EXE_profkit-under-test"));
            terminal.press(&[&format!("clear; {program} top -- python3 shares.py; echo status=$?"), "Enter"]);
            terminal.until("work", |screen| names(screen).len() >= 2);
            let pid = pid(&terminal);
            let own = fs::read_to_string(terminal.folder.path().join("pid")).unwrap();
            assert!(Command::new("kill").args(["-s", signal, own.trim()]).status().unwrap().success());
            terminal.restored(status);
            until("the end of the program", || !is_running(&pid));
        }
    }

    #[test]
    fn a_process_that_runs_is_watched_and_left_alone() {
        let terminal = Terminal::new(80, 24);
        terminal.press(&["python3 shares.py & profkit_pid=$!", "Enter"]);
        terminal.until("the program", |screen| screen.contains("ready "));
        terminal.top("$profkit_pid");
        terminal.until("work", |screen| names(screen).iter().any(|name| name == "busy"));
        terminal.press(&["q"]);
        terminal.restored(0);
        terminal.top("$profkit_pid");
        terminal.until("work", |screen| names(screen).iter().any(|name| name == "busy"));
        fs::write(terminal.folder.path().join("stop"), "").unwrap();
        terminal.restored(0);
        terminal.top("$$");
        terminal.until("a refusal", |screen| screen.contains("not a Python process"));
        terminal.restored(2);
    }
}
