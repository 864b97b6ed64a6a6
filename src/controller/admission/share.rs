//! Pure: how many of all workers one account, one region and those that do not answer may have.

/// One account may have so many times as many workers as it leaves free,
const ACCOUNT: usize = 3;
/// and one region so many times as many as it leaves free of those that its account may have. So whoever comes next finds a worker,
/// however many came before.
const REGION: usize = 2;

/// How many work, where somebody waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// In all.
    pub(super) all: usize,
    /// In the account.
    pub(super) account: usize,
    /// In the region of the account.
    pub(super) region: usize,
    /// In all regions that do not answer, if this is one of them.
    pub(super) silent: Option<usize>,
}

/// Whether one more of that region may be worked on. Regions that do not answer are tried by one each, and by a quarter of all workers
/// together.
pub(super) fn has_room(limit: usize, load: Load) -> bool {
    let Load {
        all,
        account,
        region,
        silent,
    } = load;
    if silent.is_some_and(|silent| region > 0 || silent >= (limit / 4).max(1)) {
        return false;
    }
    // Of few workers one is for the others, where there is more than one.
    let most = (limit * ACCOUNT / (ACCOUNT + 1)).clamp(1, limit.saturating_sub(1).max(1));
    account < most.min(ACCOUNT * limit.saturating_sub(all)) && region < REGION * most.saturating_sub(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of each region are let in, one region after the other, if each wants all workers it can get.
    fn filled(limit: usize, regions: &[(&str, bool)]) -> Vec<usize> {
        let mut running = vec![0_usize; regions.len()];
        for now in 0..regions.len() {
            loop {
                let (account, is_silent) = regions[now];
                let of = |other: &str| {
                    let there = regions.iter().zip(&running).filter(|((of, _), _)| *of == other);
                    there.map(|(_, running)| running).sum()
                };
                let silent = regions.iter().zip(&running).filter(|((_, silent), _)| *silent);
                let load = Load {
                    all: running.iter().sum(),
                    account: of(account),
                    region: running[now],
                    silent: is_silent.then(|| silent.map(|(_, running)| running).sum()),
                };
                if !has_room(limit, load) {
                    break;
                }
                running[now] += 1;
            }
        }
        running
    }

    #[test]
    fn whoever_comes_next_finds_a_worker() {
        let of = |account: &'static str| (account, false);
        assert_eq!(filled(64, &[of("a")]), [32]);
        let five = [of("a"), of("a"), of("a"), of("a"), of("b")];
        assert_eq!(filled(64, &five), [32, 11, 4, 1, 12]);
        let accounts = [of("a"), of("b"), of("c"), of("d")];
        assert_eq!(filled(64, &accounts), [32, 24, 6, 2]);
        for limit in 2..=64 {
            let running = filled(limit, &[of("a"), of("b")]);
            assert!(running[0] > 0 && running[1] > 0, "{limit}: {running:?}");
        }
        assert_eq!(filled(1, &[of("a")]), [1]);
    }

    #[test]
    fn those_that_do_not_answer_are_tried_by_few() {
        let mut regions = vec![("a", true); 40];
        regions.push(("b", false));
        let running = filled(64, &regions);
        assert_eq!(running[..40].iter().sum::<usize>(), 16);
        assert_eq!(running[..40].iter().max(), Some(&1));
        assert!(running[40] > 20, "{running:?}");
        assert_eq!(filled(2, &[("a", true), ("b", true), ("c", false)]), [1, 0, 1]);
    }
}
