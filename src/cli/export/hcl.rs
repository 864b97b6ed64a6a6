//! Pure: HCL as `terraform fmt` writes it.

use std::collections::BTreeSet;

/// What stands between the braces of a block.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Body(Vec<Item>);

#[derive(Clone, Debug)]
enum Item {
    Attribute(String, String),
    Block(String, Body),
}

impl Body {
    /// An attribute with an expression as it stands.
    pub(in crate::cli) fn raw(&mut self, name: &str, expression: impl Into<String>) -> &mut Self {
        self.0.push(Item::Attribute(name.to_owned(), expression.into()));
        self
    }

    /// An attribute that is a text.
    pub(in crate::cli) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.raw(name, quoted(value))
    }

    /// A list of texts; none at all is left out.
    pub(in crate::cli) fn list<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a String>) -> &mut Self {
        let values: Vec<String> = values.into_iter().map(|value| quoted(value)).collect();
        if !values.is_empty() {
            self.raw(name, format!("[{}]", values.join(", ")));
        }
        self
    }

    /// A map of texts, one a line; none at all is left out.
    pub(in crate::cli) fn map<K: AsRef<str>, V: AsRef<str>>(&mut self, name: &str, pairs: &[(K, V)]) -> &mut Self {
        let keys: Vec<String> = pairs.iter().map(|(key, _)| quoted(key.as_ref())).collect();
        let Some(width) = keys.iter().map(|key| key.chars().count()).max() else {
            return self;
        };
        let lines = keys.iter().zip(pairs);
        let lines = lines.map(|(key, (_, value))| format!("  {key:<width$} = {}\n", quoted(value.as_ref())));
        let lines: String = lines.collect();
        self.raw(name, format!("{{\n{lines}}}"))
    }

    /// A block in this one.
    pub(in crate::cli) fn block(&mut self, header: &str, body: Self) -> &mut Self {
        self.0.push(Item::Block(header.to_owned(), body));
        self
    }

    /// The lines, with attributes that follow one another in columns.
    pub(in crate::cli) fn render(&self, depth: usize) -> String {
        let indent = "  ".repeat(depth);
        let mut text = String::new();
        for (at, item) in self.0.iter().enumerate() {
            let is_block = |item: Option<&Item>| matches!(item, Some(Item::Block(..)));
            if at > 0 && (is_block(Some(item)) || is_block(self.0.get(at - 1))) {
                text.push('\n');
            }
            match item {
                Item::Attribute(name, value) => {
                    let width = self.width_around(at);
                    text.push_str(&format!(
                        "{indent}{name:<width$} = {}\n",
                        value.replace('\n', &format!("\n{indent}"))
                    ));
                }
                Item::Block(header, body) => {
                    text.push_str(&format!("{indent}{header} {{\n{}{indent}}}\n", body.render(depth + 1)));
                }
            }
        }
        text
    }

    /// The longest name among the attributes around this one. One of several lines stands alone.
    fn width_around(&self, at: usize) -> usize {
        let name = |item: &Item| match item {
            Item::Attribute(name, value) if !value.contains('\n') => Some(name.len()),
            _ => None,
        };
        let Some(own) = self.0.get(at).and_then(name) else {
            return 0;
        };
        let before = self.0[..at].iter().rev().map_while(name).max();
        let after = self.0[at..].iter().map_while(name).max();
        own.max(before.unwrap_or_default()).max(after.unwrap_or_default())
    }
}

/// The names that the blocks of a configuration have, by the type of their resource.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Labels(BTreeSet<(String, String)>);

impl Labels {
    /// A name for a resource that no other of its type has: names in AWS differ by case, and by characters that HCL does
    /// not take.
    pub(in crate::cli) fn free(&mut self, kind: &str, name: &str) -> String {
        let plain = identifier(name);
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let mut names = std::iter::once(plain.clone()).chain(numbered);
        let free = names.find(|name| self.0.insert((kind.to_owned(), name.clone())));
        free.unwrap_or(plain)
    }
}

/// A text, in which nothing is a template.
pub(in crate::cli) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let characters: Vec<char> = text.chars().collect();
    for (at, &c) in characters.iter().enumerate() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '$' | '%' if characters.get(at + 1) == Some(&'{') => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A name that HCL takes.
pub(in crate::cli) fn identifier(name: &str) -> String {
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let plain: String = name.chars().map(legal).collect();
    if plain.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{plain}")
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_in_columns_and_texts_are_no_templates() {
        let mut inner = Body::default();
        inner.raw("lb_port", "80").text("lb_protocol", "http");
        let mut body = Body::default();
        body.text("name", "a\"b${c}\\")
            .raw("idle_timeout", "60")
            .block("listener", inner)
            .raw("x", "1");
        assert_eq!(
            body.render(1),
            "  name         = \"a\\\"b$${c}\\\\\"\n  idle_timeout = 60\n\n  listener {\n    lb_port     = 80\n    \
             lb_protocol = \"http\"\n  }\n\n  x = 1\n"
        );
        assert_eq!(identifier("1-Web.x"), "_1_web_x");
        let mut body = Body::default();
        body.map("tags", &[("a", "1"), ("long", "2")])
            .map("none", &[("", ""); 0]);
        assert_eq!(body.render(0), "tags = {\n  \"a\"    = \"1\"\n  \"long\" = \"2\"\n}\n");
    }

    #[test]
    fn no_two_resources_of_a_type_have_one_name() {
        let mut labels = Labels::default();
        let mut free = |kind: &str, name: &str| labels.free(kind, name);
        assert_eq!(free("aws_elb", "Web"), "web");
        assert_eq!(free("aws_elb", "web"), "web_2");
        assert_eq!(free("aws_elb", "WEB"), "web_3");
        assert_eq!(free("aws_lb", "web"), "web");
    }
}
