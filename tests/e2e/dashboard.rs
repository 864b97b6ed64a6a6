//! The dashboard as people see it: a real Prometheus scrapes a real operator, each panel is asked as Grafana asks it, and a browser draws
//! the answers. Grafana itself has no part in it: the page is ours, with the sizes and the legends that Grafana would give it.
//!
//! `make test-dashboard` runs it, builds Prometheus first, and leaves the picture in `target/dashboard/`.

mod browser;
mod panels;
mod prometheus;

use serde_json::json;
use testkit::process::Folder;
use testkit::{Options, Result, Stack, tool};

use self::browser::{Browser, Section};
use self::panels::{Dashboard, Panel};
use self::prometheus::Prometheus;
use crate::Test;
use crate::bindings::Shared;
use crate::setup::{by_ids, minimal};

/// Panels without data, and why there can be none here.
const EMPTY: &[(&str, &str)] = &[(
    "Load balancers without an object",
    "it is first looked for them a quarter of an hour after an operator began to lead",
)];

/// So many names are to be seen of a legend that has more, without scrolling.
const SEEN: usize = 8;

/// Fewer colours than this are a frame, a grid and nothing else.
const COLOURS: usize = 8;

/// What is drawn is 1400 pixels wide, and may be stored in so many bytes.
const BYTES: usize = 200_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes Prometheus, a browser and minutes: make test-dashboard"]
async fn a_browser_shows_each_panel_with_what_prometheus_has_of_a_real_operator() -> Result<()> {
    let mut options = Options::default();
    "10s".clone_into(&mut options.operator.health_interval);
    "30s".clone_into(&mut options.operator.resync_period);
    // Few, so that some objects wait for one.
    options.operator.args = vec!["--concurrency=3".to_owned()];
    let shared = Shared::offered(Test::on(Stack::start(options).await?).await?).await?;
    let folder = Folder::new()?;
    let prometheus = Prometheus::scraping(shared.test.stack.operator().url(), folder.path()).await?;
    happen(&shared, &prometheus).await?;

    let dashboard = Dashboard::asked(&prometheus).await;
    let out = tool::root().join("target/dashboard");
    std::fs::create_dir_all(&out).expect("a folder");
    let page = out.join("page.html");
    std::fs::write(&page, dashboard.page()).expect("written");
    let browser = Browser::found(folder.path())?;
    let drawn = browser.sections(&page).await?;
    let picture = out.join("dashboard.png");
    browser.picture(&page, &picture, dashboard.size()).await?;
    let colours = browser.colours(&picture, &drawn, folder.path()).await?;
    eprintln!("the picture is {}", picture.display());

    let mut faults = Vec::new();
    for panel in &dashboard.panels {
        let mut sections = drawn.iter().zip(&colours);
        let found = match sections.find(|(section, _)| section.id == panel.id) {
            Some((section, colours)) => wrong_with(panel, section, *colours),
            None => vec!["it is not drawn".to_owned()],
        };
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", panel.title)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let bytes = std::fs::metadata(&picture).expect("a picture").len();
    assert!(usize::try_from(bytes).is_ok_and(|bytes| bytes < BYTES), "{bytes} bytes");
    Ok(())
}

/// What a person would find wrong with a panel.
fn wrong_with(panel: &Panel, drawn: &Section, colours: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |holds: bool, fault: String| {
        if !holds {
            faults.push(fault);
        }
    };
    let may_be_empty = EMPTY.iter().find(|(title, _)| *title == panel.title);
    match may_be_empty {
        Some((_, why)) => hold(panel.is_empty(), format!("it has data, though {why}")),
        None => hold(!panel.is_empty(), "it has no data".into()),
    }
    hold(
        panel.is_empty() == drawn.says_no_data,
        "it says No data where there is some, or nothing".into(),
    );
    hold(drawn.title == panel.title, format!("its title reads {:?}", drawn.title));
    hold(drawn.cut.is_empty(), format!("there is no room for {:?}", drawn.cut));
    if panel.is_empty() {
        return faults;
    }
    hold(colours >= COLOURS, format!("it has but {colours} colours"));
    let unit = panels::written(&panel.unit);
    for value in &drawn.values {
        hold(
            unit.is_match(value),
            format!("{value:?} is not in its unit, {}", panel.unit),
        );
    }
    hold(
        !drawn.values.is_empty() || panel.kind == "table",
        "it tells no value".into(),
    );
    let names = panel.names();
    let known = drawn.names.iter().all(|name| names.contains(name));
    hold(known, format!("its legend reads {:?}, not {names:?}", drawn.names));
    let enough = drawn.names.len() >= names.len().min(SEEN);
    hold(
        enough,
        format!("of {names:?} its legend shows {:?} without scrolling", drawn.names),
    );
    let bare = |name: &&String| name.trim().is_empty() || name.contains("{{") || name.contains("=\"");
    hold(
        !names.iter().any(|name| bare(&name)),
        format!("its legend names nothing: {names:?}"),
    );
    faults
}

/// A calm beginning, then everything that the dashboard is about.
async fn happen(shared: &Shared, prometheus: &Prometheus) -> Result<()> {
    let test = &shared.test;
    let ids = test
        .instances(&["us-east-1a", "us-east-1b", "us-east-1a", "us-east-1b"])
        .await?;
    test.another_ready("shop", &minimal(&by_ids(&ids[..3]))).await?;
    test.another_ready("blog", &minimal(&by_ids(&ids[3..]))).await?;
    let spare = test.instances(&["us-east-1a", "us-east-1b"]).await?;
    shared.bound("batch", &spare).await?;
    prometheus.until_scraped(12).await?;
    test.have_everything_go_wrong(shared).await?;
    test.simulator().set_instance_health(&ids[0], false).await?;
    let healthy = "sum(clb_load_balancer_instances{name=\"shop\",state=\"InService\"})";
    prometheus.until(healthy, |instances| instances < 2.5).await?;
    let before = test.scrape().await?;
    test.have_aws_throttle(&before).await?;
    test.have_aws_fail().await?;
    let late = json!({"match": {"service": "elasticloadbalancing"}, "do": {"latency": {"millis": 1500}}});
    test.simulator().fault(&late).await?;
    for name in ["web", "shop", "blog", "secure", "drifted", "held"] {
        test.ask_for(name).await?;
    }
    prometheus
        .until("max(clb_operator_queue_age_seconds)", |seconds| seconds > 0.5)
        .await?;
    test.simulator().clear_faults().await?;
    test.simulator().set_instance_health(&ids[0], true).await?;
    prometheus.until(healthy, |instances| instances > 2.5).await?;
    prometheus.until_scraped(75).await
}
