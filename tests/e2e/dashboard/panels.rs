//! The panels of the dashboard, and what Prometheus answers them.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};
use testkit::tool;

use super::prometheus::{INTERVAL, Prometheus};

/// How high a row of the grid is and how wide the page, in pixels; Grafana's rows are 30 and 8 between them.
const ROW: u64 = 38;
const WIDTH: u64 = 1400;
/// What stands above the panels.
const HEAD: u64 = 64;

/// The chart's dashboard with its answers.
pub(super) struct Dashboard {
    title: String,
    variables: Vec<Value>,
    span: [u64; 2],
    pub(super) panels: Vec<Panel>,
    /// What heads a group of panels.
    rows: Vec<Value>,
}

/// A panel with its answers.
pub(super) struct Panel {
    pub(super) id: u64,
    pub(super) title: String,
    /// As Grafana calls it.
    pub(super) unit: String,
    pub(super) kind: String,
    /// As it stands in the file.
    declared: Value,
    /// With a name and values.
    series: Vec<Value>,
    /// Of a table.
    cells: Vec<Vec<String>>,
}

/// How values of a unit are written.
pub(super) fn written(unit: &str) -> Regex {
    let after = match unit {
        "s" => r"( (ns|µs|ms|s|min|h|days?|weeks?))?",
        "percentunit" => "%",
        "reqps" => r"( req/s)",
        "ops" => r"( ops/s)",
        "short" => r"( [KM])?",
        _ => panic!("the page does not know the unit {unit}"),
    };
    Regex::new(&format!(r"^-?\d+(\.\d+)?{after}$")).expect("an expression")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The variables of the dashboard as they are when everything is chosen. The longer name first: one begins with another.
fn variables(dashboard: &Value) -> Vec<(String, String)> {
    let list = dashboard["templating"]["list"].as_array().expect("variables").iter();
    let mut all: Vec<_> = list
        .filter(|variable| variable["type"] == "query")
        .map(|variable| (format!("${}", text(&variable["name"])), text(&variable["allValue"])))
        .collect();
    // As Grafana reckons it.
    all.push(("$__rate_interval".to_owned(), format!("{}s", 4 * INTERVAL)));
    all.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    all
}

impl Dashboard {
    /// Asks everything that the dashboard of the chart asks.
    pub(super) async fn asked(prometheus: &Prometheus) -> Self {
        let file = tool::root().join("charts/classic-lb-operator/files/dashboard.json");
        let file = std::fs::read_to_string(file).expect("the dashboard");
        let declared: Value = serde_json::from_str(&file).expect("JSON");
        let variables = variables(&declared);
        let filled = |expression: &str| {
            let mut filled = expression.to_owned();
            for (name, value) in &variables {
                filled = filled.replace(name, value);
            }
            assert!(!filled.contains('$'), "a variable that nobody has: {filled}");
            filled
        };
        let definition = Regex::new(r"^label_values\((.*), ([a-z_]+)\)$").expect("an expression");
        let mut choices = Vec::new();
        for variable in declared["templating"]["list"].as_array().expect("variables") {
            let Some(asked) = variable["definition"].as_str() else {
                continue;
            };
            let asked = definition.captures(asked).expect("values of a label");
            let values = prometheus.values(&asked[2], &filled(&asked[1])).await;
            let values = values.expect("values");
            assert!(!values.is_empty(), "nothing to choose for {}", variable["name"]);
            choices.push(json!({"label": variable["label"], "values": values}));
        }
        let (mut panels, mut rows) = (Vec::new(), Vec::new());
        for panel in declared["panels"].as_array().expect("panels") {
            if panel["type"] == "row" {
                rows.push(json!({"title": panel["title"], "grid": panel["gridPos"]}));
            } else {
                panels.push(Panel::asked(panel, prometheus, &filled).await);
            }
        }
        Self {
            title: text(&declared["title"]),
            variables: choices,
            span: prometheus.span(),
            panels,
            rows,
        }
    }

    /// How wide and high it is in pixels.
    pub(super) fn size(&self) -> [u64; 2] {
        let ends = self.panels.iter().map(|panel| {
            let grid = &panel.declared["gridPos"];
            grid["y"].as_u64().unwrap_or_default() + grid["h"].as_u64().unwrap_or_default()
        });
        [WIDTH, HEAD + ROW * ends.max().unwrap_or_default()]
    }

    /// A page that draws it.
    pub(super) fn page(&self) -> String {
        let panels: Vec<Value> = self.panels.iter().map(Panel::told).collect();
        let [width, height] = self.size();
        let told = json!({
            "title": self.title, "variables": self.variables, "from": self.span[0], "to": self.span[1], "step": INTERVAL,
            "row": ROW, "head": HEAD, "width": width, "height": height, "rows": self.rows, "panels": panels,
        });
        // What would end the script is written otherwise.
        let told = told.to_string().replace('<', "\\u003c");
        include_str!("page.html").replace("DASHBOARD", &told)
    }
}

impl Panel {
    async fn asked(declared: &Value, prometheus: &Prometheus, filled: &impl Fn(&str) -> String) -> Self {
        let defaults = &declared["fieldConfig"]["defaults"];
        let mut panel = Self {
            id: declared["id"].as_u64().expect("an id"),
            title: text(&declared["title"]),
            unit: text(&defaults["unit"]),
            kind: text(&declared["type"]),
            declared: declared.clone(),
            series: Vec::new(),
            cells: Vec::new(),
        };
        for target in declared["targets"].as_array().expect("targets") {
            let expression = filled(target["expr"].as_str().expect("an expression"));
            let asked = if target["instant"] == true {
                prometheus.instant(&expression).await
            } else {
                prometheus.range(&expression).await
            };
            let found = asked.unwrap_or_else(|error| panic!("{}: {error}", panel.title));
            for series in found {
                panel.take(&series, target["legendFormat"].as_str().unwrap_or_default());
            }
        }
        panel
    }

    /// Adds a series of an answer.
    fn take(&mut self, series: &Value, legend: &str) {
        let label = |name: &str| text(&series["metric"][name]);
        if self.kind == "table" {
            let cells = self.columns().iter().map(|column| label(column)).collect();
            self.cells.push(cells);
            return;
        }
        let part = Regex::new(r"\{\{ *([a-z_]+) *\}\}").expect("an expression");
        let name = part.replace_all(legend, |found: &regex::Captures<'_>| label(&found[1]));
        self.series
            .push(json!({"name": name.trim(), "points": series["values"]}));
    }

    /// The columns of a table, in order.
    fn columns(&self) -> Vec<String> {
        let order = &self.declared["transformations"][0]["options"]["indexByName"];
        let order = order.as_object().expect("an order of columns");
        let mut columns: Vec<_> = order.iter().map(|(name, at)| (at.as_u64(), name.clone())).collect();
        columns.sort();
        columns.into_iter().map(|(_, name)| name).collect()
    }

    /// The series that have a colour of their own.
    fn colours(&self) -> Value {
        let overrides = self.declared["fieldConfig"]["overrides"].as_array();
        let colour = |part: &Value| {
            assert_eq!(part["matcher"]["id"], "byName", "the page knows no other");
            let value = part["properties"][0]["value"]["fixedColor"].clone();
            (text(&part["matcher"]["options"]), value)
        };
        overrides.into_iter().flatten().map(colour).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty() && self.cells.is_empty()
    }

    /// What its legend has to tell apart.
    pub(super) fn names(&self) -> BTreeSet<String> {
        match self.kind.as_str() {
            "timeseries" => self.series.iter().map(|series| text(&series["name"])).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// What the page needs.
    fn told(&self) -> Value {
        let defaults = &self.declared["fieldConfig"]["defaults"];
        let columns = if self.kind == "table" {
            self.columns()
        } else {
            Vec::new()
        };
        json!({
            "id": self.id, "title": self.title, "unit": self.unit, "kind": self.kind, "grid": self.declared["gridPos"],
            "min": defaults["min"], "max": defaults["max"], "decimals": defaults["decimals"],
            "bars": defaults["custom"]["drawStyle"] == "bars", "colours": self.colours(), "steps": defaults["thresholds"]["steps"],
            "legend": self.declared["options"]["legend"], "series": self.series, "columns": columns, "cells": self.cells,
        })
    }
}
