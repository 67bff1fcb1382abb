//! The steps of a story, each with the time that it took.

use std::{fmt::Display, time::Duration};

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::voice::say;
use crate::table::Table;

/// Steps that were taken.
#[derive(Debug, Default)]
pub(super) struct Steps {
    taken: Vec<(String, Duration)>,
}

impl Steps {
    /// Takes a step and prints its title, and below it what came out.
    pub(super) async fn take<T: Display>(
        &mut self,
        title: &str,
        step: impl AsyncFnOnce() -> Result<T>,
    ) -> Result<T> {
        say(format_args!("{}. {title}", self.taken.len() + 1))?;
        let started = Instant::now();
        let outcome = step().await.with_context(|| format!("the step '{title}' failed"))?;
        let took = started.elapsed();
        for line in outcome.to_string().lines() {
            say(format_args!("   {line}"))?;
        }
        say(format_args!("   ({})\n", millis(took)))?;
        self.taken.push((title.to_owned(), took));
        Ok(outcome)
    }

    /// What each step took.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new(["step", "time"]);
        for (title, took) in &self.taken {
            table.row([title.clone(), millis(*took)]);
        }
        let whole = self.taken.iter().map(|(_, took)| *took).sum();
        table.row(["all of them".to_owned(), millis(whole)]);
        table
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}
