//! Buffers shared by lifetime: two values that are never alive together may lie in the same one.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// From the first step that writes to the last that reads, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) bytes: u64,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// For each life the number of its buffer, and the bytes of each buffer.
///
/// The largest first, each in the smallest buffer that is free for all its time, else in a new one: so no buffer grows, and what is
/// small and lives long, as the states of a sequence, takes no room that something large would need again. Pisarchyk and Lee:
/// Efficient Memory Management for Deep Neural Net Inference, 2020, section 4.3.
pub(super) fn assign(lives: &[Life]) -> (Vec<usize>, Vec<u64>) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|&i| (Reverse(lives[i].bytes), lives[i].first));
    let mut places = vec![0; lives.len()];
    let mut sizes: Vec<u64> = Vec::new();
    // First and last of what lies in each buffer.
    let mut taken: Vec<BTreeMap<usize, usize>> = Vec::new();
    for i in order {
        let Life { bytes, first, last } = lives[i];
        let is_free = |taken: &BTreeMap<usize, usize>| taken.range(..=last).next_back().is_none_or(|(_, &before)| before < first);
        let place = taken.iter().rposition(is_free).unwrap_or_else(|| {
            sizes.push(bytes);
            taken.push(BTreeMap::new());
            sizes.len() - 1
        });
        taken[place].insert(first, last);
        places[i] = place;
    }
    (places, sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_needs_two_buffers() {
        let lives: Vec<Life> = (0..10).map(|i| Life { bytes: 100, first: i, last: i + 1 }).collect();
        let (places, sizes) = assign(&lives);
        assert_eq!(sizes, [100, 100]);
        assert!(places.windows(2).all(|p| p[0] != p[1]), "{places:?}");
    }

    #[test]
    fn what_is_small_and_stays_takes_no_room_of_what_is_large() {
        // The steps of a sequence: each makes 1600 bytes for the next moment, and 100 for good.
        let step =
            |t: usize| [Life { bytes: 1600, first: 3 * t, last: 3 * t + 1 }, Life { bytes: 100, first: 3 * t + 2, last: usize::MAX }];
        let (_, sizes) = assign(&(0..20).flat_map(step).collect::<Vec<_>>());
        // The last 100 may lie in what nothing large needs again.
        assert_eq!(sizes.iter().sum::<u64>(), 1600 + 19 * 100);
    }

    #[test]
    fn lives_in_one_buffer_never_overlap() {
        let mut seed = 1u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let lives: Vec<Life> = (0..300)
            .map(|_| {
                let first = next(100) as usize;
                Life { bytes: 1 + next(5000), first, last: first + next(20) as usize }
            })
            .collect();
        let (places, sizes) = assign(&lives);
        for (i, a) in lives.iter().enumerate() {
            assert!(sizes[places[i]] >= a.bytes);
            for (j, b) in lives.iter().enumerate().filter(|(j, _)| *j != i && places[*j] == places[i]) {
                assert!(a.last < b.first || b.last < a.first, "{i} {a:?} and {j} {b:?} share a buffer");
            }
        }
        let total: u64 = lives.iter().map(|l| l.bytes).sum();
        assert!(sizes.iter().sum::<u64>() < total / 2, "nothing was shared");
    }
}
