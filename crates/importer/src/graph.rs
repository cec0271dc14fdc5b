//! The dependency graph of a work. It merges what the work's lock files say, without cycles and without packages that
//! the work does not reach.

use std::collections::{BTreeMap, BTreeSet};

use crate::{External, FileLeftOut, MAX_PACKAGES, Use, User};

/// A package of one lock file.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// One of the work's own packages, by a key that is the same in every lock file.
    Own(String),
    /// Somebody else's.
    External(External),
    /// One that counts for nothing, because it is replaced or cannot be named.
    LeftOut,
}

/// One lock file: its packages, and which of them uses which.
#[derive(Debug, Default)]
pub(crate) struct LockGraph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<(usize, usize)>,
    pub(crate) warnings: Vec<String>,
}

/// All lock files of a work, merged. One package URL is one external work.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    externals: BTreeMap<String, External>,
    /// Package URLs the work uses itself, and by which of its own packages.
    direct: BTreeMap<String, BTreeSet<String>>,
    links: BTreeSet<(String, String)>,
    /// Links from an external work back into this one.
    into_own: BTreeSet<(String, String)>,
    conflicts: BTreeSet<String>,
}

/// The finished graph.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    pub(crate) externals: Vec<External>,
    pub(crate) uses: Vec<Use>,
    pub(crate) warnings: Vec<String>,
    /// The lock files that could not be read.
    pub(crate) left_out: Vec<FileLeftOut>,
}

impl Graph {
    /// Merges one lock file in. When there are too many packages with it, nothing of it is merged, and the error says so.
    pub(crate) fn add(&mut self, lock: LockGraph) -> Result<(), String> {
        let external =
            |node: &Node| if let Node::External(external) = node { Some(external.purl.clone()) } else { None };
        let new: BTreeSet<String> =
            lock.nodes.iter().filter_map(external).filter(|purl| !self.externals.contains_key(purl)).collect();
        if (self.externals.len() + new.len()) as u64 > MAX_PACKAGES {
            return Err(format!("with it, all lock files together have more than {MAX_PACKAGES} packages"));
        }
        for (from, to) in lock.edges {
            match (&lock.nodes[from], &lock.nodes[to]) {
                (Node::Own(own), Node::External(to)) => {
                    self.direct.entry(to.purl.clone()).or_default().insert(own.clone());
                }
                (Node::External(from), Node::External(to)) => {
                    self.links.insert((from.purl.clone(), to.purl.clone()));
                }
                (Node::External(from), Node::Own(own)) => {
                    self.into_own.insert((from.purl.clone(), own.clone()));
                }
                (Node::Own(_), Node::Own(_)) | (Node::LeftOut, _) | (_, Node::LeftOut) => {}
            }
        }
        for node in lock.nodes {
            let Node::External(external) = node else { continue };
            match self.externals.get(&external.purl) {
                None => {
                    self.externals.insert(external.purl.clone(), external);
                }
                Some(known) if known.same_content(&external) => {}
                Some(_) => {
                    self.conflicts.insert(external.purl);
                }
            }
        }
        Ok(())
    }

    /// Drops links that close a cycle, and packages that the work does not reach.
    pub(crate) fn finish(self) -> Dependencies {
        let mut warnings = Vec::new();
        for purl in &self.conflicts {
            warnings.push(format!("{purl} has different checksums in different lock files: the first is kept"));
        }
        let purls: Vec<&str> = self.externals.keys().map(String::as_str).collect();
        let number: BTreeMap<&str, usize> = purls.iter().enumerate().map(|(number, purl)| (*purl, number)).collect();
        let mut links = vec![Vec::new(); purls.len()];
        for (from, to) in &self.links {
            links[number[&**from]].push(number[&**to]);
        }
        let roots: Vec<usize> = self.direct.keys().map(|purl| number[&**purl]).collect();
        let Walk { reached, closing } = walk(&roots, &links);
        let back = self.into_own.iter().filter(|(from, _)| reached[number[&**from]]).count();
        let mut uses: Vec<Use> = self
            .direct
            .iter()
            .map(|(to, users)| Use {
                from: User::Root,
                to: to.clone(),
                weight: u32::try_from(users.len()).unwrap_or(u32::MAX),
            })
            .collect();
        for (from, targets) in links.iter().enumerate().filter(|(from, _)| reached[*from]) {
            for to in targets.iter().filter(|to| !closing.contains(&(from, **to))) {
                uses.push(Use { from: User::External(purls[from].to_owned()), to: purls[*to].to_owned(), weight: 1 });
            }
        }
        if closing.len() + back > 0 {
            let count = closing.len() + back;
            warnings.push(format!("{count} links between packages close a cycle and are left out"));
        }
        let unreached = reached.iter().filter(|reached| !**reached).count();
        if unreached > 0 {
            warnings.push(format!("{unreached} packages of the lock files are used by nothing here and are left out"));
        }
        drop(number);
        let externals = self.externals.into_values().zip(reached).filter(|(_, reached)| *reached);
        let externals: Vec<External> = externals.map(|(external, _)| external).collect();
        Dependencies { externals, uses, warnings, left_out: Vec::new() }
    }
}

#[derive(Debug)]
struct Walk {
    reached: Vec<bool>,
    /// Links that lead back to a package on the current path of the walk.
    closing: BTreeSet<(usize, usize)>,
}

/// Walks depth first in the order of numbers, which is that of package URLs, so that the links left out are always the
/// same. It does not recurse, because a chain may be as long as the limit allows.
fn walk(roots: &[usize], links: &[Vec<usize>]) -> Walk {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        Never,
        Open,
        Done,
    }
    let mut visits = vec![Visit::Never; links.len()];
    let mut closing = BTreeSet::new();
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for root in roots {
        if visits[*root] == Visit::Never {
            visits[*root] = Visit::Open;
            stack.push((*root, 0));
        }
        while let Some((node, next)) = stack.last_mut() {
            let Some(target) = links[*node].get(*next).copied() else {
                visits[*node] = Visit::Done;
                stack.pop();
                continue;
            };
            *next += 1;
            match visits[target] {
                Visit::Never => {
                    visits[target] = Visit::Open;
                    stack.push((target, 0));
                }
                Visit::Open => {
                    closing.insert((*node, target));
                }
                Visit::Done => {}
            }
        }
    }
    Walk { reached: visits.iter().map(|visit| *visit != Visit::Never).collect(), closing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_lose_the_link_that_closes_them() {
        let links = vec![vec![1], vec![2, 1], vec![0, 3], vec![], vec![3]];
        let walk = walk(&[0], &links);
        assert_eq!(walk.closing, BTreeSet::from([(1, 1), (2, 0)]));
        assert_eq!(walk.reached, [true, true, true, true, false]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let count = 200_000;
        let links: Vec<_> = (0..count).map(|n| vec![(n + 1) % count]).collect();
        assert_eq!(walk(&[0], &links).closing, BTreeSet::from([(count - 1, 0)]));
    }
}
