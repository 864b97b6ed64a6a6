//! The clock of one of two replicas is set back by an hour: who writes goes by time that passes, and not by what time it is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use testkit::{OperatorOptions, Result};

use crate::replicas::{CRASH, GRACE, LEASE, Pair};

/// A clock that is an hour behind while a file is there. The rest of the machine has its own.
const BEHIND: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    const char *mark = getenv("CLOCK_IS_BEHIND");
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) && mark && access(mark, F_OK) == 0)
        now->tv_sec -= 3600;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
"#;

/// The clock of a process that can be set back.
struct Clock {
    folder: tempfile::TempDir,
}

impl Clock {
    fn new() -> Self {
        let clock = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let source = clock.path("clock.c");
        std::fs::write(&source, BEHIND).expect("written");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&clock.path("clock.so"), &source])
            .status();
        assert!(made.expect("a C compiler").success());
        clock
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self) -> OperatorOptions {
        let text = |path: &Path| path.display().to_string();
        OperatorOptions {
            env: vec![
                ("LD_PRELOAD".into(), text(&self.path("clock.so"))),
                ("CLOCK_IS_BEHIND".into(), text(&self.path("behind"))),
            ],
            ..OperatorOptions::default()
        }
    }

    fn set_back(&self) {
        std::fs::write(self.path("behind"), "").expect("written");
    }
}

/// How long ago the Lease was renewed, as it says itself.
async fn renewed(pair: &Pair) -> Duration {
    let lease = pair.leases.get(LEASE).await.expect("the Lease");
    let at = lease.spec.and_then(|spec| spec.renew_time).expect("a time").0;
    Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_clock_is_set_back_by_an_hour_neither_loses_nor_takes_the_lease() -> Result<()> {
    const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(20);
    let clock = Clock::new();
    let pair = Pair::start(|_| clock.options()).await?;
    assert!(renewed(&pair).await < Duration::from_mins(1));
    clock.set_back();
    let mark = pair.test.mark()?;
    tokio::time::sleep(LONGER_THAN_A_LEASE).await;
    assert!(
        renewed(&pair).await > Duration::from_mins(59),
        "its clock is not behind"
    );
    assert_eq!(pair.writers()?, [false], "the other waits");
    assert!(!pair.test.simulator().calls(mark)?.writes().is_empty(), "it leads on");
    assert_eq!(pair.holders().len(), 1, "{:?}", pair.holders());

    // As a follower, to which the Lease of the other is from the future.
    let (ended, took) = tokio::join!(pair.leader.stop(), pair.until_follower(GRACE));
    took?;
    ended?;
    pair.leader.start_ready().await?;
    tokio::time::sleep(LONGER_THAN_A_LEASE).await;
    assert_eq!(pair.writers()?, [false, true], "it waits");

    pair.follower().kill();
    let again = |calls: &testkit::Calls| {
        calls
            .iter()
            .last()
            .is_some_and(|last| last.access_key_id != testkit::OPERATOR_KEY_ID)
    };
    pair.until_written("the one whose clock is behind", again, CRASH)
        .await?;
    assert_eq!(pair.writers()?, [false, true, false]);
    Ok(())
}
