//! Who merged what into the main line: the chain of first parents from HEAD.
//!
//! Commits come with children before their parents, as git lists them. A commit that is on the main line was merged by
//! nobody. Any other was brought by the oldest merge of the main line that has it in its history.

use std::collections::HashMap;

use crate::people::Contact;

/// What has been learned from the commits so far.
#[derive(Debug, Default)]
pub(crate) struct Mainline {
    /// Who made each merge of the main line, newest first, unless that was a program.
    merges: Vec<Option<Contact>>,
    /// How commits that are still to come were brought, as far as their children tell.
    expected: HashMap<String, Place>,
    /// Commits that were asked about, and the merge that brought them.
    brought: Vec<(usize, usize)>,
    /// Whether HEAD has come.
    begun: bool,
}

/// Where a commit is. The greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In what the merge with this number brought. Later numbers are older merges.
    Side(usize),
    Mainline,
}

impl Mainline {
    /// Notes a commit that is no merge. `asked` is its number if it matters who brought it.
    pub(crate) fn pass(&mut self, id: &str, parent: &str, asked: Option<usize>) {
        let Some(place) = self.place(id) else { return };
        if let (Some(asked), Place::Side(merge)) = (asked, place) {
            self.brought.push((asked, merge));
        }
        self.expect(parent, place);
    }

    /// Notes a merge, and who made it if that was a person.
    pub(crate) fn pass_merge(&mut self, id: String, parents: &str, by: Option<Contact>) {
        let Some(place) = self.place(&id) else { return };
        let mut parents = parents.split(' ');
        self.expect(parents.next().unwrap_or_default(), place);
        let side = match place {
            Place::Side(_) => place,
            Place::Mainline => {
                self.merges.push(by);
                Place::Side(self.merges.len() - 1)
            }
        };
        for parent in parents {
            self.expect(parent, side);
        }
    }

    /// Returns who merged the commits that were asked about.
    pub(crate) fn mergers(self) -> HashMap<usize, Contact> {
        let merged = |(commit, merge): (usize, usize)| Some((commit, self.merges[merge].clone()?));
        self.brought.iter().copied().filter_map(merged).collect()
    }

    fn place(&mut self, id: &str) -> Option<Place> {
        let begun = std::mem::replace(&mut self.begun, true);
        if begun { self.expected.remove(id) } else { Some(Place::Mainline) }
    }

    fn expect(&mut self, parent: &str, place: Place) {
        if !parent.is_empty() {
            let known = self.expected.entry(parent.to_owned()).or_insert(place);
            *known = place.max(*known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_merge_of_the_main_line_brought_a_commit() {
        let who = |name: &str| Some(Contact { name: name.to_owned(), email: String::new() });
        let mut line = Mainline::default();
        // main: 9 merges 8 (newer), 7 merges 6 and 5 (older, an octopus), 1 is the root; 8 contains 6 by its merge 4.
        line.pass_merge("9".into(), "7 8", who("new"));
        line.pass_merge("8".into(), "3 4", who("inner"));
        line.pass("3", "1", Some(3));
        line.pass("4", "6", Some(4));
        line.pass_merge("7".into(), "2 6 5", who("old"));
        line.pass("6", "1", Some(6));
        line.pass("5", "1", Some(5));
        line.pass("2", "1", Some(2));
        line.pass("1", "", Some(1));
        let found = line.mergers();
        let name = |commit: usize| found.get(&commit).map(|contact| &*contact.name);
        assert_eq!([1, 2, 3, 4, 5, 6].map(name), [None, None, Some("new"), Some("new"), Some("old"), Some("old")]);
    }

    #[test]
    fn a_program_that_merges_is_nobody() {
        let mut line = Mainline::default();
        line.pass_merge("3".into(), "1 2", None);
        line.pass("2", "1", Some(2));
        line.pass("1", "", None);
        assert!(line.mergers().is_empty());
    }
}
