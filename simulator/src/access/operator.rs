//! The operators of conditions by name.

/// How the values of a request are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// There is one.
    Single,
    /// `ForAllValues`: true also where there is none.
    All,
    /// `ForAnyValue`: false where there is none.
    Any,
}

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text { wildcards: bool, ignore_case: bool },
    Number(Order),
    Date(Order),
    Bool,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(super) fn holds(self, found: f64, wanted: f64) -> bool {
        match self {
            Self::Equal => (found - wanted).abs() < f64::EPSILON,
            Self::Less => found < wanted,
            Self::LessOrEqual => found <= wanted,
            Self::Greater => found > wanted,
            Self::GreaterOrEqual => found >= wanted,
        }
    }
}

/// An operator with what stands before and after its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Quantifier,
    pub(super) kind: Kind,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
}

const fn text(wildcards: bool, ignore_case: bool) -> Kind {
    Kind::Text { wildcards, ignore_case }
}

/// By name: what it compares, and whether it holds where nothing is equal.
const OPERATORS: [(&str, Kind, bool); 24] = [
    ("ArnEquals", Kind::Arn, false),
    ("ArnLike", Kind::Arn, false),
    ("ArnNotEquals", Kind::Arn, true),
    ("ArnNotLike", Kind::Arn, true),
    ("Bool", Kind::Bool, false),
    ("DateEquals", Kind::Date(Order::Equal), false),
    ("DateGreaterThan", Kind::Date(Order::Greater), false),
    ("DateGreaterThanEquals", Kind::Date(Order::GreaterOrEqual), false),
    ("DateLessThan", Kind::Date(Order::Less), false),
    ("DateLessThanEquals", Kind::Date(Order::LessOrEqual), false),
    ("DateNotEquals", Kind::Date(Order::Equal), true),
    ("Null", Kind::Null, false),
    ("NumericEquals", Kind::Number(Order::Equal), false),
    ("NumericGreaterThan", Kind::Number(Order::Greater), false),
    ("NumericGreaterThanEquals", Kind::Number(Order::GreaterOrEqual), false),
    ("NumericLessThan", Kind::Number(Order::Less), false),
    ("NumericLessThanEquals", Kind::Number(Order::LessOrEqual), false),
    ("NumericNotEquals", Kind::Number(Order::Equal), true),
    ("StringEquals", text(false, false), false),
    ("StringEqualsIgnoreCase", text(false, true), false),
    ("StringLike", text(true, false), false),
    ("StringNotEquals", text(false, false), true),
    ("StringNotEqualsIgnoreCase", text(false, true), true),
    ("StringNotLike", text(true, false), true),
];

impl Operator {
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::Single, name),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some((other, _)) => return Err(format!("{other:?} in the condition operator {name:?} is not known")),
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (_, kind, negated) = OPERATORS
            .iter()
            .find(|(known, ..)| *known == rest)
            .ok_or_else(|| format!("the condition operator {name:?} is not simulated"))?;
        if *kind == Kind::Null && (if_exists || quantifier != Quantifier::Single) {
            return Err(format!("{name:?} is no condition operator: Null stands alone"));
        }
        Ok(Self {
            quantifier,
            kind: *kind,
            negated: *negated,
            if_exists,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let operator = Operator::parse("ForAllValues:StringNotLikeIfExists").unwrap();
        assert_eq!(
            (operator.quantifier, operator.kind),
            (Quantifier::All, text(true, false))
        );
        assert!(operator.negated && operator.if_exists);
        for (name, told) in [
            ("ForSome:Bool", "is not known"),
            ("IpAddress", "is not simulated"),
            ("stringequals", "is not simulated"),
            ("NullIfExists", "Null stands alone"),
            ("ForAnyValue:Null", "Null stands alone"),
        ] {
            assert!(Operator::parse(name).unwrap_err().contains(told), "{name}");
        }
    }
}
