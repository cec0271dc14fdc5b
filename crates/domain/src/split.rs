//! Exact division of one amount.
//!
//! Every part first gets its proportion rounded down; the units left over, of which there are fewer than parts, go one
//! each to the parts that lost most by rounding. (This is the method of largest remainder, also named after Hamilton.)
//! Nothing is lost and nothing is created: the parts always sum to the amount.

use alloy_primitives::{U256, U512};

/// The reason why an amount cannot be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// There is an amount to divide, but no part has any weight.
    #[error("nothing to divide {amount} by: every weight is zero")]
    NoWeight {
        /// The amount that should have been divided.
        amount: U256,
    },
    /// The weights sum to 2^256 or more.
    #[error("the weights do not sum within 256 bits")]
    WeightOverflow,
}

/// Divides `amount` in proportion to `weights`; part `i` belongs to weight `i`.
///
/// The sum is exact. Each part is its true proportion, rounded down or up. A weight of zero gets nothing, and among equal
/// remainders the lower index is served first. Products are computed in 512 bits, so no amount or weight is too large.
/// The time is linear in the number of weights.
///
/// # Errors
/// [`SplitError::NoWeight`] when all weights are zero and the amount is not, [`SplitError::WeightOverflow`] when the
/// weights sum beyond 256 bits.
///
/// ```
/// use domain::{U256, split::largest_remainder};
/// let parts = largest_remainder(U256::from(3333), &[U256::from(1), U256::from(1)]).unwrap();
/// assert_eq!(parts, [U256::from(1667), U256::from(1666)]);
/// ```
pub fn largest_remainder(amount: U256, weights: &[U256]) -> Result<Vec<U256>, SplitError> {
    if amount.is_zero() {
        return Ok(vec![U256::ZERO; weights.len()]);
    }
    let total = weights
        .iter()
        .try_fold(U256::ZERO, |sum, weight| sum.checked_add(*weight))
        .ok_or(SplitError::WeightOverflow)?;
    if total.is_zero() {
        return Err(SplitError::NoWeight { amount });
    }

    let mut left = amount;
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for weight in weights {
        let (part, remainder) = proportion(amount, *weight, total);
        left -= part;
        parts.push(part);
        remainders.push(remainder);
    }

    // The remainders sum to `left` times the total, and each is below the total. So `left` is below the number of parts
    // with a remainder, and a part without a remainder is never served.
    let left = usize::try_from(left).map_or(weights.len(), |left| left.min(weights.len()));
    if left > 0 {
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.select_nth_unstable_by(left - 1, |&a, &b| remainders[b].cmp(&remainders[a]).then(a.cmp(&b)));
        for &index in &order[..left] {
            parts[index] += U256::ONE;
        }
    }
    Ok(parts)
}

/// The parts of a sale's price, as the market contract computes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sale {
    /// The market's part, rounded down.
    pub fee: U256,
    /// What the work earns, rounded down.
    pub royalty: U256,
    /// The rest, which goes to the seller.
    pub net: U256,
}

/// Divides a price into fee, royalty and the seller's part, which sum to the price. Rates are in basis points. `None`
/// when they exceed the whole.
///
/// ```
/// use domain::{U256, split::sale};
/// let parts = sale(U256::from(999), 200, 1000).unwrap();
/// assert_eq!((parts.fee, parts.royalty, parts.net), (U256::from(19), U256::from(99), U256::from(881)));
/// ```
pub fn sale(price: U256, fee_bps: u16, royalty_bps: u16) -> Option<Sale> {
    if u32::from(fee_bps) + u32::from(royalty_bps) > 10_000 {
        return None;
    }
    let part = |bps: u16| proportion(price, U256::from(bps), U256::from(10_000)).0;
    let (fee, royalty) = (part(fee_bps), part(royalty_bps));
    Some(Sale { fee, royalty, net: price.checked_sub(fee)?.checked_sub(royalty)? })
}

/// Returns `amount * weight / total`, rounded down, and the remainder. `weight <= total`, so the quotient fits.
pub(crate) fn proportion(amount: U256, weight: U256, total: U256) -> (U256, U256) {
    // Almost every product of money and weight fits in 256 bits, where division is several times faster.
    if let Some(product) = amount.checked_mul(weight) {
        return product.div_rem(total);
    }
    let (part, remainder) = amount.widening_mul::<256, 4, 512, 8>(weight).div_rem(U512::from(total));
    (part.to(), remainder.to())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(amount: u64, weights: &[u64]) -> Vec<u64> {
        let weights: Vec<U256> = weights.iter().map(|w| U256::from(*w)).collect();
        largest_remainder(U256::from(amount), &weights).unwrap().into_iter().map(|part| part.to()).collect()
    }

    #[test]
    fn known_answers() {
        for (amount, weights, expected) in [
            (100_000, vec![140, 100], vec![58_333, 41_667]),
            (3_333, vec![1, 1], vec![1_667, 1_666]),
            (1_000_000, vec![154, 52, 12], vec![706_422, 238_532, 55_046]),
            (10, vec![1, 1, 1], vec![4, 3, 3]),
            (2, vec![0, 1, 0, 1, 1], vec![0, 1, 0, 1, 0]),
            (1, vec![5, 5], vec![1, 0]),
            (7, vec![3], vec![7]),
            (0, vec![0, 0], vec![0, 0]),
            (0, vec![], vec![]),
        ] {
            assert_eq!(split(amount, &weights), expected, "{amount} over {weights:?}");
        }
    }

    #[test]
    fn no_weight_and_too_much_weight_are_errors() {
        let one = U256::ONE;
        assert_eq!(largest_remainder(one, &[]), Err(SplitError::NoWeight { amount: one }));
        assert_eq!(largest_remainder(one, &[U256::ZERO]), Err(SplitError::NoWeight { amount: one }));
        assert_eq!(largest_remainder(one, &[U256::MAX, one]), Err(SplitError::WeightOverflow));
    }

    #[test]
    fn rates_above_the_whole_divide_nothing() {
        for (fee, royalty, divides) in [(0, 10_000, true), (1, 10_000, false), (10_001, 0, false), (u16::MAX, 1, false)]
        {
            for price in [U256::ZERO, U256::ONE, U256::MAX] {
                assert_eq!(sale(price, fee, royalty).is_some(), divides, "{fee} and {royalty} of {price}");
            }
        }
    }

    #[test]
    fn the_largest_amount_by_the_largest_weight() {
        let half = U256::MAX >> 1;
        let parts = largest_remainder(U256::MAX, &[half, half, U256::ONE]).unwrap();
        assert_eq!(parts, [half, half, U256::ONE]);
    }

    fn weights() -> impl Strategy<Value = Vec<U256>> {
        let weight = prop_oneof![
            Just(U256::ZERO),
            (0_u64..5).prop_map(U256::from),
            any::<u128>().prop_map(U256::from),
            any::<[u64; 4]>().prop_map(|limbs| U256::from_limbs(limbs) >> 5),
        ];
        prop::collection::vec(weight, 1..30).prop_filter("some weight", |weights| weights.iter().any(|w| !w.is_zero()))
    }

    proptest! {
        #[test]
        fn exact_and_within_one_unit_of_the_proportion(limbs: [u64; 4], shift in 0_usize..256, weights in weights()) {
            let amount = U256::from_limbs(limbs) >> shift;
            let parts = largest_remainder(amount, &weights).unwrap();
            let total: U256 = weights.iter().sum();
            prop_assert_eq!(parts.iter().sum::<U256>(), amount);
            for (part, weight) in parts.iter().zip(&weights) {
                let (low, rest): (U512, U512) =
                    amount.widening_mul::<256, 4, 512, 8>(*weight).div_rem(U512::from(total));
                let low: U256 = low.to();
                prop_assert!(*part == low || (!rest.is_zero() && *part == low + U256::ONE));
            }
        }

        #[test]
        fn equals_sorting_all_remainders(amount in 0_u64..100_000, weights in prop::collection::vec(0_u64..50, 1..20)) {
            prop_assume!(weights.iter().any(|w| *w > 0));
            let total: u64 = weights.iter().sum();
            let mut parts: Vec<u64> = weights.iter().map(|w| amount * w / total).collect();
            let mut order: Vec<usize> = (0..weights.len()).collect();
            order.sort_by_key(|&i| (std::cmp::Reverse(amount * weights[i] % total), i));
            let left = amount - parts.iter().sum::<u64>();
            for &index in order.iter().take(left as usize) {
                parts[index] += 1;
            }
            prop_assert_eq!(split(amount, &weights), parts);
        }
    }
}
