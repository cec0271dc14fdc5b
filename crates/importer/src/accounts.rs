//! Who the contacts of a history are: one identity for each person, whatever addresses their commits carry.
//!
//! Several addresses are one account's where GitHub says so, by the account's number in its private addresses, or where the
//! mailmap puts an address in the place of such an address. The identity is then `github:` and the login that the account
//! used last. Equal names say nothing, because anyone can use any name.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{
    history::History,
    people::{Contact, account_number, email_identity, login_of},
    programs::Programs,
};

/// The identities behind the contacts of a history.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// By contact: the identity, and whether it is a program's.
    identities: Vec<(String, bool)>,
    /// Identities that stand for another one.
    same: HashMap<String, String>,
}

impl Accounts {
    pub(crate) fn of(history: &History, programs: &Programs) -> Self {
        let fits = |contact: &Contact| programs.include(contact, login_of(&contact.email).as_deref());
        let fits: Vec<bool> = history.contacts.iter().map(fits).collect();
        let told: Vec<String> = history.contacts.iter().map(Contact::identity).collect();
        // Whoever lets a program use their address stays who they are.
        let people: HashSet<&str> =
            told.iter().zip(&fits).filter(|(_, program)| !**program).map(|(told, _)| &**told).collect();
        let is_program = |contact: usize| fits[contact] && !people.contains(&*told[contact]);
        let mut same = renamed(&history.contacts, &fits);
        for (said, contact) in &history.replaced {
            let Some(said) = email_identity(said).filter(|_| !is_program(*contact)) else { continue };
            let now = &told[*contact];
            let (email, login) = if is_login(&said) { (now.clone(), said) } else { (said, now.clone()) };
            if is_login(&login) && email.starts_with("mailto:") {
                same.entry(email).or_insert(login);
            }
        }
        let identity = |(number, contact): (usize, &Contact)| {
            let program = is_program(number);
            if program { (contact.program_identity(), true) } else { (resolve(&same, &told[number]), false) }
        };
        let identities = history.contacts.iter().enumerate().map(identity).collect();
        Self { identities, same }
    }

    /// Returns the identity behind a contact.
    pub(crate) fn identity(&self, contact: usize) -> &str {
        &self.identities[contact].0
    }

    /// Returns whether a contact is a program.
    pub(crate) fn is_program(&self, contact: usize) -> bool {
        self.identities[contact].1
    }

    /// Returns the identity that a text stands for in this history.
    pub(crate) fn resolve(&self, identity: &str) -> String {
        resolve(&self.same, identity)
    }

    /// Returns the emails that belong to each login.
    pub(crate) fn emails(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut emails: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for email in self.same.keys().filter(|identity| identity.starts_with("mailto:")) {
            emails.entry(self.resolve(email)).or_default().insert(email.clone());
        }
        emails
    }
}

fn is_login(identity: &str) -> bool {
    identity.starts_with("github:")
}

/// An email leads to a login, and a login to the newest login of the same account.
fn resolve(same: &HashMap<String, String>, identity: &str) -> String {
    let login = same.get(identity).map_or(identity, String::as_str);
    same.get(login).map_or(login, String::as_str).to_owned()
}

/// Returns earlier logins of accounts, and the last one of each. Contacts come newest first. A login that two accounts have
/// had stands for itself.
fn renamed(contacts: &[Contact], programs: &[bool]) -> HashMap<String, String> {
    let people = contacts.iter().zip(programs).filter(|(_, program)| !**program).map(|(contact, _)| contact);
    let mut newest: HashMap<u64, String> = HashMap::new();
    let mut numbers: HashMap<String, BTreeSet<u64>> = HashMap::new();
    for contact in people {
        if let Some(number) = account_number(&contact.email) {
            let identity = contact.identity();
            numbers.entry(identity.clone()).or_default().insert(number);
            newest.entry(number).or_insert(identity);
        }
    }
    let renamed = numbers.into_iter().filter_map(|(login, numbers)| {
        let number = numbers.first().filter(|_| numbers.len() == 1)?;
        let now = newest.get(number)?;
        (*now != login).then(|| (login, now.clone()))
    });
    renamed.collect()
}
