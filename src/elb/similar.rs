//! Pure: names that may be meant by one that does not exist.

/// How alike two names must be, from 0 to 1.
const ALIKE: f64 = 0.85;
/// How many are told.
const TOLD: usize = 3;

/// Those of the names that are much like this one, most alike first, and no more than a message should hold.
pub fn similar<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let distance =
        |other: &str| strsim::normalized_damerau_levenshtein(name, other).max(strsim::jaro_winkler(name, other));
    let mut alike: Vec<(f64, &str)> = all.into_iter().map(|other| (distance(other), other)).collect();
    alike.retain(|(distance, _)| *distance >= ALIKE);
    alike.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    alike.into_iter().take(TOLD).map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_found_and_what_is_another_is_not() {
        let all = ["legacy-1", "legacy-3", "shop", "payments-api"];
        assert_eq!(similar("legcy-3", all).first(), Some(&"legacy-3"));
        assert_eq!(similar("payment-api", all), ["payments-api"]);
        assert!(similar("web", all).is_empty());
    }
}
