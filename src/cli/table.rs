//! Tables as kubectl writes them: columns as wide as their content, three spaces between.

/// What stands where there is nothing.
pub(super) const NOTHING: &str = "-";

/// Rows under a header. Cells are never cut.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()],
        }
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        let shown = |cell: String| if cell.is_empty() { NOTHING.to_owned() } else { cell };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The lines, each after this much room.
    pub(super) fn render(&self, indent: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}   "));
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
    }
}
