//! [`Table`]: columns as wide as their widest cell, two spaces apart; lines are never wrapped or cut.

use std::fmt;

use unicode_width::UnicodeWidthStr as _;

/// Rows of cells, aligned when displayed.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a line of column names.
    pub(crate) fn with_header<const COLUMNS: usize>(names: [&str; COLUMNS]) -> Self {
        Self { rows: vec![names.map(str::to_owned).to_vec()] }
    }

    /// Adds a line; an empty cell shows as `-`.
    pub(crate) fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        let shown = |cell: String| if cell.is_empty() { "-".to_owned() } else { clean(&cell) };
        self.rows.push(cells.map(shown).to_vec());
    }

    /// Adds the name and value of one thing.
    pub(crate) fn field(&mut self, name: &str, value: &(impl ToString + ?Sized)) {
        self.row([name.to_owned(), value.to_string()]);
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.rows.iter().map(Vec::len).max().unwrap_or(0)];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        widths
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The text with its control characters escaped, so that nothing that a server sends can drive the terminal.
pub(crate) fn clean(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    text.chars().map(escaped).collect()
}

/// The values as one cell.
pub(crate) fn listed(values: &[String]) -> String {
    values.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_script_they_hold() {
        let mut table = Table::with_header(["LABEL", "PROJECT"]);
        table.row(["net".to_owned(), "p1".to_owned()]);
        table.row(["réseau".to_owned(), String::new()]);
        table.row(["网络".to_owned(), "p2".to_owned()]);
        assert_eq!(table.to_string(), "LABEL   PROJECT\nnet     p1\nréseau  -\n网络    p2\n");
    }

    #[test]
    fn a_cell_cannot_drive_the_terminal() {
        let mut table = Table::default();
        table.field("Label", "a\u{1b}[31m\nb");
        assert_eq!(table.to_string(), "Label  a\\u{1b}[31m\\nb\n");
    }
}
