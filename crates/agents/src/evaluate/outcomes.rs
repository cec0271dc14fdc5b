//! Figures of how good forecasts of yes and no were.

/// The figures of a set of forecasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcomes {
    /// Forecasts scored.
    pub rows: usize,
    /// Those that came true.
    pub positives: usize,
    /// Area under the curve of true over false positives: the chance that a positive is ranked above a negative.
    pub auc: f64,
    /// Average precision: the mean, over positives, of the precision at their rank; ties share the rank of their end.
    pub ap: f64,
    /// The share of positives that are found when at most 1 % of negatives are called positive.
    pub recall: f64,
    /// Expected calibration error over 10 bins of equal width.
    pub ece: f64,
}

impl Outcomes {
    /// Computes the figures for pairs of probability and outcome. `None` unless both outcomes occur.
    pub fn of(forecasts: &[(f64, bool)]) -> Option<Self> {
        let mut sorted = forecasts.to_vec();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let rows = sorted.len();
        let positives = sorted.iter().filter(|row| row.1).count();
        let negatives = rows - positives;
        if positives == 0 || negatives == 0 {
            return None;
        }
        let (mut above, mut false_above, mut area, mut precision, mut recall) = (0, 0, 0.0, 0.0, 0.0_f64);
        for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
            let hits = tied.iter().filter(|row| row.1).count();
            let misses = tied.len() - hits;
            area += misses as f64 * (above as f64 + hits as f64 / 2.0);
            above += hits;
            false_above += misses;
            precision += hits as f64 * above as f64 / (above + false_above) as f64;
            if false_above * 100 <= negatives {
                recall = above as f64 / positives as f64;
            }
        }
        Some(Self {
            rows,
            positives,
            auc: area / (positives as f64 * negatives as f64),
            ap: precision / positives as f64,
            recall,
            ece: calibration_error(forecasts),
        })
    }
}

fn calibration_error(forecasts: &[(f64, bool)]) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    for (probability, happened) in forecasts {
        let place = ((probability * 10.0) as usize).min(9);
        if let Some(bin) = bins.get_mut(place) {
            bin.0 += probability;
            bin.1 += f64::from(u8::from(*happened));
        }
    }
    bins.iter().map(|(said, came)| (said - came).abs()).sum::<f64>() / forecasts.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // scikit-learn's example: AUC .75, average precision .8333.
        let outcomes = Outcomes::of(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)]).unwrap();
        assert_eq!(outcomes.auc, 0.75);
        assert!((outcomes.ap - 0.833_333_333).abs() < 1e-6);
        assert_eq!(outcomes.recall, 0.5);
        assert!((outcomes.ece - (0.1 + 0.4 + 0.65 + 0.2) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn ties_are_worth_half_and_one_outcome_alone_has_no_score() {
        let outcomes = Outcomes::of(&[(0.5, false), (0.5, true), (0.5, false)]).unwrap();
        assert_eq!(outcomes.auc, 0.5);
        assert_eq!(outcomes.recall, 0.0);
        assert_eq!(Outcomes::of(&[(0.5, true)]), None);
        assert_eq!(Outcomes::of(&[]), None);
    }
}
