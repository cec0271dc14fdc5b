//! The people of a history: one for each identity, with the address at which they are paid if somebody named
//! it.
//!
//! A commit counts for the people who wrote it. Programs hold no share beside them. A commit that only programs wrote counts
//! for its author, which is a program, and for whoever set it to work: the committer, whom a trailer names, or who merged
//! it. If nobody is known, it is the work's owner, as for every SYSTEM.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::Address;

use crate::{
    AddressSource, Commit, ImportError, Mapping, Person,
    accounts::Accounts,
    funding::{Funding, parse_address},
    git::Git,
    history::History,
    people::{Contact, by_mailmap},
    programs::Programs,
};

/// Further warnings about one thing are only counted.
const MOST_WARNINGS: usize = 20;

/// Where addresses come from besides the history: the operator's mapping and the repository's file.
pub(crate) struct Sources<'a> {
    pub(crate) mapping: &'a Mapping,
    pub(crate) funding: &'a Funding,
}

/// Turns the contacts of a history into people, and updates the numbers in its commits.
pub(crate) fn build(
    git: &Git,
    history: &mut History,
    programs: &Programs,
    Sources { mapping, funding }: Sources<'_>,
) -> Result<(Vec<Person>, Vec<String>), ImportError> {
    let accounts = Accounts::of(history, programs);
    let mut roster = Roster::new(&accounts, history);
    let mut warnings = roster.attribute(history);
    let (mut people, numbers) = (roster.people, roster.numbers);
    let trailers = trailers(history, &accounts, &mut warnings);
    let from_trailers = trailers.iter().map(|(identity, (_, address))| (*identity, *address));
    pay(&mut people, &numbers, from_trailers, AddressSource::Trailer);
    let said: Vec<&str> = mapping.iter().map(|(identity, _)| identity).collect();
    let said = said.into_iter().chain(funding.people.iter().map(|(identity, _)| &**identity));
    let today = Today::ask(git, &accounts, said)?;
    let file = || funding.people.iter().map(|(identity, address)| (&**identity, *address));
    // An email that the mailmap or a login replaced still counts for its owner, but less than the one they use now.
    pay(&mut people, &numbers, today.retired(file()), AddressSource::Funding);
    pay(&mut people, &numbers, file(), AddressSource::Funding);
    pay(&mut people, &numbers, today.retired(mapping.iter()), AddressSource::Mapping);
    pay(&mut people, &numbers, mapping.iter(), AddressSource::Mapping);
    let strangers = mapping.iter().filter(|(identity, _)| !numbers.contains_key(today.of(identity))).count();
    if strangers > 0 {
        warnings.push(format!("{strangers} people of the address mapping wrote no commit that was read"));
    }
    Ok((people, warnings))
}

/// People in the order of their first commits.
struct Roster<'a> {
    accounts: &'a Accounts,
    contacts: Vec<Contact>,
    names: HashMap<String, String>,
    emails: BTreeMap<String, BTreeSet<String>>,
    numbers: HashMap<&'a str, usize>,
    people: Vec<Person>,
}

impl<'a> Roster<'a> {
    fn new(accounts: &'a Accounts, history: &mut History) -> Self {
        let names = newest_names(&history.commits, &history.contacts, accounts);
        let names =
            names.into_iter().map(|(identity, contact)| (identity.to_owned(), contact.display_name())).collect();
        Self {
            accounts,
            names,
            contacts: std::mem::take(&mut history.contacts),
            emails: accounts.emails(),
            numbers: HashMap::new(),
            people: Vec::new(),
        }
    }

    /// Replaces the contacts in the commits by people. Returns what the person who imports should know of programs.
    fn attribute(&mut self, history: &mut History) -> Vec<String> {
        let (mut by_programs, mut for_nobody) = (0_u64, 0_u64);
        for (place, commit) in history.commits.iter_mut().enumerate() {
            let contacts = std::mem::take(&mut commit.authors);
            let mut seen = BTreeSet::new();
            for contact in contacts.iter().filter(|contact| !self.accounts.is_program(**contact)) {
                let person = self.person(*contact);
                if seen.insert(person) {
                    commit.authors.push(person);
                }
            }
            by_programs += u64::from(contacts.first().is_some_and(|author| self.accounts.is_program(*author)));
            if let (true, Some(author)) = (commit.authors.is_empty(), contacts.first()) {
                commit.authors.push(self.person(*author));
                let principals = history.principals.get(&place).into_iter().flatten();
                let person = principals.copied().find(|contact| !self.accounts.is_program(*contact));
                commit.triggered_by = person.map(|contact| self.person(contact));
                for_nobody += u64::from(commit.triggered_by.is_none());
            }
        }
        if by_programs == 0 {
            return Vec::new();
        }
        vec![format!(
            "{by_programs} commits are by programs: {} count for people who wrote, committed, signed off or merged them, \
             {for_nobody} for the work's owner",
            by_programs - for_nobody
        )]
    }

    fn person(&mut self, contact: usize) -> usize {
        let identity = self.accounts.identity(contact);
        let next = self.people.len();
        let number = *self.numbers.entry(identity).or_insert(next);
        if number == next {
            let name = self.names.remove(identity).unwrap_or_else(|| self.contacts[contact].display_name());
            self.people.push(Person {
                identity: identity.to_owned(),
                name,
                also: self.emails.remove(identity).unwrap_or_default().into_iter().collect(),
                system: self.accounts.is_program(contact),
                address: None,
                address_source: None,
            });
        }
        number
    }
}

/// Returns the name that each person used last. A name as an author outranks one as a co-author.
fn newest_names<'a>(
    commits: &[Commit],
    contacts: &'a [Contact],
    accounts: &'a Accounts,
) -> HashMap<&'a str, &'a Contact> {
    let mut names = HashMap::new();
    let newest = || commits.iter().rev();
    let authors = newest().flat_map(|commit| commit.authors.iter().take(1));
    for contact in authors.chain(newest().flat_map(|commit| commit.authors.iter().skip(1))) {
        names.entry(accounts.identity(*contact)).or_insert(&contacts[*contact]);
    }
    names
}

/// Returns the address in each author's newest commit that has one. If a commit has several, the last one
/// counts.
fn trailers<'a>(
    history: &'a History,
    accounts: &'a Accounts,
    warnings: &mut Vec<String>,
) -> BTreeMap<&'a str, (&'a str, Address)> {
    let mut found: BTreeMap<&str, (&str, Address)> = BTreeMap::new();
    let mut wrong = 0;
    for (commit, author, text) in &history.payouts {
        match parse_address(text) {
            Ok(address) => {
                let newest = found.entry(accounts.identity(*author)).or_insert((commit, address));
                if newest.0 == commit {
                    newest.1 = address;
                }
            }
            Err(detail) => {
                wrong += 1;
                if wrong <= MOST_WARNINGS {
                    warnings.push(format!("commit {commit}, Payout-Address is left out: {detail}"));
                }
            }
        }
    }
    if wrong > MOST_WARNINGS {
        warnings.push(format!("{} more Payout-Address trailers are left out", wrong - MOST_WARNINGS));
    }
    found
}

/// Returns the rank of a source among the others.
fn rank(source: AddressSource) -> u8 {
    match source {
        AddressSource::Funding => 0,
        AddressSource::Trailer => 1,
        AddressSource::Mapping => 2,
    }
}

fn pay<'a>(
    people: &mut [Person],
    numbers: &HashMap<&str, usize>,
    addresses: impl Iterator<Item = (&'a str, Address)>,
    source: AddressSource,
) {
    for (identity, address) in addresses {
        let person = numbers.get(identity).map(|number| &mut people[*number]).filter(|person| !person.system);
        let Some(person) = person else { continue };
        if person.address_source.is_none_or(|known| rank(known) <= rank(source)) {
            person.address = Some(address);
            person.address_source = Some(source);
        }
    }
}

/// The identities people go by today, by the mailmap and by what is known of their accounts.
struct Today(HashMap<String, String>);

impl Today {
    fn ask<'a>(
        git: &Git,
        accounts: &Accounts,
        identities: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, ImportError> {
        let emails = identities.clone().filter_map(|identity| identity.strip_prefix("mailto:"));
        let contacts = emails.map(|email| Contact { name: String::new(), email: email.to_owned() });
        let mapped = by_mailmap(git, contacts.collect())?;
        let mapped = mapped.into_iter().map(|(before, now)| (before.identity(), accounts.resolve(&now.identity())));
        let resolved = identities.map(|identity| (identity.to_owned(), accounts.resolve(identity)));
        Ok(Self(resolved.chain(mapped).collect()))
    }

    fn of<'a>(&'a self, identity: &'a str) -> &'a str {
        self.0.get(identity).map_or(identity, String::as_str)
    }

    fn retired<'a>(
        &'a self,
        addresses: impl Iterator<Item = (&'a str, Address)>,
    ) -> impl Iterator<Item = (&'a str, Address)> {
        addresses.map(|(identity, address)| (self.of(identity), address))
    }
}
