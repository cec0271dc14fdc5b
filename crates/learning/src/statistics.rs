//! Order statistics, with and without weights, and probabilities of log-odds. The caller must leave out values that are not
//! finite.

/// Returns the `level` quantile (0 to 1) of sorted values, linear between neighbours (type 7 of Hyndman and Fan 1996). `None`
/// without values.
pub fn sorted_quantile(sorted: &[f64], level: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = level.clamp(0.0, 1.0) * last as f64;
    let below = place.floor();
    let low = *sorted.get(below as usize)?;
    let high = sorted.get(below as usize + 1).copied().unwrap_or(low);
    Some(low + (high - low) * (place - below))
}

/// Returns the `level` quantile of values in any order.
pub fn quantile(values: &[f64], level: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted_quantile(&sorted, level)
}

/// Returns the probability of these log-odds: 1 / (1 + e^-x).
pub fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Returns the smallest value with at least `level` of the weight at or below it, or the middle between it and the next when
/// exactly `level` of the weight is. Sorts `pairs` of value and weight. `None` when there is no weight.
pub fn weighted_quantile(pairs: &mut [(f64, f64)], level: f64) -> Option<f64> {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let total: f64 = pairs.iter().map(|pair| pair.1).sum();
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    let wanted = total * level.clamp(0.0, 1.0);
    let mut sum = 0.0;
    for (index, &(value, weight)) in pairs.iter().enumerate() {
        sum += weight;
        if sum > wanted {
            return Some(value);
        }
        if sum == wanted && weight > 0.0 {
            let next = pairs.get(index + 1..)?.iter().find(|pair| pair.1 > 0.0).map_or(value, |pair| pair.0);
            return Some(value + (next - value) / 2.0);
        }
    }
    pairs.last().map(|pair| pair.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_quantiles() {
        for (values, level, expected) in [
            (&[][..], 0.5, None),
            (&[3.0], 0.9, Some(3.0)),
            (&[4.0, 1.0, 3.0, 2.0], 0.5, Some(2.5)),
            (&[5.0, 1.0, 3.0], 0.25, Some(2.0)),
            (&[1.0, 2.0], 7.0, Some(2.0)),
        ] {
            assert_eq!(quantile(values, level), expected, "{values:?} at {level}");
        }
    }

    #[test]
    fn weights_count_as_repetitions() {
        let mut weighted = [(5.0, 1.0), (1.0, 3.0), (2.0, 0.0), (4.0, 2.0)];
        assert_eq!(weighted_quantile(&mut weighted, 0.5), Some(2.5), "half the weight lies at 1, the next value is 4");
        assert_eq!(weighted_quantile(&mut weighted, 0.6), Some(4.0));
        assert_eq!(weighted_quantile(&mut weighted, 1.0), Some(5.0));
        assert_eq!(weighted_quantile(&mut [], 0.5), None);
        assert_eq!(weighted_quantile(&mut [(1.0, 0.0)], 0.5), None);
    }
}
