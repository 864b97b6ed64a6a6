//! Writes XML.

use std::fmt::{Display, Write};

/// XML under construction. Text is escaped; characters that XML 1.0 cannot hold become U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct Xml {
    out: String,
}

impl Xml {
    pub(crate) fn new() -> Self {
        Self {
            out: String::with_capacity(1024),
        }
    }

    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: String::with_capacity(bytes),
        }
    }

    /// Opens an element. `tag` may carry attributes of our own making.
    pub(crate) fn open(&mut self, tag: &str) -> &mut Self {
        self.out.push('<');
        self.out.push_str(tag);
        self.out.push('>');
        self
    }

    /// Closes an element.
    pub(crate) fn close(&mut self, tag: &str) -> &mut Self {
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
        self
    }

    /// An element with text.
    pub(crate) fn text(&mut self, tag: &str, text: &str) -> &mut Self {
        self.open(tag);
        escape(&mut self.out, text);
        self.close(tag)
    }

    /// An element with a number, a time or a truth value: text that needs no escaping.
    pub(crate) fn show(&mut self, tag: &str, value: impl Display) -> &mut Self {
        self.open(tag);
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
        self.close(tag)
    }

    /// An element with text, if there is any.
    pub(crate) fn maybe(&mut self, tag: &str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.text(tag, text);
        }
        self
    }

    /// An element around others.
    pub(crate) fn element(&mut self, tag: &str, inner: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(tag);
        inner(self);
        self.close(tag)
    }

    /// A list of structures, each in an element named `member`.
    pub(crate) fn members<T>(
        &mut self,
        tag: &str,
        items: impl IntoIterator<Item = T>,
        each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.items(tag, "member", items, each)
    }

    /// A list of texts, each in an element named `member`.
    pub(crate) fn strings<'a>(&mut self, tag: &str, items: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.open(tag);
        for item in items {
            self.text("member", item);
        }
        self.close(tag)
    }

    /// A list of structures, each in an element named `item`.
    pub(crate) fn items<T>(
        &mut self,
        tag: &str,
        item_tag: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.open(tag);
        for item in items {
            self.open(item_tag);
            each(self, item);
            self.close(item_tag);
        }
        self.close(tag)
    }

    /// Text within an element that is open.
    pub(crate) fn escaped(&mut self, text: &str) -> &mut Self {
        escape(&mut self.out, text);
        self
    }

    /// What was written inside another writer.
    pub(crate) fn raw(&mut self, xml: &str) -> &mut Self {
        self.out.push_str(xml);
        self
    }

    /// What was written.
    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// Appends `text` with markup characters as entities.
pub(crate) fn escape(out: &mut String, text: &str) {
    if text
        .bytes()
        .all(|byte| (b' '..0x7f).contains(&byte) && !matches!(byte, b'<' | b'>' | b'&' | b'"'))
    {
        out.push_str(text);
        return;
    }
    for char in text.chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(char),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_its_element() {
        let mut xml = Xml::new();
        xml.text("a", "</a>&\"\u{0}\u{b}é");
        assert_eq!(xml.finish(), "<a>&lt;/a&gt;&amp;&quot;\u{fffd}\u{fffd}é</a>");
    }
}
