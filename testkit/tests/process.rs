//! Children end with their handle and with the process that started them, however it goes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use testkit::Exit;
use testkit::process::{Folder, Launch, Process};

const LIMIT: Duration = Duration::from_mins(1);

fn shell(script: &str) -> Launch {
    Launch::new("child", "/bin/sh").args(["-c", script])
}

/// A zombie waits only for its parent to look, so it counts as ended.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn dropping_the_handle_ends_the_child_and_dropping_the_folder_removes_it() {
    let folder = Folder::new().unwrap();
    let path = folder.path().to_owned();
    let process = Process::start(&shell("exec sleep 1000"), folder.path()).unwrap();
    let pid = process.pid().await.unwrap();
    assert!(is_running(pid));

    drop(process);
    assert!(!is_running(pid));
    assert!(path.is_dir());
    drop(folder);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_panic_ends_the_child_and_removes_the_folder() {
    let (send, receive) = mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let folder = Folder::new().unwrap();
        let process = Process::start(&shell("exec sleep 1000"), folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let pid = runtime.block_on(process.pid()).unwrap();
        send.send((pid, folder.path().to_owned(), is_running(pid))).unwrap();
        panic!("as a failed assertion does");
    });
    assert!(panicked.join().is_err());

    let (pid, path, was_running) = receive.recv().unwrap();
    assert!(was_running);
    assert!(!is_running(pid));
    assert!(!path.exists());
}

#[test]
fn sigkill_of_the_parent_ends_the_child_and_removes_the_folder() {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent_that_is_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let line = lines.find(|line| line.contains("holding ")).expect("the parent's line");
    let mut words = line.rsplit_once("holding ").unwrap().1.split_whitespace();
    let pid: u32 = words.next().unwrap().parse().unwrap();
    let folder = PathBuf::from(words.next().unwrap());
    assert!(is_running(pid));
    assert!(folder.is_dir());

    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the child is gone", || !is_running(pid));
    wait_until("the folder is gone", || !folder.exists());
}

/// Not a test by itself: the process that the test above kills.
#[tokio::test]
#[ignore = "run by sigkill_of_the_parent_ends_the_child_and_removes_the_folder"]
async fn parent_that_is_killed() {
    let folder = Folder::new().unwrap();
    // A child that refuses to end by anything but SIGKILL, and that keeps writing into the folder.
    let script = "trap '' TERM INT HUP; while :; do date >>\"$0/busy\"; sleep 0.05; done";
    let launch = shell(script).args([folder.path()]);
    let process = Process::start(&launch, folder.path()).unwrap();
    println!("holding {} {}", process.pid().await.unwrap(), folder.path().display());
    std::thread::sleep(LIMIT);
    panic!("nobody killed this process");
}

#[tokio::test]
async fn the_way_a_child_ended_is_told() {
    let folder = Folder::new().unwrap();
    let mut exits = Process::start(&shell("exit 7"), folder.path()).unwrap();
    assert_eq!(exits.ended(LIMIT).await.unwrap(), Exit::Code(7));

    let mut stopped = Process::start(&shell("exec sleep 1000"), folder.path()).unwrap();
    stopped.pid().await.unwrap();
    stopped.signal("TERM").unwrap();
    assert_eq!(stopped.ended(LIMIT).await.unwrap(), Exit::Signal(15));
    // A signal to a process that has ended is no error.
    stopped.signal("TERM").unwrap();
}

#[tokio::test]
async fn a_child_has_only_the_environment_that_it_is_given_and_its_output_is_kept() {
    let folder = Folder::new().unwrap();
    let launch = shell("env; echo problem >&2; exit 1").env("GIVEN", "value with spaces");
    let mut process = Process::start(&launch, folder.path()).unwrap();
    assert_eq!(process.ended(LIMIT).await.unwrap(), Exit::Code(1));

    let log = std::fs::read_to_string(process.log()).unwrap();
    assert!(log.contains("GIVEN=value with spaces\n"), "{log}");
    assert!(log.contains("problem\n"), "{log}");
    assert!(!log.contains("CARGO"), "{log}");
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_named_in_the_log() {
    let folder = Folder::new().unwrap();
    let missing = Path::new("/nonexistent/program");
    let mut process = Process::start(&Launch::new("missing", missing), folder.path()).unwrap();
    assert_eq!(process.ended(LIMIT).await.unwrap(), Exit::Code(127));
    let log = std::fs::read_to_string(process.log()).unwrap();
    assert!(log.contains("/nonexistent/program"), "{log}");
}
