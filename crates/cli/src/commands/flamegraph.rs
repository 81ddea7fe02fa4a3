//! `profkit flamegraph`: inferno's SVG of the call tree, coloured by module.

pub(crate) mod path;
pub(crate) mod unit;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use inferno::flamegraph::color::{Color, PaletteMap};
use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};
use profkit_profile::views::call_tree::{CallTree, Node};
use profkit_profile::views::estimate::COMMENT_PREFIX;
use profkit_profile::views::groups::{Group, Grouping, Groups, module};
use profkit_profile::views::no_stack::name_missing_stacks;
use profkit_profile::views::origins::{By, fold_origins, split_origins};
use profkit_profile::{BuildError, Evidence, Origin, Profile};

use self::unit::unit;
use crate::args::Flamegraph;
use crate::failure::{Failure, note};
use crate::input::choose_type;
use crate::names::{Name, origin, shorten};
use crate::output::check_writable;
use crate::output::fitted;
use crate::quantity::{Scale, percent};

/// Frames narrower than this part of the whole are left out: 1/2500 is about half a pixel of a wide picture.
pub(crate) const NARROWEST: i64 = 2500;

/// Frames with as many above them are left out: a picture that is higher cannot be looked at.
pub(crate) const DEEPEST: usize = 2000;

/// How many characters of inferno's 12 px font its 1200 px hold.
const SUBTITLE: usize = 160;

/// Other kinds of pictures and what holds them, to which SVG is nothing.
const NOT_SVG: &[&str] = &["png", "jpg", "jpeg", "gif", "webp", "pdf", "html", "htm", "svgz", "gz"];

pub(crate) fn run(arguments: &Flamegraph) -> Result<(), Failure> {
    check_name(&arguments.output)?;
    let input = arguments.input.name();
    let failed = |error| Failure::file(input, error);
    let profile = arguments.input.load_to_show()?;
    let profile = fold_origins(profile, By::from(arguments.by)).map_err(failed)?;
    let profile = name_missing_stacks(profile).map_err(failed)?;
    let (profile, _) = fitted(profile, Evidence::Stacks, arguments.stacks.mode(), input)?;
    let Some(sample_type) = choose_type(&profile, arguments.value.as_deref())? else {
        return Err(Failure::file(input, "it has no values to draw"));
    };
    let drawing = Drawing::new(&profile, sample_type).map_err(failed)?;
    if drawing.sum <= 0 {
        return Err(Failure::file(input, "its values add up to nothing that could be drawn"));
    }
    drawing.tell_negative(input, &Scale::of(&profile, sample_type));
    let title = arguments.title.clone().unwrap_or_else(|| title(input));
    let svg = drawing.svg(&profile, sample_type, title).map_err(|error| Failure::file(input, error))?;
    save(&arguments.output, &svg)
}

fn check_name(output: &Path) -> Result<(), Failure> {
    let extension = output.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension {
        Some(extension) if NOT_SVG.contains(&extension.as_str()) => {
            Err(Failure::file(output, "the picture is SVG; give -o a name that ends in .svg"))
        }
        _ => check_writable(output),
    }
}

fn title(input: &Path) -> String {
    input.file_name().map_or_else(|| "profile".to_owned(), |name| name.to_string_lossy().into_owned())
}

pub(crate) fn save(path: &Path, svg: &[u8]) -> Result<(), Failure> {
    if path == Path::new("-") {
        std::io::stdout().write_all(svg)?;
        return Ok(());
    }
    profkit_formats::write_file(path, svg).map_err(|error| Failure::file(path, error))
}

/// What inferno is given: folded lines, and the module of each name.
struct Drawing {
    lines: Vec<String>,
    modules: BTreeMap<String, String>,
    /// The sum of everything drawn.
    sum: i64,
    /// What is in frames too narrow or too deep to draw; it is drawn as self of their callers.
    pruned: i64,
    /// Whether any frame is too deep.
    is_deep: bool,
    /// What is negative, and left out.
    negative: i64,
}

impl Drawing {
    fn new(profile: &Profile, sample_type: usize) -> Result<Self, BuildError> {
        let mut drawing = Self {
            lines: Vec::new(),
            modules: BTreeMap::new(),
            sum: 0,
            pruned: 0,
            is_deep: false,
            negative: 0,
        };
        let labels = Labels::new(profile);
        let whole = profile.samples().values(sample_type).iter().fold(0i64, |sum, &v| sum.saturating_add(v));
        for part in split_origins(profile) {
            let (of, part) = part?;
            drawing.add(&part, of, sample_type, &labels, whole / NARROWEST);
        }
        Ok(drawing)
    }

    fn add(&mut self, profile: &Profile, of: Origin, sample_type: usize, labels: &Labels, narrowest: i64) {
        let groups = Groups::new(profile, Grouping::Function);
        let tree = CallTree::new(profile, &groups, sample_type);
        let root = origin(profile, &of);
        let root = if root.is_empty() { None } else { Some(clean(&root)) };
        let mut own = tree.own.clone();
        let depths = tree.depths();
        self.is_deep |= depths.iter().any(|&depth| depth >= DEEPEST);
        // Children stand after their parents: what is pruned moves up before its parent is looked at.
        for node in (0..tree.nodes.len()).rev() {
            if (tree.total[node].abs() <= narrowest || depths[node] >= DEEPEST)
                && let Some(parent) = tree.nodes[node].parent
            {
                own[parent] = own[parent].saturating_add(std::mem::take(&mut own[node]));
                self.pruned = self.pruned.saturating_add(tree.own[node]);
            }
        }
        let names: Vec<_> = groups.groups().iter().map(|&group| labels.of(profile, group)).collect();
        let mut path = path::Path::below(root.as_deref().unwrap_or_default());
        // Siblings by name: inferno joins what stands side by side.
        for node in tree.depth_first(|group| &names[group]) {
            let Node { parent, group } = tree.nodes[node];
            path.enter(node, parent, &names[group].0);
            match own[node] {
                0 => {}
                value if value < 0 => self.negative = self.negative.saturating_add(value),
                value => {
                    self.lines.push(format!("{} {value}", path.text()));
                    self.sum = self.sum.saturating_add(value);
                }
            }
        }
        self.modules.extend(names);
    }

    fn tell_negative(&self, input: &Path, scale: &Scale) {
        if self.negative < 0 {
            let negative = scale.format(self.negative);
            note(&format!("{}: negative values cannot be drawn: {negative} left out", input.display()));
        }
    }

    fn svg(&self, profile: &Profile, sample_type: usize, title: String) -> std::io::Result<Vec<u8>> {
        let scale = Scale::of(profile, sample_type);
        let name = profile.text(profile.sample_types()[sample_type].name);
        let mut subtitle = format!("{} of {name}", scale.format(self.sum));
        if self.pruned > 0 {
            let deep = if self.is_deep { " or too deep" } else { "" };
            subtitle += &format!("; {} in frames too narrow{deep} to show", percent(self.pruned, self.sum));
        }
        let comments = profile.meta().comments.iter().map(|&comment| profile.text(comment));
        if let Some(estimate) = comments.into_iter().find(|text| text.starts_with(COMMENT_PREFIX)) {
            // The rest of the sentence is on stderr, and too long for a picture.
            let parts: Vec<&str> = estimate.trim_start_matches("profkit: ").split("; ").take(2).collect();
            subtitle += &format!("; {}", parts.join("; "));
        }
        let mut palette = self.palette();
        let mut options = Options::default();
        options.title = title;
        options.subtitle = Some(shorten(&subtitle, SUBTITLE).into_owned());
        (options.count_name, options.factor) = unit(profile, sample_type, self.sum);
        options.palette_map = Some(&mut palette);
        options.min_width = 0.0;
        // Labels begin with the name: that is the part to see.
        options.text_truncate_direction = TextTruncateDirection::Right;
        options.deterministic = true;
        let mut svg = Vec::new();
        from_lines(&mut options, self.lines.iter().map(String::as_str), &mut svg)?;
        Ok(svg)
    }

    /// Each function in the colour of its module, the same in every picture.
    fn palette(&self) -> PaletteMap {
        let mut palette = PaletteMap::default();
        for (label, module) in &self.modules {
            let (r, g, b) = color(module, label);
            palette.insert(label, Color { r, g, b });
        }
        palette
    }
}

/// A colour whose hue tells the module and whose lightness varies with the function, so that neighbours differ.
fn color(module: &str, label: &str) -> (u8, u8, u8) {
    let hue = f64::from(stable_hash(module) % 360);
    let light = 0.62 + f64::from(stable_hash(label) % 100) / 600.0;
    let chroma = (1.0 - (2.0 * light - 1.0).abs()) * 0.75;
    let channel = |shift: f64| {
        let k = (shift + hue / 30.0) % 12.0;
        let value = light - chroma / 2.0 * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
        let byte = (value * 255.0).round().clamp(0.0, 255.0) as u8;
        byte
    };
    (channel(0.0), channel(8.0), channel(4.0))
}

/// FNV-1a: the same in every run, which the standard library's hasher does not promise.
fn stable_hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// What a frame is called: its name, and the shortest end of its path that no other file has.
pub(crate) struct Labels {
    short: BTreeMap<String, String>,
}

impl Labels {
    pub(crate) fn new(profile: &Profile) -> Self {
        let files =
            profile.functions().rows().iter().map(|function| profile.text(function.file).into_owned());
        let mut files: Vec<String> = files.collect();
        files.sort_unstable();
        files.dedup();
        let mut by_end: BTreeMap<String, usize> = BTreeMap::new();
        for file in &files {
            for end in ends(file) {
                *by_end.entry(end.to_owned()).or_insert(0) += 1;
            }
        }
        let shortest = |file: &String| {
            let end = ends(file).find(|end| by_end[*end] == 1).unwrap_or(file);
            (file.clone(), end.to_owned())
        };
        Self { short: files.iter().map(shortest).collect() }
    }

    /// The label and the module of a group of frames.
    pub(crate) fn of(&self, profile: &Profile, group: Group) -> (String, String) {
        let name = Name::of(profile, group);
        let module = String::from_utf8_lossy(module(name.file.as_bytes())).into_owned();
        let short = self.short.get(&name.file).map_or(name.file.as_str(), String::as_str);
        let place = Name { file: short.to_owned(), ..name.clone() }.place();
        let label = if place.is_empty() { name.name } else { format!("{} ({place})", name.name) };
        (clean(&label), module)
    }
}

/// The last part of a path, the last two, and so on.
fn ends(path: &str) -> impl Iterator<Item = &str> {
    let starts = path.char_indices().rev().filter(|&(_, c)| c == '/').map(|(at, _)| at + 1);
    starts.chain([0]).map(|at| &path[at..]).filter(|end| !end.is_empty())
}

/// A name that inferno's folded lines can hold: `;` becomes U+037E, which looks the same, controls a picture.
fn clean(name: &str) -> String {
    let replace = |c: char| match c {
        ';' => '\u{37e}',
        c if c.is_control() => {
            char::from_u32(0x2400 + u32::from(c)).filter(|_| c < ' ').unwrap_or('\u{fffd}')
        }
        c => c,
    };
    name.chars().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_to_the_end_that_is_its_own() {
        assert_eq!(ends("/a/b/c.py").collect::<Vec<_>>(), ["c.py", "b/c.py", "a/b/c.py", "/a/b/c.py"]);
        assert_eq!(ends("~").collect::<Vec<_>>(), ["~"]);
    }

    #[test]
    fn modules_have_colours_of_their_own_that_stay() {
        assert_eq!(color("json", "loads"), color("json", "loads"));
        assert_ne!(color("json", "loads"), color("re", "loads"));
        assert_eq!(stable_hash("json"), 0x36a1_a243);
    }
}
