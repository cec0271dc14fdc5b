//! Checks the advice of the risk agent, and that its rules are those of the market's design.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use agents::{
    risk::{
        Context, Decision, Entry, Limits, Market, Order, PriceRange, Records, Sources, Subject, WatchList, Watched,
        WorkFacts, assess,
        ratings::Calibration,
        screen,
        trade::{Payment, Registration, Transfer},
    },
    rules::RuleBase,
};
use domain::{Address, Amount, AssetId, B256, ContentHash};

const NOW: i64 = 1_700_000_000;
const DAY: i64 = 86_400;

fn account(number: u8) -> Address {
    Address::with_last_byte(number)
}

fn sale(asset: u64, from: u8, to: u8, time: i64, price: u64) -> Transfer {
    Transfer { asset: AssetId(asset), from: account(from), to: account(to), time, price: Some(Amount::from(price)) }
}

struct Desk {
    market: Market,
    watch_list: WatchList,
    rules: RuleBase,
    calibration: Calibration,
}

impl Desk {
    fn new(records: &Records) -> Self {
        let rules = RuleBase::risk().unwrap();
        let market = Market::new(records, Limits::read(&rules).unwrap());
        Self { market, watch_list: WatchList::default(), rules, calibration: Calibration::default() }
    }

    fn sources(&self) -> Sources<'_> {
        let Self { market, watch_list, rules, calibration } = self;
        Sources { market, watch_list, rules, calibration, learned: None }
    }
}

/// Returns records in which accounts 1 and 2 send asset 7 back and forth. 3 and 4 trade fairly. 5 copies 4's content. Many pay
/// 6, who empties the account. 8 buys asset 10 with 9's money.
fn records() -> Records {
    let mut transfers: Vec<Transfer> =
        (0..6).map(|n| sale(7, 1 + n % 2, 2 - n % 2, NOW - 30 * DAY + i64::from(n) * DAY, 500)).collect();
    transfers.extend([
        sale(8, 3, 4, NOW - 20 * DAY, 90),
        sale(9, 4, 3, NOW - 10 * DAY, 110),
        sale(10, 9, 8, NOW - 5 * DAY, 300),
    ]);
    let pay = |from, to, time, amount: u64| Payment {
        from: account(from),
        to: account(to),
        time,
        amount: Amount::from(amount),
    };
    let mut payments: Vec<Payment> =
        (20..32).map(|from| pay(from, 6, NOW - 4 * DAY + i64::from(from) * 60, 50)).collect();
    payments.extend([pay(6, 7, NOW - 3 * DAY, 590), pay(9, 8, NOW - 6 * DAY, 310)]);
    let content = ContentHash(B256::repeat_byte(5));
    let registered = |asset, registrant, time| Registration {
        asset: AssetId(asset),
        registrant: account(registrant),
        content,
        time,
    };
    let registrations = vec![registered(12, 5, NOW - DAY), registered(11, 4, NOW - 2 * DAY)];
    Records { transfers, payments, registrations, ..Records::default() }
}

#[test]
fn asset_risk_is_that_of_the_rules() {
    let desk = Desk::new(&Records::default());
    for (kind, market, reputation, expected, level) in [
        ("NFT", "neutral", Some(50.0), 0.1, "low"),
        ("NFT", "bullish", Some(95.0), 0.08, "low"),
        ("Digital", "bearish", Some(0.0), 0.39, "medium"),
        ("Phygital", "bearish", Some(20.0), 0.416, "medium"),
        ("Phygital", "neutral", None, 0.2, "low"),
        ("RealWorldAsset", "bearish", Some(0.0), 0.78, "high"),
        ("RealWorldAsset", "neutral", Some(40.0), 0.36, "medium"),
        ("RealWorldAsset", "neutral", Some(f64::NAN), 0.3, "low"),
        ("RealWorldAsset", "bullish", Some(-7.0), 0.48, "medium"),
    ] {
        let (kind, market) = (kind.to_owned(), market.to_owned());
        let work = WorkFacts { asset: AssetId(1), kind, market, registrant: account(1), reputation };
        let advice = assess(desk.sources(), &Subject::Work(work.clone())).unwrap();
        let (risk, found) = advice.asset_risk.unwrap();
        assert!((risk - expected).abs() < 1e-12 && found == level, "{work:?}: {risk} {found}");
        assert!(
            advice
                .rules
                .iter()
                .any(|rule| rule.place.starts_with("risk.metta:") && rule.call.starts_with("(asset-risk "))
        );
    }
    let work = WorkFacts {
        asset: AssetId(1),
        kind: "Song".into(),
        market: "neutral".into(),
        registrant: account(1),
        reputation: None,
    };
    assert!(assess(desk.sources(), &Subject::Work(work)).is_err(), "the rules know no such kind");
}

#[test]
fn amounts_are_suspicious_as_the_rules_say() {
    // Each case has the amounts of account 1 from selling assets to others, and the seconds between the last two. The suspicion
    // is .2 for each of the last five above three times the mean, and .3 for the last two within a minute. It is flagged above
    // .5.
    for (amounts, gap, flagged) in [
        (vec![1; 40], 600, false),
        (vec![1; 40], 59, false),
        ([vec![1; 40], vec![100, 100, 100]].concat(), 600, true),
        ([vec![1; 40], vec![100, 100]].concat(), 600, false),
        ([vec![1; 40], vec![100, 100]].concat(), 59, true),
        ([vec![1; 40], vec![100, 100]].concat(), 60, false),
        ([vec![1; 40], vec![100, 100, 100], vec![1; 5]].concat(), 600, false),
    ] {
        let last = amounts.len() as i64 - 1;
        let time = |n: i64| if n == last { NOW } else { NOW - gap - (last - 1 - n) * 3_600 };
        let transfers =
            amounts.iter().enumerate().map(|(n, price)| sale(n as u64, 1, 2, time(n as i64), *price)).collect();
        let desk = Desk::new(&Records { transfers, ..Records::default() });
        let advice = assess(desk.sources(), &Subject::Account(account(1))).unwrap();
        let found = advice
            .reasons
            .iter()
            .any(|reason| reason.rule.as_ref().is_some_and(|rule| rule.call.contains("suspicious-amounts")));
        assert_eq!(found, flagged, "{amounts:?} {gap}");
    }
}

#[test]
fn what_the_detectors_find_is_said_of_those_who_did_it() {
    let mut desk = Desk::new(&records());
    let watched = Entry { score: 1.0, why: "reported by three buyers".to_owned(), since: NOW };
    desk.watch_list.watch(Watched::Account(account(14)), watched).unwrap();
    let probability = |number| assess(desk.sources(), &Subject::Account(account(number))).unwrap();
    for (number, says) in [
        (1, "round trips"),
        (2, "round trips"),
        (5, "registered 1 works of others' content"),
        (6, "12 accounts paid"),
        (8, "seller's money"),
        (9, "seller's money"),
        (14, "reported by three buyers"),
    ] {
        let advice = probability(number);
        assert!(
            advice.reasons.first().is_some_and(|reason| reason.says.contains(says)),
            "{number}: {:?}",
            advice.reasons
        );
        assert!(advice.probability > 3.0 * probability(3).probability, "{number}: {}", advice.probability);
    }
    assert!(probability(1).probability > 0.9 && probability(3).probability < 0.05 && probability(4).probability < 0.05);
    let washed = assess(desk.sources(), &Subject::Sale { sale: records().transfers[1], range: None }).unwrap();
    assert!(washed.probability > 0.9 && washed.level == "high" && washed.escrow.get() == 5_000, "{washed:?}");
    let range = Some(PriceRange { low: Amount::from(1_000_u64), high: Amount::from(2_000_u64) });
    let fair = Subject::Sale { sale: sale(9, 4, 3, NOW, 1_500), range };
    let cheap = Subject::Sale { sale: sale(9, 4, 3, NOW, 400), range };
    assert!(
        assess(desk.sources(), &cheap).unwrap().probability > 2.0 * assess(desk.sources(), &fair).unwrap().probability
    );
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let advice = |records: &Records| {
        let desk = Desk::new(records);
        serde_json::to_string(&assess(desk.sources(), &Subject::Account(account(1))).unwrap()).unwrap()
    };
    assert_eq!(advice(&records()), advice(&records()));
    let mut changed = records();
    changed.payments.pop();
    let inputs = |text: &str| serde_json::from_str::<agents::risk::Advice>(text).unwrap().inputs;
    assert_ne!(inputs(&advice(&records())), inputs(&advice(&changed)));
}

fn order() -> (Order, Context) {
    let order = Order {
        asset: AssetId(9),
        maker: account(3),
        asset_epoch: 4,
        price: Amount::from(150_u64),
        signed: NOW - DAY,
        ends: NOW + DAY,
    };
    let range = Some(PriceRange { low: Amount::from(100_u64), high: Amount::from(200_u64) });
    let owner = Some(order.maker);
    let context = Context {
        now: NOW,
        owner,
        asset_epoch: 4,
        approved: true,
        cancelled: false,
        frozen_until: None,
        range,
        buyer: None,
    };
    (order, context)
}

#[test]
fn orders_are_allowed_warned_of_or_blocked() {
    let desk = Desk::new(&records());
    type Change = fn(&mut Order, &mut Context);
    let cases: [(&str, Change, Decision); 15] = [
        ("nothing", |_, _| {}, Decision::Allow),
        ("a buyer", |_, context| context.buyer = Some(account(40)), Decision::Allow),
        ("no range", |_, context| context.range = None, Decision::Allow),
        ("cheap", |order, _| order.price = Amount::from(99_u64), Decision::Warn),
        ("dear", |order, _| order.price = Amount::from(201_u64), Decision::Warn),
        ("old", |order, _| order.signed = NOW - 91 * DAY, Decision::Warn),
        ("of another time", |order, _| order.signed = i64::MIN, Decision::Warn),
        ("sold meanwhile", |_, context| context.owner = Some(account(4)), Decision::Block),
        ("sold and bought back", |_, context| context.asset_epoch = 6, Decision::Block),
        ("not approved", |_, context| context.approved = false, Decision::Block),
        ("cancelled", |_, context| context.cancelled = true, Decision::Block),
        ("over", |order, _| order.ends = NOW, Decision::Block),
        ("frozen", |_, context| context.frozen_until = Some(NOW + 1), Decision::Block),
        ("one's own", |_, context| context.buyer = Some(account(3)), Decision::Block),
        ("a washer's", |order, context| (order.maker, context.owner) = (account(1), Some(account(1))), Decision::Block),
    ];
    for (name, change, expected) in cases {
        let (mut order, mut context) = order();
        change(&mut order, &mut context);
        let screening = screen(desk.sources(), &order, &context).unwrap();
        assert_eq!(screening.decision, expected, "{name}: {:?}", screening.reasons);
        assert_eq!(screening.reasons.is_empty(), expected == Decision::Allow, "{name}");
    }
    let (mut order, mut context) = order();
    (order.asset, order.maker, context.owner) = (AssetId(12), account(5), Some(account(5)));
    let screening = screen(desk.sources(), &order, &context).unwrap();
    assert_eq!(screening.decision, Decision::Block);
    assert!(screening.reasons[0].contains("registered before, as asset 11"), "{:?}", screening.reasons);
}

#[test]
fn calibration_decides_what_a_sign_is_worth() {
    let mut desk = Desk::new(&records());
    let before = assess(desk.sources(), &Subject::Account(account(1))).unwrap();
    // Nine in ten of these accounts turned out to be honest.
    (0..2_000).for_each(|n| desk.calibration.learn(3.0, n % 10 == 0));
    let after = assess(desk.sources(), &Subject::Account(account(1))).unwrap();
    assert!(after.probability < before.probability);
    assert_eq!((before.calibrated_on, after.calibrated_on), (0, 2_000));
}
