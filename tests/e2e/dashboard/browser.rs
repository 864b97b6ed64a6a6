//! A browser without a window, which tells what it has drawn and takes a picture of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use regex::Regex;
use testkit::{Error, Result, tool};

/// A page of ours is drawn in a second or two.
const LIMIT: Duration = Duration::from_mins(2);

/// Nothing of it goes to the network.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--virtual-time-budget=10000",
];

/// Chromium with an empty profile.
pub(super) struct Browser {
    program: PathBuf,
    profile: PathBuf,
}

/// A panel as it is drawn.
pub(super) struct Section {
    pub(super) id: u64,
    pub(super) title: String,
    /// Where its plot is: left, top, width, height.
    pub(super) bounds: Vec<u64>,
    /// The names in its legend that are seen without scrolling.
    pub(super) names: Vec<String>,
    /// What stands at its axis, in its legend and as its only value.
    pub(super) values: Vec<String>,
    /// What has no room.
    pub(super) cut: Vec<String>,
    pub(super) says_no_data: bool,
}

/// Without the marks, and with the characters that HTML writes otherwise.
fn plain(html: &str) -> String {
    let text = Regex::new("<[^>]*>").expect("an expression").replace_all(html, "");
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&amp;", "&")];
    let unescaped = |text: String, (escape, character): &(&str, &str)| text.replace(escape, character);
    escapes.iter().fold(text.into_owned(), unescaped)
}

impl Section {
    fn of(html: &str) -> Self {
        let all = |pattern: &str| -> Vec<String> {
            let pattern = Regex::new(pattern).expect("an expression");
            pattern.captures_iter(html).map(|found| plain(&found[1])).collect()
        };
        let one = |pattern: &str| all(pattern).into_iter().next().unwrap_or_default();
        let bounds = one("data-box=\"([^\"]*)\"");
        Self {
            id: one("^[^>]*data-panel=\"([0-9]+)\"").parse().expect("an id"),
            title: one("<h2[^>]*>(.*?)</h2>"),
            bounds: bounds
                .split(' ')
                .map(|number| number.parse().expect("a number"))
                .collect(),
            names: all("class=\"name\"[^>]*>(.*?)</td>"),
            values: all("class=\"[a-z ]*\\bvalue\\b[^>]*>(.*?)</(?:text|td|div)>"),
            cut: all("class=\"[a-z ]*\\bcut\\b[^>]*>(.*?)</"),
            says_no_data: html.contains("class=\"nothing\""),
        }
    }
}

impl Browser {
    /// The one that is installed.
    pub(super) fn found(folder: &Path) -> Result<Self> {
        let script = tool::root().join("tools/browser");
        let output = std::process::Command::new(script).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| Error::Setup(format!("tools/browser: {error}")))?;
        if !output.status.success() {
            return Err(Error::Setup("there is no browser: see the message above".into()));
        }
        Ok(Self {
            program: String::from_utf8_lossy(&output.stdout).trim().into(),
            profile: folder.join("profile"),
        })
    }

    async fn run(&self, more: &[String], page: &Path) -> Result<String> {
        // Each run with a profile of its own: one that was left at once may still be locked.
        let profile = self.profile.join(format!("{:x}", fastrand::u64(..)));
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(more)
            .arg(format!("file://{}", page.display()))
            .kill_on_drop(true);
        let said = tokio::time::timeout(LIMIT, command.output()).await;
        let said = said.map_err(|_| Error::Setup(format!("the browser hangs over {}", page.display())))?;
        let said = said.map_err(|error| Error::Setup(format!("{}: {error}", self.program.display())))?;
        if said.status.success() {
            Ok(String::from_utf8_lossy(&said.stdout).into_owned())
        } else {
            let told = String::from_utf8_lossy(&said.stderr);
            Err(Error::Setup(format!("the browser ended with {}: {told}", said.status)))
        }
    }

    /// The panels of a page as they are drawn.
    pub(super) async fn sections(&self, page: &Path) -> Result<Vec<Section>> {
        let html = self.run(&["--dump-dom".to_owned()], page).await?;
        assert!(
            html.contains("data-drawn=\""),
            "the page's script ended before its end: {}",
            page.display()
        );
        // Without the script, which has the marks as well.
        let script = Regex::new("(?s)<script>.*?</script>").expect("an expression");
        let html = script.replace(&html, "");
        Ok(html.split("<section").skip(1).map(Section::of).collect())
    }

    /// A picture of a page.
    pub(super) async fn picture(&self, page: &Path, picture: &Path, [width, height]: [u64; 2]) -> Result<()> {
        let arguments = [
            format!("--window-size={width},{height}"),
            format!("--screenshot={}", picture.display()),
        ];
        self.run(&arguments, page).await.map(drop)
    }

    /// How many colours the plot of each panel has in a picture, which is then stored with so many that a byte is enough for a pixel.
    pub(super) async fn colours(&self, picture: &Path, panels: &[Section], folder: &Path) -> Result<Vec<usize>> {
        let mut hex = String::new();
        for byte in std::fs::read(picture).expect("a picture") {
            write!(hex, "{byte:02x}").expect("written");
        }
        let boxes: Vec<_> = panels.iter().map(|panel| &panel.bounds).collect();
        let page = include_str!("colours.html")
            .replace("PICTURE", &hex)
            .replace("BOXES", &serde_json::json!(boxes).to_string());
        let path = folder.join("colours.html");
        std::fs::write(&path, page).expect("written");
        let html = self.run(&["--dump-dom".to_owned()], &path).await?;
        let told = |name: &str| {
            let pattern = Regex::new(&format!("data-{name}=\"([0-9a-f ]+)\"")).expect("an expression");
            let found = pattern.captures(&html);
            found.unwrap_or_else(|| panic!("nothing is told of {name}"))[1].to_owned()
        };
        let small = told("small");
        let bytes = (0..small.len()).step_by(2).map(|at| &small[at..at + 2]);
        let bytes: Vec<u8> = bytes
            .map(|byte| u8::from_str_radix(byte, 16).expect("a byte"))
            .collect();
        std::fs::write(picture, bytes).expect("written");
        let counts = told("colours");
        Ok(counts
            .split(' ')
            .map(|count| count.parse().expect("a number"))
            .collect())
    }
}
