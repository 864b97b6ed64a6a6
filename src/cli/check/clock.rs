//! What a server says the time is.

use http::header::DATE;
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::fmt::rfc2822;
use kube::client::Body;
use kube::{Client, Config};

use super::{Checked, of};
use crate::cli::failure::causes;
use crate::cli::finding::Finding;

/// AWS takes no signature that is older or newer.
const REFUSED: i64 = 300;
/// What clocks that are kept do not differ by.
const STRANGE: i64 = 30;

#[allow(clippy::disallowed_methods)] // it is the clock of the person who asks that is looked at
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The time in the headers of an answer.
pub(super) fn told<B>(answer: &http::Response<B>) -> Option<Timestamp> {
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    rfc2822::parse(date).ok().map(|date| date.timestamp())
}

/// The time of the server at an address, whatever it answers.
pub(super) async fn at(address: &str) -> Result<Option<Timestamp>, String> {
    let uri: http::Uri = address.parse().map_err(|error| format!("{address}: {error}"))?;
    let mut config = Config::new(uri);
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    config.read_timeout = config.connect_timeout;
    config.default_retry = false;
    let client = Client::try_from(config).map_err(|error| causes(&error))?;
    let request = http::Request::get("/").body(Body::empty());
    let request = request.map_err(|error| error.to_string())?;
    let answer = client.send(request).await.map_err(|error| causes(&error))?;
    Ok(told(&answer))
}

/// Whether the clock of this machine agrees with that of a server.
pub(super) fn compared(code: &'static str, server: &str, theirs: Option<Timestamp>, ours: Timestamp) -> Checked {
    let Some(theirs) = theirs else {
        return of(code, Finding::warning(format!("{server} does not tell its time")));
    };
    let apart = ours.as_second() - theirs.as_second();
    let way = if apart < 0 { "behind" } else { "ahead of" };
    let line = format!("your clock is {} s {way} that of {server}", apart.abs());
    let hint = "set this machine's clock by NTP: AWS refuses signatures that are five minutes off";
    of(
        code,
        match apart.abs() {
            STRANGE.. if apart.abs() >= REFUSED => Finding::error(line).hint(hint),
            STRANGE.. => Finding::warning(line).hint(hint),
            _ => Finding::success(format!("your clock agrees with that of {server}")),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::finding::Grade;

    #[test]
    fn clocks_are_compared_by_the_date_of_an_answer() {
        let answer = http::Response::builder().header(DATE, "Fri, 27 Nov 2026 11:00:00 GMT");
        let theirs = told(&answer.body(()).expect("an answer"));
        assert_eq!(theirs.map(Timestamp::as_second), Some(1_795_777_200));
        let at = |second: i64| Timestamp::from_second(1_795_777_200 + second).expect("a time");
        for (apart, expected, words) in [
            (0_i64, Grade::Success, "agrees"),
            (29, Grade::Success, "agrees"),
            (60, Grade::Warning, "60 s ahead of"),
            (-299, Grade::Warning, "299 s behind"),
            (300, Grade::Error, "300 s ahead of"),
            (-4000, Grade::Error, "4000 s behind"),
        ] {
            let Checked { finding, .. } = compared("a", "AWS", theirs, at(apart));
            assert_eq!(finding.result, expected, "{finding:?}");
            assert!(finding.description.contains(words), "{finding:?}");
        }
        assert_eq!(compared("a", "AWS", None, at(0)).finding.result, Grade::Warning);
    }
}
