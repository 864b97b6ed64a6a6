//! Pure: what is known of regions without asking: a generated table.

use super::similar::similar;

/// A region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `aws`, `aws-cn` and so on.
    pub partition: &'static str,
    /// Such as `us-east-1`.
    pub name: &'static str,
    /// Where Classic ELB answers.
    pub endpoint: &'static str,
    /// What people call it.
    pub description: &'static str,
}

/// Written by `tools/regions/generate`.
const TABLE: &str = include_str!("regions.table");

/// The region that is asked for the others when none is named.
pub const FIRST: &str = "us-east-1";

/// Every region of the table, by partition and name.
pub fn all() -> impl Iterator<Item = Facts> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut words = line.splitn(4, ' ');
        Some(Facts {
            partition: words.next()?,
            name: words.next()?,
            endpoint: words.next()?,
            description: words.next()?,
        })
    })
}

/// A region of the table.
pub fn find(name: &str) -> Option<Facts> {
    all().find(|facts| facts.name == name)
}

/// Whether the table has it. One that it lacks may be newer than this program.
pub fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// Whether a region can have that name.
pub fn is_legal(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(legal)
}

/// Whether the table has it, or regions that somebody vouches for.
pub fn exists(name: &str, extra: &std::collections::BTreeSet<String>) -> bool {
    is_known(name) || extra.contains(name)
}

/// Whether a zone says that it is of another region. A label may say anything.
pub fn is_of_another(zone: &str, region: &str) -> bool {
    !zone.starts_with(region) && all().any(|other| zone.starts_with(other.name))
}

/// Names much like this one, most alike first.
pub fn like(name: &str) -> Vec<&'static str> {
    similar(name, all().map(|facts| facts.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        assert_eq!(all().count(), TABLE.lines().count() - 1);
        let suffix = |name| find(name).map(|facts| facts.endpoint);
        assert_eq!(
            suffix("cn-north-1"),
            Some("elasticloadbalancing.cn-north-1.amazonaws.com.cn")
        );
        assert_eq!(
            suffix("us-east-1"),
            Some("elasticloadbalancing.us-east-1.amazonaws.com")
        );
        assert!(all().all(|facts| facts.endpoint.contains(facts.name) && !facts.description.is_empty()));
    }

    #[test]
    fn a_misspelt_region_is_told_what_may_be_meant() {
        assert_eq!(like("us-east-11").first(), Some(&"us-east-1"));
        assert_eq!(like("eu-wset-1").first(), Some(&"eu-west-1"));
        assert!(like("nowhere").is_empty());
    }

    #[test]
    fn a_name_of_a_region_has_only_small_letters_digits_and_hyphens() {
        assert!(is_legal("us-gov-west-1"));
        assert!(!is_legal("") && !is_legal("US-EAST-1") && !is_legal("a.b/c"));
    }
}
