//! The names above a node and its own, as a folded line has them, for one node after another of a walk depth first.

/// The path of the node that was entered last.
pub(crate) struct Path {
    text: String,
    /// How much of it stands above every node.
    root: usize,
    /// The nodes on it, and where the name of each ends.
    open: Vec<(usize, usize)>,
}

impl Path {
    /// All paths begin with this.
    pub(crate) fn below(root: &str) -> Self {
        Self { text: root.to_owned(), root: root.len(), open: Vec::new() }
    }

    /// Its parent, if it has one, was entered before, and since then only what is below that.
    pub(crate) fn enter(&mut self, node: usize, parent: Option<usize>, name: &str) {
        while self.open.pop_if(|(last, _)| Some(*last) != parent).is_some() {}
        self.text.truncate(self.open.last().map_or(self.root, |&(_, end)| end));
        if !self.text.is_empty() {
            self.text.push(';');
        }
        self.text.push_str(name);
        self.open.push((node, self.text.len()));
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_walk() {
        for (root, expected) in
            [("", ["a", "a;b", "a;b;c", "a;b", "d"]), ("r", ["r;a", "r;a;b", "r;a;b;c", "r;a;b", "r;d"])]
        {
            let mut path = Path::below(root);
            let walk =
                [(0, None, "a"), (1, Some(0), "b"), (2, Some(1), "c"), (3, Some(0), "b"), (4, None, "d")];
            let paths = walk.map(|(node, parent, name)| {
                path.enter(node, parent, name);
                path.text().to_owned()
            });
            assert_eq!(paths, expected);
        }
    }
}
