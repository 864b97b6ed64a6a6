//! As much of the shell's language as pages use: which programs are started, with which words.

use std::iter::Peekable;
use std::str::Chars;

/// A program and its words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Started {
    /// The line in which it begins, counted from that of the block.
    pub(crate) line: usize,
    pub(crate) words: Vec<String>,
    /// The files that its output goes to.
    pub(crate) writes: Vec<String>,
}

/// What follows such a word is a command; `sudo` starts one too.
const BEFORE_A_COMMAND: [&str; 12] = [
    "while", "until", "if", "elif", "then", "else", "do", "!", "{", "time", "sudo", "exec",
];
/// A command in itself.
const ALONE: [&str; 4] = ["done", "fi", "}", "esac"];

struct Reader<'a> {
    text: Peekable<Chars<'a>>,
    line: usize,
    found: Vec<Started>,
    open: Started,
    word: Option<String>,
    /// Whether the next word is a file that is written (or read).
    redirected: Option<bool>,
    /// Ends of documents that begin after this line.
    documents: Vec<String>,
}

/// The commands of a block, those in substitutions first.
pub(crate) fn commands(block: &str, line: usize) -> Result<Vec<Started>, String> {
    let mut reader = Reader {
        text: block.chars().peekable(),
        line,
        found: Vec::new(),
        open: Started::default(),
        word: None,
        redirected: None,
        documents: Vec::new(),
    };
    while let Some(next) = reader.text.next() {
        reader.take(next)?;
    }
    reader.end_command();
    Ok(reader.found)
}

impl Reader<'_> {
    fn take(&mut self, next: char) -> Result<(), String> {
        match next {
            '\\' => match self.text.next() {
                Some('\n') => self.line += 1,
                Some(quoted) => self.push(quoted),
                None => return Err("a backslash at the end".into()),
            },
            '\'' => self.quoted()?,
            '"' => self.half_quoted()?,
            '$' => self.dollar()?,
            '#' if self.word.is_none() => while self.text.next_if(|&next| next != '\n').is_some() {},
            ' ' | '\t' => self.end_word(),
            '\n' => {
                self.end_command();
                self.line += 1;
                self.skip_documents()?;
            }
            ';' | '|' | '&' | '(' | ')' => self.end_command(),
            // A placeholder in angle brackets, or a file.
            '<' if self.text.peek().is_some_and(char::is_ascii_alphabetic) => self.push('<'),
            '>' if self.word.as_deref().is_some_and(|word| word.starts_with('<')) => self.push('>'),
            '<' | '>' => self.redirect(next)?,
            plain => self.push(plain),
        }
        Ok(())
    }

    fn push(&mut self, next: char) {
        self.word.get_or_insert_default().push(next);
    }

    fn quoted(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.text.next() {
                Some('\'') => return Ok(()),
                Some(next) => {
                    self.line += usize::from(next == '\n');
                    self.push(next);
                }
                None => return Err("a quote without an end".into()),
            }
        }
    }

    fn half_quoted(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.text.next() {
                Some('"') => return Ok(()),
                Some('$') => self.dollar()?,
                Some('\\') => {
                    let quoted = self.text.next().ok_or("a backslash at the end")?;
                    self.push(quoted);
                }
                Some(next) => self.push(next),
                None => return Err("a quote without an end".into()),
            }
        }
    }

    /// A substitution, whose commands count, or a variable, which stays as it is.
    fn dollar(&mut self) -> Result<(), String> {
        if self.text.next_if_eq(&'(').is_none() {
            self.push('$');
            return Ok(());
        }
        let (mut inner, mut depth) = (String::new(), 1);
        for next in self.text.by_ref() {
            depth += i32::from(next == '(') - i32::from(next == ')');
            if depth == 0 {
                self.found.extend(commands(&inner, self.line)?);
                self.word.get_or_insert_default().push_str("substituted");
                return Ok(());
            }
            inner.push(next);
        }
        Err("a substitution without an end".into())
    }

    fn redirect(&mut self, first: char) -> Result<(), String> {
        // The number of what is redirected.
        self.word
            .take_if(|word| word.chars().all(|digit| digit.is_ascii_digit()));
        self.end_word();
        if self.text.next_if_eq(&first).is_some() && first == '<' {
            self.text.next_if_eq(&'-');
            while self.text.next_if_eq(&' ').is_some() {}
            let mut end = String::new();
            while let Some(next) = self.text.next_if(|next| !next.is_whitespace()) {
                end.push(next);
            }
            let end = end.trim_matches(['\'', '"']);
            if end.is_empty() {
                return Err("a document without an end".into());
            }
            self.documents.push(end.to_owned());
        } else if self.text.next_if_eq(&'&').is_some() {
            self.text.next();
        } else {
            self.redirected = Some(first == '>');
        }
        Ok(())
    }

    fn skip_documents(&mut self) -> Result<(), String> {
        for end in std::mem::take(&mut self.documents) {
            loop {
                if self.text.peek().is_none() {
                    return Err(format!("a document without its end {end}"));
                }
                let line: String = self.text.by_ref().take_while(|&next| next != '\n').collect();
                self.line += 1;
                if line.trim() == end {
                    break;
                }
            }
        }
        Ok(())
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.redirected.take() {
            Some(true) => self.open.writes.push(word),
            Some(false) => {}
            None => {
                let first = self.open.words.is_empty();
                if first && (BEFORE_A_COMMAND.contains(&word.as_str()) || assigns(&word)) {
                    return;
                }
                if first {
                    self.open.line = self.line;
                }
                self.open.words.push(word);
            }
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let ended = std::mem::take(&mut self.open);
        if ended.words.first().is_some_and(|word| !ALONE.contains(&word.as_str())) {
            self.found.push(ended);
        }
    }
}

fn assigns(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
}

#[test]
fn commands_of_a_shell_are_found() {
    let script = "A=1 B=\"$(x -y | z)\" make up VAR=2   # not this\n\
                  kubectl get clb \\\n  -o jsonpath='{.a} {\"\\n\"}' | while read -r n; do\n  [ -z \"$n\" ] || echo \"$n\" >>out 2>&1\ndone\n\
                  cat <<'EOF' | kubectl apply -f - &\nmake no\nEOF\nsudo last NAME <FILE>\n";
    let found = commands(script, 10).unwrap();
    let lines: Vec<_> = found.iter().map(|one| (one.line, one.words.join(" "))).collect();
    let expected = [
        (10, "x -y"),
        (10, "z"),
        (10, "make up VAR=2"),
        (11, "kubectl get clb -o jsonpath={.a} {\"\\n\"}"),
        (12, "read -r n"),
        (13, "[ -z $n ]"),
        (13, "echo $n"),
        (15, "cat"),
        (15, "kubectl apply -f -"),
        (18, "last NAME <FILE>"),
    ];
    assert_eq!(lines, expected.map(|(line, words)| (line, words.to_owned())));
    assert_eq!(found[6].writes, ["out"]);
    for broken in ["a 'b", "a \"b", "a $(b", "a \\", "a <<E\nb\n"] {
        commands(broken, 1).unwrap_err();
    }
}
