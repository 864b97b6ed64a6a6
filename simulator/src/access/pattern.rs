//! Texts of policies: with wildcards, and with variables that the request fills in.

use super::context::Context;
use super::keys;

/// A text as it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyph {
    Char(char),
    /// `?`
    One,
    /// `*`
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Glyph(Glyph),
    /// `${aws:username}` or `${aws:username, 'nobody'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A text of a policy before the variables are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

/// Which characters of a text are more than themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) wildcards: bool,
    /// Version 2008-10-17 has none.
    pub(super) variables: bool,
}

impl Template {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if syntax.variables
                && let Some(inner) = rest.strip_prefix("${")
            {
                let (variable, after) = inner
                    .split_once('}')
                    .ok_or_else(|| format!("a variable in {text:?} has no end"))?;
                parts.push(variable_part(variable)?);
                rest = after;
                continue;
            }
            parts.push(Part::Glyph(match first {
                '*' if syntax.wildcards => Glyph::Any,
                '?' if syntax.wildcards => Glyph::One,
                other => Glyph::Char(other),
            }));
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        Ok(Self(parts))
    }

    /// With the variables filled in; nothing when the request has not the key of one, which then matches no text.
    fn resolve(&self, context: &Context) -> Option<Vec<Glyph>> {
        let mut glyphs = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            match part {
                Part::Glyph(glyph) => glyphs.push(*glyph),
                Part::Variable { key, default } => {
                    let value = context.single(key).or(default.as_deref())?;
                    // What a request says is never a wildcard.
                    glyphs.extend(value.chars().map(Glyph::Char));
                }
            }
        }
        Some(glyphs)
    }

    pub(super) fn matches(&self, text: &str, ignore_case: bool, context: &Context) -> bool {
        self.resolve(context)
            .is_some_and(|glyphs| matches(&glyphs, text, ignore_case))
    }

    pub(super) fn is_just(&self, glyph: Glyph) -> bool {
        self.0 == [Part::Glyph(glyph)]
    }
}

fn variable_part(variable: &str) -> Result<Part, String> {
    // The characters that mean something, written so that they do not.
    if let "*" | "?" | "$" = variable {
        return Ok(Part::Glyph(Glyph::Char(variable.chars().next().unwrap_or('$'))));
    }
    let (key, default) = match variable.split_once(',') {
        None => (variable, None),
        Some((key, default)) => {
            let default = default.trim();
            let inner = default
                .strip_prefix('\'')
                .and_then(|default| default.strip_suffix('\''))
                .ok_or_else(|| format!("the default of the variable {variable:?} stands in no single quotes"))?;
            (key, Some(inner.to_owned()))
        }
    };
    let key = keys::normalized(key.trim());
    if keys::arity(&key) != Some(keys::Arity::One) {
        return Err(format!("the variable {key:?} is not simulated"));
    }
    Ok(Part::Variable { key, default })
}

/// Wildcards by trying again after the latest star, which never takes more than length times length steps.
fn matches(glyphs: &[Glyph], text: &str, ignore_case: bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let same = |a: char, b: char| a == b || ignore_case && a.to_lowercase().eq(b.to_lowercase());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&char) = text.get(seen) {
        match glyphs.get(at) {
            Some(Glyph::Any) => {
                star = Some((at, seen));
                at += 1;
            }
            Some(Glyph::One) => (at, seen) = (at + 1, seen + 1),
            Some(Glyph::Char(wanted)) if same(*wanted, char) => (at, seen) = (at + 1, seen + 1),
            _ => match star {
                Some((star_at, star_seen)) => {
                    star = Some((star_at, star_seen + 1));
                    (at, seen) = (star_at + 1, star_seen + 1);
                }
                None => return false,
            },
        }
    }
    glyphs
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|glyph| *glyph == Glyph::Any)
}

/// An ARN with wildcards, compared part by part: a star does not reach over the colons before the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ArnPattern {
    /// `*`: everything, also calls that have no resource.
    Everything,
    Parts(Vec<Template>),
}

impl ArnPattern {
    pub(super) fn parse(text: &str, variables: bool) -> Result<Self, String> {
        let syntax = Syntax {
            wildcards: true,
            variables,
        };
        if Template::parse(text, syntax)?.is_just(Glyph::Any) {
            return Ok(Self::Everything);
        }
        let parts = parts_of(text);
        let ([prefix, _, service, ..], 6) = (parts.as_slice(), parts.len()) else {
            return Err(format!("{text:?} is neither an ARN with six parts nor \"*\""));
        };
        if *prefix != "arn" {
            return Err(format!("{text:?} is neither an ARN nor \"*\""));
        }
        if service.contains(['*', '?']) {
            return Err(format!(
                "{text:?} has a wildcard for the service, which IAM does not take"
            ));
        }
        let parts = parts.into_iter().map(|part| Template::parse(part, syntax));
        Ok(Self::Parts(parts.collect::<Result<_, _>>()?))
    }

    /// Whether it covers a resource; `None` is a call that has none.
    pub(super) fn covers(&self, arn: Option<&str>, context: &Context) -> bool {
        match (self, arn) {
            (Self::Everything, _) => true,
            (Self::Parts(_), None) => false,
            (Self::Parts(parts), Some(arn)) => {
                let texts: Vec<&str> = arn.splitn(6, ':').collect();
                let pairs = || parts.iter().zip(&texts);
                texts.len() == parts.len() && pairs().all(|(part, text)| part.matches(text, false, context))
            }
        }
    }
}

/// The six parts of an ARN. Variables have colons of their own.
fn parts_of(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut in_variable) = (0, false);
    for (at, char) in text.char_indices() {
        match char {
            '{' if text.get(..at).is_some_and(|before| before.ends_with('$')) => in_variable = true,
            '}' => in_variable = false,
            ':' if !in_variable && parts.len() < 5 => {
                parts.extend(text.get(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(begin..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Syntax = Syntax {
        wildcards: true,
        variables: true,
    };

    fn context() -> Context {
        let mut context = Context::default();
        context.put("aws:username", ["a*b"]);
        context
    }

    #[test]
    fn stars_and_question_marks_match_what_they_should() {
        let holds = |pattern: &str, text: &str| {
            let template = Template::parse(pattern, FULL).unwrap();
            template.matches(text, false, &context())
        };
        for (pattern, text) in [
            ("*", ""),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("*b*", "abc"),
            ("a?c", "abc"),
            ("*a*b*", "xaxxbx"),
            ("a${*}", "a*"),
            ("${aws:username}", "a*b"),
            ("${aws:UserName}?", "a*bc"),
            ("${aws:userid, 'no body'}", "no body"),
            ("", ""),
        ] {
            assert!(holds(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "A"),
            ("a?c", "ac"),
            ("a*c", "abcd"),
            ("a${*}", "ab"),
            ("${aws:username}", "axb"),
            ("${aws:userid}", ""),
            ("", "a"),
        ] {
            assert!(!holds(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_star_does_not_reach_over_the_colons_of_an_arn() {
        let covers = |pattern: &str, arn: &str| {
            ArnPattern::parse(pattern, true)
                .unwrap()
                .covers(Some(arn), &Context::default())
        };
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/a";
        assert!(covers("arn:*:elasticloadbalancing:*:*:loadbalancer/*", arn));
        assert!(!covers("arn:*:elasticloadbalancing:*:2:loadbalancer/*", arn));
        assert!(!covers("arn:*:elasticloadbalancing:*:*:*/app/*", arn));
        let group = "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:0-1:autoScalingGroupName/a";
        assert!(covers(
            "arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/*",
            group
        ));
        assert!(covers("arn:aws:autoscaling:*:1:*/a", group));
        let everything = ArnPattern::parse("*", true).unwrap();
        assert!(everything.covers(None, &Context::default()));
        let some = ArnPattern::parse("arn:aws:s3:::*", true).unwrap();
        assert!(!some.covers(None, &Context::default()));
        assert!(some.covers(Some("arn:aws:s3:::bucket/key"), &Context::default()));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (text, told) in [
            ("${aws:username", "has no end"),
            ("${aws:principaltag/team}", "is not simulated"),
            ("${aws:tagkeys}", "is not simulated"),
            ("${aws:username, nobody}", "single quotes"),
        ] {
            assert!(Template::parse(text, FULL).unwrap_err().contains(told), "{text}");
        }
        for (text, told) in [
            ("loadbalancer/a", "six parts"),
            ("arn:aws:*:us-east-1:1:loadbalancer/a", "wildcard for the service"),
            ("urn:aws:ec2:us-east-1:1:vpc/a", "neither an ARN"),
        ] {
            assert!(ArnPattern::parse(text, true).unwrap_err().contains(told), "{text}");
        }
    }
}
