//! Why one recipient was paid what they were paid.
//!
//! A [`Derivation`] is a tree of works. Its root is the work whose income was divided; beneath each work stand the works
//! to which part of its income went and through which some of it reached the recipient. Money is fungible: income that
//! reaches a work from two sides is divided there as one sum. So a work stands in the tree once, beneath the work that
//! gave it most (the one that was divided first, if they are equal), and lists everything that came in.
//!
//! What adds up, in whole units, at every [`Step`]:
//!
//! - the parts that came in sum to its `income` (the root's income is the amount distributed);
//! - the parts it paid the recipient sum to `own`;
//! - `own` and the `subtotal`s of the steps directly beneath sum to its `subtotal`;
//! - the root's `subtotal` is the recipient's `total`.
//!
//! Every [`Part`] is `divided x weight / of`, rounded down or up to a whole unit.

use std::fmt::{self, Write};

use alloy_primitives::U256;
use serde::Serialize;

use crate::{
    distribution::{Distribution, Flow, Graph, NodeIndex, Recipient, Rule, Target, WorkKey},
    money::{self, Amount},
};

/// How one recipient's total came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Derivation {
    /// Who was paid.
    pub recipient: Recipient,
    /// The amount.
    pub total: Amount,
    /// The works through which it came, each before all works beneath it. Empty when the total is zero.
    pub steps: Vec<Step>,
}

/// One work on the way to the recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The work.
    pub work: WorkKey,
    /// Its distance from the root of this tree.
    pub depth: u32,
    /// The position in [`Derivation::steps`] of the work beneath which it stands; `None` at the root.
    pub under: Option<usize>,
    /// Everything that came in, for everybody.
    pub income: Amount,
    /// Where it came from. Empty at the root.
    pub incoming: Vec<Incoming>,
    /// What the recipient was paid out of this income.
    pub paid: Vec<Part>,
    /// The sum of `paid`.
    pub own: Amount,
    /// What the recipient was paid at this work and the works beneath it.
    pub subtotal: Amount,
}

/// Income of a work, from one of the works made from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incoming {
    /// The work that passed it on.
    pub from: WorkKey,
    /// The part it passed on.
    pub part: Part,
}

/// One part of one division.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The reason.
    pub rule: Rule,
    /// The contribution that earned it, if one did.
    pub contribution: Option<u64>,
    /// The weight of this part.
    #[serde(with = "money::decimal")]
    pub weight: U256,
    /// The sum of weights in the division.
    #[serde(with = "money::decimal")]
    pub of: U256,
    /// What was divided.
    pub divided: Amount,
    /// The part.
    pub amount: Amount,
}

impl From<&Flow> for Part {
    fn from(flow: &Flow) -> Self {
        let Flow { rule, contribution, weight, of, divided, amount, .. } = *flow;
        Self { rule, contribution, weight, of, divided, amount }
    }
}

/// Derives what `recipient` got from `distribution`, which must be a distribution over `graph`. Reads each flow once.
///
/// ```
/// # use domain::{Address, Amount, AssetId, BasisPoints, derivation::explain, distribution::*};
/// let ada = Address::repeat_byte(1);
/// let work = Work { owners: vec![(ada, BasisPoints::FULL)], ..Work::new(WorkKey::Asset(AssetId(7))) };
/// let graph = Graph::new(vec![work]).unwrap();
/// let paid = distribute(&graph, NodeIndex(0), Amount::from(1_000_u64), &Options::default()).unwrap();
/// let why = explain(&graph, &paid, &Recipient::Account(ada));
/// assert_eq!(why.total, Amount::from(980_u64));
/// assert!(why.to_text().contains("980 by owner_share, 10000 of 10000 of 980"));
/// ```
pub fn explain(graph: &Graph, distribution: &Distribution, recipient: &Recipient) -> Derivation {
    let mut works = Works::read(graph, distribution, recipient);
    works.add_up();
    let steps = works.steps(graph, distribution);
    let total = steps.first().map_or(Amount::ZERO, |root| root.subtotal);
    Derivation { recipient: recipient.clone(), total, steps }
}

/// What the flows say about one work.
#[derive(Clone, Default)]
struct Record<'a> {
    income: U256,
    incoming: Vec<&'a Flow>,
    /// The flow that gave most.
    most: Option<&'a Flow>,
    paid: Vec<&'a Flow>,
    own: U256,
    subtotal: U256,
}

struct Works<'a> {
    /// One record for each work.
    records: Vec<Record<'a>>,
    /// The works that divided income, children before parents.
    order: Vec<NodeIndex>,
}

impl<'a> Works<'a> {
    fn read(graph: &Graph, distribution: &'a Distribution, recipient: &Recipient) -> Self {
        let mut records = vec![Record::default(); graph.works().len()];
        let mut order: Vec<NodeIndex> = Vec::new();
        for flow in &distribution.flows {
            if order.last() != Some(&flow.from) {
                order.push(flow.from);
            }
            if let Target::Work(to) = flow.to {
                let record: &mut Record<'a> = &mut records[to.0 as usize];
                record.income += flow.amount.0;
                record.incoming.push(flow);
                if record.most.is_none_or(|most| flow.amount > most.amount) {
                    record.most = Some(flow);
                }
            } else if flow.to.is(recipient) {
                let record = &mut records[flow.from.0 as usize];
                record.own += flow.amount.0;
                record.paid.push(flow);
            }
        }
        if let Some(start) = records.get_mut(distribution.start.0 as usize) {
            start.income = distribution.amount.0;
        }
        Self { records, order }
    }

    /// Sums from the parents down to the start, so that a work is complete before it is added to the work above it.
    fn add_up(&mut self) {
        for node in self.order.iter().rev() {
            let record = &mut self.records[node.0 as usize];
            record.subtotal += record.own;
            let (subtotal, most) = (record.subtotal, record.most);
            if let Some(flow) = most {
                self.records[flow.from.0 as usize].subtotal += subtotal;
            }
        }
    }

    /// Returns the works that matter to the recipient, each above those beneath it.
    fn steps(&self, graph: &Graph, distribution: &Distribution) -> Vec<Step> {
        let mut beneath: Vec<Vec<NodeIndex>> = vec![Vec::new(); self.records.len()];
        for &node in &self.order {
            let record = &self.records[node.0 as usize];
            if let Some(flow) = record.most.filter(|_| !record.subtotal.is_zero()) {
                beneath[flow.from.0 as usize].push(node);
            }
        }
        let start = distribution.start;
        let paid_at_all = self.records.get(start.0 as usize).is_some_and(|record| !record.subtotal.is_zero());
        let mut to_visit: Vec<(NodeIndex, Option<usize>, u32)> =
            if paid_at_all { vec![(start, None, 0)] } else { Vec::new() };
        let mut steps = Vec::new();
        while let Some((node, under, depth)) = to_visit.pop() {
            let position = Some(steps.len());
            let next = beneath[node.0 as usize].iter().rev();
            to_visit.extend(next.map(|parent| (*parent, position, depth + 1)));
            steps.push(self.step(graph, node, under, depth));
        }
        steps
    }

    fn step(&self, graph: &Graph, node: NodeIndex, under: Option<usize>, depth: u32) -> Step {
        let key = |node: NodeIndex| graph.works()[node.0 as usize].key.clone();
        let record = &self.records[node.0 as usize];
        let incoming = record.incoming.iter().map(|flow| Incoming { from: key(flow.from), part: (*flow).into() });
        Step {
            work: key(node),
            depth,
            under,
            income: Amount(record.income),
            incoming: incoming.collect(),
            paid: record.paid.iter().map(|flow| (*flow).into()).collect(),
            own: Amount(record.own),
            subtotal: Amount(record.subtotal),
        }
    }
}

impl Derivation {
    /// Returns the tree as indented text, a line for each work and each part, in base units.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "{} for {}", self.total, self.recipient)?;
        for step in &self.steps {
            // Without this limit, the text of a deep lineage would be mostly spaces.
            let indent = "  ".repeat(step.depth.min(16) as usize + 1);
            writeln!(
                text,
                "{indent}{} for them through {}, whose income was {}",
                step.subtotal, step.work, step.income
            )?;
            for Incoming { from, part } in &step.incoming {
                writeln!(text, "{indent}  from {from}: {part}")?;
            }
            for part in &step.paid {
                writeln!(text, "{indent}  paid: {part}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, contribution, weight, of, divided, amount } = self;
        write!(f, "{amount} by {rule}, {weight} of {of} of {divided}")?;
        contribution.map_or(Ok(()), |id| write!(f, ", for contribution {id}"))
    }
}
