//! Tables as kubectl writes them: columns as wide as their content, three spaces between.

use super::screen;

/// Text is broken into lines that are at least as wide.
const NARROWEST: usize = 20;

/// What stands where there is nothing.
pub(super) const NOTHING: &str = "-";

/// Rows under a header. Cells are never cut.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// How wide the columns were of rows that are forgotten.
    widest: Vec<usize>,
}

impl Table {
    pub(super) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()],
            widest: Vec::new(),
        }
    }

    /// How many columns there are.
    pub(super) fn columns(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(self.widest.len())
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        let shown = |cell: String| if cell.is_empty() { NOTHING.to_owned() } else { cell };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The lines, each after this much room.
    pub(super) fn render(&self, indent: usize) -> String {
        self.within(indent, screen::width())
    }

    /// The last line alone, with columns as wide as those of all lines so far. The lines are forgotten.
    pub(super) fn last(&mut self) -> String {
        let text = self.after(self.rows.len().saturating_sub(1), 0, screen::width());
        self.widest = self.widths();
        self.rows.clear();
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or_default();
            widest.max(self.widest.get(column).copied().unwrap_or_default())
        };
        (0..columns.max(self.widest.len())).map(width).collect()
    }

    /// On a terminal the last cell goes on below itself, where there is room for that.
    fn within(&self, indent: usize, terminal: Option<usize>) -> String {
        self.after(0, indent, terminal)
    }

    fn after(&self, passed: usize, indent: usize, terminal: Option<usize>) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in self.rows.iter().skip(passed) {
            let mut line = " ".repeat(indent);
            let Some((last, cells)) = row.split_last() else {
                continue;
            };
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}   "));
            }
            let before = line.chars().count();
            let room = terminal.map_or(0, |terminal| terminal.saturating_sub(before));
            if room >= NARROWEST && last.chars().count() > room {
                line.push_str(&screen::lines(last, room).join(&format!("\n{}", " ".repeat(before))));
            } else {
                line.push_str(last);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_content() {
        let mut table = Table::new(&["NAME", "ZONE"]);
        table.row(vec!["a-long-name".into(), String::new()]);
        table.row(vec!["b".into(), "us-east-1a".into()]);
        assert_eq!(
            table.render(0),
            "NAME          ZONE\na-long-name   -\nb             us-east-1a\n"
        );
        assert_eq!(table.last(), "b             us-east-1a\n");
        table.row(vec!["c".into(), "d".into()]);
        assert_eq!(table.last(), "c             d\n", "as wide as before");
    }

    #[test]
    fn a_long_last_cell_goes_on_below_itself() {
        let mut table = Table::new(&["AGE", "NOTE"]);
        table.row(vec!["3d".into(), "CreateLoadBalancer was refused by AWS".into()]);
        assert_eq!(
            table.within(2, Some(30)),
            "  AGE   NOTE\n  3d    CreateLoadBalancer was\n        refused by AWS\n"
        );
        assert_eq!(
            table.within(2, Some(20)),
            table.within(2, None),
            "there is no room for it"
        );
    }
}
