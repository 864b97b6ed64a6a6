//! The operations of a service by name.

use super::error::ApiError;
use super::service::Service;

/// A dispatch table. Its names are in order, which the compiler checks.
pub(crate) struct Table<H: 'static> {
    service: Service,
    operations: &'static [(&'static str, H)],
}

impl<H: Copy> Table<H> {
    pub(crate) const fn new(service: Service, operations: &'static [(&'static str, H)]) -> Self {
        assert!(
            in_order(operations),
            "a dispatch table is searched by halves: its names are in order"
        );
        Self { service, operations }
    }

    /// What carries an operation out, or the service's error for one that it has not.
    pub(crate) fn find(&self, operation: &str) -> Result<H, ApiError> {
        let found = self.operations.binary_search_by_key(&operation, |(name, _)| *name);
        found
            .ok()
            .and_then(|index| self.operations.get(index))
            .map(|(_, handler)| *handler)
            .ok_or_else(|| self.service.unknown_operation(operation))
    }
}

const fn in_order<H>(operations: &[(&str, H)]) -> bool {
    let mut rest = operations;
    while let [(first, _), following @ ..] = rest {
        if let [(second, _), ..] = following
            && !comes_before(first.as_bytes(), second.as_bytes())
        {
            return false;
        }
        rest = following;
    }
    true
}

/// Comparing texts is no constant function of the standard library yet.
const fn comes_before(first: &[u8], second: &[u8]) -> bool {
    let (mut first, mut second) = (first, second);
    loop {
        match (first, second) {
            ([a, first_rest @ ..], [b, second_rest @ ..]) if *a == *b => (first, second) = (first_rest, second_rest),
            ([a, ..], [b, ..]) => return *a < *b,
            (_, []) => return false,
            ([], _) => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_out_of_order_or_named_twice_are_seen() {
        assert!(in_order(&[("A", ()), ("AB", ()), ("B", ())]));
        assert!(!in_order(&[("B", ()), ("A", ())]));
        assert!(!in_order(&[("AB", ()), ("A", ())]));
        assert!(!in_order(&[("A", ()), ("A", ())]));
    }

    #[test]
    fn what_a_service_has_not_is_its_own_error() {
        let table = Table::new(Service::Ec2, &[("A", 1), ("B", 2)]);
        assert_eq!(table.find("B"), Ok(2));
        assert_eq!(table.find("C").unwrap_err().code, "InvalidAction");
    }
}
