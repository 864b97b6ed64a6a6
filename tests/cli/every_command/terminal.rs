//! Pipes that nobody reads, and narrow terminals.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use testkit::Result;

use super::{arguments, commands, line, stack, there};
use crate::{BINARY, Person, Ran};

/// Those that write data, which no terminal breaks.
const DATA: [&str; 5] = ["import", "adopt", "export", "iam-policy", "completion"];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_minds_no_reader_that_goes_away() -> Result<()> {
    let stack = stack().await?;
    let person = Person::at(&stack).await?;
    let there = there(&person).await?;
    for (command, kubernetes) in commands() {
        let arguments = arguments(&command, &there);
        let arguments = line(&person, &command, kubernetes, &arguments);
        let ever = person.run(&arguments);
        assert!(ever.code.is_some_and(|code| code < 2), "{command}: {ever:#?}");
        let mut shell = person.command(Path::new(BINARY), &arguments);
        let mut child = shell
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let ran = Ran::of_output(child.wait_with_output().expect("it ends"));
        assert_eq!(
            (ran.code, ran.err.contains("panicked")),
            (ever.code, false),
            "{command}: {ran:#?}"
        );
        let mut child = shell.spawn().expect("it starts");
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(
            child.wait().expect("it ends").code(),
            ever.code,
            "{command}, where nobody reads either"
        );
    }
    Ok(())
}

/// Columns of a narrow terminal.
const NARROW: u16 = 40;

/// What a command writes on such a terminal.
fn on_a_terminal(mut command: Command) -> (Option<i32>, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("ours");
    let size = Winsize {
        ws_row: 24,
        ws_col: NARROW,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&master, size).expect("narrow");
    let name = ptsname(&master, Vec::new()).expect("a name");
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().expect("text"))
        .expect("the other end");
    let mut child = command.stdout(terminal).spawn().expect("it starts");
    // It holds the other end open.
    drop(command);
    let (mut screen, mut text) = (File::from(master), Vec::new());
    // The end is told as an error.
    let _ = screen.read_to_end(&mut text);
    let code = child.wait().expect("it ends").code();
    (code, String::from_utf8(text).expect("text").replace('\r', ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_keeps_to_a_narrow_terminal_and_to_no_color() -> Result<()> {
    let stack = stack().await?;
    let person = Person::at(&stack).await?;
    let there = there(&person).await?;
    let mut coloured = 0;
    for (command, kubernetes) in commands() {
        let arguments = arguments(&command, &there);
        let arguments = line(&person, &command, kubernetes, &arguments);
        let ever = person.run(&arguments);
        let on_one = |no_color: &str| {
            let mut shell = person.command(Path::new(BINARY), &arguments);
            shell
                .env("TERM", "xterm")
                .env("NO_COLOR", no_color)
                .stderr(Stdio::null());
            on_a_terminal(shell)
        };
        let (code, page) = on_one("1");
        assert_eq!(code, ever.code, "{command}: {page}");
        assert!(!page.contains('\u{1b}'), "{command}: {page:?}");
        coloured += usize::from(on_one("").1.contains('\u{1b}'));
        // A word that is longer stays whole.
        let is_too_wide =
            |line: &&str| line.chars().count() > usize::from(NARROW) && line.split_whitespace().count() > 1;
        let too_wide: Vec<&str> = page.lines().filter(is_too_wide).collect();
        assert!(
            DATA.contains(&&*command) || too_wide.is_empty(),
            "{command}: {too_wide:#?}"
        );
    }
    assert!(coloured > 3, "{coloured} pages have colours where they may");
    Ok(())
}
