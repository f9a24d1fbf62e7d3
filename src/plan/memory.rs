//! Buffers shared by lifetime: two values that are never alive together may lie in the same one.

/// From the first step that writes to the last that reads, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) bytes: u64,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// For each life the number of its buffer, and the bytes of each buffer.
///
/// Greedy in order of birth: the smallest free buffer that is large enough, else the largest free one grown, else a new one.
/// A buffer is never grown or wasted by more than `bytes * 2`, so small values do not sit in large buffers for long.
pub(super) fn assign(lives: &[Life]) -> (Vec<usize>, Vec<u64>) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|&i| (lives[i].first, i));
    let mut places = vec![0; lives.len()];
    let mut sizes: Vec<u64> = Vec::new();
    let mut busy_until: Vec<usize> = Vec::new();
    for i in order {
        let life = lives[i];
        let free = (0..sizes.len()).filter(|&b| busy_until[b] < life.first);
        let fitting = free.clone().filter(|&b| sizes[b] >= life.bytes && sizes[b] / 2 <= life.bytes).min_by_key(|&b| sizes[b]);
        let growing = || free.clone().filter(|&b| sizes[b] < life.bytes && sizes[b] >= life.bytes / 4).max_by_key(|&b| sizes[b]);
        let roomy = || free.clone().filter(|&b| sizes[b] >= life.bytes).min_by_key(|&b| sizes[b]);
        let place = fitting.or_else(growing).or_else(roomy).unwrap_or_else(|| {
            sizes.push(0);
            busy_until.push(0);
            sizes.len() - 1
        });
        sizes[place] = sizes[place].max(life.bytes);
        busy_until[place] = life.last;
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
