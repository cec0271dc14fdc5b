//! Advice on who should join a work or a person, and how they might share.
//!
//! Questions are answered from memory, as of the newest refresh, and not recorded. Advice on works that changed, for which the
//! workers ask once a day, is recorded. The people from whom it was made are its model, so that it can be computed again
//! whatever became of them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use agents::{
    collaboration::{Advice, Member, People, Person, Question, Together, advise},
    document::{self, Document},
    rules::{COLLABORATION, RuleBase},
};
use alloy_primitives::{Address, B256};
use chrono::{DateTime, Utc};
use domain::{Amount, AssetId};
use facts::ChainId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use store::{
    advice::{self, Advice as Record, Model},
    memory::{self, Held, Source},
    works::people::{self as records, Part, Version, Work},
};

use crate::{
    AdvisorError, Result, asked, blocking,
    people::{latest, people, skills_of, together},
    refused, rules_of,
};

/// The agent's name in records.
pub const AGENT: &str = "collaboration";
/// The most members of a team. Those whose parts cost most are taken.
const TEAM: usize = 20;
/// How many skills are looked for when none are named.
const WANTED: usize = 5;
/// How many partners recorded advice names.
const NAMED: usize = 10;
/// How many works are advised on in one transaction.
const BATCH: usize = 100;

/// Everybody whom the agent knows, and the works they contributed to.
pub struct Directory {
    version: Version,
    /// When it was read.
    pub at: DateTime<Utc>,
    people: People,
    /// What people were made from.
    snapshot: Snapshot,
    names: BTreeMap<Address, String>,
    works: BTreeMap<i64, (Work, Vec<Part>)>,
    /// For each kind of works, the skills of people who worked on one, the most frequent first.
    usual: BTreeMap<String, Vec<String>>,
    rules: RuleBase,
}

/// What `People` are made from.
struct Snapshot {
    people: Vec<Person>,
    together: Vec<Together>,
}

/// A snapshot as it is kept with advice. People are given by their place in the list.
#[derive(Serialize, Deserialize)]
struct Kept {
    people: Vec<Person>,
    /// Two people, the work, and the time.
    together: Vec<(usize, usize, u64, i64)>,
}

/// What partners are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Its contributors are the team.
    Work(i64),
    Account(Address),
}

/// What else is asked.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Skills that a partner should bring. By default, those that others at works of the same kind have and the team lacks.
    pub wanted: BTreeSet<String>,
    /// What a partner's part would cost, in millionths of the unit of the cost rule. `None` stands for the median of the team.
    pub cost: Option<u128>,
    /// How many partners to name.
    pub count: usize,
}

/// What was asked, and the answer.
pub struct Answer {
    pub question: Question,
    pub advice: Advice,
}

impl Directory {
    /// # Errors
    /// When the database does not answer.
    async fn load(pool: &PgPool, chain_id: ChainId) -> Result<Self> {
        // One snapshot, so that the version is that of the people.
        let mut tx = store::snapshot(pool).await?;
        let version = records::version(&mut tx).await?;
        let at = sqlx::query_scalar!(r#"SELECT now() AS "now!""#).fetch_one(&mut *tx).await?;
        let parts = records::parts(&mut tx).await?;
        let works = records::works(&mut tx).await?;
        let records = records::records(&mut tx, chain_id).await?;
        tx.commit().await?;
        blocking(move || {
            let lately = latest(&parts);
            let known: Vec<Part> = parts.iter().filter(|part| lately.contains(&part.account)).cloned().collect();
            let snapshot = Snapshot { people: people(&known, &works, &records), together: together(&known) };
            let names = parts.iter().map(|part| (part.account, part.name.clone())).collect();
            let mut works: BTreeMap<i64, (Work, Vec<Part>)> =
                works.into_iter().map(|(id, work)| (id, (work, Vec::new()))).collect();
            for part in parts {
                if let Some((_, parts)) = works.get_mut(&part.work) {
                    parts.push(part);
                }
            }
            let rules = RuleBase::read(COLLABORATION).map_err(refused)?;
            let people = snapshot.people();
            let usual = usual(&people, &works);
            Ok(Self { version, at, people, snapshot, names, works, usual, rules })
        })
        .await
    }

    /// Names partners. `None` when there is no such work, or when it has no accepted contributions.
    ///
    /// # Errors
    /// When the rule base lacks a rule.
    pub fn ask(&self, subject: Subject, wish: &Wish) -> Result<Option<Answer>> {
        let Some(question) = self.question(subject, wish) else { return Ok(None) };
        let advice = advise(&self.people, &self.rules, &question).map_err(refused)?;
        Ok(Some(Answer { question, advice }))
    }

    /// Returns what an account is called.
    pub fn name(&self, account: Address) -> Option<&str> {
        self.names.get(&account).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Returns the version of the rules, SHA-256 in hex.
    pub fn rules(&self) -> &str {
        self.rules.version()
    }

    fn question(&self, subject: Subject, wish: &Wish) -> Option<Question> {
        let mut wanted = wish.wanted.clone();
        let mut team = match subject {
            Subject::Account(account) => vec![Member { account, cost: Amount::from(wish.cost.unwrap_or(0)) }],
            Subject::Work(id) => {
                let (work, parts) = self.works.get(&id)?;
                if wanted.is_empty() {
                    wanted = self.lacking(work, parts);
                }
                let mut team: Vec<Member> =
                    parts.iter().map(|part| Member { account: part.account, cost: Amount::from(part.cost) }).collect();
                if team.is_empty() {
                    team.push(Member { account: work.owner, cost: Amount::from(0_u64) });
                }
                team
            }
        };
        team.sort_by(|a, b| b.cost.cmp(&a.cost).then(a.account.cmp(&b.account)));
        team.truncate(TEAM);
        let median = team.get(team.len() / 2).map_or(Amount::from(0_u64), |member| member.cost);
        let cost = wish.cost.map_or(median, Amount::from);
        Some(Question { team, wanted, cost, now: self.at.timestamp(), count: wish.count })
    }

    /// Returns the works whose team differs from the team in the last question about them, given by subject.
    fn changed(&self, said: &BTreeMap<String, (u16, String)>) -> Vec<i64> {
        let is_said = |work: i64| {
            let (version, last) = said.get(&subject(work))?;
            // A question that cannot be read is asked again.
            let last: Question = document::read(*version, last).ok()?;
            (last.team == self.question(Subject::Work(work), &Wish::default())?.team).then_some(())
        };
        self.works.keys().copied().filter(|work| is_said(*work).is_none()).collect()
    }

    /// Returns the skills that most people at works of the same kind have and nobody of the team has, the most frequent first.
    fn lacking(&self, work: &Work, team: &[Part]) -> BTreeSet<String> {
        let mut has: BTreeSet<String> = skills_of(work).collect();
        has.extend(team.iter().filter_map(|part| self.people.person(part.account)).flat_map(|one| one.skills.clone()));
        let usual = self.usual.get(&work.kind).into_iter().flatten();
        usual.filter(|skill| !has.contains(*skill)).take(WANTED).cloned().collect()
    }
}

fn usual(people: &People, works: &BTreeMap<i64, (Work, Vec<Part>)>) -> BTreeMap<String, Vec<String>> {
    let mut at: BTreeMap<&str, BTreeSet<Address>> = BTreeMap::new();
    for (work, parts) in works.values() {
        at.entry(&work.kind).or_default().extend(parts.iter().map(|part| part.account));
    }
    let order = |accounts: BTreeSet<Address>| {
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        let persons = accounts.iter().filter_map(|account| people.person(*account));
        persons.flat_map(|person| &person.skills).for_each(|skill| *counts.entry(skill).or_default() += 1);
        let mut most: Vec<(&String, usize)> = counts.into_iter().collect();
        // Skills with equal counts stay in the order of their names.
        most.sort_by_key(|(_, count)| Reverse(*count));
        most.into_iter().map(|(skill, _)| skill.clone()).collect()
    };
    at.into_iter().map(|(kind, accounts)| (kind.to_owned(), order(accounts))).collect()
}

impl Snapshot {
    fn people(&self) -> People {
        People::new(&self.people, &self.together)
    }

    fn keep(&self) -> Result<Vec<u8>> {
        // Whoever worked with somebody is among the people, so this leaves nothing out.
        let place = |account| self.people.binary_search_by_key(&account, |person| person.account).ok();
        let tie = |tie: &Together| Some((place(tie.a)?, place(tie.b)?, tie.work.0, tie.time));
        let together = self.together.iter().filter_map(tie).collect();
        serde_json::to_vec(&Kept { people: self.people.clone(), together }).map_err(refused)
    }

    fn recall(bytes: &[u8]) -> Result<Self> {
        let Kept { people, together } = serde_json::from_slice(bytes).map_err(refused)?;
        let account = |place: usize| people.get(place).map(|person: &Person| person.account);
        let tie = |(a, b, work, time): (usize, usize, u64, i64)| {
            Some(Together { a: account(a)?, b: account(b)?, work: AssetId(work), time })
        };
        let together = together.into_iter().filter_map(tie).collect();
        Ok(Self { people, together })
    }
}

/// People, and who worked with whom, in memory. It is cheap to clone.
#[derive(Clone)]
pub struct Cache(memory::Memory<Chain>);

/// The people of one chain, to be held in memory.
struct Chain {
    chain_id: ChainId,
}

impl Source for Chain {
    type Version = Version;
    type Value = Arc<Directory>;
    type Error = AdvisorError;

    fn name(&self) -> String {
        format!("the people of chain {}", self.chain_id)
    }

    async fn version(&self, conn: &mut PgConnection) -> Result<Version> {
        Ok(records::version(conn).await?)
    }

    async fn read(&self, pool: &PgPool) -> Result<Held<Self>> {
        let directory = Directory::load(pool, self.chain_id).await?;
        Ok(Held { version: directory.version, value: Arc::new(directory) })
    }
}

impl Cache {
    /// Creates an empty cache: the first question fills it.
    pub fn new(pool: PgPool, chain_id: ChainId) -> Self {
        Self(memory::Memory::new(pool, Chain { chain_id }))
    }

    /// Returns what is known. If it is outdated, this starts to read the newest in the background, unless that is under way.
    /// Only the first question waits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn known(&self) -> Result<Arc<Directory>> {
        let newest = self.0.newest(&mut *self.0.pool().acquire().await?).await?;
        match newest {
            Some(held) => Ok(held.value.clone()),
            None => self.refresh().await,
        }
    }

    /// Returns the newest, which is read first if it is not known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh(&self) -> Result<Arc<Directory>> {
        Ok(self.0.fresh().await?.value.clone())
    }
}

/// What the workers remember: the version of people that they last looked at.
#[derive(Default)]
pub struct Memory(Option<Version>);

/// Advises on every work whose team differs from that of the newest advice on it, at most once a day for all works. Returns how
/// many pieces of advice were recorded.
///
/// # Errors
/// When the database does not answer, or the rule base lacks a rule.
pub async fn advise_on_changed(pool: &PgPool, chain_id: ChainId, memory: &mut Memory) -> Result<usize> {
    let mut conn = pool.acquire().await?;
    let version = records::version(&mut conn).await?;
    if memory.0 == Some(version) || advice::learned_today(&mut conn, chain_id, AGENT).await? {
        return Ok(0);
    }
    let said = advice::questions(&mut conn, chain_id, AGENT).await?;
    drop(conn);
    let directory = Arc::new(Directory::load(pool, chain_id).await?);
    let changed = {
        let directory = directory.clone();
        blocking(move || Ok(directory.changed(&said))).await?
    };
    let bytes = directory.snapshot.keep()?;
    let model = Model { version: B256::from_slice(&Sha256::digest(&bytes)), day: directory.at.date_naive(), bytes };
    let mut recorded = 0;
    for works in changed.chunks(BATCH) {
        let (directory, works, version) = (directory.clone(), works.to_vec(), model.version);
        let news =
            move || works.iter().filter_map(|work| news(&directory, chain_id, *work, version).transpose()).collect();
        let news: Vec<Record> = blocking(news).await?;
        let mut tx = pool.begin().await?;
        advice::keep_model(&mut tx, chain_id, AGENT, &model).await?;
        if let Some(new) = news.first() {
            advice::keep_rules(&mut tx, new.rule_base, COLLABORATION).await?;
        }
        for new in &news {
            recorded += usize::from(advice::record(&mut tx, new).await?.is_some());
        }
        tx.commit().await?;
    }
    memory.0 = Some(directory.version);
    Ok(recorded)
}

fn news(directory: &Directory, chain_id: ChainId, work: i64, model: B256) -> Result<Option<Record>> {
    let wish = Wish { count: NAMED, ..Wish::default() };
    let Some(Answer { question, advice }) = directory.ask(Subject::Work(work), &wish)? else { return Ok(None) };
    Ok(Some(Record {
        chain_id,
        agent: AGENT.into(),
        subject: subject(work),
        day: directory.at.date_naive(),
        version: Advice::VERSION,
        question: serde_json::to_string(&question).map_err(refused)?,
        answer: serde_json::to_string(&advice).map_err(refused)?,
        rule_base: directory.rules().parse().map_err(refused)?,
        model: Some(model),
    }))
}

/// Returns the subject of advice on a work.
pub fn subject(work: i64) -> String {
    format!("work:{work}")
}

/// Makes recorded advice again.
pub(crate) async fn replay(pool: &PgPool, recorded: &Record) -> Result<String> {
    let mut conn = pool.acquire().await?;
    let files = advice::rules(&mut conn, recorded.rule_base).await?;
    let version = recorded.model.ok_or_else(|| refused("it names no people"))?;
    let model = advice::model(&mut conn, recorded.chain_id, AGENT, Some(version))
        .await?
        .ok_or_else(|| refused(format!("the people {version} are not there")))?;
    drop(conn);
    let question: Question = asked(recorded)?;
    blocking(move || {
        let rules = rules_of(&files)?;
        let people = Snapshot::recall(&model.bytes)?.people();
        serde_json::to_string(&advise(&people, &rules, &question).map_err(refused)?).map_err(refused)
    })
    .await
}
