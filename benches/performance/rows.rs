//! What is measured: rows of a table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One figure, beside what it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// `P1` to `P22`.
    pub(crate) goal: String,
    /// What was measured.
    pub(crate) what: String,
    /// What it should be.
    pub(crate) aim: Option<Aim>,
    /// What it is.
    pub(crate) figure: f64,
    /// In which unit.
    pub(crate) unit: String,
    /// The least that AWS, or physics, permits.
    pub(crate) limit: String,
    /// Whether AWS's time was played, or everything is real.
    pub(crate) played: bool,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Aim {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Row {
    /// A figure of the real thing, which should be this or less.
    pub(crate) fn real(goal: &str, what: impl Into<String>, figure: f64, unit: &str) -> Self {
        Self {
            goal: goal.to_owned(),
            what: what.into(),
            aim: None,
            figure,
            unit: unit.to_owned(),
            limit: String::new(),
            played: false,
        }
    }

    /// A figure of the simulation.
    pub(crate) fn played(goal: &str, what: impl Into<String>, figure: f64, unit: &str) -> Self {
        Self {
            played: true,
            ..Self::real(goal, what, figure, unit)
        }
    }

    /// It should be this or less.
    #[must_use]
    pub(crate) fn at_most(mut self, aim: f64) -> Self {
        self.aim = Some(Aim::AtMost(aim));
        self
    }

    /// It should be this or more.
    #[must_use]
    pub(crate) fn at_least(mut self, aim: f64) -> Self {
        self.aim = Some(Aim::AtLeast(aim));
        self
    }

    /// Nobody can do better than this.
    #[must_use]
    pub(crate) fn limit(mut self, limit: impl Into<String>) -> Self {
        self.limit = limit.into();
        self
    }

    /// Whether it is as it should be; `None`: there is no aim.
    pub(crate) fn is_met(&self) -> Option<bool> {
        // What is printed is what counts.
        let shown = rounded(self.figure);
        Some(match self.aim? {
            Aim::AtMost(aim) => shown <= aim,
            Aim::AtLeast(aim) => shown >= aim,
        })
    }

    /// The figure and its unit.
    pub(crate) fn shown(&self) -> String {
        with_unit(self.figure, &self.unit)
    }

    /// The aim and its unit.
    pub(crate) fn aimed(&self) -> String {
        match self.aim {
            None => String::new(),
            Some(Aim::AtMost(aim)) => format!("≤ {}", with_unit(aim, &self.unit)),
            Some(Aim::AtLeast(aim)) => format!("≥ {}", with_unit(aim, &self.unit)),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "MISSED",
        };
        let (goal, what, shown, aimed) = (&self.goal, &self.what, self.shown(), self.aimed());
        write!(formatter, "{goal:<4} {what:<72} {shown:>14} {aimed:>16}  {verdict}")
    }
}

/// Takes a figure in, in the place of an older one of the same.
pub(crate) fn replace(all: &mut Vec<Row>, row: Row) {
    match all
        .iter_mut()
        .find(|known| known.goal == row.goal && known.what == row.what)
    {
        Some(known) => *known = row,
        None => all.push(row),
    }
}

/// Three digits say enough.
fn rounded(figure: f64) -> f64 {
    let digits = match figure.abs() {
        large if large >= 100.0 => 1.0,
        middle if middle >= 10.0 => 10.0,
        _ => 100.0,
    };
    (figure * digits).round() / digits
}

fn with_unit(figure: f64, unit: &str) -> String {
    let figure = grouped(rounded(figure));
    match unit {
        "" => figure,
        "calls" if figure == "1" => "1 call".to_owned(),
        unit => format!("{figure} {unit}"),
    }
}

/// Thousands apart: 50,000.
fn grouped(figure: f64) -> String {
    let text = format!("{figure}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if rest.is_empty() { out } else { format!("{out}.{rest}") }
}
