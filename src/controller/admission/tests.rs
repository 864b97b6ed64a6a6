use futures::future::{join, join_all};

use super::*;

/// The region's name has the account's before it, if that matters.
fn at(region: &str) -> Endpoint {
    let (account, region) = region.split_once('/').unwrap_or((region, region));
    Endpoint {
        account: account.into(),
        region: region.into(),
    }
}

fn line(lane: Lane, region: &str, silent: bool) -> Line {
    let at = at(region);
    Line { lane, at, silent }
}

async fn turn(admission: &Admission, lane: Lane, region: &str, silent: bool) -> Option<Turn> {
    admission.turn("", line(lane, region, silent)).await
}

/// Works for a second and tells when it was let in.
async fn work(admission: &Admission, lane: Lane, region: &str) -> u64 {
    let begun = Instant::now();
    let _turn = turn(admission, lane, region, false).await.expect("a turn");
    let waited = begun.elapsed().as_secs();
    tokio::time::sleep(Duration::from_secs(1)).await;
    waited
}

#[tokio::test(start_paused = true)]
async fn a_change_goes_before_a_thousand_that_are_only_looked_at() {
    let admission = Admission::new(4);
    let looks = join_all((0..1000).map(|_| work(&admission, Lane::Sweep, "a")));
    let change = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(admission.waiting()[3], ("sweep", 1000 - 22));
        work(&admission, Lane::Change, "a").await
    };
    let (looks, change) = join(looks, change).await;
    assert!(change <= 1, "{change}");
    assert!(looks.into_iter().max() >= Some(300));
}

#[tokio::test(start_paused = true)]
async fn what_is_only_looked_at_is_not_forgotten() {
    let admission = Admission::new(4);
    let changes = |count| join_all((0..count).map(|_| work(&admission, Lane::Change, "a")));
    let (_, look, waited) = futures::join!(changes(2), work(&admission, Lane::Sweep, "a"), changes(200));
    assert!(look <= 4, "{look}");
    assert!(waited.into_iter().max() >= Some(100));
}

#[tokio::test(start_paused = true)]
async fn a_region_leaves_workers_to_the_others() {
    let admission = Admission::new(4);
    let hanging = join_all((0..10).map(|_| async {
        let _turn = turn(&admission, Lane::Change, "hangs", false).await.expect("a turn");
        tokio::time::sleep(Duration::from_secs(100)).await;
    }));
    let healthy = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        work(&admission, Lane::Sweep, "answers").await
    };
    assert_eq!(join(hanging, healthy).await.1, 0);
    let probes = join_all((0..3).map(|_| async {
        let _turn = turn(&admission, Lane::Change, "silent", true).await.expect("a turn");
        assert_eq!(admission.state().regions[&at("silent")].running, 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }));
    probes.await;
    assert!(admission.state().running.is_empty());
}

#[tokio::test(start_paused = true)]
async fn however_many_hang_a_healthy_one_is_worked_on() {
    let admission = Admission::new(64);
    let hanging = (0..400).map(|number| {
        let (admission, region) = (&admission, format!("one/{}", number % 4));
        async move {
            let _turn = turn(admission, Lane::Change, &region, false).await.expect("a turn");
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
    });
    // Of these AWS is known not to answer, and they came first.
    let silent = (0..400).map(|number| {
        let (admission, region) = (&admission, format!("{number}/silent"));
        async move {
            let _turn = turn(admission, Lane::Change, &region, true).await.expect("a turn");
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
    });
    let healthy = async {
        tokio::time::sleep(Duration::from_secs(150)).await;
        [
            work(&admission, Lane::Change, "two/a").await,
            work(&admission, Lane::Sweep, "two/b").await,
            work(&admission, Lane::Sweep, "three/a").await,
        ]
    };
    let (_, _, waited) = futures::join!(join_all(silent), join_all(hanging), healthy);
    assert_eq!(waited, [0; 3]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_changed_while_it_waits_goes_before_those_that_were_not() {
    let admission = Admission::new(1);
    let told = std::sync::Mutex::new(Vec::new());
    let one = |number: u32| {
        let (admission, told) = (&admission, &told);
        async move {
            let uid = number.to_string();
            let _turn = admission.turn(&uid, line(Lane::Sweep, "a", false)).await;
            told.lock().expect("told").push(number);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let changes = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(admission.has_waiting("7") && !admission.has_waiting("0"));
        for lane in [Lane::Change, Lane::Sweep] {
            admission.changed("7", line(lane, "a", false));
        }
        admission.changed("5", line(Lane::Change, "another", false));
        admission.changed("0", line(Lane::Change, "a", false));
    };
    join(join_all((0..9).map(one)), changes).await;
    assert_eq!(told.into_inner().expect("told"), [0, 5, 7, 1, 2, 3, 4, 6, 8]);
    assert!(admission.state().places.is_empty() && admission.state().regions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_answers_again_is_not_worked_on_one_by_one() {
    let admission = Admission::new(8);
    let waiting = join_all((0..60).map(|_| async {
        let _turn = turn(&admission, Lane::Sweep, "a", true).await.expect("a turn");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }));
    let begun = Instant::now();
    let again = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        work(&admission, Lane::Sweep, "a").await
    };
    join(waiting, again).await;
    assert!(begun.elapsed() <= Duration::from_secs(25), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_takes_no_turn_and_the_end_lets_all_go() {
    let admission = Admission::new(1);
    let taken = turn(&admission, Lane::Change, "a", false).await;
    let impatient = turn(&admission, Lane::Change, "a", false);
    assert!(tokio::time::timeout(Duration::from_secs(1), impatient).await.is_err());
    drop(taken);
    let taken = turn(&admission, Lane::Change, "a", false).await;
    let (waiting, ()) = join(turn(&admission, Lane::Change, "a", false), async {
        tokio::task::yield_now().await;
        admission.close();
    })
    .await;
    assert!(taken.is_some() && waiting.is_none());
    assert!(turn(&admission, Lane::Change, "a", false).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_waits_and_who_works_is_told_with_place_and_age() {
    let admission = Admission::new(2);
    let known = || [at("a"), at("idle")];
    let busy = join_all((0..5).map(|_| work(&admission, Lane::Sweep, "a")));
    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        work(&admission, Lane::Change, "b").await
    };
    let look = async {
        tokio::time::sleep(Duration::from_millis(750)).await;
        let told = admission.places(known());
        let of = |priority: &str, region: &str| {
            let sample = told.iter().find(|it| it.priority == priority && it.at == at(region));
            sample.map(|it| (it.depth, it.oldest.as_millis()))
        };
        // One worker is always left to others.
        assert_eq!(of("sweep", "a"), Some((4, 750)));
        assert_eq!((of("change", "a"), of("sweep", "idle")), (Some((0, 0)), Some((0, 0))));
        assert_eq!((of("sweep", "b"), of("change", "b")), (None, None));
        assert_eq!(admission.at_work(), [750, 250].map(Duration::from_millis));
    };
    futures::join!(busy, late, look);
    assert!(admission.at_work().is_empty());
    let nobody = |it: &WaitingSample| it.depth == 0 && it.oldest.is_zero();
    assert!(admission.places(known()).iter().all(nobody));
    assert_eq!(admission.places([]), [], "a region that is gone");
}
