//! Advice on who should join a work or a person, why, and how they might share.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use domain::{Address, Amount, BasisPoints};
use metta::Atom;
use serde::{Deserialize, Serialize};

use super::{
    people::{People, Person},
    team::{Member, SplitError, balance, diversity, split, team_score},
};
use crate::{
    digest::Digest,
    rules::{Applied, RuleBase, RuleError},
};

/// Partners told at most.
const MOST: usize = 100;
const DAY: f64 = 86_400.0;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The team, with the costs of the members' parts. The first member asks.
    pub team: Vec<Member>,
    /// Skills that a partner should bring. Without any, it is unknown what the team lacks, and all skills
    /// count.
    pub wanted: BTreeSet<String>,
    /// What a partner's part would cost.
    pub cost: Amount,
    /// Seconds since 1970.
    pub now: i64,
    /// How many partners to name, at most 100.
    pub count: usize,
}

/// A reason why somebody is named, and what it adds to their score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub says: String,
    pub adds: f64,
}

/// Somebody to work with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Partner {
    pub account: Address,
    pub score: f64,
    /// Strongest first.
    pub reasons: Vec<Reason>,
    /// The shares of the team, in the order of the question, and of the partner, who comes last. They
    /// sum to 10 000.
    pub split: Vec<BasisPoints>,
    /// The score of the team with the partner, from 0 to 1.
    pub team_score: f64,
    pub rules: Vec<Applied>,
}

/// The same inputs give the same advice, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The partners, best first. Among equals, the lower account comes first.
    pub partners: Vec<Partner>,
    /// How many people were looked at, and how many of them matched.
    pub considered: usize,
    pub matched: usize,
    /// The score of the present team. `None` for an empty team.
    pub team_score: Option<f64>,
    /// The SHA-256 of question, people and ties.
    pub inputs: String,
    pub rule_base: String,
}

/// The rules' numbers, read once for a question.
struct Weights {
    shared: f64,
    matching: f64,
    recent: f64,
    openness: f64,
    recency: f64,
    known: f64,
    reputation: f64,
}

impl Weights {
    fn read(rules: &RuleBase) -> Result<Self, RuleError> {
        let weight = |name| rules.number(&[Atom::symbol("partner-weight"), Atom::symbol(name)]);
        let number = |name| rules.number(&[Atom::symbol(name)]);
        Ok(Self {
            shared: weight("shared-partners")?,
            matching: weight("fit")?,
            recent: weight("recent")?,
            openness: weight("openness")?,
            recency: number("recency-days")?,
            known: number("known-partner-factor")?,
            reputation: number("first-reputation")?,
        })
    }

    fn standing(&self, person: Option<&Person>) -> f64 {
        person
            .and_then(|person| person.reputation)
            .filter(|value| value.is_finite())
            .unwrap_or(self.reputation)
            .clamp(0.0, 100.0)
    }

    /// Returns the reputation in whole points, rounded up, so that a reputation above a whole number stays
    /// above it.
    fn points(&self, person: &Person) -> f64 {
        self.standing(Some(person)).ceil()
    }
}

fn match_score(overlap: f64, reputation: f64) -> [Atom; 3] {
    [Atom::symbol("match-score"), Atom::float(overlap), Atom::float(reputation)]
}

/// Somebody who matches, before the details are computed.
struct Candidate<'a> {
    person: &'a Person,
    overlap: f64,
    score: f64,
    reasons: Vec<Reason>,
}

/// Names partners.
///
/// # Errors
/// When the team cannot share (because somebody is in it twice, or the costs exceed 256 bits), or when the rule
/// base lacks a rule.
pub fn advise(people: &People, rules: &RuleBase, question: &Question) -> Result<Advice, SplitError> {
    let weights = Weights::read(rules)?;
    let members: BTreeSet<Address> = question.team.iter().map(|member| member.account).collect();
    let (mut considered, mut found) = (0, Vec::new());
    // The rules are asked once for each overlap and reputation.
    let mut asked = BTreeMap::new();
    for person in people.everyone().filter(|person| !members.contains(&person.account)) {
        considered += 1;
        let overlap = overlap(&question.wanted, person);
        if overlap > 0.0 {
            let reputation = weights.points(person);
            let score = match asked.entry((overlap.to_bits(), reputation as u8)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => *new.insert(rules.number(&match_score(overlap, reputation))?),
            };
            if score > 0.0 {
                found.push(judge(people, &weights, question, person, (overlap, score)));
            }
        }
    }
    let matched = found.len();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.person.account.cmp(&b.person.account)));
    found.truncate(question.count.min(MOST));
    let partners = found.into_iter().map(|candidate| tell(people, rules, &weights, question, candidate));
    let partners = partners.collect::<Result<_, _>>()?;
    let team_score = match question.team.as_slice() {
        [] => None,
        team => Some(value(people, rules, &weights, team, &split(rules, team)?, &mut Vec::new())?),
    };
    let inputs = inputs(people, question);
    Ok(Advice { partners, considered, matched, team_score, inputs, rule_base: rules.version().to_owned() })
}

/// Returns the share of wanted skills that a person has. It is 1 when none is wanted.
fn overlap(wanted: &BTreeSet<String>, person: &Person) -> f64 {
    if wanted.is_empty() {
        return 1.0;
    }
    wanted.intersection(&person.skills).count() as f64 / wanted.len() as f64
}

fn judge<'a>(
    people: &People,
    weights: &Weights,
    question: &Question,
    person: &'a Person,
    (overlap, matching): (f64, f64),
) -> Candidate<'a> {
    let mut reasons = Vec::new();
    let mut add = |says: String, adds: f64| {
        if adds > 0.0 {
            reasons.push(Reason { says, adds });
        }
    };
    let shared: Vec<&String> = question.wanted.intersection(&person.skills).collect();
    let brings = shared.iter().map(|skill| skill.as_str()).collect::<Vec<_>>().join(", ");
    let brings = if brings.is_empty() { "any skill is welcome".to_owned() } else { format!("brings {brings}") };
    let reputation = weights.standing(Some(person));
    add(format!("{brings}; reputation {reputation:.0}"), weights.matching * matching);

    let (mut nearness, mut common) = (0.0, 0);
    for member in &question.team {
        for (other, _) in people.ties(member.account).filter(|(other, _)| people.tie(person.account, *other).is_some())
        {
            // Adamic and Adar (2003): a person who works with everybody says little about anybody.
            nearness += 1.0 / (people.partners(other).max(2) as f64).ln();
            common += 1;
        }
    }
    add(format!("worked with {common} of the team's partners"), weights.shared * nearness / (1.0 + nearness));

    let days = |time: i64| (question.now.saturating_sub(time).max(0)) as f64 / DAY;
    let last = people.ties(person.account).map(|(_, tie)| tie.last).max();
    if let Some(last) = last {
        let recent = 0.5_f64.powf(days(last) / weights.recency);
        add(format!("worked with others {:.0} days ago", days(last)), weights.recent * recent);
    }
    let fresh: f64 = people.ties(person.account).map(|(_, tie)| 0.5_f64.powf(days(tie.first) / weights.recency)).sum();
    add("began to work with new partners lately".to_owned(), weights.openness * fresh / (1.0 + fresh));

    let known = question.team.iter().any(|member| people.tie(member.account, person.account).is_some());
    let factor = if known { weights.known } else { 1.0 };
    if known {
        let before: f64 = reasons.iter().map(|reason| reason.adds).sum();
        reasons.push(Reason { says: "worked with the team before".to_owned(), adds: before * (factor - 1.0) });
    }
    reasons.sort_by(|a, b| b.adds.total_cmp(&a.adds).then_with(|| a.says.cmp(&b.says)));
    Candidate { person, overlap, score: reasons.iter().map(|reason| reason.adds).sum(), reasons }
}

/// Adds what is only reported for the best: rules with their places, the split, and the team score.
fn tell(
    people: &People,
    rules: &RuleBase,
    weights: &Weights,
    question: &Question,
    candidate: Candidate,
) -> Result<Partner, SplitError> {
    let account = candidate.person.account;
    let mut applied = Vec::new();
    rules.explained(&match_score(candidate.overlap, weights.points(candidate.person)), &mut applied)?;
    let team: Vec<Member> = question.team.iter().copied().chain([Member { account, cost: question.cost }]).collect();
    let shares = split(rules, &team)?;
    let team_score = value(people, rules, weights, &team, &shares, &mut applied)?;
    Ok(Partner {
        account,
        score: candidate.score,
        reasons: candidate.reasons,
        split: shares,
        team_score,
        rules: applied,
    })
}

fn value(
    people: &People,
    rules: &RuleBase,
    weights: &Weights,
    team: &[Member],
    shares: &[BasisPoints],
    applied: &mut Vec<Applied>,
) -> Result<f64, RuleError> {
    let persons = || team.iter().map(|member| people.person(member.account));
    let skills = diversity(persons().flatten().map(|person| &person.skills));
    let reputation = persons().map(|person| weights.standing(person)).sum::<f64>() / team.len().max(1) as f64;
    team_score(rules, skills, balance(shares), reputation, applied)
}

fn inputs(people: &People, question: &Question) -> String {
    let mut digest = Digest::default();
    digest.json(question);
    digest.fixed(people.digest());
    digest.hex()
}
