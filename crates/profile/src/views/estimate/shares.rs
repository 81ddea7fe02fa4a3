//! Dividing whole numbers without losing any: shares of one amount, and transport between two sides.

/// Divides `amount` in proportion to `weights`, in whole numbers that add up to it: what is left over by
/// rounding goes to the largest remainders, earlier ones first. If the weights add up to `amount`, the shares are
/// the weights. Negative weights count as zero; if all are zero, so are the shares.
pub(super) fn apportion(amount: i64, weights: &[i64]) -> Vec<i64> {
    let sum: u128 = weights.iter().map(|&weight| u128::try_from(weight).unwrap_or(0)).sum();
    let total = u128::try_from(amount).unwrap_or(0);
    if sum == 0 || total == 0 {
        return vec![0; weights.len()];
    }
    if sum == total {
        return weights.iter().map(|&weight| weight.max(0)).collect();
    }
    let mut shares = vec![0; weights.len()];
    let mut remainders = Vec::new();
    let mut left = amount;
    for (index, (share, &weight)) in
        shares.iter_mut().zip(weights).enumerate().filter(|(_, (_, weight))| **weight > 0)
    {
        let (whole, remainder) = divide(total * u128::try_from(weight).unwrap_or(0), sum);
        *share = i64::try_from(whole).unwrap_or(i64::MAX);
        left -= *share;
        remainders.push((std::cmp::Reverse(remainder), index));
    }
    let left = usize::try_from(left).unwrap_or(0).min(remainders.len());
    if left > 0 {
        remainders.select_nth_unstable(left - 1);
    }
    for &(_, index) in &remainders[..left] {
        shares[index] += 1;
    }
    shares
}

/// Quotient and remainder, by 64 bits where these are enough: 128 are several times slower.
fn divide(dividend: u128, divisor: u128) -> (u128, u128) {
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) => (u128::from(dividend / divisor), u128::from(dividend % divisor)),
        _ => (dividend / divisor, dividend % divisor),
    }
}

/// Divides an amount among places in proportion to `weights`, but what would be shares below `grain`, and what is left over
/// by rounding, goes to the largest one.
pub(super) fn apportion_coarsely(amount: i64, weights: &[i64], grain: i64) -> Vec<i64> {
    let mut shares = vec![0; weights.len()];
    let of = |number: i64| u128::try_from(number).unwrap_or(0);
    let sum: u128 = weights.iter().map(|&weight| of(weight)).sum();
    let largest = (0..weights.len()).rev().max_by_key(|&index| weights[index]);
    let Some(largest) = largest.filter(|_| sum > 0) else { return shares };
    // Compared before they are divided: nearly all are too small.
    let enough = of(grain).saturating_mul(sum);
    let mut left = amount;
    for (share, &weight) in shares.iter_mut().zip(weights) {
        let part = of(amount) * of(weight);
        if part >= enough {
            *share = i64::try_from(divide(part, sum).0).unwrap_or(i64::MAX);
            left -= *share;
        }
    }
    shares[largest] += left;
    shares
}

/// One part of a transport.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Move {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) amount: i64,
}

/// Matches what is supplied with what is demanded, both non-negative and of equal sum. Parts of at least
/// `grain` are in proportion (every demand draws on every supply alike); the rest is matched in order, which
/// needs at most one part a supply and a demand. Sorted, without zero parts.
pub(super) fn transport(supply: &[i64], demand: &[i64], grain: i64) -> Vec<Move> {
    // Most functions have one context or one callee: nothing is to be matched.
    let to_each = |(to, &amount)| (amount > 0).then_some(Move { from: 0, to, amount });
    let from_each = |(from, &amount)| (amount > 0).then_some(Move { from, to: 0, amount });
    match (supply, demand) {
        ([_], _) => return demand.iter().enumerate().filter_map(to_each).collect(),
        (_, [_]) => return supply.iter().enumerate().filter_map(from_each).collect(),
        _ => {}
    }
    let mut left: Vec<i64> = supply.to_vec();
    let mut wanted: Vec<i64> = demand.to_vec();
    let mut moves = Vec::new();
    let sum: i128 = supply.iter().map(|&value| i128::from(value)).sum();
    if sum > 0 {
        let heaviest = |values: &[i64]| {
            let mut order: Vec<usize> = (0..values.len()).collect();
            order.sort_by_key(|&index| std::cmp::Reverse(values[index]));
            order
        };
        let (sources, targets) = (heaviest(supply), heaviest(demand));
        for &from in &sources {
            let mut any = false;
            for &to in &targets {
                let share = i128::from(supply[from]) * i128::from(demand[to]) / sum;
                let amount = i64::try_from(share).unwrap_or(i64::MAX);
                if amount < grain {
                    break;
                }
                left[from] -= amount;
                wanted[to] -= amount;
                moves.push(Move { from, to, amount });
                any = true;
            }
            if !any {
                break;
            }
        }
    }
    let mut to = 0;
    for (from, left) in left.iter_mut().enumerate() {
        while *left > 0 && to < wanted.len() {
            let amount = (*left).min(wanted[to]);
            if amount > 0 {
                moves.push(Move { from, to, amount });
            }
            *left -= amount;
            wanted[to] -= amount;
            if wanted[to] == 0 {
                to += 1;
            }
        }
    }
    moves.sort_unstable();
    moves.dedup_by(|next, kept| {
        let same = (next.from, next.to) == (kept.from, kept.to);
        if same {
            kept.amount += next.amount;
        }
        same
    });
    moves
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_add_up_and_are_within_one_of_the_proportion(
            amount in 0i64..=i64::MAX,
            weights in prop::collection::vec(0i64..=i64::MAX / 64, 1..40),
        ) {
            let shares = apportion(amount, &weights);
            let sum: i128 = weights.iter().map(|&w| i128::from(w)).sum();
            if sum == 0 {
                prop_assert!(shares.iter().all(|&share| share == 0));
            } else {
                prop_assert_eq!(shares.iter().map(|&s| i128::from(s)).sum::<i128>(), i128::from(amount));
                for (&share, &weight) in shares.iter().zip(&weights) {
                    let floor = i128::from(amount) * i128::from(weight) / sum;
                    prop_assert!((floor..=floor + 1).contains(&i128::from(share)));
                }
            }
        }

        #[test]
        fn transport_keeps_both_sides(
            supply in prop::collection::vec(0i64..1_000_000, 1..30),
            cuts in prop::collection::vec(0.0f64..1.0, 0..30),
            grain in 1i64..10_000,
        ) {
            let sum: i64 = supply.iter().sum();
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a test's cut")]
            let mut at: Vec<i64> = cuts.iter().map(|cut| (cut * sum as f64) as i64).collect();
            at.push(0);
            at.push(sum);
            at.sort_unstable();
            let demand: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let moves = transport(&supply, &demand, grain);
            let mut from = vec![0; supply.len()];
            let mut to = vec![0; demand.len()];
            for part in &moves {
                prop_assert!(part.amount > 0);
                from[part.from] += part.amount;
                to[part.to] += part.amount;
            }
            prop_assert_eq!(from, supply);
            prop_assert_eq!(to, demand);
        }
    }

    #[test]
    fn heavy_parts_are_in_proportion() {
        let moves = transport(&[600, 400], &[500, 500], 10);
        let amounts: Vec<i64> = moves.iter().map(|part| part.amount).collect();
        assert_eq!(amounts, [300, 300, 200, 200]);
    }

    #[test]
    fn small_shares_join_the_largest() {
        assert_eq!(apportion_coarsely(100, &[90, 6, 4], 5), [94, 6, 0]);
        assert_eq!(apportion_coarsely(3, &[1, 1, 1], 5), [3, 0, 0]);
    }
}
