//! Orders: each rule on its own, all of them together, and that a sound order stays sound.

use std::collections::BTreeSet;

use domain::{
    Address, U256,
    order::{Asset, ChainState, Fault, MAX_DURATION_DAYS, Means, Order, Side},
};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

fn account(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn sale() -> Order {
    Order {
        maker: account(1),
        side: Side::Sell,
        asset_id: U256::from(7),
        asset_epoch: 3,
        currency: Address::ZERO,
        start_price: U256::from(10_000),
        end_price: U256::from(10_000),
        start_time: NOW - 10,
        end_time: NOW + DAY,
        taker: Address::ZERO,
        nonce: U256::from(5),
        maker_epoch: 2,
        max_fee_bps: 200,
        min_net: U256::from(9_300),
    }
}

fn bid() -> Order {
    Order { side: Side::Bid, maker: account(2), currency: account(9), ..sale() }
}

/// Returns a state of the chain in which the sale could be filled.
fn chain() -> ChainState {
    ChainState {
        now: NOW,
        market: account(20),
        registry: account(21),
        asset: Some(Asset { owner: account(1), epoch: 3, frozen_until: 0, royalty_bps: 500 }),
        maker_epoch: 2,
        nonce_used: false,
        fee_bps: 200,
        currency_has_code: true,
        means: Means::Approval(true),
    }
}

fn funds(held: u64, allowed: u64) -> Means {
    Means::Funds { held: U256::from(held), allowed: U256::from(allowed) }
}

fn codes(faults: &[Fault]) -> Vec<&'static str> {
    faults.iter().map(Fault::code).collect()
}

#[test]
fn a_shape_is_right_or_each_fault_is_named() {
    let great = U256::from(1) << 128;
    type Case = (fn(&mut Order), &'static [&'static str]);
    let cases: [Case; 14] = [
        (|_| {}, &[]),
        (|order| order.end_time = order.start_time, &["ends_before_start"]),
        (|order| (order.start_time, order.end_time) = (NOW - 10, NOW), &["ended"]),
        (|order| (order.start_time, order.end_time) = (NOW - 10, NOW + 1), &[]),
        (|order| order.end_time = NOW + MAX_DURATION_DAYS * DAY, &[]),
        (|order| order.end_time = NOW + MAX_DURATION_DAYS * DAY + 1, &["runs_too_long"]),
        (|order| (order.start_time, order.end_time) = (NOW + DAY, NOW + (MAX_DURATION_DAYS + 1) * DAY), &[]),
        (|order| order.start_price = U256::ZERO, &["price_zero", "sale_rises"]),
        (|order| order.end_price = U256::ZERO, &["price_zero"]),
        (|order| order.end_price = U256::from(9_999), &[]),
        (|order| order.end_price = U256::from(10_001), &["sale_rises"]),
        (|order| (order.side, order.end_price) = (Side::Bid, U256::from(10_001)), &["bid_needs_token"]),
        (|order| order.end_time = u64::MAX, &["out_of_range"]),
        (|order| (order.asset_epoch, order.maker_epoch) = (u64::MAX, u64::MAX), &["out_of_range", "out_of_range"]),
    ];
    for (place, (change, expected)) in cases.into_iter().enumerate() {
        let mut order = sale();
        change(&mut order);
        assert_eq!(codes(&order.check_shape(NOW)), expected, "case {place}");
    }
    for (price, expected) in [(great - U256::ONE, vec![]), (great, vec!["price_too_high"])] {
        let order = Order { start_price: price, end_price: price, ..sale() };
        assert_eq!(codes(&order.check_shape(NOW)), expected);
    }
}

#[test]
fn what_the_chain_says_is_held_against_a_sale() {
    type Case = (fn(&mut Order, &mut ChainState), &'static str, &'static str, &'static str);
    let cases: [Case; 11] = [
        (|_, chain| chain.asset = None, "asset_unknown", "order.assetId", "7 is not registered"),
        (|order, _| order.maker = account(3), "maker_not_owner", "order.maker", "does not own asset 7; 0x0101"),
        (|order, _| order.asset_epoch = 2, "asset_epoch_passed", "order.assetEpoch", "is 2, the asset is at 3"),
        (|order, _| order.maker_epoch = 1, "maker_epoch_passed", "order.makerEpoch", "is 1, the maker is at 2"),
        (|_, chain| chain.nonce_used = true, "nonce_used", "order.nonce", "5 was used or cancelled by this maker"),
        (|_, chain| chain.fee_bps = 201, "fee_above_max", "order.maxFeeBps", "is 200, the market's fee is 201"),
        (|order, _| order.min_net = U256::from(9_301), "net_below_min", "order.minNet", "leaves 9300 after fee"),
        (|order, _| order.end_price = U256::from(9_000), "net_below_min", "order.minNet", "leaves 8370 after fee"),
        (
            |_, chain| chain.means = Means::Approval(false),
            "not_approved",
            "order.maker",
            "call setApprovalForAll(0x1414",
        ),
        (
            |order, chain| (order.currency, chain.currency_has_code) = (account(9), false),
            "currency_not_contract",
            "order.currency",
            "is not a contract on this chain",
        ),
        (
            |_, chain| chain.asset = chain.asset.map(|asset| Asset { frozen_until: NOW, ..asset }),
            "asset_frozen",
            "order.assetId",
            "7 is frozen by a dispute until 1800000000",
        ),
    ];
    assert_eq!(sale().check_against(&chain()), []);
    for (change, code, field, text) in cases {
        let (mut order, mut chain) = (sale(), chain());
        // Most changes would also break the seller's limit.
        order.min_net = U256::from(9_290);
        change(&mut order, &mut chain);
        let faults = order.check_against(&chain);
        assert_eq!(codes(&faults), [code]);
        assert_eq!(faults[0].field(), field);
        assert!(faults[0].to_string().contains(text), "{}", faults[0]);
    }
}

#[test]
fn what_the_chain_says_is_held_against_a_bid() {
    for (owner, code, means, expected) in [
        (1, true, funds(10_000, 10_000), vec![]),
        (2, true, funds(10_000, 10_000), vec!["maker_owns_already"]),
        (1, true, funds(9_999, 10_000), vec!["balance_too_low"]),
        (1, true, funds(10_000, 9_999), vec!["allowance_too_low"]),
        (1, true, funds(0, 0), vec!["balance_too_low", "allowance_too_low"]),
        (1, true, Means::NoToken, vec!["currency_not_token"]),
        (1, false, Means::NoToken, vec!["currency_not_contract"]),
    ] {
        let asset = chain().asset.map(|asset| Asset { owner: account(owner), ..asset });
        let chain = ChainState { asset, currency_has_code: code, means, ..chain() };
        assert_eq!(codes(&bid().check_against(&chain)), expected, "{means:?}");
    }
}

#[test]
fn all_faults_are_named_at_once_in_the_order_of_the_contract() {
    let order = Order { asset_epoch: 9, maker_epoch: 9, max_fee_bps: 0, min_net: U256::MAX, ..sale() };
    let chain = ChainState { nonce_used: true, means: Means::Approval(false), ..chain() };
    let expected =
        ["asset_epoch_passed", "maker_epoch_passed", "nonce_used", "fee_above_max", "net_below_min", "not_approved"];
    assert_eq!(codes(&order.check_against(&chain)), expected);
}

#[test]
fn codes_are_words_and_belong_to_one_field_each() {
    let (order, chain) = (sale(), chain());
    let mut faults = order.check_shape(u64::MAX);
    for (asset, means) in [
        (None, Means::NoToken),
        (Some(Asset { owner: account(4), epoch: 0, frozen_until: u64::MAX, royalty_bps: 10_000 }), funds(0, 0)),
    ] {
        let chain = ChainState { asset, means, nonce_used: true, fee_bps: 9_999, maker_epoch: 0, ..chain.clone() };
        faults.extend(order.check_against(&chain));
    }
    let pairs: BTreeSet<(&str, &str)> = faults.iter().map(|fault| (fault.code(), fault.field())).collect();
    let codes: BTreeSet<&str> = pairs.iter().map(|(code, _)| *code).collect();
    assert_eq!(pairs.len(), codes.len());
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
}

fn prices() -> impl Strategy<Value = (u128, u128)> {
    (1_u128.., 1_u128..).prop_map(|(one, other)| (one.max(other), one.min(other)))
}

proptest! {
    /// A seller may ask for exactly what the lowest price leaves, and not for one unit more.
    #[test]
    fn the_least_a_seller_takes_is_exactly_what_the_lowest_price_leaves(
        (start, end) in prices(), fee in 0_u16..=500, royalty in 0_u16..=5_000
    ) {
        let asset = chain().asset.map(|asset| Asset { royalty_bps: royalty, ..asset });
        let chain = ChainState { fee_bps: fee, asset, ..chain() };
        let part = |bps: u16| U256::from(end) * U256::from(bps) / U256::from(10_000);
        let net = U256::from(end) - part(fee) - part(royalty);
        let order = Order {
            start_price: U256::from(start), end_price: U256::from(end), max_fee_bps: fee, min_net: net, ..sale()
        };
        prop_assert_eq!(order.check_shape(NOW), []);
        prop_assert_eq!(order.check_against(&chain), []);
        let greedy = Order { min_net: net + U256::ONE, ..order };
        prop_assert_eq!(greedy.check_against(&chain), [Fault::NetBelowMin { min: net + U256::ONE, net }]);
    }

    /// Whatever was signed, the check names faults and never panics.
    #[test]
    fn anything_can_be_checked(
        limbs: [[u64; 4]; 5], times: [u64; 4], fee: u16, rates: (u16, u16), now: u64, bid: bool
    ) {
        let [asset_id, start_price, end_price, nonce, min_net] = limbs.map(U256::from_limbs);
        let [start_time, end_time, asset_epoch, maker_epoch] = times;
        let order = Order {
            asset_id, start_price, end_price, nonce, min_net, start_time, end_time, asset_epoch, maker_epoch,
            max_fee_bps: fee, side: if bid { Side::Bid } else { Side::Sell }, ..sale()
        };
        let asset = chain().asset.map(|asset| Asset { royalty_bps: rates.0, ..asset });
        let chain = ChainState { now, asset, fee_bps: rates.1, means: funds(0, 0), ..chain() };
        for fault in order.check_shape(now).into_iter().chain(order.check_against(&chain)) {
            prop_assert!(!fault.to_string().is_empty());
        }
    }
}
