//! A part of `.reference/`: a shell recipe that fills one folder. The stamp of a part is the whole text of its recipe,
//! so a changed recipe redoes that part and no other, and what was built from which text can be read there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{paths, process};

/// Put before each recipe: stop at the first failure and name the command.
const PRELUDE: &str = r#"set -eEuo pipefail
trap 'echo "failed command: $BASH_COMMAND" >&2' ERR
"#;

/// One part.
pub(crate) struct Part {
    /// Its folder below `.reference/`, and how the command line names it.
    pub(crate) name: &'static str,
    /// The script, run by bash in the new and empty folder of the part.
    pub(crate) recipe: &'static str,
    /// Files of the workspace that the script reads.
    pub(crate) inputs: &'static [&'static str],
    /// pyenv's interpreters that the script gets as `PYTHON_3_11` and so on.
    pub(crate) pythons: &'static [&'static str],
    /// What must be there for the stamp to be believed: absolute, or below the part's folder.
    pub(crate) makes: &'static [&'static str],
}

impl Part {
    /// Installs the part unless it is there already.
    pub(crate) fn ensure(&self) -> Result<()> {
        let reference = paths::reference()?;
        let pythons = self.interpreters()?;
        let wanted = self.stamp_text(&pythons)?;
        let stamp = self.file(&reference, "stamps");
        let folder = reference.join(self.name);
        if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) && self.is_there(&folder) {
            return Ok(());
        }
        let start = Instant::now();
        eprintln!("setup: {} …", self.name);
        self.build(&reference, &folder, &pythons).with_context(|| format!("setup: part `{}`", self.name))?;
        fs::write(&stamp, wanted)?;
        eprintln!("setup: {} done in {:.1} s", self.name, start.elapsed().as_secs_f64());
        Ok(())
    }

    fn build(&self, reference: &Path, folder: &Path, pythons: &[(String, PathBuf)]) -> Result<()> {
        fs::create_dir_all(reference.join("stamps"))?;
        fs::create_dir_all(reference.join("logs"))?;
        remove_file(&self.file(reference, "stamps"))?;
        remove_folder(folder)?;
        fs::create_dir_all(folder)?;
        let mut command = Command::new("bash");
        command
            .arg("-c")
            .arg(format!("# recipe of {}\n{PRELUDE}{}", self.name, self.recipe))
            .current_dir(folder)
            .env(paths::REFERENCE, reference)
            .env("RECIPES", paths::recipes())
            .envs(pythons.iter().map(|(name, path)| (name, path)));
        process::run_logged(&mut command, &self.file(reference, "logs"))
    }

    /// Its file among the stamps or the logs.
    fn file(&self, reference: &Path, kind: &str) -> PathBuf {
        reference.join(kind).join(self.name.replace('/', "-"))
    }

    /// Name of the variable and folder of each interpreter.
    fn interpreters(&self) -> Result<Vec<(String, PathBuf)>> {
        let folder = |series: &&str| {
            Ok((format!("PYTHON_{}", series.replace('.', "_")), paths::pyenv_version(series)?))
        };
        self.pythons.iter().map(folder).collect()
    }

    fn stamp_text(&self, pythons: &[(String, PathBuf)]) -> Result<String> {
        let mut text = self.recipe.to_owned();
        for input in self.inputs {
            let path = paths::root().join(input);
            let input =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.file_name().unwrap_or_default().display();
            text.push_str(&format!("\n# {name}\n{input}"));
        }
        for (name, path) in pythons {
            text.push_str(&format!("\n# {name}={}", path.display()));
        }
        Ok(text)
    }

    fn is_there(&self, folder: &Path) -> bool {
        // `join` of an absolute path is that path.
        self.makes.iter().all(|path| folder.join(path).symlink_metadata().is_ok())
    }
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes a folder if it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
