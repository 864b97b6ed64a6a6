//! How long ago something was, as kubectl says it.

use k8s_openapi::jiff::Timestamp;

/// `45s`, `12m`, `5h`, `3d`: the greatest unit of which there are at least two, or the smaller ones of the last.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        for (seconds, expected) in [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_800, "2d")] {
            assert_eq!(age(at(1_000), at(1_000 + seconds)), expected);
        }
        assert_eq!(age(at(10), at(0)), "0s");
    }
}
