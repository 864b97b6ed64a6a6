//! Every command in the pages is understood by the program that it starts, and what it names is there.

#[path = "commands/kubectl.rs"]
mod kubectl;
#[path = "commands/programs.rs"]
mod programs;
#[path = "commands/shell.rs"]
mod shell;

use std::collections::BTreeSet;
use std::path::Path;

use clap::Parser as _;
use clap::error::ErrorKind;

use self::kubectl::Kubectl;
use self::shell::Started;
use crate::helm::{chart, read, root};
use crate::install::Turn;
use crate::pages::{self, shown};

/// What blocks are written in. Those in the shell's language are commands; another name for it hides them from this test.
const LANGUAGES: [&str; 9] = ["", "hcl", "json", "promql", "python", "rust", "sh", "text", "yaml"];

/// Programs of others, and what a shell does itself: not looked at any further.
const OF_OTHERS: [&str; 30] = [
    ".",
    "[",
    "date",
    "asciinema",
    "awk",
    "base64",
    "cat",
    "cd",
    "cosign",
    "curl",
    "echo",
    "export",
    "git",
    "grep",
    "head",
    "install",
    "jq",
    "ln",
    "openssl",
    "pip",
    "pre-commit",
    "read",
    "sed",
    "sha256sum",
    "skopeo",
    "sort",
    "tail",
    "terraform",
    "uniq",
    "wc",
];

/// Where the files of this repository lie that commands name.
const FOLDERS: [&str; 10] = [
    ".ci/",
    "charts/",
    "crds/",
    "deploy/",
    "docs/",
    "examples/",
    "simulator/",
    "src/",
    "tests/",
    "tools/",
];

/// What the commands of a page are held against.
struct Page<'a> {
    kubectl: &'a Kubectl,
    /// What commands before have written.
    made: BTreeSet<String>,
    /// A command in a sentence is named, and need not be whole.
    whole: bool,
}

#[tokio::test]
async fn commands_in_the_pages_are_understood() {
    let turn = Turn::begin("commands").await;
    turn.install(&chart(), &["--set", "admissionWarnings.enabled=false"])
        .unwrap();
    turn.served().await;
    let kubectl = Kubectl::new(turn.control_plane.kubeconfig()).await;
    let (mut looked, mut faults) = (0, Vec::new());
    for path in pages::all() {
        let mut page = Page {
            kubectl: &kubectl,
            made: BTreeSet::new(),
            whole: true,
        };
        let mut hold = |line: usize, text: &str, page: &mut Page<'_>| match shell::commands(text, line) {
            Ok(commands) => {
                for command in commands {
                    looked += 1;
                    if let Err(why) = page.understands(&command) {
                        let at = format!("{}:{}", shown(&path), command.line);
                        faults.push(format!("{at}: {}\n    {}", command.words.join(" "), why.trim()));
                    }
                }
            }
            Err(why) => faults.push(format!("{}:{line}: {why}", shown(&path))),
        };
        for block in pages::blocks(&path) {
            let known = LANGUAGES.contains(&block.language.as_str());
            assert!(known, "what is {:?}? {}", block.language, block.place());
            if block.language == "sh" {
                hold(block.line, &block.text, &mut page);
            }
        }
        // In a sentence.
        page.whole = false;
        for (line, span) in pages::spans(&path) {
            let program = span.split(' ').next().unwrap_or_default();
            let ours = ["kubectl", "helm", "make", "aws", "clb-operator", "aws-simulator"];
            if ours.contains(&program) && span.contains(' ') {
                hold(line, &span, &mut page);
            }
        }
    }
    turn.uninstall();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(looked > 250, "only {looked} commands");
}

impl Page<'_> {
    /// Why the program would not understand this.
    fn understands(&mut self, command: &Started) -> Result<(), String> {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        self.names_what_is_there(&words)?;
        self.made.extend(command.writes.iter().cloned());
        for pair in words.windows(2).filter(|pair| pair[0] == "--output-dir") {
            self.made.insert(pair[1].to_owned());
        }
        match words.as_slice() {
            ["kubectl", "clb", rest @ ..] => self.plugin(rest),
            ["kubectl", rest @ ..] => self.kubectl.understands(rest, &self.made, self.whole),
            ["clb-operator", ..] => {
                self.parsed(classic_lb_operator::flags::Cli::try_parse_from(said(&words)).map(drop))
            }
            ["aws-simulator", rest @ ..] => programs::simulator(rest),
            ["helm", rest @ ..] => programs::helm(rest, self.whole),
            ["make", rest @ ..] => programs::make(rest),
            ["cargo", rest @ ..] => programs::cargo(rest),
            ["aws", rest @ ..] => programs::aws(rest, self.whole),
            [program, ..] if FOLDERS.iter().any(|folder| program.starts_with(folder)) => programs::script(program),
            ["sed", rest @ ..] => programs::sed(rest),
            [program, ..] if OF_OTHERS.contains(program) => Ok(()),
            _ => Err("a program that this test does not know".into()),
        }
    }

    fn plugin(&self, rest: &[&str]) -> Result<(), String> {
        let words = [&["kubectl-clb"], rest].concat();
        self.parsed(classic_lb_operator::cli::read(said(&words).into_iter().map(Into::into)).map(drop))
    }

    fn parsed(&self, outcome: Result<(), clap::Error>) -> Result<(), String> {
        let Err(error) = outcome else { return Ok(()) };
        let lacks = [
            ErrorKind::MissingRequiredArgument,
            ErrorKind::MissingSubcommand,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ];
        let fine = !error.use_stderr() || !self.whole && lacks.contains(&error.kind());
        fine.then_some(()).ok_or_else(|| error.to_string())
    }

    /// Files of the repository are there, and keys of ours are on the page of tags.
    fn names_what_is_there(&self, words: &[&str]) -> Result<(), String> {
        let tags = read("docs/reference/tags.md");
        for word in words {
            let path = word.strip_prefix("file://").unwrap_or(word);
            let ours = FOLDERS.iter().any(|folder| path.starts_with(folder));
            if ours && !path.contains('*') && !root().join(path).exists() {
                return Err(format!("{path} is not there"));
            }
            if path != *word && !ours && !self.made.contains(path) {
                return Err(format!("no command before it writes {path}"));
            }
            for (at, domain) in word.match_indices("classiclb.dev/") {
                let key = word[at + domain.len()..].split(|c: char| c != '-' && !c.is_ascii_lowercase());
                let prefix = word[..at].rsplit(|c: char| c != '.' && !c.is_ascii_lowercase()).next();
                let key = key.take(1).collect::<String>();
                // A dash at the end takes an annotation away.
                let key = format!("{}{domain}{}", prefix.unwrap_or_default(), key.trim_end_matches('-'));
                if !key.ends_with('/') && !tags.contains(&key) {
                    return Err(format!("{key} is not in docs/reference/tags.md"));
                }
            }
        }
        Ok(())
    }
}

/// What the reader puts in place of words in capitals is in small letters for the most part.
fn said(words: &[&str]) -> Vec<String> {
    let of_the_reader = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '-');
    let said = words.iter().map(|&word| match word {
        word if of_the_reader(word) && !word.starts_with('-') => word.to_lowercase(),
        word => word.to_owned(),
    });
    said.collect()
}

/// What kubectl or Helm says of these words when it is asked for help among them: it reads all of them, and does nothing. There is no
/// cluster to be reached either.
fn with_help(program: &Path, words: &[&str]) -> Result<String, String> {
    let output = std::process::Command::new(program)
        .args(asking(words).ok_or("it has no verb")?)
        .env("KUBECONFIG", "/dev/null")
        .env("HOME", "/nonexistent")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .stdin(std::process::Stdio::null())
        .output();
    told(program, output)
}

/// The words with the question for help behind those that name what is to be done, and before its options: behind an option that lacks
/// its value it would be taken for that, and the command be carried out.
fn asking<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    // What stands behind is not for the program.
    let own = words.split(|&word| word == "--").next().unwrap_or_default();
    let option = |word: &&&str| word.starts_with('-') && ***word != *"-";
    let mut verb = 0;
    while let Some(word) = own.get(verb).filter(option) {
        verb += if ["-n", "--namespace"].contains(word) { 2 } else { 1 };
    }
    let named = own.iter().skip(verb).take_while(|word| !option(word)).count();
    let (before, behind) = own.split_at_checked(verb + named).filter(|_| named > 0)?;
    Some([before, &["--help"], behind].concat())
}

/// What a program said, or how it failed.
fn told(program: &Path, output: std::io::Result<std::process::Output>) -> Result<String, String> {
    let output = output.map_err(|why| format!("{}: {why}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

#[test]
fn a_question_for_help_is_never_the_value_of_an_option() {
    let asked = |words: &str| asking(&words.split(' ').collect::<Vec<_>>()).map(|words| words.join(" "));
    assert_eq!(asked("delete -k").unwrap(), "delete --help -k");
    assert_eq!(
        asked("-n a rollout restart b -l").unwrap(),
        "-n a rollout restart b --help -l"
    );
    assert_eq!(asked("get -f - -- c").unwrap(), "get --help -f -");
    assert_eq!(asked("-n delete"), None);
}
